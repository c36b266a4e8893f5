//! Bounded waits: an operation looks, waits until something that concerns it was committed, and looks again. Nothing is
//! held meanwhile; dropping the operation ends its wait, and so does the end of the service.

use std::time::Duration;

use brains_core::Fault;
use brains_store::Listener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::Cx;

/// The longest wait, in milliseconds: past it many a client would give up first.
pub(crate) const MOST_MS: u64 = 60_000;

/// The wait of a call that names none.
pub(crate) const fn default_ms() -> u64 {
    25_000
}

/// A wait that has begun: what is committed from now on is heard.
#[derive(Debug)]
pub(crate) struct Waiting {
    listener: Listener,
    end: Instant,
    closing: CancellationToken,
}

impl Waiting {
    pub(crate) fn start(cx: &Cx<'_>, topics: Vec<String>, timeout_ms: u64) -> Result<Self, Fault> {
        if timeout_ms > MOST_MS {
            return Err(Fault::invalid(format!(
                "`timeout_ms` is {timeout_ms}, at most {MOST_MS} are allowed"
            ))
            .param("timeout_ms")
            .hint("ask again when the wait is over; nothing is lost in between"));
        }
        Ok(Self {
            listener: cx.control.store.listen(topics),
            end: Instant::now() + Duration::from_millis(timeout_ms),
            closing: cx.control.closing.clone(),
        })
    }

    /// Whether it is worth looking again; false when the time is over or the service ends.
    pub(crate) async fn again(&self) -> bool {
        if Instant::now() >= self.end {
            return false;
        }
        tokio::select! {
            () = self.closing.cancelled() => false,
            () = self.listener.heard() => true,
            // One last look.
            () = tokio::time::sleep_until(self.end) => true,
        }
    }
}
