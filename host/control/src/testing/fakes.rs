//! The ports of a test: everything in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::config::{
    Config, Findings, Layers, Problem, Provenance, RefError, RefSource, Resolved, Schema, Source, examine,
    resolve,
};
use brains_core::plane::audit::{Seal, SealingKey};
use brains_core::plane::component::{
    ComponentLogLine, ComponentRecord, ComponentStanding, ComponentState, StagedVersion,
};
use brains_core::plane::session::Process;
use brains_core::plane::workspace::Location;
use brains_core::price::{ModelPrice, PriceBook, PriceOrigin, PriceTable, PricedProvider};
use brains_core::{Fault, Millis, Principal, Secret};
use serde_json::{Value, json};

use super::NOW;
use crate::ports::{
    ActiveAdminKey, ActiveConfig, AdminKeySource, BoxedFuture, CallersPort, Classification, ComponentsPort,
    ConfigPort, DirectoriesPort, Explanation, FileEventsPort, FileReading, KeyFilesPort, ModelName, Overlay,
    OverlayCandidate, PricesPort, ProcessesPort, Proposal, Quarantine, Reloaded, RoutePlan, RoutingPort,
    ServiceFacts, ServicePort, VersionEventsPort, VersionNews,
};

/// The table of the tests.
const PRICES: &str = r#"{
    "sources": { "s": { "url": "https://prices.example", "licence": "MIT", "date": "2026-01-31" } },
    "vendors": { "corp": { "source": "s", "hosts": ["api.corp.example"], "aliases": ["corp_chat"], "models": {
        "large": { "input": 3, "cached_input": 0.3, "output": 15 }, "small": { "input": 0.25, "output": 1 } } } }
}"#;

#[derive(Debug)]
struct NoReferences;

impl RefSource for NoReferences {
    fn process(&self) -> String {
        "this process".into()
    }
    fn variable(&self, name: &str) -> Option<String> {
        Some(format!("value-of-{name}"))
    }
    fn file(&self, _: &str) -> Result<String, RefError> {
        Err(RefError("not found".into()))
    }
}

/// All ports in one.
#[derive(Debug, Default)]
pub(crate) struct Fakes {
    pub(crate) overlay: Mutex<String>,
    /// What somebody writes into the overlay while a change of it is planned.
    pub(crate) edited_meanwhile: Mutex<Option<String>>,
    pub(crate) reload_refused: AtomicBool,
    pub(crate) disk_full: AtomicBool,
    /// Fingerprints of keys that count no more.
    pub(crate) gone: Mutex<Vec<String>>,
    pub(crate) operator_keys: Mutex<BTreeMap<String, String>>,
    pub(crate) admin_key: Mutex<String>,
    pub(crate) audit_key: Mutex<String>,
    pub(crate) audit_anchors: Mutex<Vec<Seal>>,
    pub(crate) admin_key_configured: AtomicBool,
    /// Ids of the processes that run.
    pub(crate) processes: Mutex<Vec<u32>>,
    pub(crate) seen_bodies: Mutex<Vec<Value>>,
    /// An edit of the files that nobody has put in force yet.
    pub(crate) config_stale: AtomicBool,
    pub(crate) risen: Mutex<Vec<Quarantine>>,
    pub(crate) news: Mutex<Vec<VersionNews>>,
}

impl Fakes {
    fn resolved(overlay: &str) -> Result<Resolved, Vec<Problem>> {
        let overlay = Some(Source { name: "overlay".into(), text: overlay.into() });
        resolve(&Layers { overlay, ..Layers::default() }, &[], &NoReferences)
    }

    fn write_allowed(&self) -> Result<(), Fault> {
        if self.disk_full.load(Ordering::SeqCst) {
            Err(Fault::unavailable("the disk is full"))
        } else {
            Ok(())
        }
    }

    fn note(&self, body: &[u8]) {
        self.seen_bodies.lock().unwrap().push(serde_json::from_slice(body).unwrap());
    }
}

fn tree(text: &str) -> Value {
    if text.is_empty() { json!({}) } else { serde_json::from_str(text).unwrap() }
}

fn overlay(text: &str) -> Overlay {
    let tree = tree(text);
    let schema = Schema::new(&[]);
    Overlay { text: text.into(), open: schema.is_open(text, &tree), shown: schema.cover(tree) }
}

fn classification() -> Classification {
    Classification {
        task_type: "unknown".into(),
        confidence: 0.4,
        complexity: None,
        recommended_model_tier: None,
        needs_codebase: false,
        needs_external_docs: false,
        freshness_required: false,
        scores: Vec::new(),
        signals: Vec::new(),
        component: None,
    }
}

impl PricesPort for Fakes {
    fn table(&self) -> Arc<PriceTable> {
        Arc::new(PriceTable::parse(PRICES).expect("a table"))
    }
    fn find(&self, provider: &str, model: &str) -> Result<Option<(PriceOrigin, ModelPrice)>, Fault> {
        let own = self.active().config.prices.clone();
        let table = self.table();
        let book = PriceBook { own: &own, table: &table };
        let vendor = table.vendor_called(provider);
        let asked = PricedProvider { name: provider, aliases: &[], vendor };
        Ok(book.find(asked, model, None).map(|(origin, price)| (origin, price.clone())))
    }
}

impl RoutingPort for Fakes {
    fn classify(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<Classification, Fault>> {
        self.note(&body);
        Box::pin(async { Ok(classification()) })
    }
    fn plan(&self, body: Vec<u8>) -> BoxedFuture<'_, Result<RoutePlan, Fault>> {
        self.note(&body);
        let plan = RoutePlan {
            classification: None,
            tier: None,
            strategy: "direct".into(),
            reason: "asked for".into(),
            attempts: Vec::new(),
        };
        Box::pin(async { Ok(plan) })
    }
    fn explain(&self, body: Vec<u8>, _: Option<String>) -> BoxedFuture<'_, Result<Explanation, Fault>> {
        self.note(&body);
        let explanation = Explanation {
            requested: "brains-auto".into(),
            provider: "acme".into(),
            model: "small".into(),
            classification: Some(classification()),
            tier: Some("cheap".into()),
            strategy: "direct".into(),
            reason: "asked for".into(),
            attempts: Vec::new(),
            steps: Vec::new(),
            headers: BTreeMap::new(),
        };
        Box::pin(async { Ok(explanation) })
    }
    fn models(&self) -> BoxedFuture<'_, Result<Vec<ModelName>, Fault>> {
        let auto = ModelName {
            id: "brains-auto".into(),
            kind: "automatic".into(),
            tier: None,
            provider: None,
            model: None,
        };
        Box::pin(async { Ok(vec![auto]) })
    }
}

impl ConfigPort for Fakes {
    fn active(&self) -> ActiveConfig {
        match Self::resolved(&self.overlay.lock().unwrap()) {
            Ok(resolved) => ActiveConfig {
                config: resolved.config,
                provenance: Arc::new(resolved.provenance),
                warnings: resolved.warnings,
                problems: Vec::new(),
            },
            Err(problems) => ActiveConfig {
                config: Arc::new(Config::default()),
                provenance: Arc::new(Provenance::default()),
                warnings: Vec::new(),
                problems,
            },
        }
    }
    fn schema(&self) -> Value {
        json!({ "type": "object" })
    }
    fn check(&self, document: String) -> BoxedFuture<'_, Result<Findings, Fault>> {
        let yaml = Some(Source { name: "document".into(), text: document });
        let checked = examine(&Layers { yaml, ..Layers::default() }, &[], &NoReferences);
        Box::pin(async { Ok(checked) })
    }
    fn overlay(&self) -> BoxedFuture<'_, Result<Overlay, Fault>> {
        Box::pin(async { Ok(overlay(&self.overlay.lock().unwrap())) })
    }
    fn plan(&self, proposal: Proposal) -> BoxedFuture<'_, Result<OverlayCandidate, Vec<Problem>>> {
        let previous = self.overlay.lock().unwrap().clone();
        let next = match proposal {
            Proposal::Text(text) => text,
            Proposal::Edits(edits) => {
                let mut document = tree(&previous);
                for edit in edits {
                    match edit.value {
                        Some(value) => brains_core::config::set(&mut document, &edit.key, value).unwrap(),
                        None => drop(brains_core::config::unset(&mut document, &edit.key).unwrap()),
                    }
                }
                document.to_string()
            }
        };
        let by_hand = self.edited_meanwhile.lock().unwrap().take();
        let planned = Self::resolved(&next).map(|resolved| OverlayCandidate {
            next: overlay(&next),
            previous: overlay(&previous),
            warnings: resolved.warnings,
        });
        Box::pin(async {
            // Room for another process between reading the file and writing it.
            tokio::task::yield_now().await;
            if let Some(text) = by_hand {
                *self.overlay.lock().unwrap() = text;
            }
            planned
        })
    }
    fn write_overlay(&self, text: String, expected: String) -> BoxedFuture<'_, Result<bool, Fault>> {
        Box::pin(async move {
            self.write_allowed()?;
            let mut overlay = self.overlay.lock().unwrap();
            let same = *overlay == expected;
            if same {
                *overlay = text;
            }
            Ok(same)
        })
    }
    fn reload(&self, _: FileReading) -> BoxedFuture<'_, Result<Reloaded, Vec<Problem>>> {
        let reloaded = if self.reload_refused.swap(false, Ordering::SeqCst) {
            let place = brains_core::config::Place::default();
            Err(vec![Problem {
                path: "providers.acme.config".into(),
                place,
                message: "the component refused it".into(),
                hint: None,
            }])
        } else {
            Self::resolved(&self.overlay.lock().unwrap()).map(|_| Reloaded {
                changed: true,
                since: Millis(0),
                warnings: Vec::new(),
            })
        };
        Box::pin(async { reloaded })
    }
    fn components(&self) -> Vec<ComponentRecord> {
        vec![ComponentRecord {
            component: ComponentState {
                id: "acme".into(),
                digest: "sha256:00".into(),
                version: None,
                plays: None,
                state: ComponentStanding::Live,
                reason: None,
            },
            source: "bundle".into(),
            size_bytes: 1,
            exports: Vec::new(),
            instances: vec!["acme-eu".into()],
            flat_keys: Vec::new(),
            versions: Vec::new(),
        }]
    }
    fn component_schema(&self, _: String) -> BoxedFuture<'_, Result<Option<Value>, Fault>> {
        Box::pin(async { Ok(Some(json!({ "type": "object" }))) })
    }
}

fn staged(digest: &str) -> StagedVersion {
    StagedVersion {
        digest: digest.into(),
        plays: Plays::Provider,
        version: None,
        asks: Asks::default(),
        more: Vec::new(),
        quarantined: None,
    }
}

impl ComponentsPort for Fakes {
    fn stage(
        &self,
        _: String,
        wasm: Vec<u8>,
        manifest: Option<Manifest>,
    ) -> BoxedFuture<'_, Result<StagedVersion, Fault>> {
        let asks = manifest.map(|manifest| manifest.asks).unwrap_or_default();
        let digest = format!("sha256:{}", brains_core::secret::sha256_hex(&wasm));
        let more = asks.beyond(&Asks::default());
        Box::pin(async move { Ok(StagedVersion { asks, more, ..staged(&digest) }) })
    }
    fn waiting(&self, _: String) -> BoxedFuture<'_, Result<Option<StagedVersion>, Fault>> {
        Box::pin(async { Ok(None) })
    }
    fn earlier(&self, _: &str) -> Vec<String> {
        vec![format!("sha256:{}", "e".repeat(64))]
    }
    fn is_bundled(&self, _: &str, _: &str) -> bool {
        false
    }
    fn unquarantine(&self, _: String, _: String) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
    fn forget(&self, _: String) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
    fn lines(&self, _: &str, _: usize) -> Vec<ComponentLogLine> {
        Vec::new()
    }
}

impl KeyFilesPort for Fakes {
    fn write_operator_key(&self, slug: String, key: Secret) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            self.write_allowed()?;
            self.operator_keys.lock().unwrap().insert(slug, key.expose().into());
            Ok(())
        })
    }
    fn remove_operator_key(&self, slug: String) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            self.operator_keys.lock().unwrap().remove(&slug);
            Ok(())
        })
    }
    fn admin_key(&self) -> BoxedFuture<'_, Result<ActiveAdminKey, Fault>> {
        let configured = self.admin_key_configured.load(Ordering::SeqCst);
        let key = ActiveAdminKey {
            source: if configured { AdminKeySource::Configuration } else { AdminKeySource::File },
            fingerprint: Secret::new(self.admin_key.lock().unwrap().clone()).fingerprint(),
        };
        Box::pin(async { Ok(key) })
    }
    fn write_admin_key(&self, key: Secret) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            self.write_allowed()?;
            *self.admin_key.lock().unwrap() = key.expose().into();
            Ok(())
        })
    }
    fn write_audit_key(&self, key: SealingKey) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            self.write_allowed()?;
            *self.audit_key.lock().unwrap() = key.public().into();
            Ok(())
        })
    }
    fn audit_anchors(&self) -> BoxedFuture<'_, Result<Vec<Seal>, Fault>> {
        Box::pin(async { Ok(self.audit_anchors.lock().unwrap().clone()) })
    }
    fn keep_audit_anchors(&self, anchors: Vec<Seal>) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            self.write_allowed()?;
            *self.audit_anchors.lock().unwrap() = anchors;
            Ok(())
        })
    }
}

impl DirectoriesPort for Fakes {
    /// Everything under `/nowhere` is missing, everything under `/plain` is no project.
    fn locate(&self, path: PathBuf) -> BoxedFuture<'_, Result<Location, Fault>> {
        let asked = path.to_string_lossy().trim_end_matches('/').to_owned();
        let location = Location {
            exists: !asked.starts_with("/nowhere"),
            marked: !asked.starts_with("/plain"),
            reserved: asked.starts_with("/reserved"),
            path: asked.clone(),
            common_dir: format!("{asked}/.git"),
            tree: Some(format!("tree of {asked}")),
            asked,
        };
        Box::pin(async { Ok(location) })
    }

    fn branch(&self, _: PathBuf) -> BoxedFuture<'_, Option<String>> {
        Box::pin(async { Some("main".to_owned()) })
    }
}

impl ProcessesPort for Fakes {
    fn machine(&self) -> String {
        "here".into()
    }
    fn find(&self, pid: u32) -> Option<Process> {
        let alive = self.processes.lock().unwrap().contains(&pid);
        alive.then(|| Process { machine: self.machine(), pid, started: Some(1) })
    }
    fn is_alive(&self, process: &Process) -> bool {
        self.processes.lock().unwrap().contains(&process.pid)
    }
}

impl CallersPort for Fakes {
    fn still<'a>(&'a self, principal: &'a Principal) -> BoxedFuture<'a, Result<Principal, Fault>> {
        let gone = self.gone.lock().unwrap().contains(&principal.fingerprint);
        Box::pin(async move {
            if gone { Err(brains_core::principal::unknown_key()) } else { Ok(principal.clone()) }
        })
    }
}

impl ServicePort for Fakes {
    fn facts(&self) -> ServiceFacts {
        ServiceFacts {
            version: "1.2.3".into(),
            started_at: Some(NOW.plus_ms(-60_000)),
            urls: BTreeMap::from([("gateway".to_owned(), "http://127.0.0.1:8787".to_owned())]),
        }
    }
}

impl FileEventsPort for Fakes {
    fn changed(&self) -> BoxedFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
    fn config_is_stale(&self) -> BoxedFuture<'_, bool> {
        Box::pin(async { self.config_stale.swap(false, Ordering::SeqCst) })
    }
    fn refresh_components(&self) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
}

impl VersionEventsPort for Fakes {
    fn changed(&self) -> BoxedFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
    fn quarantine_risen(&self) -> BoxedFuture<'_, Vec<Quarantine>> {
        Box::pin(async { std::mem::take(&mut *self.risen.lock().unwrap()) })
    }
    fn cut_drains(&self) -> BoxedFuture<'_, ()> {
        Box::pin(async {})
    }
    fn take_events(&self) -> Vec<VersionNews> {
        std::mem::take(&mut self.news.lock().unwrap())
    }
    fn components(&self) -> Vec<ComponentRecord> {
        ConfigPort::components(self)
    }
    fn remove_unneeded(&self) -> BoxedFuture<'_, ()> {
        Box::pin(async {})
    }
}
