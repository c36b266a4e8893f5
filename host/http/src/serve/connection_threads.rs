//! Threads that serve connections, each with a scheduler of its own. A connection stays on its lane, and so do the
//! calls upstream that its requests make: nothing of a request wakes another thread, which costs more than most of
//! what a gateway does with it.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// More than this many lanes serve nobody better: each keeps connections to upstreams of its own.
const LANES: usize = 8;

/// The lanes of a process. Dropping it ends them, and whatever still runs there.
#[derive(Debug)]
pub struct ConnectionThreads {
    lanes: Vec<Lane>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Lane {
    handle: Handle,
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// A connection among those of its lane.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionThreads {
    /// One for each core.
    pub fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let stop = CancellationToken::new();
        // A start that fails midway ends those that it made.
        let mut lanes = Self { lanes: Vec::new(), stop: stop.clone() };
        for number in 0..cores.min(LANES) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, stopped) = (runtime.handle().clone(), stop.clone());
            let thread = thread::Builder::new()
                .name(format!("lane-{number}"))
                .spawn(move || runtime.block_on(stopped.cancelled()))?;
            lanes.lanes.push(Lane { handle, open: Arc::default(), thread: Some(thread) });
        }
        Ok(lanes)
    }

    /// Serves a connection on the lane that has the fewest.
    pub(super) fn spawn<F>(
        &self,
        tasks: &TaskTracker,
        stream: TcpStream,
        serve: impl FnOnce(tokio::net::TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let Some(lane) = self.lanes.iter().min_by_key(|lane| lane.open.load(Ordering::Relaxed)) else {
            return;
        };
        lane.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(Arc::clone(&lane.open));
        let work = async move {
            let _open = open;
            match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => serve(stream).await,
                Err(error) => tracing::warn!(%error, "a connection was not taken over"),
            }
        };
        tasks.spawn_on(work, &lane.handle);
    }
}

impl Drop for ConnectionThreads {
    fn drop(&mut self) {
        self.stop.cancel();
        for lane in &mut self.lanes {
            if let Some(thread) = lane.thread.take() {
                // A lane ends by itself; a panic of its own thread was told when it happened.
                drop(thread.join());
            }
        }
    }
}
