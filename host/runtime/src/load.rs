//! From bytes to a component that may be used: hashed, its code found in the code cache, its imports and interface versions
//! checked, linked, and asked who it is. Its code is kept once for the pool, and once more, when the pool has ever been
//! full, for instances beyond it.

pub(crate) mod compilation;
pub mod compile;
pub(crate) mod compile_failures;
pub(crate) mod compiler;
pub(crate) mod inspect;
pub(crate) mod shape;

use std::sync::{Arc, OnceLock};

use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::secret::sha256_hex;
use serde_json::Value;
use wasmtime::Engine;
use wasmtime::component::{Component as Compiled, InstancePre, Linker};

use crate::code_cache::CodeCache;
use crate::factor::{ComponentImports, wasi};
use crate::guest::state::GuestState;
use crate::load::inspect::{Found, VERSION, inspect};
use crate::watchdog::Watchdog;
use crate::world::{self, WorldExports};

/// Why a component is not used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("could not read `{path}`")]
    Read {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("its digest is {found}, the pin says {wanted}")]
    Digest { wanted: String, found: String },
    #[error("it is not a component: {reason}")]
    NotAComponent { reason: String },
    #[error("it imports `{import}`, which components are not given")]
    Import { import: String },
    #[error(
        "it speaks `{interface}`, this build speaks version {VERSION}: build it anew with the SDK of this build (`brains \
         plugin new` brings it)"
    )]
    Version { interface: String },
    #[error("it exports nothing that plays the part of a {plays}")]
    NoPart { plays: &'static str },
    #[error("its interfaces do not fit this build: {reason}")]
    Interface { reason: String },
    #[error("it failed when asked who it is: {0}")]
    Probe(#[from] crate::CallFault),
    #[error("its settings schema is not one: {reason}")]
    Schema { reason: String },
    #[error("settings{path}: {message}")]
    Settings { path: String, message: String },
    #[error("it asks for what was not allowed: {}", .0.join(", "))]
    Pending(Vec<String>),
    #[error("it asks for {}", .more.join(", "))]
    Limits { more: Vec<String>, asks: Asks },
    #[error("`{id}` is neither bundled nor named under `components`")]
    Unknown { id: String },
    #[error("its version {digest} is not in the store")]
    Absent { digest: String },
    #[error("its version {digest} could not be kept")]
    Keep {
        digest: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{reason}")]
    Refused { reason: String },
    #[error("it is being compiled and asked who it is; it joins by itself")]
    Checking,
    #[error(
        "it has {found} {what}, and {most} is the most that is compiled: build it smaller (optimised, without what it \
         does not use), or make several of it"
    )]
    TooLarge { what: &'static str, found: u64, most: u64 },
    #[error(
        "compiling it took longer than {seconds} s: build it smaller, or raise `budgets.compile_seconds`"
    )]
    CompileTime { seconds: u32 },
    #[error(
        "compiling it took more than {memory_mib} MiB of memory: build it smaller, or raise `budgets.compile_memory_mib`"
    )]
    CompileMemory { memory_mib: u32 },
    #[error("it could not be compiled: {how}")]
    CompileEnd { how: String },
    #[error("its compiler could not be started or its code could not be kept: {reason}")]
    Compiler { reason: String },
    #[error("too many components wait to be compiled: try again in a minute")]
    Busy,
    #[error("the service is stopping")]
    Stopping,
}

/// What a component exports.
#[expect(clippy::struct_excessive_bools, reason = "one flag per interface is what it is")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exports {
    pub meta: bool,
    pub beside: ExportsBeside,
    pub relay: bool,
    pub chat: bool,
    pub standalone: bool,
    pub embeddings: bool,
    pub classifier: bool,
    pub policy: bool,
}

/// What a provider exports beside its ways to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportsBeside {
    pub errors: bool,
    pub catalogue: bool,
    /// It signs in: the host keeps what it is given.
    pub auth: bool,
}

impl Exports {
    pub(crate) fn set(&mut self, interface: &str) {
        match interface {
            "meta" => self.meta = true,
            "errors" => self.beside.errors = true,
            "catalogue" => self.beside.catalogue = true,
            "auth" => self.beside.auth = true,
            "relay" => self.relay = true,
            "chat" => self.chat = true,
            "standalone" => self.standalone = true,
            "embeddings" => self.embeddings = true,
            "classifier" => self.classifier = true,
            "policy" => self.policy = true,
            // Interfaces that later hosts call; a component may have them already.
            _ => {}
        }
    }

    /// Their names.
    pub fn names(self) -> Vec<String> {
        let all = [
            (self.meta, "meta"),
            (self.beside.errors, "errors"),
            (self.beside.catalogue, "catalogue"),
            (self.beside.auth, "auth"),
            (self.relay, "relay"),
            (self.chat, "chat"),
            (self.standalone, "standalone"),
            (self.embeddings, "embeddings"),
            (self.classifier, "classifier"),
            (self.policy, "policy"),
        ];
        all.into_iter().filter(|(there, _)| *there).map(|(_, name)| name.to_owned()).collect()
    }

    /// The part that they make, if any.
    pub(crate) const fn part(self) -> Option<Plays> {
        if self.plays(Plays::Provider) {
            Some(Plays::Provider)
        } else if self.classifier {
            Some(Plays::Classifier)
        } else if self.policy {
            Some(Plays::Policy)
        } else {
            None
        }
    }

    pub(crate) const fn plays(self, part: Plays) -> bool {
        match part {
            Plays::Provider => self.relay || self.chat || self.standalone || self.embeddings,
            Plays::Classifier => self.classifier,
            Plays::Policy => self.policy,
            Plays::Bridge | Plays::Hook => false,
        }
    }
}

/// A component that was checked, compiled and linked. Instances of it share the code.
pub struct Component {
    pub(crate) id: String,
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
    pub(crate) exports: Exports,
    pub(crate) introduction: Introduction,
    pub(crate) watchdog: Watchdog,
    pub(crate) code: Code,
    overflow: Overflow,
}

/// What a component says of itself.
#[derive(Debug, Default)]
pub(crate) struct Introduction {
    pub(crate) version: String,
    /// JSON Schema of its settings.
    pub(crate) schema: Value,
}

/// What the engine beyond the pool needs of a component: its bytes, and the code that came of them there.
struct Overflow {
    bytes: Bytes,
    code: OnceLock<Result<Code, String>>,
}

/// A component's bytes: those of a bundled one lie in the program itself.
#[derive(Debug, Clone)]
pub(crate) enum Bytes {
    Bundled(&'static [u8]),
    Read(Arc<[u8]>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bundled(bytes) => bytes,
            Self::Read(bytes) => bytes,
        }
    }
}

/// Compiled and linked for one engine.
pub(crate) struct Code {
    pub(crate) pre: InstancePre<GuestState>,
    pub(crate) exports: WorldExports,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("id", &self.id)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Component {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `sha256:` and 64 hex digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn size_bytes(&self) -> u64 {
        self.overflow.bytes.len() as u64
    }

    pub const fn exports(&self) -> Exports {
        self.exports
    }

    /// As it says itself.
    pub fn version(&self) -> &str {
        &self.introduction.version
    }

    /// JSON Schema of its settings.
    pub const fn schema(&self) -> &Value {
        &self.introduction.schema
    }

    /// The names of what it imports, in its own order.
    pub fn imports(&self) -> Vec<String> {
        let compiled = self.code.pre.component();
        let kind = compiled.component_type();
        kind.imports(compiled.engine()).map(|(import, _)| import.to_owned()).collect()
    }

    /// The functions that it imports and that would stop it if it called them.
    pub fn unanswered(&self) -> Vec<String> {
        wasi::unanswered(self.code.pre.component())
    }

    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The code for the engine beyond the pool, when it is there already.
    pub(crate) fn beyond(&self) -> Option<&Code> {
        self.overflow.code.get().and_then(|code| code.as_ref().ok())
    }

    /// Prepares it. The code cache has its code, so this takes milliseconds.
    pub(crate) fn go_beyond(&self, engine: &Engine) -> Option<&Code> {
        let made = self.overflow.code.get_or_init(|| {
            let compiled = CodeCache::find(engine, &self.overflow.bytes)
                .ok_or("its code is no longer in the code cache")?;
            bind(engine, &compiled, self.manifest.plays, &imported(engine, &compiled), self.exports)
                .map_err(|error| format!("{error:#}"))
        });
        made.as_ref()
            .inspect_err(|error| tracing::warn!(component.id = %self.id, %error, "no code beyond the pool"))
            .ok()
    }
}

/// `sha256:` and the hex digits of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

/// Everything up to the question who it is, which needs a running instance. What was not compiled yet is
/// [`LoadError::Checking`].
pub(crate) fn link(
    engine: &Engine,
    id: &str,
    digest: &str,
    bytes: Bytes,
    manifest: Manifest,
) -> Result<Component, LoadError> {
    let compiled = CodeCache::find(engine, &bytes).ok_or(LoadError::Checking)?;
    let Found { imports: wanted, exports: found } = inspect(&bytes)?;
    plays(found, manifest.plays)?;
    let code = bind(engine, &compiled, manifest.plays, &wanted, found)
        .map_err(|error| LoadError::Interface { reason: format!("{error:#}") })?;
    Ok(Component {
        id: id.to_owned(),
        digest: digest.to_owned(),
        manifest,
        exports: found,
        introduction: Introduction::default(),
        watchdog: Watchdog::default(),
        code,
        overflow: Overflow { bytes, code: OnceLock::new() },
    })
}

/// Whether its exports make the part.
pub(crate) fn plays(found: Exports, part: Plays) -> Result<(), LoadError> {
    if found.plays(part) { Ok(()) } else { Err(LoadError::NoPart { plays: part.name() }) }
}

fn imported(engine: &Engine, compiled: &Compiled) -> Vec<String> {
    compiled.component_type().imports(engine).map(|(import, _)| import.to_owned()).collect()
}

/// Links the factors of its world to what it imports, and finds what it exports.
fn bind(
    engine: &Engine,
    compiled: &Compiled,
    plays: Plays,
    wanted: &[String],
    found: Exports,
) -> wasmtime::Result<Code> {
    let mut linker = Linker::new(engine);
    let imports = ComponentImports { component: compiled, names: wanted };
    for link in world::factors(plays) {
        link(&mut linker, &imports)?;
    }
    let pre = linker.instantiate_pre(compiled)?;
    let exports = WorldExports::find(plays, found, &pre)?;
    Ok(Code { pre, exports })
}
