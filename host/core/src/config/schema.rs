//! The JSON schema of the whole document, from the types and from the manifests' flat keys; and the walk along it
//! that finds every wrong value, unknown key and misplaced secret of a document at once.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::layers::Layer;
use super::layers::Place;
use super::manifest::{Flat, Manifest, Plays};
use super::model::Config;
use super::path;
use super::reference::Reference;
use super::resolve::Problem;

/// What may be configured: the host's keys and those of the given components.
#[derive(Debug, Clone)]
pub struct Schema {
    root: Value,
    /// Where each flat key goes.
    flat: BTreeMap<String, Vec<String>>,
    manifests: Vec<(String, Flat)>,
    /// Flat keys of components that this build does not have.
    unserved: Vec<String>,
    clashes: Vec<String>,
}

impl Schema {
    pub fn new(manifests: &[Manifest]) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut root = settings.into_generator().into_root_schema_for::<Config>().to_value();
        let mut schema = Self {
            root: Value::Null,
            flat: BTreeMap::new(),
            manifests: Vec::new(),
            unserved: Vec::new(),
            clashes: Vec::new(),
        };
        if let Some(keys) = root.get_mut("properties").and_then(Value::as_object_mut) {
            keys.insert(
                "schema_version".into(),
                serde_json::json!({ "const": 1, "description": "Version of this file's form." }),
            );
            for manifest in manifests.iter().filter(|manifest| manifest.plays == Plays::Provider) {
                schema.take_flat(manifest, keys);
            }
        }
        schema.root = root;
        schema
    }

    fn take_flat(&mut self, manifest: &Manifest, keys: &mut Map<String, Value>) {
        let Some(flat) = &manifest.flat else { return };
        for (name, key) in &flat.keys {
            let Some(inner) = key.path() else { continue };
            if keys.contains_key(name) && !flat.served {
                continue;
            }
            if keys.contains_key(name) {
                self.clashes.push(format!(
                    "component `{}` claims the key `{name}`, which is taken",
                    manifest.component
                ));
                continue;
            }
            let mut schema = key.schema();
            if !flat.served {
                if let Some(members) = schema.as_object_mut() {
                    members.insert("x-served".into(), Value::Bool(false));
                }
                self.unserved.push(name.clone());
            }
            keys.insert(name.clone(), schema);
            if !flat.served {
                continue;
            }
            let path =
                ["providers", flat.instance.as_str()].into_iter().chain(inner).map(str::to_owned).collect();
            self.flat.insert(name.clone(), path);
        }
        if flat.served {
            self.manifests.push((manifest.component.clone(), flat.clone()));
        }
    }

    /// Takes the flat keys out of `document` that no component of this build answers to.
    pub(super) fn drop_unserved(&self, document: &mut Value) {
        if let Some(members) = document.as_object_mut() {
            members.retain(|name, _| !self.unserved.contains(name));
        }
    }

    /// The schema as JSON Schema, draft 2020-12.
    pub fn json(&self) -> &Value {
        &self.root
    }

    /// The place in the document that a path means: a flat key's stands within its instance.
    pub fn canonical(&self, path: &str) -> String {
        self.flat.get(path).map_or_else(|| path.to_owned(), |place| path::dotted(place))
    }

    /// May `value` be written at a dotted path of the overlay? Null takes the entry away.
    pub fn check_write(&self, path: &str, value: &Value) -> Result<(), Vec<Problem>> {
        let refuse = |message: &str, hint: Option<String>| {
            Err(vec![Problem { path: path.into(), place: overlay(), message: message.into(), hint }])
        };
        let Some(segments) = path::parse(path) else {
            return refuse("is not a path", Some("write it as `section.name`".into()));
        };
        let mut document = Value::Null;
        if path::insert(&mut document, &segments, value.clone()).is_err() {
            return refuse("is not a path", None);
        }
        let problems = self.check_overlay(&document);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// What is wrong with a document that a program would write as the overlay: as a file of the operator's, but
    /// unknown keys, keys that may not stand there and raw secrets are errors too.
    pub fn check_overlay(&self, document: &Value) -> Vec<Problem> {
        let mut document = document.clone();
        let place = overlay();
        let mut walk = Walk { partial: true, written: true, place: &place, ..Walk::new(&place) };
        walk.value(&self.root, &mut document);
        let mut problems = walk.problems;
        problems.append(&mut walk.warnings);
        problems.extend(self.misplaced(&document));
        problems
    }

    /// Keys of an overlay that may stand in the operator's file, the environment and on the command line only.
    pub(super) fn misplaced(&self, document: &Value) -> Vec<Problem> {
        let keys = document.as_object().into_iter().flat_map(|members| members.keys());
        let may_not = |key: &&String| {
            self.key(key).is_some_and(|key| key.get("x-overlay") == Some(&Value::Bool(false)))
        };
        keys.filter(may_not)
            .map(|key| Problem {
                path: key.clone(),
                place: overlay(),
                message: "may not stand in the overlay".into(),
                hint: Some(format!("set it in the configuration file or as {}", super::variable(key))),
            })
            .collect()
    }

    pub(super) fn key(&self, name: &str) -> Option<&Value> {
        self.root.get("properties")?.get(name)
    }

    pub(super) fn flat(&self, key: &str) -> Option<&[String]> {
        self.flat.get(key).map(Vec::as_slice)
    }

    /// The names of all flat keys.
    pub(super) fn flat_keys(&self) -> impl Iterator<Item = &str> {
        self.flat.keys().map(String::as_str)
    }

    /// Components with flat keys, each with its id.
    pub(super) fn flats(&self) -> impl Iterator<Item = (&str, &Flat)> {
        self.manifests.iter().map(|(component, flat)| (component.as_str(), flat))
    }

    pub(super) fn clashes(&self) -> &[String] {
        &self.clashes
    }

    /// The built-in defaults as a document.
    pub(super) fn defaults(&self) -> Map<String, Value> {
        let keys = self.root.get("properties").and_then(Value::as_object).into_iter().flatten();
        keys.filter(|(name, _)| !self.flat.contains_key(*name) && !self.unserved.contains(name))
            .filter_map(|(name, key)| Some((name.clone(), key.get("default")?.clone())))
            .filter(|(_, value)| !value.is_null())
            .collect()
    }

    /// Takes everything that does not fit out of `document`. `partial`: one layer, in which what another layer must
    /// bring may be missing and null takes away.
    pub(super) fn prune(
        &self,
        document: &mut Value,
        place: &Place,
        partial: bool,
    ) -> (Vec<Problem>, Vec<Problem>) {
        let mut walk = Walk { partial, ..Walk::new(place) };
        walk.value(&self.root, document);
        (walk.problems, walk.warnings)
    }

    /// Calls `visit` with every secret of `document`, and with the database's address, which may hold one.
    pub(super) fn secrets(&self, document: &mut Value, visit: &mut dyn FnMut(&[String], &mut Value)) {
        each_secret(&self.root, document, &mut Vec::new(), visit);
    }
}

fn overlay() -> Place {
    Place::of(Layer::Overlay)
}

/// Whether a schema takes values of a JSON type.
pub(super) fn accepts(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    }
}

fn holds_secret(schema: &Value) -> bool {
    matches!(schema.get("format").and_then(Value::as_str), Some("secret" | "database-url"))
        || schema.get("anyOf").and_then(Value::as_array).is_some_and(|some| some.iter().any(holds_secret))
}

/// The schema behind `anyOf: [it, null]`.
fn present(schema: &Value) -> &Value {
    let one = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|some| some.iter().find(|one| !accepts(one, "null")));
    one.unwrap_or(schema)
}

fn member<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties").and_then(|keys| keys.get(name)).or_else(|| schema.get("additionalProperties"))
}

fn each_secret(
    schema: &Value,
    value: &mut Value,
    path: &mut Vec<String>,
    visit: &mut dyn FnMut(&[String], &mut Value),
) {
    if holds_secret(schema) {
        return visit(path, value);
    }
    let schema = present(schema);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if let Some(schema) = member(schema, name) {
                    path.push(name.clone());
                    each_secret(schema, value, path, visit);
                    path.pop();
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (at, value) in items.iter_mut().enumerate() {
                    path.push(at.to_string());
                    each_secret(schema, value, path, visit);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}

/// One walk along the schema. What does not fit is named, and taken out by the caller of [`Walk::value`].
struct Walk<'a> {
    partial: bool,
    /// A program writes this: secrets must be references.
    written: bool,
    place: &'a Place,
    path: Vec<String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn new(place: &'a Place) -> Self {
        Self {
            partial: false,
            written: false,
            place,
            path: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn note(&self, message: String, hint: Option<&str>) -> Problem {
        Problem {
            path: path::dotted(&self.path),
            place: self.place.clone(),
            message,
            hint: hint.map(str::to_owned),
        }
    }

    fn wrong(&mut self, message: impl Into<String>, hint: Option<&str>) -> bool {
        let problem = self.note(message.into(), hint);
        self.problems.push(problem);
        false
    }

    /// Whether the value may stay.
    fn value(&mut self, schema: &Value, value: &mut Value) -> bool {
        if value.is_null() && (self.partial || accepts(schema, "null") || present(schema) != schema) {
            return true;
        }
        let schema = present(schema);
        if let Some(enum_values) = enum_values(schema) {
            return enum_values.contains(value) || {
                let listed: Vec<String> = enum_values
                    .iter()
                    .map(|word| {
                        format!("`{}`", word.as_str().map_or_else(|| word.to_string(), str::to_owned))
                    })
                    .collect();
                self.wrong(format!("expected {}", listed.join(" or ")), None)
            };
        }
        if schema.get("type").is_some() && !fits_type(schema, value) {
            let quoted = accepts(schema, "string") && (value.is_number() || value.is_boolean());
            let message = format!("expected {}, got {}", wanted(schema), kind(value));
            return self.wrong(message, quoted.then_some("put it in quotes"));
        }
        match value {
            Value::Object(members) => self.members(schema, members),
            Value::Array(items) => self.items(schema, items),
            Value::String(text) => self.text(schema, text),
            Value::Number(number) => self.number(schema, number),
            Value::Null | Value::Bool(_) => true,
        }
    }

    fn members(&mut self, schema: &Value, members: &mut Map<String, Value>) -> bool {
        let before = self.problems.len();
        members.retain(|name, value| {
            self.path.push(name.clone());
            let stays = match member(schema, name) {
                Some(Value::Bool(true)) | None => true,
                Some(Value::Bool(false)) => {
                    let hint = nearest(schema, name).map(|near| format!("did you mean `{near}`?"));
                    let warning = self.note("is not a known key".into(), hint.as_deref());
                    self.warnings.push(warning);
                    false
                }
                Some(schema) => self.value(schema, value),
            };
            self.path.pop();
            stays
        });
        if self.partial {
            return true;
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let missing: Vec<&str> =
            required.filter_map(Value::as_str).filter(|name| !members.contains_key(*name)).collect();
        if missing.is_empty() {
            return true;
        }
        if self.problems.len() == before {
            for name in missing {
                self.path.push(name.to_owned());
                self.wrong("is missing", None);
                self.path.pop();
            }
        }
        false
    }

    fn items(&mut self, schema: &Value, items: &mut Vec<Value>) -> bool {
        let Some(of) = schema.get("items") else { return true };
        let (partial, mut at) = (std::mem::replace(&mut self.partial, false), 0_usize);
        items.retain_mut(|item| {
            self.path.push(at.to_string());
            at += 1;
            let stays = self.value(of, item);
            self.path.pop();
            stays
        });
        self.partial = partial;
        true
    }

    fn text(&mut self, schema: &Value, text: &str) -> bool {
        let reference = Reference::parse(text);
        if holds_secret(schema) {
            return match reference {
                Some(Reference::Malformed(why)) => self.wrong(why, None),
                None if self.written && !text.is_empty() => self.wrong(
                    "a secret is not written as it is",
                    Some("write a reference: `${ENV:NAME}` or `${FILE:/path}`"),
                ),
                _ => true,
            };
        }
        if matches!(reference, Some(Reference::Variable(_) | Reference::File(_))) {
            return self.wrong(
                "only a secret may be a reference",
                Some("write the value itself, or set the key by its `BRAINS_…` variable"),
            );
        }
        if schema.get("format").and_then(Value::as_str) == Some("uri")
            && let Err(why) = super::check::web_url(text)
        {
            return self.wrong(why, Some("write it as `https://host/path`"));
        }
        true
    }

    fn number(&mut self, schema: &Value, number: &serde_json::Number) -> bool {
        let Some(value) = number.as_f64() else { return true };
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let format_max = match schema.get("format").and_then(Value::as_str) {
            Some("uint32") => Some(f64::from(u32::MAX)),
            Some("uint16") => Some(f64::from(u16::MAX)),
            _ => None,
        };
        if let Some(least) = bound("minimum")
            && value < least
        {
            return self.wrong(format!("must be {least} or more"), None);
        }
        if let Some(above) = bound("exclusiveMinimum")
            && value <= above
        {
            return self.wrong(format!("must be more than {above}"), None);
        }
        if let Some(most) = bound("maximum").or(format_max)
            && value > most
        {
            return self.wrong(format!("must be {most} or less"), None);
        }
        true
    }
}

/// The values that a schema of an enumeration takes.
fn enum_values(schema: &Value) -> Option<Vec<Value>> {
    if let Some(only) = schema.get("const") {
        return Some(vec![only.clone()]);
    }
    if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        return Some(listed.clone());
    }
    let several = schema.get("oneOf")?.as_array()?;
    Some(several.iter().filter_map(enum_values).flatten().collect())
}

fn fits_type(schema: &Value, value: &Value) -> bool {
    match value {
        Value::Null => accepts(schema, "null"),
        Value::Bool(_) => accepts(schema, "boolean"),
        Value::Number(number) => accepts(schema, "number") || accepts(schema, "integer") && !number.is_f64(),
        Value::String(_) => accepts(schema, "string"),
        Value::Array(_) => accepts(schema, "array"),
        Value::Object(_) => accepts(schema, "object"),
    }
}

fn wanted(schema: &Value) -> &'static str {
    let known = [
        ("boolean", "true or false"),
        ("integer", "a whole number"),
        ("number", "a number"),
        ("string", "text"),
        ("array", "a list"),
        ("object", "a map"),
    ];
    known.iter().find(|(kind, _)| accepts(schema, kind)).map_or("another value", |(_, name)| name)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// The known name that is most like `name`, when one is near enough to be meant.
fn nearest<'a>(schema: &'a Value, name: &str) -> Option<&'a str> {
    crate::nearest(name, schema.get("properties")?.as_object()?.keys().map(String::as_str))
}
