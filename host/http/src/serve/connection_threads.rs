//! Threads that serve connections, each with a scheduler of its own. A connection stays on its thread, and so do the
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

/// More than this many threads serve nobody better: each keeps connections to upstreams of its own.
const THREADS: usize = 8;

/// The threads of a process. Dropping it ends them, and whatever still runs there.
#[derive(Debug)]
pub struct ConnectionThreads {
    threads: Vec<ConnectionThread>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct ConnectionThread {
    handle: Handle,
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// A connection among those of its thread.
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
        let mut threads = Self { threads: Vec::new(), stop: stop.clone() };
        for number in 0..cores.min(THREADS) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, stopped) = (runtime.handle().clone(), stop.clone());
            let thread = thread::Builder::new()
                .name(format!("lane-{number}"))
                .spawn(move || runtime.block_on(stopped.cancelled()))?;
            threads.threads.push(ConnectionThread { handle, open: Arc::default(), thread: Some(thread) });
        }
        Ok(threads)
    }

    /// Serves a connection on the thread that has the fewest.
    pub(super) fn spawn<F>(
        &self,
        tasks: &TaskTracker,
        stream: TcpStream,
        serve: impl FnOnce(tokio::net::TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let Some(thread) = self.threads.iter().min_by_key(|thread| thread.open.load(Ordering::Relaxed))
        else {
            return;
        };
        thread.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(Arc::clone(&thread.open));
        let work = async move {
            let _open = open;
            match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => serve(stream).await,
                Err(error) => tracing::warn!(%error, "a connection was not taken over"),
            }
        };
        tasks.spawn_on(work, &thread.handle);
    }
}

impl Drop for ConnectionThreads {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in &mut self.threads {
            if let Some(handle) = thread.thread.take() {
                // It ends by itself; a panic of its own was told when it happened.
                drop(handle.join());
            }
        }
    }
}
