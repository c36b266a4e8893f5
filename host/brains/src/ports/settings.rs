//! The configuration in force, its overlay, and how a change comes into force.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use brains_control::BoxedFuture;
use brains_control::ports::{
    ActiveConfig, ConfigPort, FileReading, Overlay, OverlayCandidate, OverlayEdit, Proposal, Reloaded,
};
use brains_core::config::{self, Budgets, Findings, Layer, Problem, Resolved};
use brains_core::plane::component::ComponentRecord;
use brains_core::sync::Unpoisoned as _;
use brains_core::{Ambient, Fault, Millis, Origin};
use brains_files::{Gate, GateTarget, Names};
use brains_runtime::ComponentRegistry;
use brains_store::{Responses, TraceQueue};
use serde_json::Value;

use crate::home;
use crate::overlay;
use crate::services::{response_retention, retention};
use crate::sources::Sources;

/// Between two looks at a file that may still be being written: one that holds the same is written to its end,
pub(crate) const SETTLING: Duration = Duration::from_millis(100);
/// and one that never holds still is read as it is after so many looks.
const LOOKS: u32 = 20;

/// What is in force, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    pub(crate) live: Arc<ComponentRegistry>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) traces: TraceQueue,
    pub(crate) responses: Responses,
    /// What the files held when they were read last, sound or not.
    pub(crate) read: Arc<Mutex<Option<String>>>,
    pub(crate) gate: Gate,
    pub(crate) names: Names,
    pub(crate) ambient: Arc<dyn Ambient>,
    /// When what is in force came into force.
    pub(crate) since: Arc<Mutex<Millis>>,
}

impl InForce {
    /// Whether the files hold something else than when they were read last.
    pub(crate) async fn stale(&self) -> bool {
        let sources = Arc::clone(&self.sources);
        let Ok(now) = self.aside(move || sources.fingerprint()).await else { return false };
        let mut read = self.read.lock_unpoisoned();
        read.get_or_insert_with(|| now.clone()) != &now
    }

    /// Does what parses documents and waits for files on a thread that serves nobody. The files have limits of their own.
    async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        self.gate.write(GateTarget::named("the configuration"), move |_| work()).await
    }

    /// Reads all layers again and puts them in force, or leaves everything as it is. Blocks: it may compile what is bundled.
    fn reload_now(&self, reading: FileReading) -> Result<Reloaded, Vec<Problem>> {
        let before = self.live.current();
        let resolved =
            self.resolve(reading).inspect_err(|problems| self.live.unreadable(problems.clone()))?;
        self.live.compile_bundled(&resolved.config, |_| {});
        let after = self.live.apply(resolved)?;
        self.traces.retain(retention(&after.config));
        self.responses.retain(response_retention(&after.config));
        self.keep_to(&after.config.budgets);
        let changed = before.config != after.config;
        let mut since = self.since.lock_unpoisoned();
        if changed {
            *since = self.ambient.now();
        }
        Ok(Reloaded { changed, since: *since, warnings: after.warnings.clone() })
    }

    fn resolve(&self, reading: FileReading) -> Result<Resolved, Vec<Problem>> {
        for _ in 0..LOOKS {
            let fingerprint = self.sources.fingerprint();
            // Before they are read, so that an edit in between is noticed.
            *self.read.lock_unpoisoned() = Some(fingerprint.clone());
            let resolved = self.sources.resolve_whole();
            if reading == FileReading::AtOnce {
                return resolved;
            }
            std::thread::sleep(SETTLING);
            if self.sources.fingerprint() == fingerprint {
                return resolved;
            }
        }
        self.sources.resolve_whole()
    }

    /// The limits that count from now on.
    pub(crate) fn keep_to(&self, budgets: &Budgets) {
        self.gate.keep_to(budgets);
        self.names.keep_to(budgets);
    }

    fn plan_now(&self, proposal: Proposal) -> Result<OverlayCandidate, Vec<Problem>> {
        let previous = self.sources.overlay_text().map_err(|fault| vec![self.problem("", fault.message)])?;
        let document = match proposal {
            Proposal::Edits(edits) => self.edited(&previous, &edits)?,
            Proposal::Text(text) => text,
        };
        let Resolved { warnings, .. } = self.sources.resolve_overlay(document.clone())?;
        Ok(OverlayCandidate { next: self.read(document), previous: self.read(previous), warnings })
    }

    fn edited(&self, text: &str, edits: &[OverlayEdit]) -> Result<String, Vec<Problem>> {
        let schema = self.sources.schema();
        let mut problems = Vec::new();
        let mut document = text.to_owned();
        for edit in edits {
            let value = edit.value.clone().unwrap_or(Value::Null);
            if let Err(mut found) = schema.check_write(&edit.key, &value) {
                problems.append(&mut found);
                continue;
            }
            let parts = overlay::parts(&edit.key);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            match overlay::edit(&document, &parts, edit.value.as_ref()) {
                Ok(edited) => document = edited,
                Err(why) => problems.push(self.problem(&edit.key, why)),
            }
        }
        if problems.is_empty() { Ok(document) } else { Err(problems) }
    }

    /// A text with what may be told of it. What cannot be read is not told at all.
    fn read(&self, text: String) -> Overlay {
        let schema = self.sources.schema();
        match overlay::read(&text) {
            Ok(tree) => Overlay { open: schema.is_open(&text, &tree), shown: schema.cover(tree), text },
            Err(_) => Overlay { text, shown: Value::Null, open: false },
        }
    }

    fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            path: path.to_owned(),
            place: config::Place::new(Layer::Overlay, self.sources.overlay().display().to_string()),
            message: message.into(),
            hint: None,
        }
    }
}

impl ConfigPort for InForce {
    fn active(&self) -> ActiveConfig {
        let current = self.live.current();
        ActiveConfig {
            config: Arc::clone(&current.config),
            provenance: Arc::clone(&current.provenance),
            warnings: current.warnings.clone(),
            problems: self.live.problems(),
        }
    }

    fn schema(&self) -> Value {
        self.sources.schema().json().clone()
    }

    fn check(&self, document: String) -> BoxedFuture<'_, Result<Findings, Fault>> {
        let this = self.clone();
        Box::pin(async move {
            let (sources, text) = (Arc::clone(&this.sources), document.clone());
            let found = this.aside(move || sources.check(text)).await?;
            if !found.problems.is_empty() {
                return Ok(found);
            }
            // A sound document: whether its components take it is asked where they are known.
            blocking(move || match this.sources.document(document) {
                Ok(resolved) => Findings { problems: this.live.check(resolved), ..found },
                Err(problems) => Findings { problems, ..Findings::default() },
            })
            .await
        })
    }

    fn overlay(&self) -> BoxedFuture<'_, Result<Overlay, Fault>> {
        let this = self.clone();
        Box::pin(
            async move { self.aside(move || this.sources.overlay_text().map(|text| this.read(text))).await? },
        )
    }

    fn plan(&self, proposal: Proposal) -> BoxedFuture<'_, Result<OverlayCandidate, Vec<Problem>>> {
        let this = self.clone();
        Box::pin(async move {
            let planned = self.aside(move || this.plan_now(proposal)).await;
            planned.unwrap_or_else(|fault| Err(vec![self.problem("", fault.message)]))
        })
    }

    fn write_overlay(&self, text: String, expected: String) -> BoxedFuture<'_, Result<bool, Fault>> {
        let (path, links) = (self.sources.overlay().to_owned(), self.sources.overlay_links());
        Box::pin(async move {
            let written = self.gate.write(GateTarget::of(&path), move |visit| {
                home::replace(visit, &path, links, expected.as_bytes(), text.as_bytes())
            });
            written.await?.map_err(|error| {
                tracing::warn!(%error, "the overlay could not be written");
                Fault::new(
                    home::error_kind(&error),
                    Origin::Brains,
                    format!("the overlay could not be written: {}", error.kind()),
                )
                .hint("check that the state directory can be written: `brains doctor`")
            })
        })
    }

    fn reload(&self, reading: FileReading) -> BoxedFuture<'_, Result<Reloaded, Vec<Problem>>> {
        Box::pin(async move {
            let this = self.clone();
            match blocking(move || this.reload_now(reading)).await {
                Ok(outcome) => outcome,
                Err(fault) => Err(vec![self.problem("", fault.message)]),
            }
        })
    }

    fn components(&self) -> Vec<ComponentRecord> {
        self.live.components()
    }

    fn component_schema(&self, id: String) -> BoxedFuture<'_, Result<Option<Value>, Fault>> {
        let live = Arc::clone(&self.live);
        Box::pin(async move { blocking(move || live.schema(&id)).await })
    }
}

/// Runs what compiles where blocking is fine. Whatever files it needs it takes from the gate.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a blocking task panicked");
        Fault::internal("a step of the work ended unexpectedly").hint("the log has more: `brains logs`")
    })
}
