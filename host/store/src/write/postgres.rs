//! Postgres writes: one transaction each. The lock on the audit head of the scope, taken first, makes the
//! writes of one scope serial, as they are on SQLite, whichever process they come from.

use std::sync::Arc;

use brains_core::{Ambient, Fault};
use sqlx::PgPool;

use crate::audit::Sealing;
use crate::changes::Nudge;
use crate::error::StoreError;
use crate::notices::Notices;
use crate::rows::{Rows, Session};
use crate::write::{Job, Tx};

/// The level is said: the server's default may be another one.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Runs one closure and answers it. Spawned, so that a caller that goes away cuts nothing in half.
pub(crate) async fn commit(
    pool: PgPool,
    ambient: Arc<dyn Ambient>,
    sealing: Sealing,
    nudge: Nudge,
    notices: Notices,
    mut job: Box<dyn Job>,
) {
    if job.abandoned() {
        return;
    }
    let end = attempt(&pool, ambient, sealing, &nudge, &notices, &mut *job).await;
    job.answer(end);
}

async fn attempt(
    pool: &PgPool,
    ambient: Arc<dyn Ambient>,
    sealing: Sealing,
    nudge: &Nudge,
    notices: &Notices,
    job: &mut dyn Job,
) -> Result<(), Fault> {
    let tx = pool.begin_with(BEGIN).await.map_err(StoreError::from)?;
    let mut tx = Tx::new(Rows::new(Session::Postgres(tx)), ambient, sealing);
    let ran = job.run(&mut tx).await;
    let (bumped, announced) = (tx.bumped, tx.announced);
    let Session::Postgres(inner) = tx.rows.into_session() else { return Err(StoreError::Closed.into()) };
    match ran {
        Ok(()) => {
            inner.commit().await.map_err(|error| match StoreError::from(error) {
                StoreError::Unreachable { .. } => StoreError::Unknown,
                refused => refused,
            })?;
            if bumped {
                nudge.committed();
            }
            notices.publish(&announced);
            Ok(())
        }
        Err(fault) => {
            if let Err(error) = inner.rollback().await {
                tracing::debug!(db.error = %error, "a rollback was not answered; the server does it by itself");
            }
            Err(fault)
        }
    }
}
