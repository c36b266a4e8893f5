//! Noticing changes, also those of other processes: looks at the generation after each commit of this process, and
//! every so often.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::engine::StoreEngine;
use crate::error::StoreError;
use crate::generation::{CommitSignal, Generation};
use crate::round_trips::RoundTripCounter;

/// How often another process's changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Publishes the generation until the store closes. An outage is waited out: the last value stays.
pub(crate) async fn follow(
    engine: StoreEngine,
    commit_signal: CommitSignal,
    closing: CancellationToken,
    publish: watch::Sender<Generation>,
) {
    loop {
        match read(&engine).await {
            Ok(generation) => {
                publish.send_if_modified(|last| std::mem::replace(last, generation) != generation);
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::debug!(%error, "could not look for changes"),
        }
        tokio::select! {
            () = closing.cancelled() => return,
            () = publish.closed() => return,
            () = commit_signal.next() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn read(engine: &StoreEngine) -> Result<Generation, StoreError> {
    // Nobody asked for it: it is in no operation's cost.
    engine.snapshot(&RoundTripCounter::default()).await?.generation().await
}
