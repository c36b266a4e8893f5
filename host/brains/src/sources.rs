//! Where configuration comes from on this machine: the files of the state directory, or those that were named,
//! the environment and the command line. Reading and resolving only; what is in force is `brains_runtime::swap`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use brains_core::config::manifest::Manifest;
use brains_core::config::{
    Layer, Layers, Place, Problem, RefError, RefSource, Resolved, Schema, Source, resolve,
};
use brains_core::secret::sha256_hex;
use brains_core::{Fault, FaultKind, Origin};
use brains_runtime::bundle;
use fs_err as fs;
use serde_json::Value;

use crate::environment::Environment;
use crate::home::Home;

/// The layers' places.
#[derive(Debug)]
pub(crate) struct Sources {
    environment: Environment,
    /// A file that was named must be there.
    yaml: (PathBuf, bool),
    overlay: PathBuf,
    flags: BTreeMap<String, Value>,
    manifests: Vec<Manifest>,
}

impl Sources {
    /// `config` and `flags` are those of the command line.
    pub(crate) fn new(
        home: &Home,
        environment: &Environment,
        config: Option<&Path>,
        flags: BTreeMap<String, Value>,
    ) -> Result<Self, Fault> {
        let named = config.map(Path::to_owned).or_else(|| environment.path("BRAINS_CONFIG"));
        let yaml = named.map_or_else(|| (home.config(), false), |path| (path, true));
        let overlay = environment.path("BRAINS_RUNTIME_OVERLAY").unwrap_or_else(|| home.overlay());
        let manifests = bundle::components()
            .iter()
            .map(|bundled| {
                Manifest::parse(bundled.manifest).map_err(|error| {
                    Fault::internal(format!(
                        "the manifest of the bundled component `{}`: {error}",
                        bundled.id
                    ))
                    .hint("build the components again: cargo xtask build")
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { environment: environment.clone(), yaml, overlay, flags, manifests })
    }

    pub(crate) fn yaml(&self) -> &Path {
        &self.yaml.0
    }

    pub(crate) fn overlay(&self) -> &Path {
        &self.overlay
    }

    /// The overlay's text; empty when there is none.
    pub(crate) fn overlay_text(&self) -> Result<String, Fault> {
        match fs::read_to_string(&self.overlay) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Fault::new(FaultKind::Invalid, Origin::Brains, error.to_string())),
        }
    }

    /// Tells one state of the files from another.
    pub(crate) fn fingerprint(&self) -> String {
        let content = |path: &Path| match fs::read(path) {
            Ok(bytes) => sha256_hex(&bytes),
            Err(error) => error.kind().to_string(),
        };
        format!("{} {}", content(&self.yaml.0), content(&self.overlay))
    }

    pub(crate) fn schema(&self) -> Schema {
        Schema::new(&self.manifests)
    }

    /// All layers as they are now.
    pub(crate) fn resolve(&self) -> Result<Resolved, Vec<Problem>> {
        let overlay = read(&self.overlay, Layer::Overlay, false)?;
        self.resolve_with(overlay)
    }

    /// All layers, with another text as the overlay.
    pub(crate) fn resolve_overlay(&self, text: String) -> Result<Resolved, Vec<Problem>> {
        self.resolve_with(Some(Source { name: self.overlay.display().to_string(), text }))
    }

    fn resolve_with(&self, overlay: Option<Source>) -> Result<Resolved, Vec<Problem>> {
        let layers = Layers {
            bundle: bundled(),
            yaml: read(&self.yaml.0, Layer::Yaml, self.yaml.1)?,
            overlay,
            environment: self.environment.variables().clone(),
            flags: self.flags.clone(),
        };
        resolve(&layers, &self.manifests, &References(&self.environment))
    }

    /// One document alone, as the operator's file over the defaults.
    pub(crate) fn check(&self, text: String) -> Result<Resolved, Vec<Problem>> {
        let yaml = Some(Source { name: "document".into(), text });
        let layers = Layers { bundle: bundled(), yaml, ..Layers::default() };
        resolve(&layers, &self.manifests, &References(&self.environment))
    }
}

fn bundled() -> Option<Source> {
    bundle::defaults().map(|text| Source { name: "defaults.yaml".into(), text: text.to_owned() })
}

fn read(path: &Path, layer: Layer, required: bool) -> Result<Option<Source>, Vec<Problem>> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Source { name, text })),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
        Err(error) => {
            let message = match error.kind() {
                io::ErrorKind::NotFound => "is not there".to_owned(),
                io::ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
                kind => format!("cannot be read: {kind}"),
            };
            Err(vec![Problem {
                path: String::new(),
                place: Place { layer, source: Some(name) },
                message,
                hint: None,
            }])
        }
    }
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

struct References<'a>(&'a Environment);

impl RefSource for References<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(str::to_owned)
    }

    fn file(&self, path: &str) -> Result<String, RefError> {
        fs::read_to_string(self.0.open_tilde(path)).map_err(|error| {
            RefError(match error.kind() {
                io::ErrorKind::NotFound => "not found".into(),
                kind => kind.to_string(),
            })
        })
    }
}

#[cfg(test)]
mod tests;
