//! A component on disk: the folder of a project, or the file that was built from it; and how it comes into the
//! host's own runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use brains_core::config::document::DOCUMENT_BYTES;
use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::{Fault, FaultKind};
use brains_runtime::{Component, LoadError, PoolProfile, Program, Runtime, RuntimeOptions};

use crate::home;
use crate::manifest_file::{self, DIST, MANIFEST};
use crate::shell::Shell;

/// The largest component that is read.
pub(super) const COMPONENT_BYTES: u64 = 256 << 20;

/// A component's file with its manifest.
#[derive(Debug)]
pub(super) struct Artifact {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    /// Whether a manifest lies beside it; without one it asks for nothing.
    pub(super) described: bool,
    pub(super) bytes: Vec<u8>,
    /// The project's folder, when that was named.
    pub(super) project: Option<PathBuf>,
}

impl Artifact {
    /// Of a project's folder or of a component's file.
    pub(super) fn find(path: &Path) -> Result<Self, Fault> {
        if !path.exists() {
            return Err(Fault::not_found("file", path.display())
                .hint("give the folder of a project, or the `.wasm` file of a component"));
        }
        if !path.is_dir() {
            return Self::read(path.to_owned(), None);
        }
        let manifest = manifest(&path.join(MANIFEST))?.ok_or_else(|| {
            Fault::not_found("file", path.join(MANIFEST).display())
                .hint("this is the folder of no component; `brains plugin new` begins one")
        })?;
        let built = path.join(DIST).join(format!("{}.wasm", manifest.component));
        if !built.exists() {
            return Err(Fault::not_found("file", built.display()).hint("`brains plugin build` makes it"));
        }
        Self::read(built, Some(path.to_owned()))
    }

    fn read(path: PathBuf, project: Option<PathBuf>) -> Result<Self, Fault> {
        let bytes = home::read_named(&path, COMPONENT_BYTES)?;
        let beside = manifest_file::of(&path).map(|path| manifest(&path)).transpose()?.flatten();
        let described = beside.is_some();
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = beside.unwrap_or_else(|| Manifest {
            component: id,
            plays: Plays::Provider,
            summary: None,
            asks: Asks::default(),
            flat: None,
            account: None,
            limits: brains_core::config::ComponentLimits::default(),
            continues: false,
        });
        Ok(Self { path, manifest, described, bytes, project })
    }

    /// Loads it as a service would. Without a manifest it plays whatever part it can.
    pub(super) fn load(&mut self, runtime: &Runtime) -> Result<Arc<Component>, LoadError> {
        let id = self.manifest.component.clone();
        let load = |manifest: &Manifest| runtime.load(&id, &self.bytes, manifest.clone()).map(Arc::new);
        let loaded = load(&self.manifest);
        if self.described || !matches!(loaded, Err(LoadError::NoPart { .. })) {
            return loaded;
        }
        for plays in [Plays::Classifier, Plays::Policy] {
            let other = Manifest { plays, ..self.manifest.clone() };
            if let Ok(component) = load(&other) {
                self.manifest = other;
                return Ok(component);
            }
        }
        loaded
    }
}

/// None when there is no such file.
pub(super) fn manifest(path: &Path) -> Result<Option<Manifest>, Fault> {
    let text = match home::read_named(path, DOCUMENT_BYTES as u64) {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|_| Fault::invalid(format!("`{}` is not UTF-8 text", path.display())))?,
        Err(fault) if fault.kind == FaultKind::NotFound => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let parsed = Manifest::parse(&text).map(Some);
    parsed.map_err(|error| Fault::invalid(format!("`{}`: {error}", path.display())))
}

/// The host's runtime, with the service's compiled code when there is a state directory.
pub(super) fn runtime(shell: &Shell) -> Result<Runtime, Fault> {
    let cache =
        shell.home.exists().then(|| shell.home.compiled()).filter(|dir| home::ensure_dir(dir).is_ok());
    let options = RuntimeOptions {
        cache,
        profile: PoolProfile::default(),
        compiler: Program::this(),
        ambient: Arc::clone(&shell.ambient),
    };
    Runtime::start(options)
        .map_err(|error| Fault::internal(format!("the component runtime could not start: {error}")))
}

/// A file error names its file already.
pub(super) fn unreadable(error: &std::io::Error) -> Fault {
    Fault::new(home::error_kind(error), brains_core::Origin::Client, error.to_string())
}
