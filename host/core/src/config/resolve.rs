//! From layers to one configuration. Every stage goes on after an error, without what was wrong, so that one run
//! names everything there is to mend.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::check::{self, Findings};
use super::document::{self, Aliases};
use super::environment::{self, Reading};
use super::layers::{self, Layer, Layers, Place, Provenance, Source};
use super::located::locate;
use super::manifest::Manifest;
use super::model::Config;
use super::path;
use super::reference::{RefSource, Reference};
use super::schema::Schema;
use super::served::{self, Unserved};
use super::stand_in;
use super::vendors;

/// A configuration that holds together.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub config: Arc<Config>,
    pub provenance: Provenance,
    /// What was passed over: unknown keys, names that nothing uses.
    pub warnings: Vec<Problem>,
    /// Secrets of components that could not be read: theirs are unset. Whoever uses components has problems with it.
    pub missing: Vec<Problem>,
}

impl Resolved {
    /// The same for whoever uses its components: a secret that is missing is a problem.
    pub fn whole(self) -> Result<Self, Vec<Problem>> {
        if self.missing.is_empty() { Ok(self) } else { Err(self.missing) }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Dotted path; empty for a whole layer.
    pub path: String,
    pub place: Place,
    /// Lowercase, without a full stop; never holds a value.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}: {}", self.place, self.message)
        } else {
            write!(f, "`{}` {} [{}]", self.path, self.message, self.place)
        }
    }
}

/// Merges the layers, lowers flat keys, reads references and checks the whole.
pub fn resolve(
    layers: &Layers,
    manifests: &[Manifest],
    refs: &dyn RefSource,
) -> Result<Resolved, Vec<Problem>> {
    work(layers, manifests, refs).map_err(|findings| findings.problems)
}

/// The same, for who wants to know what there is to tell, and uses nothing.
pub fn examine(layers: &Layers, manifests: &[Manifest], refs: &dyn RefSource) -> Findings {
    match work(layers, manifests, refs) {
        Ok(Resolved { config, warnings, missing, .. }) => {
            Findings { problems: missing, warnings, tier_leads: config.tier_leads.clone() }
        }
        Err(findings) => findings,
    }
}

fn work(layers: &Layers, manifests: &[Manifest], refs: &dyn RefSource) -> Result<Resolved, Findings> {
    let schema = Schema::new(manifests);
    let worked = merge(layers, &schema, refs);
    let located = |mut problems: Vec<Problem>| {
        locate(&mut problems, layers, &schema);
        problems
    };
    match worked {
        Ok(resolved) => Ok(Resolved {
            warnings: located(resolved.warnings),
            missing: located(resolved.missing),
            ..resolved
        }),
        Err(findings) => {
            let Findings { problems, warnings, tier_leads } = findings;
            Err(Findings { problems: located(problems), warnings: located(warnings), tier_leads })
        }
    }
}

fn merge(layers: &Layers, schema: &Schema, refs: &dyn RefSource) -> Result<Resolved, Findings> {
    let mut work = Work { schema, problems: Vec::new(), warnings: Vec::new(), missing: Vec::new() };
    let mut stack = work.read(layers);
    let scale = ranked_tiers(&stack);
    stack.insert(0, (Place::of(Layer::Manifest), work.instances(&stack)));
    let (named, mut unnamed) = layers.vendors.instances(stack.iter().map(|(_, document)| document));
    stack.insert(1, (Place::new(Layer::Bundle, vendors::FILE), named));

    let defaults = schema.defaults();
    let mut provenance = Provenance::default();
    let mut merged = defaults.clone();
    for (place, document) in stack {
        layers::merge(&mut merged, document, &place, &mut provenance);
    }
    layers::complete(&mut merged, &defaults);

    let named = Value::Object(merged.clone());
    let mut document = Value::Object(merged);
    let mut whole = schema.prune(&mut document, &Place::default(), false).0;
    // An instance that stands for nothing is told once, with what it is near to.
    let instance = |path: &str| path.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    whole.retain(|problem| unnamed.iter().all(|known| instance(&known.path) != instance(&problem.path)));
    for problem in &mut whole {
        problem.place = provenance.near(&problem.path).clone();
    }
    for problem in &mut unnamed {
        problem.place = provenance.of(&instance(&problem.path).join(".")).clone();
    }
    whole.append(&mut unnamed);
    work.problems.append(&mut whole);

    let mut shown = schema.cover(document.clone());
    schema.drop_unserved(&mut document);
    work.fill(&mut document, &provenance, refs);
    let mut config: Config = match serde_path_to_error::deserialize(document) {
        Ok(config) => config,
        Err(error) => {
            let path = error.path().to_string();
            let place = provenance.of(&path).clone();
            work.problems.push(Problem { path, place, message: "does not fit".into(), hint: None });
            return Err(Findings { problems: work.problems, warnings: work.warnings, ..Findings::default() });
        }
    };
    let mut findings = check::check(&config, &named, &layers.vendors, &provenance);
    findings.warnings.append(&mut stand_in::settle(&mut config, &mut shown, &mut provenance, &scale));
    config.document = Arc::new(shown);
    work.served(&named, &defaults, &provenance);
    // A value that is wrong already is not wrong once more for what became of it.
    findings.problems.retain(|found| work.problems.iter().all(|known| known.path != found.path));
    work.problems.append(&mut findings.problems);
    work.warnings.append(&mut findings.warnings);
    if work.problems.is_empty() {
        let (missing, warnings) = (work.missing, work.warnings);
        Ok(Resolved { config: Arc::new(config), provenance, warnings, missing })
    } else {
        work.problems.append(&mut work.missing);
        Err(Findings { problems: work.problems, warnings: work.warnings, ..Findings::default() })
    }
}

type Document = (Place, Map<String, Value>);

struct Work<'a> {
    schema: &'a Schema,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    missing: Vec<Problem>,
}

impl Work<'_> {
    /// The layers as documents, each checked by itself and with its flat keys lowered, the lowest first.
    fn read(&mut self, layers: &Layers) -> Vec<Document> {
        let mut raw: Vec<(Place, Value)> = Vec::new();
        let files =
            [(Layer::Bundle, &layers.bundle), (Layer::Yaml, &layers.yaml), (Layer::Overlay, &layers.overlay)];
        for (layer, source) in files {
            if let Some(source) = source {
                let place = Place::new(layer, &source.name);
                raw.extend(self.parse(source, &place).map(|document| (place, document)));
            }
        }
        for (name, text) in &layers.environment {
            let place = Place::new(Layer::Environment, name);
            match environment::read(name, text, self.schema) {
                Reading::Nothing => {}
                Reading::Set { key, value } => raw.push((place, json!({ key: value }))),
                Reading::Unknown => {
                    self.warnings.push(Problem {
                        path: String::new(),
                        place,
                        message: "is no variable of ours".into(),
                        hint: None,
                    });
                }
                Reading::Wrong { key, why } => {
                    self.problems.push(Problem { path: key, place, message: why, hint: None });
                }
            }
        }
        for (path, value) in &layers.flags {
            let place = Place::of(Layer::Flag);
            let mut document = Value::Null;
            if path::set(&mut document, path, value.clone()).is_ok() {
                raw.push((place, document));
            }
        }
        raw.into_iter()
            .map(|(place, document)| {
                let settled = self.settle(&place, document);
                (place, settled)
            })
            .collect()
    }

    fn parse(&mut self, source: &Source, place: &Place) -> Option<Value> {
        let why = match document::parse(&source.text, Aliases::Counted) {
            Ok(Value::Null) => return None,
            Ok(read @ Value::Object(_)) => return Some(read),
            Ok(_) => "is not a map of keys".to_owned(),
            Err(error) => error.to_string(),
        };
        self.problems.push(Problem { path: String::new(), place: place.clone(), message: why, hint: None });
        None
    }

    fn settle(&mut self, place: &Place, mut document: Value) -> Map<String, Value> {
        plain_routes(&mut document);
        let (mut problems, mut warnings) = self.schema.prune(&mut document, place, true);
        if place.layer == Layer::Overlay {
            problems.extend(
                self.schema
                    .misplaced(&document)
                    .into_iter()
                    .map(|problem| Problem { place: place.clone(), ..problem }),
            );
        }
        self.problems.append(&mut problems);
        self.warnings.append(&mut warnings);
        let mut members = match document {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.shift_remove("schema_version");
        self.lower(members, place)
    }

    /// Moves flat keys to the settings of their instances.
    fn lower(&mut self, members: Map<String, Value>, place: &Place) -> Map<String, Value> {
        let (flat, other): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|(name, _)| self.schema.flat(name).is_some());
        let mut document: Value = Value::Object(other.into_iter().collect());
        for (name, value) in flat {
            let Some(goal) = self.schema.flat(&name) else { continue };
            let dotted = path::dotted(goal);
            if path::get(&document, &dotted).is_some() {
                self.warnings.push(Problem {
                    path: name,
                    place: place.clone(),
                    message: format!("is passed over, `{dotted}` stands beside it"),
                    hint: Some("keep one of the two".into()),
                });
            } else if path::insert(&mut document, goal, value).is_err() {
                self.problems.push(Problem {
                    path: name,
                    place: place.clone(),
                    message: format!("has no place, `{dotted}` cannot be set"),
                    hint: None,
                });
            }
        }
        match document {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// The instances that flat keys, tiers or the manifests themselves call into being, with their defaults.
    fn instances(&mut self, stack: &[Document]) -> Map<String, Value> {
        for clash in self.schema.clashes() {
            let place = Place::of(Layer::Manifest);
            self.warnings.push(Problem { path: String::new(), place, message: clash.clone(), hint: None });
        }
        let mut configured = BTreeSet::new();
        let mut wanted = BTreeSet::new();
        for (_, document) in stack {
            let set = document.get("providers").and_then(Value::as_object).into_iter().flatten();
            configured.extend(set.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()));
            for tier in document.get("models").and_then(Value::as_object).into_iter().flat_map(Map::values) {
                wanted.extend(provider_of(tier));
                let fallbacks = tier.get("fallbacks").and_then(Value::as_array).into_iter().flatten();
                wanted.extend(fallbacks.filter_map(provider_of));
            }
        }
        let mut providers = json!({});
        for (component, flat) in self.schema.flats() {
            let aliases: Vec<&str> =
                flat.aliases.iter().map(String::as_str).filter(|alias| !configured.contains(alias)).collect();
            let called = configured.contains(flat.instance.as_str())
                || wanted.contains(flat.instance.as_str())
                || aliases.iter().any(|alias| wanted.contains(alias));
            if !(flat.always || called) || providers.get(&flat.instance).is_some() {
                continue;
            }
            let mut instance = json!({ "component": component, "aliases": aliases });
            for key in flat.keys.values() {
                if let (Some(inner), Some(default)) = (key.path(), &key.default) {
                    let inner: Vec<String> = inner.into_iter().map(str::to_owned).collect();
                    if path::insert(&mut instance, &inner, default.clone()).is_err() {
                        self.warnings.push(Problem {
                            path: String::new(),
                            place: Place::new(Layer::Manifest, component),
                            message: format!("the default of `{}` has no place", key.to),
                            hint: None,
                        });
                    }
                }
            }
            if let Some(providers) = providers.as_object_mut() {
                providers.insert(flat.instance.clone(), instance);
            }
        }
        if providers == json!({}) {
            Map::new()
        } else {
            Map::from_iter([("providers".to_owned(), providers)])
        }
    }

    /// What nothing reads is told, and refused where somebody would rely on it.
    fn served(&mut self, document: &Value, defaults: &Map<String, Value>, provenance: &Provenance) {
        for Unserved { path, safety } in served::unserved(self.schema.json(), document, defaults) {
            let place = provenance.near(&path).clone();
            let message = "is not served by this build".to_owned();
            if safety {
                let hint = Some("take it out: nothing would keep what it promises".to_owned());
                self.problems.push(Problem { path, place, message, hint });
            } else {
                self.warnings.push(Problem { path, place, message, hint: None });
            }
        }
    }

    /// Puts the texts behind references in their place.
    fn fill(&mut self, document: &mut Value, provenance: &Provenance, refs: &dyn RefSource) {
        let off: BTreeSet<String> = document
            .get("bridges")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, bridge)| bridge.get("enabled") == Some(&Value::Bool(false)))
            .map(|(name, _)| name.clone())
            .collect();
        let (problems, missing) = (&mut self.problems, &mut self.missing);
        self.schema.secrets(document, &mut |path, value| {
            let Value::String(text) = value else { return };
            let Some(reference) = Reference::parse(text) else { return };
            let idle = matches!(path, [part, name, ..] if part == "bridges" && off.contains(name));
            let of_component =
                matches!(path, [part, ..] if ["providers", "classifier", "policy", "bridges", "hooks"].contains(&part.as_str()));
            match reference.read(refs) {
                Ok(read) => *text = read,
                Err(_) if idle => text.clear(),
                Err(why) => {
                    let path = path::dotted(path);
                    let place = provenance.of(&path).clone();
                    let hint = Some(match reference {
                        Reference::Variable(_) => {
                            "start that process with the variable, or keep the secret in a file: `${FILE:/path}`"
                        }
                        Reference::File(_) | Reference::Malformed(_) => "mend it, or take the key out",
                    });
                    let (message, hint) = (format!("refers to nothing: {why}"), hint.map(str::to_owned));
                    let problem = Problem { path, place, message, hint };
                    if of_component { missing.push(problem) } else { problems.push(problem) }
                    text.clear();
                }
            }
        });
    }
}

/// The tiers of the bundle have a rank, the weakest first. One that a person adds has none.
fn ranked_tiers(stack: &[Document]) -> Vec<String> {
    let bundles = stack.iter().filter(|(place, _)| place.layer == Layer::Bundle);
    let tiers = bundles.filter_map(|(_, document)| document.get("models").and_then(Value::as_object));
    tiers.flat_map(Map::keys).cloned().collect()
}

fn provider_of(target: &Value) -> Option<&str> {
    target.get("provider")?.as_str()
}

/// `routes.<task>: {model_tier: x}` is an older way to write `routes.<task>: x`.
fn plain_routes(document: &mut Value) {
    let routes = document.get_mut("routes").and_then(Value::as_object_mut);
    for route in routes.into_iter().flat_map(Map::values_mut) {
        if let Some(tier) = route.get("model_tier").cloned() {
            *route = tier;
        }
    }
}
