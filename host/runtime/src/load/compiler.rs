//! Has components compiled: each in a process of its own (`compile.rs`), with limits of time and memory, whose end is a
//! named refusal. One at a time, and beside it one that has turned out to take long: so a component that takes minutes
//! keeps none waiting that takes a second. Whoever asks waits, until there is an answer or nobody wants it any more; stopping ends every process and every wait.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brains_core::Ambient;
use brains_core::config::Budgets;
use brains_core::sync::Unpoisoned as _;
use rustix::process::Signal;

use crate::engine::Layout;
use crate::load::LoadError;
use crate::load::compile::{Order, REFUSED, VERB};

/// The program that compiles, by its path and what stands before the order on its command line.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    pub arguments: Vec<String>,
}

impl Program {
    /// This program itself: the file that runs, whatever lies at its path by now.
    pub fn this() -> Self {
        let running = PathBuf::from("/proc/self/exe");
        let path = if running.exists() { running } else { std::env::current_exe().unwrap_or_default() };
        Self::at(path)
    }

    /// One that hands [`crate::load::compile::VERB`] to [`crate::load::compile::child`].
    pub fn at(path: PathBuf) -> Self {
        Self { path, arguments: vec![VERB.to_owned()] }
    }
}

/// How far compiling one component may go; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) seconds: u32,
    pub(crate) memory_mib: u32,
}

impl From<Budgets> for Reach {
    fn from(budgets: Budgets) -> Self {
        Self { seconds: budgets.compile_seconds, memory_mib: budgets.compile_memory_mib }
    }
}

impl Default for Reach {
    fn default() -> Self {
        Budgets::default().into()
    }
}

/// Processor time after which a component counts as one that takes long.
const QUICK_SECONDS: u32 = 10;
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How often whoever waits for a place looks whether it is still wanted.
const WAIT: Duration = Duration::from_millis(100);
/// What is read of what a process has to say.
const WORDS: u64 = 2 * 1024;

/// Has components compiled.
#[derive(Debug)]
pub(crate) struct Compiler {
    program: Program,
    desk: Mutex<Desk>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Desk {
    stopped: bool,
    taken: Vec<Pace>,
}

/// Which of the places a component is compiled in, one at a time in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// For a moment; what is not done by then is still being checked.
    Quick,
    /// To its end.
    Long,
    /// What came with the program waits for no other.
    Bundled,
}

/// One component to compile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompileJob<'a> {
    pub(crate) wasm: &'a [u8],
    pub(crate) layout: Layout,
    pub(crate) reach: Reach,
    /// Where files may lie meanwhile.
    pub(crate) folder: &'a Path,
    pub(crate) ambient: &'a dyn Ambient,
    /// No longer when whoever asked has gone.
    pub(crate) wanted: &'a AtomicBool,
}

/// How a process ended.
#[derive(Debug)]
enum End {
    Code(Vec<u8>),
    Refused(String),
    Time,
    Memory,
    Signal(String),
    Stopped,
}

impl Compiler {
    pub(crate) fn new(program: Program) -> Self {
        Self { program, desk: Mutex::default(), moved: Condvar::new() }
    }

    /// The machine code of a component. Blocks until it is there, or until it is clear that it will not be. What takes
    /// longer than its pace allows is [`LoadError::Checking`].
    pub(crate) fn compile(&self, job: CompileJob<'_>, pace: Pace) -> Result<Vec<u8>, LoadError> {
        let Reach { seconds, memory_mib } = job.reach;
        let hurries = pace == Pace::Quick && (seconds == 0 || seconds > QUICK_SECONDS);
        match self.attempt(job, pace, if hurries { QUICK_SECONDS } else { seconds })? {
            End::Code(code) => Ok(code),
            End::Refused(reason) => Err(LoadError::NotAComponent { reason }),
            End::Time if hurries => Err(LoadError::Checking),
            End::Time => Err(LoadError::CompileTime { seconds }),
            End::Memory => Err(LoadError::CompileMemory { memory_mib }),
            End::Signal(how) => Err(LoadError::CompileEnd { how }),
            End::Stopped => Err(LoadError::Stopping),
        }
    }

    /// Ends what runs and what waits, and takes nothing any more.
    pub(crate) fn stop(&self) {
        self.desk().stopped = true;
        self.moved.notify_all();
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock_unpoisoned()
    }

    /// Runs one process, for at most so many seconds of a processor.
    fn attempt(&self, job: CompileJob<'_>, pace: Pace, seconds: u32) -> Result<End, LoadError> {
        let CompileJob { wasm, layout, reach, folder, ambient, wanted } = job;
        let _place = self.enter(pace, wanted)?;
        let input = || -> io::Result<std::fs::File> {
            let mut file = tempfile::tempfile_in(folder)?;
            file.write_all(wasm)?;
            file.rewind()?;
            Ok(file)
        };
        let run = || -> io::Result<End> {
            let input = input()?;
            let mut output = tempfile::tempfile_in(folder)?;
            let mut words = tempfile::tempfile_in(folder)?;
            let order = Order { parent: std::process::id(), memory_mib: reach.memory_mib, seconds, layout };
            let child = Command::new(&self.program.path)
                .args(&self.program.arguments)
                .args(order.words())
                .env_clear()
                .current_dir("/")
                .stdin(Stdio::from(input))
                .stdout(Stdio::from(output.try_clone()?))
                .stderr(Stdio::from(words.try_clone()?))
                .spawn()?;
            // INVARIANT: this thread started the process and waits for it here: the process ends with the thread.
            let Some(status) = self.attend(child, reach.seconds, ambient, wanted)? else {
                return Ok(End::Stopped);
            };
            let said = read(&mut words, WORDS)?;
            if status.success() {
                return Ok(End::Code(read(&mut output, u64::MAX)?));
            }
            Ok(judge(status, &said, &read(&mut output, WORDS)?))
        };
        run().map_err(|error| LoadError::Compiler { reason: error.to_string() })
    }

    /// Waits for a place.
    fn enter(&self, pace: Pace, wanted: &AtomicBool) -> Result<Place<'_>, LoadError> {
        let mut desk = self.desk();
        while !desk.stopped && wanted.load(Ordering::Relaxed) && desk.taken.contains(&pace) {
            let (next, _timed_out) =
                self.moved.wait_timeout(desk, WAIT).unwrap_or_else(PoisonError::into_inner);
            desk = next;
        }
        if desk.stopped || !wanted.load(Ordering::Relaxed) {
            return Err(LoadError::Stopping);
        }
        desk.taken.push(pace);
        Ok(Place { compiler: self, pace })
    }

    /// Waits for a process, and ends it when its time is over or when nobody wants it any more; none in the latter case.
    fn attend(
        &self,
        child: Child,
        wall_seconds: u32,
        ambient: &dyn Ambient,
        wanted: &AtomicBool,
    ) -> io::Result<Option<ExitStatus>> {
        let mut child = Reaped(child);
        let deadline_us = (wall_seconds > 0)
            .then(|| ambient.monotonic_us().saturating_add(u64::from(wall_seconds) * 1_000_000));
        let mut desk = self.desk();
        loop {
            if let Some(status) = child.0.try_wait()? {
                return Ok(Some(status));
            }
            if desk.stopped || !wanted.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if deadline_us.is_some_and(|deadline_us| ambient.monotonic_us() >= deadline_us) {
                drop(desk);
                // As the kernel would have said it.
                child.end();
                return Ok(Some(ExitStatus::from_raw(Signal::XCPU.as_raw())));
            }
            let (next, _timed_out) =
                self.moved.wait_timeout(desk, LOOK).unwrap_or_else(PoisonError::into_inner);
            desk = next;
        }
    }
}

/// What a process that made no code died of.
fn judge(status: ExitStatus, said: &[u8], output: &[u8]) -> End {
    let said = String::from_utf8_lossy(said);
    let reason = String::from_utf8_lossy(output).into_owned();
    let no_memory = ["memory allocation", "Cannot allocate memory", "out of memory"];
    let lacks = |text: &str| no_memory.iter().any(|words| text.contains(words));
    if status.code() == Some(i32::from(REFUSED)) {
        return if lacks(&reason) { End::Memory } else { End::Refused(reason) };
    }
    match status.signal() {
        Some(signal) if signal == Signal::XCPU.as_raw() => End::Time,
        // Nobody here sends it: it is what the kernel does when memory runs out.
        Some(signal) if signal == Signal::KILL.as_raw() => End::Memory,
        _ if lacks(&said) => End::Memory,
        Some(signal) => End::Signal(format!("the compiler was ended by signal {signal}")),
        None => End::Signal(format!("the compiler ended with code {}", status.code().unwrap_or_default())),
    }
}

fn read(file: &mut std::fs::File, most: u64) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Never left behind: neither running nor as an entry in the table of processes.
struct Reaped(Child);

impl Reaped {
    fn end(&mut self) {
        // It may have ended by itself meanwhile.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        self.end();
    }
}

/// A taken place.
struct Place<'a> {
    compiler: &'a Compiler,
    pace: Pace,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.compiler.desk().taken.retain(|taken| *taken != self.pace);
        self.compiler.moved.notify_all();
    }
}

#[cfg(test)]
mod tests;
