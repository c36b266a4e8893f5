//! Worker threads for calls that would hold up their caller: a few, with a bounded queue. One instance never takes all of
//! either, so that a slow component delays its own calls and not those of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Calls that may wait or run at once; more are refused.
const QUEUE: usize = 256;
/// Those of them that one instance may have.
const QUEUE_OF_ONE: usize = QUEUE / 4 * 3;

#[derive(Debug)]
pub(crate) struct Workers {
    threads: usize,
    running: Arc<Semaphore>,
    queued: AtomicUsize,
    /// Waited for at the end.
    tasks: TaskTracker,
}

/// What one instance has of the workers.
#[derive(Debug)]
pub(crate) struct WorkerShare {
    running: Arc<Semaphore>,
    queued: AtomicUsize,
}

/// Why a call did not run to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotRun {
    /// The queue is full.
    Full,
    /// The thread died under it.
    Died,
}

/// A place in a queue.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(queued: &'a AtomicUsize, most: usize) -> Result<Self, NotRun> {
        let place = Self(queued);
        if queued.fetch_add(1, Ordering::Relaxed) < most { Ok(place) } else { Err(NotRun::Full) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    pub(crate) fn start() -> Self {
        // With one core there are two all the same: a share leaves one free.
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2);
        Self {
            threads,
            running: Arc::new(Semaphore::new(threads)),
            queued: AtomicUsize::new(0),
            tasks: TaskTracker::new(),
        }
    }

    /// The share of one instance: all threads but one.
    pub(crate) fn share(&self) -> WorkerShare {
        WorkerShare { running: Arc::new(Semaphore::new(self.threads - 1)), queued: AtomicUsize::new(0) }
    }

    /// Runs `work` on a thread as soon as the instance and the others leave one.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        share: &WorkerShare,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, NotRun> {
        let _own = Place::take(&share.queued, QUEUE_OF_ONE)?;
        let _place = Place::take(&self.queued, QUEUE)?;
        // Its own first: whoever waits for that holds nothing that the others wait for. Neither is ever closed.
        let own = Arc::clone(&share.running).acquire_owned().await.map_err(|_| NotRun::Full)?;
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| NotRun::Full)?;
        let ran = self.tasks.spawn_blocking(move || {
            // Held by the thread: a caller that leaves does not free it.
            let _held = (own, permit);
            work()
        });
        ran.await.map_err(|_| NotRun::Died)
    }

    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::{NotRun, QUEUE_OF_ONE, Workers};

    /// A hang is a failure.
    const HANG: Duration = Duration::from_secs(30);

    #[tokio::test(flavor = "multi_thread")]
    async fn an_instance_that_is_stuck_leaves_a_thread_and_places_to_the_others() {
        let workers = Arc::new(Workers::start());
        let (stuck, quick) = (Arc::new(workers.share()), workers.share());
        let (hold, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let mut calls = JoinSet::new();
        for _ in 0..QUEUE_OF_ONE {
            let (workers, stuck, held) = (Arc::clone(&workers), Arc::clone(&stuck), Arc::clone(&held));
            calls.spawn(async move {
                workers.run(&stuck, move || drop(held.lock().map(|held| held.recv()))).await
            });
        }
        while stuck.queued.load(Ordering::Relaxed) < QUEUE_OF_ONE {
            tokio::task::yield_now().await;
        }
        assert_eq!(workers.run(&stuck, || ()).await, Err(NotRun::Full), "its own queue is full");
        let answer = timeout(HANG, workers.run(&quick, || 7)).await;
        assert_eq!(answer.expect("the other is not held up"), Ok(7));
        drop(hold);
        let ended = timeout(HANG, calls.join_all()).await.expect("all end");
        assert!(ended.iter().all(Result::is_ok));
        assert_eq!(workers.run(&stuck, || 8).await, Ok(8), "places come back");
    }

    #[tokio::test]
    async fn a_thread_that_dies_is_told() {
        let workers = Workers::start();
        let share = workers.share();
        let died: Result<(), NotRun> = workers.run(&share, || std::panic::resume_unwind(Box::new(()))).await;
        assert_eq!(died, Err(NotRun::Died));
    }
}
