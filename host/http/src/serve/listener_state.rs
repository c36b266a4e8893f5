//! A listener's life: what becomes of it is told here, and one that died is opened again at its address, later each
//! time, until it is given up. The connections that it accepted know nothing of that.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brains_core::traffic::backoff::{self, BackoffSettings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long it waits before each try: a tenth of a second, then doubled up to five. Nobody else comes back at the same
/// time, so nothing is left to chance.
const BACKOFF: BackoffSettings = BackoffSettings { initial_ms: 200, max_ms: 10_000, multiplier: 2.0 };
/// Tries without a connection between them before it is given up, after a good minute.
pub(super) const TRIES: u32 = 20;

/// How a listener stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Serving,
    /// It died and is being opened again.
    Restarting,
    /// It was given up.
    Failed,
}

#[derive(Debug, Clone)]
struct State {
    standing: Standing,
    restarts: u64,
    last_error: Option<String>,
}

/// What is known of one listener, for whoever looks after the process.
#[derive(Debug, Clone)]
pub struct ListenerState(Arc<watch::Sender<State>>);

impl Default for ListenerState {
    fn default() -> Self {
        let state = State { standing: Standing::Serving, restarts: 0, last_error: None };
        Self(Arc::new(watch::Sender::new(state)))
    }
}

impl ListenerState {
    /// As the health endpoint shows it.
    pub fn to_json(&self) -> Value {
        let state = self.0.borrow();
        let word = match state.standing {
            Standing::Serving => "serving",
            Standing::Restarting => "restarting",
            Standing::Failed => "failed",
        };
        json!({ "state": word, "restarts": state.restarts, "last_error": state.last_error })
    }

    /// Waits until it was given up.
    pub async fn failed(&self) {
        let mut states = self.0.subscribe();
        if states.wait_for(|state| state.standing == Standing::Failed).await.is_err() {
            // Unreachable while `self` holds the sender.
            std::future::pending::<()>().await;
        }
    }

    /// Opens the listener of `address` again after `error` ended it; `tries` counts on until a connection comes. None
    /// when it is time to stop.
    pub(super) async fn reopen(
        &self,
        address: SocketAddr,
        mut error: io::Error,
        tries: &mut u32,
        shutdown: &CancellationToken,
    ) -> io::Result<Option<TcpListener>> {
        loop {
            *tries += 1;
            let standing = if *tries > TRIES { Standing::Failed } else { Standing::Restarting };
            self.0.send_modify(|state| {
                state.standing = standing;
                state.last_error = Some(error.to_string());
            });
            if standing == Standing::Failed {
                tracing::error!(listener.address = %address, %error, "a listener died and is given up");
                return Err(error);
            }
            let wait_ms = backoff::wait_ms(*tries, BACKOFF, 0);
            tracing::error!(listener.address = %address, %error, wait_ms, "a listener died and is opened again");
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(None),
                () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            }
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    self.0.send_modify(|state| {
                        state.standing = Standing::Serving;
                        state.restarts += 1;
                    });
                    tracing::info!(listener.address = %address, "a listener serves again");
                    return Ok(Some(listener));
                }
                Err(again) => error = again,
            }
        }
    }
}
