//! The runtime against real components: those of the bundle, and one that breaks every rule. Which is which is
//! told from what they export and the part they play, never from a name.

mod faults;
mod instances;
mod lifecycle;
mod loading;
mod parts;
mod slots;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use brains_core::config::manifest::{Manifest, Plays};
use brains_core::{Ambient, Millis, Secret};
use brains_dialect::canon::{CallContext, ChatRequest, Content, Event, Message, Part, Role};
use serde_json::{Value, json};

use crate::{
    CallFault, CallLimits, Component, Instance, InstanceSpec, PoolProfile, Program, Runtime, RuntimeOptions,
};

#[derive(Debug)]
struct Clock(Instant);

impl Ambient for Clock {
    #[expect(clippy::disallowed_methods, reason = "the real clock, at the edge of a test")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Millis(i64::try_from(since.as_millis()).unwrap())
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

#[expect(clippy::disallowed_methods, reason = "the real clock, at the edge of a test")]
pub(crate) fn clock() -> Arc<dyn Ambient> {
    Arc::new(Clock(Instant::now()))
}

/// A component as the build laid it out.
pub(crate) struct Laid {
    pub(crate) wasm: Vec<u8>,
    manifest: Manifest,
}

fn folder(variable: &str, fallback: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join(fallback),
        PathBuf::from,
    )
}

fn laid(folder: &Path) -> Vec<Laid> {
    let mut paths: Vec<PathBuf> = fs_err::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    paths.sort();
    assert!(!paths.is_empty(), "no components in `{}`: run `cargo xtask build`", folder.display());
    paths
        .iter()
        .map(|path| Laid {
            wasm: fs_err::read(path).unwrap(),
            manifest: Manifest::parse(&fs_err::read_to_string(path.with_extension("yaml")).unwrap()).unwrap(),
        })
        .collect()
}

/// The component that breaks every rule.
fn hostile() -> Laid {
    laid(&folder("BRAINS_GUESTS", "bundle-test")).into_iter().next().unwrap()
}

/// The program's own components.
pub(crate) fn bundled() -> Vec<Laid> {
    laid(&folder("BRAINS_BUNDLE", "bundle"))
}

/// Compiled code that all tests of one run share.
fn compiled() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path().to_owned()
}

fn runtime() -> Arc<Runtime> {
    started(PoolProfile::Laptop)
}

fn started(profile: PoolProfile) -> Arc<Runtime> {
    Arc::new(Runtime::start(options(compiled(), profile)).unwrap())
}

fn options(cache: PathBuf, profile: PoolProfile) -> RuntimeOptions {
    RuntimeOptions { cache: Some(cache), profile, compiler: compiler(), ambient: clock() }
}

/// The program itself: what compiles is a process of it.
pub(crate) fn compiler() -> Program {
    let path = folder("BRAINS_BIN", "debug/brains");
    assert!(path.exists(), "`{}` is missing: run `cargo xtask build`", path.display());
    Program::at(path)
}

fn load(runtime: &Runtime, laid: Laid, plays: Plays) -> Arc<Component> {
    let manifest = Manifest { plays, ..laid.manifest };
    Arc::new(runtime.load("under-test", &laid.wasm, manifest).unwrap())
}

fn spec(name: &str, config: Value) -> InstanceSpec {
    InstanceSpec {
        name: name.into(),
        aliases: Vec::new(),
        config,
        secrets: BTreeMap::new(),
        commands: BTreeMap::new(),
        grants: Vec::new(),
        timeout_ms: 1_000,
        limits: CallLimits::PROVIDER,
    }
}

/// An instance of the hostile component that does `deed`.
fn doing(runtime: &Runtime, plays: Plays, deed: &str) -> Arc<Instance> {
    let component = load(runtime, hostile(), plays);
    Arc::new(runtime.instantiate(component, spec(deed, json!({ "do": deed }))).unwrap())
}

fn asking(text: &str) -> ChatRequest {
    let part = Part::plain(Content::Text(text.into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    ChatRequest { model: "any".into(), messages: vec![message], ..ChatRequest::default() }
}

async fn answer(instance: &Arc<Instance>, text: &str) -> Result<String, CallFault> {
    let mut exchange = instance.exchange().await?;
    let events = exchange.answer(asking(text), CallContext::default()).await?;
    Ok(text_of(&events))
}

fn text_of(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Delta(delta) => Some(delta.text.as_str()),
            _ => None,
        })
        .collect()
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}
