//! The clock of a database server, for the processes that share it: a lease is a promise between them, and their own clocks
//! may be apart. It is asked when the server is reached and every [`EVERY`] from then on; in between this process counts
//! on by a clock that nobody sets. Two processes are apart by half of the round trip of their last look each, and by what
//! their counting differs in that time. A file is shared on one machine only, which has one clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use brains_core::{Ambient, Millis};
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::round_trips::RoundTripCounter;
use crate::rows::{DatabaseSession, Rows, fetch_optional};
use crate::server::PostgresServer;
use crate::write::postgres::BEGIN;

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(10);
/// Nothing was heard of a server.
const UNKNOWN: i64 = i64::MIN;
const NOW_POSTGRES: &str = "SELECT CAST(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP()) * 1000 AS BIGINT)";

/// The time of the database, where it is a server; else that of the machine.
#[derive(Debug)]
pub struct DatabaseClock {
    own: Arc<dyn Ambient>,
    /// What the server's clock said when this process's counted zero, in milliseconds.
    zero_ms: AtomicI64,
}

impl DatabaseClock {
    pub fn new(own: Arc<dyn Ambient>) -> Self {
        Self { own, zero_ms: AtomicI64::new(UNKNOWN) }
    }

    /// Asks the server once.
    pub(crate) async fn measure(&self, server: &PostgresServer) -> Result<(), StoreError> {
        // Nobody asked for it: it is in no operation's cost.
        let uncounted = RoundTripCounter::default();
        let begun = server.begin(BEGIN, &uncounted).await?;
        let mut rows = Rows::new(DatabaseSession::Postgres(begun), uncounted);
        let asked = self.counted_ms();
        let Some(said) = fetch_optional!(&mut rows, i64, NOW_POSTGRES)? else { return Ok(()) };
        let halfway = asked + (self.counted_ms() - asked) / 2;
        self.zero_ms.store(said - halfway, Ordering::Relaxed);
        if let DatabaseSession::Postgres(begun) = rows.into_session() {
            begun.roll_back().await;
        }
        Ok(())
    }

    /// Asks the server again and again until the store closes. An outage is waited out: counting goes on.
    pub(crate) async fn follow(self: Arc<Self>, server: PostgresServer, closing: CancellationToken) {
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            match self.measure(&server).await {
                Ok(()) => {}
                Err(StoreError::Closed) => return,
                Err(error) => tracing::debug!(%error, "the clock of the database was not heard"),
            }
        }
    }

    fn counted_ms(&self) -> i64 {
        i64::try_from(self.own.monotonic_us() / 1_000).unwrap_or(i64::MAX)
    }
}

impl Ambient for DatabaseClock {
    fn now(&self) -> Millis {
        match self.zero_ms.load(Ordering::Relaxed) {
            UNKNOWN => self.own.now(),
            zero_ms => Millis(zero_ms.saturating_add(self.counted_ms())),
        }
    }

    fn monotonic_us(&self) -> u64 {
        self.own.monotonic_us()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.own.fill_random(bytes);
    }
}
