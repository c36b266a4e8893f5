//! The cache of compiled code: wasmtime's own, in a directory that only this user may write to, because what lies there is
//! executed. The engines of a service have no compiler: code that is not found here cannot be run. It is stored under the
//! name that wasmtime's cache computes.

use std::borrow::Cow;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::TempDir;
use wasmtime::component::Component;
use wasmtime::{Cache, CacheConfig, Engine};
use wasmtime_internal_cache::ModuleCacheEntry;

use crate::fault::StartError;

/// What wasmtime names its own part of a cache.
const NAME: &str = "wasmtime";
/// Code is unpacked at every start and packed once.
const COMPRESSION: i32 = 1;
/// Access for nobody but the owner.
const MODE: u32 = 0o700;

pub(crate) struct CodeCache {
    cache: Cache,
    /// Goes with the process; none for one that stays.
    passing: Option<TempDir>,
}

impl std::fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeCache").field("directory", self.cache.directory()).finish_non_exhaustive()
    }
}

impl CodeCache {
    /// In `wanted`, when that can be ours; else in a place of this process.
    pub(crate) fn open(wanted: Option<&Path>) -> Result<Self, StartError> {
        if let Some(wanted) = wanted {
            match own(wanted).and_then(|path| Self::at(path, None)) {
                Ok(code_cache) => return Ok(code_cache),
                Err(error) => tracing::warn!(
                    path = %wanted.display(), %error,
                    "compiled components cannot be kept there, they are compiled anew at every start"
                ),
            }
        }
        let failed = |error: io::Error| StartError::Cache {
            path: std::env::temp_dir().display().to_string(),
            source: error.into(),
        };
        let passing = tempfile::Builder::new().prefix("brains-compiled-").tempdir().map_err(failed)?;
        let path = fs::canonicalize(passing.path()).map_err(failed)?;
        Self::at(path, Some(passing)).map_err(failed)
    }

    fn at(path: PathBuf, passing: Option<TempDir>) -> io::Result<Self> {
        let mut config = CacheConfig::new();
        // Packing anew what is read often takes more memory than it will ever save here.
        config
            .with_directory(path)
            .with_baseline_compression_level(COMPRESSION)
            .with_optimized_compression_usage_counter_threshold(u64::MAX);
        let cache = Cache::new(config).map_err(|error| io::Error::other(format!("{error:#}")))?;
        Ok(Self { cache, passing })
    }

    /// For the configuration of an engine.
    pub(crate) const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Where files may lie for a moment.
    pub(crate) fn directory(&self) -> &Path {
        self.passing.as_ref().map_or(self.cache.directory().as_path(), TempDir::path)
    }

    /// The code of a component, when it is here and fits this engine and this machine.
    pub(crate) fn find(engine: &Engine, wasm: &[u8]) -> Option<Component> {
        // Whatever the reason, without a compiler there is nothing else to do than to have it compiled.
        Component::new(engine, wasm).inspect_err(|error| tracing::debug!("no code: {error:#}")).ok()
    }

    /// Puts code where [`CodeCache::find`] looks. What lay there makes room.
    pub(crate) fn put(&self, engine: &Engine, wasm: &[u8], code: Vec<u8>) {
        // INVARIANT: what is hashed is what wasmtime hashes in `CodeBuilder::compile_cached`: the engine's settings, the
        // bytes, no debugging package, no name for intrinsics. The tests hold it to that.
        let named = Named {
            engine,
            wasm: Cow::Borrowed(wasm),
            debugging: None,
            intrinsics: None,
            code: Cell::new(code),
        };
        let put: Result<(), std::convert::Infallible> = ModuleCacheEntry::new(NAME, Some(&self.cache))
            .get_data_raw(&named, |_| Ok(()), |named, ()| Some(named.code.take()), |_, _| None);
        let Ok(()) = put;
    }
}

/// Code with all that makes its name.
struct Named<'a> {
    engine: &'a Engine,
    wasm: Cow<'a, [u8]>,
    debugging: Option<&'a [u8]>,
    intrinsics: Option<&'a str>,
    code: Cell<Vec<u8>>,
}

impl Hash for Named<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.engine.precompile_compatibility_hash().hash(hasher);
        self.wasm.hash(hasher);
        self.debugging.hash(hasher);
        self.intrinsics.hash(hasher);
    }
}

/// Makes the directory ours alone, or says why it cannot be.
fn own(path: &Path) -> io::Result<PathBuf> {
    std::fs::DirBuilder::new().recursive(true).mode(MODE).create(path)?;
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(io::Error::other("it is a link, not a directory"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to somebody else"));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        // What lay there while others could write to it may be anything.
        if found.mode() & 0o022 != 0 {
            empty(path)?;
        }
    }
    // Whether it can be written shows here, not when the first component was compiled.
    drop(tempfile::tempfile_in(path)?);
    fs::canonicalize(path)
}

fn empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)?.flatten() {
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
