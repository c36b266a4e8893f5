//! The end of the process. It comes when the work is done, or when its time is over: nothing that hangs, in a thread, in
//! the system or in a database, keeps a program running that was told to stop.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Ends the process: the first thread waits for it. A clone ends the same one.
#[derive(Debug, Clone)]
pub(crate) struct Ender(Sender<ExitCode>);

impl Ender {
    pub(crate) fn new() -> (Self, Receiver<ExitCode>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    /// Ends it now.
    pub(crate) fn end(&self, code: ExitCode) {
        if self.0.send(code).is_err() {
            tracing::debug!("the process is ending already");
        }
    }

    /// Ends it after `time` at the latest. What was asked for is done then, so it is no failure.
    fn within(&self, time: Duration) {
        let ender = self.clone();
        let waiting = thread::Builder::new().name("ender".into()).spawn(move || {
            thread::sleep(time);
            tracing::warn!("something hangs: the process ends without it");
            ender.end(ExitCode::SUCCESS);
        });
        if let Err(error) = waiting {
            tracing::warn!(%error, "the end is not bounded in time");
        }
    }
}

/// What signals said, heard on a thread of its own: it listens when all others are busy, or hang.
#[derive(Debug, Clone)]
pub(crate) struct EndSignals {
    /// The service is to end.
    pub(crate) ending: CancellationToken,
    /// At once.
    pub(crate) at_once: CancellationToken,
    /// The configuration is to be read again.
    pub(crate) reload: Arc<Notify>,
}

impl EndSignals {
    /// Listens from here on. After the first signal that ends, the process has `drain` left; a second one ends it.
    pub(crate) fn listen(ender: Ender, drain: Duration) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _within = runtime.enter();
            Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            }
        };
        let ending = Self {
            ending: CancellationToken::new(),
            at_once: CancellationToken::new(),
            reload: Arc::default(),
        };
        let listening = ending.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(listening.follow(signals, &ender, drain)))?;
        Ok(ending)
    }

    async fn follow(self, mut signals: Signals, ender: &Ender, drain: Duration) {
        loop {
            if !signals.next_ends().await {
                self.reload.notify_one();
            } else if self.ending.is_cancelled() {
                tracing::warn!("stopping at once");
                self.at_once.cancel();
                ender.end(ExitCode::SUCCESS);
            } else {
                ender.within(drain);
                self.ending.cancel();
            }
        }
    }
}

#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Whether the next one is to end the service.
    async fn next_ends(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => true,
            _ = self.hangup.recv() => false,
        }
    }
}
