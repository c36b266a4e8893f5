//! Has versions compiled whose code is not in the cache, and remembers those that cannot be: the cache, the compiler, who
//! may wait for it, and what failed.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brains_core::Ambient;
use brains_core::config::manifest::Plays;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::compile_failures::CompileFailures;
use super::compiler::{CompileJob, Compiler, Pace, Program, Reach};
use super::inspect::admit;
use super::{LoadError, plays};
use crate::code_cache::CodeCache;
use crate::engine::ComponentEngine;

/// Components that callers may wait for at once; one more caller is told to come again.
const CALLERS: usize = 8;

/// From bytes to code in the cache.
#[derive(Debug)]
pub(crate) struct Compilation {
    code_cache: CodeCache,
    compiler: Compiler,
    /// Who may wait for a component to be compiled, each with its bytes in hand.
    callers: Arc<Semaphore>,
    failures: CompileFailures,
}

/// A version to compile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompileOrder<'a> {
    pub(crate) digest: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) part: Plays,
    pub(crate) pace: Pace,
    pub(crate) reach: Reach,
    pub(crate) ambient: &'a dyn Ambient,
    /// No longer when whoever asked has gone.
    pub(crate) wanted: &'a AtomicBool,
}

impl Compilation {
    pub(crate) fn new(code_cache: CodeCache, program: Program) -> Self {
        Self {
            failures: CompileFailures::open(code_cache.directory()),
            compiler: Compiler::new(program),
            callers: Arc::new(Semaphore::new(CALLERS)),
            code_cache,
        }
    }

    /// A caller's place in the queue for the compiler.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, LoadError> {
        Arc::clone(&self.callers).try_acquire_owned().map_err(|_| LoadError::Busy)
    }

    /// Why a version is not tried again.
    pub(crate) fn failure(&self, digest: &str, reach: Reach) -> Option<LoadError> {
        self.failures.of(digest, reach)
    }

    /// Ends what is being compiled; nothing is compiled from here on.
    pub(crate) fn stop(&self) {
        self.compiler.stop();
    }

    /// Puts the code of a version into the cache; true when it was not there.
    pub(crate) fn compile(
        &self,
        engine: &ComponentEngine,
        order: CompileOrder<'_>,
    ) -> Result<bool, LoadError> {
        let CompileOrder { digest, bytes, part, pace, reach, ambient, wanted } = order;
        let pool = &engine.pool;
        if CodeCache::find(pool, bytes).is_some() {
            return Ok(false);
        }
        plays(admit(bytes)?.exports, part)?;
        let bundled = pace == Pace::Bundled;
        if let Some(refused) = self.failures.of(digest, reach).filter(|_| !bundled) {
            return Err(refused);
        }
        let folder = self.code_cache.directory();
        let job = CompileJob { wasm: bytes, layout: engine.layout, reach, folder, ambient, wanted };
        let code = self.compiler.compile(job, pace).inspect_err(|error| {
            if !bundled {
                self.failures.note(digest, reach, error);
            }
        })?;
        self.code_cache.put(pool, bytes, code);
        if CodeCache::find(pool, bytes).is_none() {
            return Err(LoadError::Compiler { reason: "its code is not where it was put".into() });
        }
        Ok(true)
    }
}
