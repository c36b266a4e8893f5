//! The gate: a bounded pool of threads through which requests and changes of configuration access files. It bounds how many
//! accesses run at once, how long each may take, and how many of them one mount may hold; a caller of one that does not
//! answer gets an error. Nobody waits for the end of its threads, because nothing ends one that hangs in the kernel.

mod admission;

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use brains_core::Fault;
use brains_core::config::Budgets;
use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::budget::Standing;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::mounts::Mounts;
use crate::visit::Visit;

pub use admission::GateLimits;
use admission::{AdmissionAnswer, GateAdmission};

/// A write may take so many times as long as a read.
const WRITE_TIME_FACTOR: u32 = 6;
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// What a piece of work accesses; work is counted by the mount, or the name, that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateTarget {
    /// A path, counted by the mount that it lies on.
    Path(PathBuf),
    /// Something else that may not answer, by its name.
    Named(String),
}

impl GateTarget {
    pub fn of(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }

    pub fn named(name: impl Into<String>) -> Self {
        Self::Named(name.into())
    }
}

impl fmt::Display for GateTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "`{}`", path.display()),
            Self::Named(name) => write!(f, "`{name}`"),
        }
    }
}

/// Codes and hints of a gate's errors, which differ by what the gate is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GateLabels {
    pub(crate) stalled: &'static str,
    pub(crate) spent: &'static str,
    /// The keys of the configuration that set the limits.
    pub(crate) threads: &'static str,
    pub(crate) hint: &'static str,
}

const FILES: GateLabels = GateLabels {
    stalled: "file_stalled",
    spent: "file_threads_spent",
    threads: "budgets.file_threads",
    hint: "look whether what is mounted there answers, e.g. with `stat`; everything else goes on",
};

/// The gate. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Gate(Arc<GateShared>);

impl Default for Gate {
    fn default() -> Self {
        Self::new(&Budgets::default())
    }
}

pub(crate) struct GateShared {
    words: GateLabels,
    threads: AtomicU32,
    time_ms: AtomicU64,
    pub(crate) mounts: Mounts,
    state: Mutex<State>,
    /// A piece of work has ended; for tasks that wait, and for threads.
    freed: Notify,
    left: Condvar,
    /// There is work.
    work: Condvar,
}

#[derive(Default)]
struct State {
    admission: GateAdmission,
    jobs: VecDeque<Job>,
    idle: usize,
}

impl fmt::Debug for GateShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("limits", &self.limits()).finish_non_exhaustive()
    }
}

impl Gate {
    pub fn new(budgets: &Budgets) -> Self {
        let gate = Self::with(FILES);
        gate.keep_to(budgets);
        gate
    }

    pub(crate) fn with(words: GateLabels) -> Self {
        Self(Arc::new(GateShared {
            words,
            threads: AtomicU32::new(0),
            time_ms: AtomicU64::new(0),
            mounts: Mounts::default(),
            state: Mutex::default(),
            freed: Notify::new(),
            left: Condvar::new(),
            work: Condvar::new(),
        }))
    }

    /// The limits that count from now on.
    pub fn keep_to(&self, budgets: &Budgets) {
        self.set(GateLimits { threads: budgets.file_threads, time: seconds(budgets.file_seconds) });
    }

    pub(crate) fn set(&self, limits: GateLimits) {
        self.0.threads.store(limits.threads, Ordering::Relaxed);
        let time_ms = u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX);
        self.0.time_ms.store(time_ms, Ordering::Relaxed);
    }

    /// How it stands, for `/health/ready`.
    pub fn standing(&self) -> Standing {
        let state = self.0.lock();
        Standing {
            used: state.admission.used() as u64,
            limit: self.0.limits().threads.into(),
            refused: state.admission.refused,
        }
    }

    /// Runs `work`, which touches `place`, or says that the place does not answer.
    pub async fn run<T: Send + 'static>(
        &self,
        place: GateTarget,
        work: impl FnOnce(&Visit) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.run_until(place, self.0.limits().time, work).await
    }

    /// As [`Self::run`], for work that waits until something is on the disk, which takes longer on a busy one.
    pub async fn write<T: Send + 'static>(
        &self,
        place: GateTarget,
        work: impl FnOnce(&Visit) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.run_until(place, self.0.limits().time * WRITE_TIME_FACTOR, work).await
    }

    async fn run_until<T: Send + 'static>(
        &self,
        place: GateTarget,
        time: Duration,
        work: impl FnOnce(&Visit) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = &self.0;
        let limits = shared.limits();
        let until = Instant::now() + time;
        let key = shared.key(&place);
        let ticket = loop {
            let freed = shared.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match shared.begin(&key, limits) {
                AdmissionAnswer::Begun(ticket) => break ticket,
                AdmissionAnswer::Stalled => return Err(shared.refuse(shared.stalled(&place))),
                AdmissionAnswer::Full => {}
            }
            if timeout_at(until, freed).await.is_err() {
                return Err(shared.refuse(shared.spent(&place)));
            }
        };
        let (reply, answer) = tokio::sync::oneshot::channel();
        let visit = Visit::new(Arc::clone(shared), place.clone(), key, ticket, until);
        self.start(visit, work, move |outcome| drop(reply.send(outcome)))?;
        match timeout_at(until, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(panicked()),
            Err(_) => Err(shared.refuse(shared.stalled(&place))),
        }
    }

    /// As [`Self::run`], for work that stands on a thread of its own already.
    #[expect(clippy::needless_pass_by_value, reason = "a place is made for the call, as it is for `run`")]
    pub fn wait<T: Send + 'static>(
        &self,
        place: GateTarget,
        work: impl FnOnce(&Visit) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.wait_until(&place, self.0.limits().time, work)
    }

    /// As [`Self::write`], for work that stands on a thread of its own already.
    #[expect(clippy::needless_pass_by_value, reason = "a place is made for the call, as it is for `write`")]
    pub fn wait_write<T: Send + 'static>(
        &self,
        place: GateTarget,
        work: impl FnOnce(&Visit) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.wait_until(&place, self.0.limits().time * WRITE_TIME_FACTOR, work)
    }

    fn wait_until<T: Send + 'static>(
        &self,
        place: &GateTarget,
        time: Duration,
        work: impl FnOnce(&Visit) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = &self.0;
        let limits = shared.limits();
        let until = Instant::now() + time;
        let key = shared.key(place);
        let ticket = match shared.begin_until(&key, limits, until) {
            AdmissionAnswer::Begun(ticket) => ticket,
            AdmissionAnswer::Stalled => return Err(shared.refuse(shared.stalled(place))),
            AdmissionAnswer::Full => return Err(shared.refuse(shared.spent(place))),
        };
        let (reply, answer) = mpsc::sync_channel(1);
        let visit = Visit::new(Arc::clone(shared), place.clone(), key, ticket, until);
        self.start(visit, work, move |outcome| drop(reply.send(outcome)))?;
        match answer.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(outcome) => outcome,
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(panicked()),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(shared.refuse(shared.stalled(place))),
        }
    }

    fn start<T: Send + 'static>(
        &self,
        visit: Visit,
        work: impl FnOnce(&Visit) -> T + Send + 'static,
        reply: impl FnOnce(Result<T, Fault>) + Send + 'static,
    ) -> Result<(), Fault> {
        let job: Job = Box::new(move || {
            // A panic of the work is the asker's: the thread goes on.
            let done = std::panic::catch_unwind(AssertUnwindSafe(|| work(&visit)));
            let refused = visit.end();
            if let Ok(done) = done {
                reply(refused.map_or(Ok(done), Err));
            }
        });
        self.0.hand_over(job)
    }
}

impl GateShared {
    fn limits(&self) -> GateLimits {
        GateLimits {
            threads: self.threads.load(Ordering::Relaxed),
            time: Duration::from_millis(self.time_ms.load(Ordering::Relaxed)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock_unpoisoned()
    }

    pub(crate) fn key(&self, place: &GateTarget) -> String {
        match place {
            GateTarget::Path(path) => self.mounts.of(path),
            GateTarget::Named(name) => name.clone(),
        }
    }

    fn begin(&self, key: &str, limits: GateLimits) -> AdmissionAnswer {
        self.lock().admission.begin(key, Instant::now(), limits)
    }

    /// Waits for room with the thread.
    fn begin_until(&self, key: &str, limits: GateLimits, until: Instant) -> AdmissionAnswer {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            match state.admission.begin(key, now, limits) {
                AdmissionAnswer::Full if now < until => {}
                answer => return answer,
            }
            let left = until.saturating_duration_since(now);
            state = self.left.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The booking goes from one place to another; the fault says why it cannot.
    pub(crate) fn move_on(
        &self,
        (from, ticket, answered): (&str, u64, bool),
        to: &str,
        place: &GateTarget,
        until: Instant,
    ) -> Result<u64, Fault> {
        let limits = self.limits();
        self.end(from, ticket, answered);
        let answer = match self.begin(to, limits) {
            AdmissionAnswer::Full if self.lock().admission.queue(to, Instant::now(), limits) => {
                let answer = self.begin_until(to, limits, until);
                self.lock().admission.unqueue(to);
                self.tell();
                answer
            }
            answer => answer,
        };
        match answer {
            AdmissionAnswer::Begun(ticket) => Ok(ticket),
            AdmissionAnswer::Stalled | AdmissionAnswer::Full => Err(self.refuse(self.stalled(place))),
        }
    }

    /// A piece of work is over in a place, which answered or was never touched.
    pub(crate) fn end(&self, key: &str, ticket: u64, answered: bool) {
        self.lock().admission.end(key, ticket, answered);
        self.tell();
    }

    fn tell(&self) {
        self.freed.notify_waiters();
        self.left.notify_all();
    }

    fn refuse(&self, fault: Fault) -> Fault {
        self.lock().admission.refused += 1;
        fault
    }

    fn stalled(&self, place: &GateTarget) -> Fault {
        let time = self.limits().time;
        Fault::unavailable(format!("{place} does not answer in time"))
            .code(self.words.stalled)
            .hint(self.words.hint)
            .retry_after_ms(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    fn spent(&self, place: &GateTarget) -> Fault {
        Fault::unavailable(format!("{place} was not looked at: too much is looked at already"))
            .code(self.words.spent)
            .hint(format!("try again; `{}` sets how much may be", self.words.threads))
            .retry_after_ms(1_000)
    }

    fn hand_over(self: &Arc<Self>, job: Job) -> Result<(), Fault> {
        let mut state = self.lock();
        if state.idle > state.jobs.len() {
            state.jobs.push_back(job);
            self.work.notify_one();
            return Ok(());
        }
        drop(state);
        let shared = Arc::clone(self);
        let started = thread::Builder::new().name("files".into()).spawn(move || shared.work(job));
        started.map(drop).map_err(|error| {
            Fault::unavailable(format!("a thread could not be started: {error}"))
                .code(self.words.spent)
                .hint("this machine gives the program no more threads: `ulimit -u` shows how many")
                .retry_after_ms(1_000)
        })
    }

    /// The life of a thread.
    fn work(&self, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next.take() {
            job();
            let mut state = self.lock();
            state.idle += 1;
            let until = Instant::now() + IDLE;
            loop {
                next = state.jobs.pop_front();
                let left = until.saturating_duration_since(Instant::now());
                if next.is_some() || left.is_zero() {
                    break;
                }
                state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            state.idle -= 1;
        }
    }
}

/// 0 is no limit: as long as anybody would wait.
pub(crate) fn seconds(seconds: u32) -> Duration {
    if seconds == 0 { Duration::from_hours(24) } else { Duration::from_secs(seconds.into()) }
}

fn panicked() -> Fault {
    Fault::internal("a look at a file ended unexpectedly").hint("the log has more: `brains logs`")
}
