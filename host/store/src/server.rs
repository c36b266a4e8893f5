//! A Postgres server that falls silent behind a connection that stands: a frozen process, a lost network. Each answer is
//! waited for so long and no longer, and a connection that owes one is closed, not used again.

use std::sync::{Arc, Mutex};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool, Postgres, Transaction};
use tokio::time::{Duration, Instant};

use brains_core::sync::Unpoisoned as _;

use crate::error::StoreError;
use crate::round_trips::RoundTripCounter;

/// How long connections are doubted after one fell silent.
const DOUBT: Duration = Duration::from_mins(2);

/// Connections to a server. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct PostgresServer {
    pool: PgPool,
    patience: Duration,
    timeout: AnswerTimeout,
}

impl PostgresServer {
    /// At most so many connections, the first one made when it is asked for.
    pub(crate) fn new(options: PgConnectOptions, patience: Duration, most: u32) -> Self {
        // A statement may wait for a lock that long; whoever is still silent then has none to wait for.
        let timeout = AnswerTimeout { limit: patience * 3 / 2, last: Arc::default() };
        let doubt = timeout.clone();
        let pool = PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(patience)
            // Whoever begins on a connection that fell meanwhile takes another one.
            .test_before_acquire(false)
            .after_release(move |conn, _| {
                let doubt = doubt.clone();
                Box::pin(async move {
                    if !doubt.was_missed_recently() {
                        return Ok(true);
                    }
                    let answered = tokio::time::timeout(patience, conn.ping()).await;
                    answered.unwrap_or(Err(sqlx::Error::WorkerCrashed)).map(|()| true)
                })
            });
        Self { pool: pool.connect_lazy_with(options), patience, timeout }
    }

    /// Begins on a connection that stands. Pooled ones are not asked whether they do: beginning tells. None did anything
    /// yet, so another one is taken as long as there may be one.
    pub(crate) async fn begin(
        &self,
        text: &'static str,
        round_trips: &RoundTripCounter,
    ) -> Result<ServerTransaction, StoreError> {
        let begun = async {
            let mut others = self.pool.options().get_max_connections();
            loop {
                round_trips.count();
                match self.pool.begin_with(text).await {
                    Ok(tx) => return Ok(ServerTransaction { tx, timeout: self.timeout.clone() }),
                    Err(error) => {
                        let timed_out = matches!(error, sqlx::Error::PoolTimedOut);
                        let error = StoreError::from(error);
                        if timed_out || others == 0 || !matches!(error, StoreError::Unreachable { .. }) {
                            return Err(error);
                        }
                        others -= 1;
                    }
                }
            }
        };
        // A place among the connections is waited for already.
        self.timeout.within(self.patience * 6 / 5, begun).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction on a server.
pub(crate) struct ServerTransaction {
    pub(crate) tx: Transaction<'static, Postgres>,
    pub(crate) timeout: AnswerTimeout,
}

impl ServerTransaction {
    /// Whether a commit that is not answered was made, nobody knows.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.timeout.wait(self.tx.commit()).await.map_err(|error| match error {
            StoreError::Unreachable { .. } => StoreError::Unknown,
            refused => refused,
        })
    }

    pub(crate) async fn roll_back(self) {
        if let Err(error) = self.timeout.wait(self.tx.rollback()).await {
            tracing::debug!(db.error = %error, "a rollback was not answered; the server does it by itself");
        }
    }
}

/// How long an answer is waited for, and when one last did not come. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct AnswerTimeout {
    limit: Duration,
    last: Arc<Mutex<Option<Instant>>>,
}

impl AnswerTimeout {
    /// The answer, or that there was none in time.
    pub(crate) async fn wait<T, E>(&self, answer: impl Future<Output = Result<T, E>>) -> Result<T, StoreError>
    where
        StoreError: From<E>,
    {
        self.within(self.limit, answer).await
    }

    async fn within<T, E>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError>
    where
        StoreError: From<E>,
    {
        if let Ok(answered) = tokio::time::timeout(limit, answer).await {
            return answered.map_err(StoreError::from);
        }
        *self.last.lock_unpoisoned() = Some(Instant::now());
        Err(StoreError::Unreachable { detail: "no answer in time".into() })
    }

    fn was_missed_recently(&self) -> bool {
        let last = *self.last.lock_unpoisoned();
        last.is_some_and(|last| last.elapsed() < DOUBT)
    }
}
