//! The OpenAPI 3.1 document: the operations from the registry, other routes from whoever serves them.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::answer_budget::AnswerLists;
use crate::call_requirement::scope_name;
use crate::input_redaction::add_warnings_to_schema;
use crate::operation::{OperationEntry, OperationKind, add_members};
use crate::registry::Registry;
use crate::request_options;

/// Routes that are no operations.
#[derive(Debug, Clone, Default)]
pub struct FixedRoutes {
    pub paths: Map<String, Value>,
    /// Schemas that they name, by name.
    pub schemas: Map<String, Value>,
    /// The answer of every route that failed.
    pub error: Value,
}

/// The whole document.
pub fn document(registry: &Registry, routes: FixedRoutes) -> Value {
    let FixedRoutes { mut paths, mut schemas, error } = routes;
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let (mut enveloped, mut listing, mut warning) = (Vec::new(), Vec::new(), BTreeSet::new());
    for entry in registry.entries() {
        let input = (entry.describe_input)(&mut generator).to_value();
        if let Some(name) = input.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
        {
            enveloped.push((name.to_owned(), entry));
        }
        let output = (entry.describe_output)(&mut generator).to_value();
        if let Some(name) =
            output.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
        {
            if entry.kind != OperationKind::Read {
                warning.insert(name.to_owned());
            }
            if entry.lists != AnswerLists::Unbounded {
                listing.push((name.to_owned(), entry));
            }
        }
        paths
            .insert(format!("/api/ops/{}", entry.name), json!({ "post": operation(entry, &input, &output) }));
    }
    schemas.extend(generator.take_definitions(true));
    for (name, entry) in enveloped {
        if let Some(schema) = schemas.get_mut(&name) {
            add_members(schema, request_options::properties(entry.accepts()));
            add_members(schema, entry.lists.input_members());
        }
    }
    for (name, entry) in listing {
        if let Some(schema) = schemas.get_mut(&name) {
            add_members(schema, entry.lists.answer_members());
        }
    }
    for name in warning {
        if let Some(schema) = schemas.get_mut(&name) {
            add_warnings_to_schema(schema);
        }
    }
    sort(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Brains",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A model gateway whose providers, classifiers and policies are WebAssembly components.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "http://127.0.0.1:8787", "description": "The gateway's default listener." }],
        "security": [{ "bearer": [] }, { "apiKey": [] }],
        "tags": tags(registry),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "x-api-key" },
            },
            "responses": { "Error": error },
            "schemas": schemas,
        },
    })
}

fn operation(entry: &OperationEntry, input: &Value, output: &Value) -> Value {
    let examples: Map<String, Value> = entry
        .examples
        .iter()
        .enumerate()
        .filter_map(|(index, example)| {
            let value: Value = serde_json::from_str(example.input).ok()?;
            Some((format!("example{}", index + 1), json!({ "summary": example.title, "value": value })))
        })
        .collect();
    let takes_input = entry.input_schema.get("required").is_some();
    json!({
        "operationId": entry.name,
        "tags": [entry.noun],
        "summary": entry.summary,
        "description": entry.description,
        "x-brains-kind": entry.kind.word(),
        "x-brains-role": role_word(entry),
        "x-brains-scope": scope_name(entry.scope),
        "x-brains-command": format!("brains {}", entry.cli.path.join(" ")),
        "requestBody": {
            "required": takes_input,
            "content": { "application/json": { "schema": input, "examples": examples } },
        },
        "responses": {
            "200": {
                "description": answer_words(entry.kind),
                "content": { "application/json": { "schema": output } },
            },
            "default": { "$ref": "#/components/responses/Error" },
        },
    })
}

fn answer_words(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Read => "What there is.",
        OperationKind::Write | OperationKind::Flow => "Done.",
        OperationKind::Touch => "Noted.",
    }
}

pub(crate) fn role_word(entry: &OperationEntry) -> &'static str {
    match entry.role {
        brains_core::principal::Role::Admin => "admin",
        brains_core::principal::Role::Member => "member",
    }
}

fn tags(registry: &Registry) -> Vec<Value> {
    let mut names = vec!["gateway"];
    for entry in registry.entries() {
        if !names.contains(&entry.noun) {
            names.push(entry.noun);
        }
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

/// The document is compared with a committed file, so its order must not depend on that of discovery.
fn sort(schemas: &mut Map<String, Value>) {
    let mut pairs: Vec<(String, Value)> = std::mem::take(schemas).into_iter().collect();
    pairs.sort_by(|left, right| left.0.cmp(&right.0));
    schemas.extend(pairs);
}
