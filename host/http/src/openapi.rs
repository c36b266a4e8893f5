//! The description of this surface, as OpenAPI: operations from their registry, wires from where they are served, and the
//! few routes that are neither.

#[cfg(test)]
mod tests;

use brains_control::Registry;
use brains_control::openapi::{self, FixedRoutes};
use brains_core::FaultKind;
use serde_json::{Value, json};

use crate::dialect;

/// Paths and schemas of some routes.
#[derive(Debug, Default)]
pub(crate) struct Described {
    pub(crate) paths: Vec<(&'static str, Value)>,
    pub(crate) schemas: Vec<(&'static str, Value)>,
}

/// The whole document.
pub(crate) fn document(registry: &Registry) -> Value {
    let Described { mut paths, mut schemas } = dialect::describe();
    paths.extend([
        ("/health", json!({ "get": health() })),
        ("/health/ready", json!({ "get": ready() })),
        ("/api/openapi.json", json!({ "get": own_document() })),
    ]);
    schemas.extend([
        ("Error", error()),
        (
            "Health",
            json!({
                "type": "object",
                "required": ["status", "version"],
                "properties": { "status": { "type": "string" }, "version": { "type": "string" } },
            }),
        ),
    ]);
    let named = |(name, value): (&str, Value)| (name.to_owned(), value);
    openapi::document(
        registry,
        FixedRoutes {
            paths: paths.into_iter().map(named).collect(),
            schemas: schemas.into_iter().map(named).collect(),
            error: error_response(),
        },
    )
}

fn error_response() -> Value {
    json!({
        "description": "What went wrong, in the shape of the called surface.",
        "headers": {
            "x-request-id": { "schema": { "type": "string" } },
            "retry-after": { "description": "Seconds to wait, with 429 and 503.", "schema": { "type": "integer" } },
        },
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "code"],
                "properties": {
                    "message": { "type": "string" },
                    "type": { "type": "string" },
                    "code": { "type": ["string", "null"], "description": "Stable machine word." },
                    "param": { "type": ["string", "null"], "description": "The offending member, as a path." },
                    "hint": { "type": ["string", "null"], "description": "What to do next." },
                    "kind": { "enum": FaultKind::ALL.map(FaultKind::word), "description": "Of operations: what went wrong." },
                    "retry_after_ms": { "type": "integer", "description": "Of operations: when to come back." },
                    "upstream_status": { "type": "integer", "description": "Of operations: what an upstream answered." },
                },
            },
        },
    })
}

pub(crate) fn json_answer(words: &str, schema: &str) -> Value {
    json!({
        "description": words,
        "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
    })
}

pub(crate) fn failed() -> Value {
    json!({ "$ref": "#/components/responses/Error" })
}

fn health() -> Value {
    json!({
        "operationId": "health",
        "tags": ["gateway"],
        "summary": "Says that the process answers",
        "security": [],
        "responses": { "200": json_answer("It answers.", "Health") },
    })
}

fn ready() -> Value {
    json!({
        "operationId": "ready",
        "tags": ["gateway"],
        "summary": "Says whether requests can be served; with a key, in detail",
        "security": [{}, { "bearer": [] }, { "apiKey": [] }],
        "responses": {
            "200": json_answer("Ready.", "Health"),
            "503": json_answer("Not ready.", "Health"),
        },
    })
}

fn own_document() -> Value {
    json!({
        "operationId": "openapi",
        "tags": ["gateway"],
        "summary": "This document",
        "responses": {
            "200": { "description": "The document.", "content": { "application/json": { "schema": { "type": "object" } } } },
            "default": failed(),
        },
    })
}
