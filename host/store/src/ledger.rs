//! Where requests put what they used. Nothing is dropped: a request takes its place in the queue before it calls
//! anybody, so whatever ends it has room to leave its row, and a full queue holds new requests back instead.

use std::sync::Arc;

use brains_core::Fault;
use brains_core::plane::usage::UsageRecord;
use tokio::sync::mpsc;
use tokio::time::Duration;

use crate::drain::{self, Flow, FlowCounts, Kind};
use crate::store::Hub;
use crate::write::{Tx, Work};

/// Rows that may wait, taken places included: minutes of an outage of the database.
const QUEUE: usize = 65_536;
/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the rows so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct LedgerCounts {
    /// Waiting to be written.
    pub queued: u64,
    pub written: u64,
    /// The database refused them, or was away until the end.
    pub lost: u64,
}

/// The way in. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct Ledger {
    queue: mpsc::Sender<UsageRecord>,
    flow: Arc<Flow>,
}

/// Room for one row. Dropped unused it is free again.
#[derive(Debug)]
pub struct Place {
    room: mpsc::OwnedPermit<UsageRecord>,
    flow: Arc<Flow>,
}

impl Ledger {
    pub(crate) fn start(hub: Hub) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let flow = Arc::new(Flow::default());
        drain::start(hub, Usages, Arc::clone(&flow), waiting);
        Self { queue, flow }
    }

    /// Takes a place, and waits for one for a while when the database does not keep up.
    pub async fn place(&self) -> Result<Place, Fault> {
        let full = || {
            Fault::unavailable("usage cannot be recorded just now")
                .retry_after_ms(1_000)
                .hint("the database does not take rows; `/health/ready` shows what waits")
        };
        let room = self.queue.clone().reserve_owned();
        let room = tokio::time::timeout(PATIENCE, room).await.map_err(|_| full())?.map_err(|_| full())?;
        Ok(Place { room, flow: Arc::clone(&self.flow) })
    }

    pub fn counts(&self) -> LedgerCounts {
        let FlowCounts { queued, written, lost } = self.flow.counts();
        LedgerCounts { queued, written, lost }
    }

    /// Writes what waits, for a few seconds at most, and takes no more.
    pub(crate) async fn close(&self) {
        self.flow.close().await;
    }
}

impl Place {
    /// Leaves the row; never waits.
    pub fn put(self, row: UsageRecord) {
        self.flow.take();
        drop(self.room.send(row));
    }
}

struct Usages;

impl Kind for Usages {
    type Row = UsageRecord;
    const WHAT: &'static str = "rows of the ledger";

    fn insert<'tx>(tx: &'tx mut Tx, batch: &'tx [UsageRecord]) -> Work<'tx, ()> {
        Box::pin(async move { Ok(tx.insert_usages(batch).await?) })
    }

    fn lost(rows: &[UsageRecord], fault: &Fault) {
        for row in rows {
            tracing::error!(error = %fault, trace.id = %row.trace, "a row of the ledger is lost");
        }
    }

    async fn between(&mut self, _: &Hub) {}
}
