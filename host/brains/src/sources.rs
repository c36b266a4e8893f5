//! Where configuration comes from on this machine: the files of the state directory, or those that were named,
//! the environment and the command line. Reading and resolving only; what is in force is `brains_runtime::component`. What is
//! read here is read at the gate: a file behind which nobody answers is a problem that is told, and holds nobody up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brains_core::config::document::DOCUMENT_BYTES;
use brains_core::config::manifest::Manifest;
use brains_core::config::{
    self, Findings, Layer, Layers, Problem, RefError, RefSource, Resolved, Schema, Source, Vendors, examine,
    resolve,
};
use brains_core::secret::sha256_hex;
use brains_core::{Fault, FaultKind, Origin};
use brains_files::{Gate, GateTarget, Links, ReadError};
use brains_runtime::bundle;
use serde_json::Value;

use crate::environment::Environment;
use crate::home::Home;

/// The largest file behind a reference.
const REFERENCE_BYTES: u64 = 64 << 10;

/// The layers' places.
#[derive(Debug)]
pub(crate) struct Sources {
    environment: Environment,
    /// A file that was named must be there.
    yaml: (PathBuf, bool),
    overlay: PathBuf,
    /// Whether somebody named the place of the overlay.
    overlay_named: bool,
    flags: BTreeMap<String, Value>,
    manifests: Vec<Manifest>,
    vendors: Arc<Vendors>,
    gate: Gate,
}

impl Sources {
    /// `config` and `flags` are those of the command line.
    pub(crate) fn new(
        home: &Home,
        environment: &Environment,
        config: Option<&Path>,
        flags: BTreeMap<String, Value>,
        gate: Gate,
    ) -> Result<Self, Fault> {
        let named = config.map(Path::to_owned).or_else(|| environment.path("BRAINS_CONFIG"));
        let yaml = named.map_or_else(|| (home.config(), false), |path| (path, true));
        let overlay = environment.path("BRAINS_RUNTIME_OVERLAY");
        let overlay_named = overlay.is_some();
        let overlay = overlay.unwrap_or_else(|| home.overlay());
        let broken = |what: &str, error| {
            Fault::internal(format!("{what}: {error}")).hint("build the components again: cargo xtask build")
        };
        let mut manifests = bundle::components()
            .iter()
            .map(|bundled| {
                Manifest::parse(bundled.manifest).map_err(|error| {
                    broken(&format!("the manifest of the bundled component `{}`", bundled.id), error)
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(text) = bundle::unserved() {
            let unserved = Manifest::parse_unserved(text);
            manifests.extend(unserved.map_err(|error| broken("the keys that are not served", error))?);
        }
        let vendors = bundle::vendors().map(Vendors::parse).transpose();
        let vendors = vendors.map_err(|error| broken("the table of vendors", error))?.unwrap_or_default();
        Ok(Self {
            environment: environment.clone(),
            yaml,
            overlay,
            overlay_named,
            flags,
            manifests,
            vendors: Arc::new(vendors),
            gate,
        })
    }

    /// The same, with the files of another state directory.
    pub(crate) fn in_place_of(self, home: &Home) -> Self {
        Self { yaml: (home.config(), false), overlay: home.overlay(), overlay_named: false, ..self }
    }

    pub(crate) fn yaml(&self) -> &Path {
        &self.yaml.0
    }

    pub(crate) fn overlay(&self) -> &Path {
        &self.overlay
    }

    /// Whether a link in the overlay's place is followed: where the operator named it.
    pub(crate) fn overlay_links(&self) -> Links {
        if self.overlay_named { Links::Followed } else { Links::Refused }
    }

    /// The overlay's text; empty when there is none. Waits for the file.
    pub(crate) fn overlay_text(&self) -> Result<String, Fault> {
        match self.text(&self.overlay, self.overlay_links())? {
            Ok(text) => Ok(text),
            Err(error) if error.is_absent() => Ok(String::new()),
            Err(error) => Err(Fault::new(FaultKind::Invalid, Origin::Brains, error.to_string())),
        }
    }

    /// Tells one state of the files from another. Waits for them.
    pub(crate) fn fingerprint(&self) -> String {
        let content = |path: &Path, links: Links| match self.text(path, links) {
            Ok(Ok(text)) => sha256_hex(text.as_bytes()),
            Ok(Err(error)) => error.reason(),
            Err(fault) => fault.code.into_owned(),
        };
        let yaml = content(&self.yaml.0, Links::Followed);
        format!("{yaml} {}", content(&self.overlay, self.overlay_links()))
    }

    fn text(&self, path: &Path, links: Links) -> Result<Result<String, ReadError>, Fault> {
        let file = path.to_owned();
        self.gate.wait(GateTarget::of(path), move |visit| {
            brains_files::read_text(visit, &file, links, DOCUMENT_BYTES as u64)
        })
    }

    pub(crate) fn schema(&self) -> Schema {
        Schema::new(&self.manifests)
    }

    /// All layers as they are now, for whoever uses the components: a secret that is missing is a problem.
    pub(crate) fn resolve_whole(&self) -> Result<Resolved, Vec<Problem>> {
        self.resolve()?.whole()
    }

    /// All layers as they are now.
    pub(crate) fn resolve(&self) -> Result<Resolved, Vec<Problem>> {
        let overlay = self.layer(&self.overlay, Layer::Overlay, false)?;
        self.resolve_with(overlay)
    }

    /// All layers, with another text as the overlay.
    pub(crate) fn resolve_overlay(&self, text: String) -> Result<Resolved, Vec<Problem>> {
        self.resolve_with(Some(Source { name: self.overlay.display().to_string(), text }))?.whole()
    }

    fn resolve_with(&self, overlay: Option<Source>) -> Result<Resolved, Vec<Problem>> {
        let layers = Layers {
            vendors: Arc::clone(&self.vendors),
            bundle: bundled(),
            yaml: self.layer(&self.yaml.0, Layer::Yaml, self.yaml.1)?,
            overlay,
            environment: self.environment.variables().clone(),
            flags: self.flags.clone(),
        };
        resolve(&layers, &self.manifests, &Operators { environment: &self.environment, gate: &self.gate })
    }

    /// One document alone, as the operator's file over the defaults.
    pub(crate) fn check(&self, text: String) -> Findings {
        examine(
            &self.alone(text),
            &self.manifests,
            &Operators { environment: &self.environment, gate: &self.gate },
        )
    }

    /// The same as what it resolves to.
    pub(crate) fn document(&self, text: String) -> Result<Resolved, Vec<Problem>> {
        resolve(
            &self.alone(text),
            &self.manifests,
            &Operators { environment: &self.environment, gate: &self.gate },
        )
    }

    fn alone(&self, text: String) -> Layers {
        let yaml = Some(Source { name: "document".into(), text });
        Layers { vendors: Arc::clone(&self.vendors), bundle: bundled(), yaml, ..Layers::default() }
    }

    fn layer(&self, path: &Path, layer: Layer, required: bool) -> Result<Option<Source>, Vec<Problem>> {
        let name = path.display().to_string();
        let links = if layer == Layer::Overlay { self.overlay_links() } else { Links::Followed };
        let message = match self.text(path, links) {
            Ok(Ok(text)) => return Ok(Some(Source { name, text })),
            Ok(Err(error)) if error.is_absent() && !required => return Ok(None),
            Ok(Err(error)) => error.reason(),
            Err(fault) => fault.message,
        };
        let place = config::Place::new(layer, name);
        Err(vec![Problem { path: String::new(), place, message, hint: None }])
    }
}

fn bundled() -> Option<Source> {
    bundle::defaults().map(|text| Source { name: "defaults.yaml".into(), text: text.to_owned() })
}

/// The problems of a configuration as one error for people.
pub(crate) fn unsound(problems: &[Problem]) -> Fault {
    let mut lines: Vec<String> = Vec::new();
    for problem in problems {
        lines.push(problem.to_string());
        lines.extend(problem.hint.as_ref().map(|hint| format!("  {hint}")));
    }
    let message = match problems {
        [only] => format!("the configuration is not sound: {only}"),
        several => format!("the configuration is not sound: {} problems", several.len()),
    };
    let hint = match problems {
        [only] => only.hint.clone(),
        _ => Some(lines.join("\n")),
    };
    let fault = Fault::new(FaultKind::Invalid, Origin::Client, message).code("config_invalid");
    match hint {
        Some(hint) => fault.hint(hint),
        None => fault.hint(
            "mend the value where it stands; `brains config check FILE` checks a file without starting",
        ),
    }
}

/// The environment and the files of the operator.
struct Operators<'a> {
    environment: &'a Environment,
    gate: &'a Gate,
}

impl RefSource for Operators<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(str::to_owned)
    }

    fn process(&self) -> String {
        self.environment.process().to_owned()
    }

    fn file(&self, path: &str) -> Result<String, RefError> {
        let file = self.environment.open_tilde(path);
        let place = GateTarget::of(&file);
        let read = self.gate.wait(place, move |visit| {
            brains_files::read_text(visit, &file, Links::Followed, REFERENCE_BYTES)
        });
        match read {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) if error.is_absent() => Err(RefError("not found".into())),
            Ok(Err(error)) => Err(RefError(error.reason())),
            Err(_) => Err(RefError("does not answer in time".into())),
        }
    }
}

#[cfg(test)]
mod tests;
