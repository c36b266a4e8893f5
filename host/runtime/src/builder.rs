//! The thread that reads and compiles components while requests are served: one at a time, at low priority, so that
//! a component that takes seconds to compile takes them from nobody.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::fault::StartError;
use crate::load::LoadError;

type Job = Box<dyn FnOnce() + Send>;

/// Jobs that may wait; whoever brings one more waits to hand it over.
const QUEUE: usize = 16;
/// As `nice` counts: behind everything that answers requests, and on a busy machine still a third of a share, because
/// somebody may be waiting for what is prepared.
const NICENESS: i32 = 5;

/// The thread and the way to it. Dropping it waits for the job under way.
#[derive(Debug)]
pub(crate) struct Builder {
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Builder {
    pub(crate) fn start() -> Result<Self, StartError> {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("component-builder".into())
            .spawn(move || run(&receiver))
            .map_err(StartError::Builder)?;
        Ok(Self { jobs: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` on the thread and waits for what comes of it. Blocks.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
    ) -> Result<T, LoadError> {
        let (reply, answer) = sync_channel(1);
        let job: Job = Box::new(move || {
            // Whoever asked may have gone.
            drop(reply.send(work()));
        });
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        jobs.ok_or(LoadError::Builder)?.send(job).map_err(|_| LoadError::Builder)?;
        answer.recv().map_err(|_| LoadError::Builder)?
    }
}

fn run(jobs: &Receiver<Job>) {
    // On Linux this is the calling thread's alone.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "components are prepared at normal priority");
    }
    while let Ok(job) = jobs.recv() {
        job();
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It holds nothing that a panic could have left half done.
            drop(thread.join());
        }
    }
}
