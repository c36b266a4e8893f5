//! The gateway's fixed routes as data. Bodies of the model wires are open: what the product does not know
//! travels on as it is.

use brains_core::FaultKind;
use serde_json::{Map, Value, json};

pub(super) fn paths() -> Map<String, Value> {
    [
        ("/v1/chat/completions", json!({ "post": chat_completions() })),
        (
            "/v1/models",
            json!({ "get": read("list_wire_models", "Lists the model names that a request may carry", "WireModelList") }),
        ),
        ("/v1/models/{id}", json!({ "get": retrieve_model() })),
        ("/health", json!({ "get": health() })),
        ("/health/ready", json!({ "get": ready() })),
        ("/api/openapi.json", json!({ "get": own_document() })),
    ]
    .into_iter()
    .map(|(path, item)| (path.to_owned(), item))
    .collect()
}

pub(super) fn error_response() -> Value {
    json!({
        "description": "What went wrong, in the shape of the called surface.",
        "headers": {
            "x-request-id": { "schema": { "type": "string" } },
            "retry-after": { "description": "Seconds to wait, with 429 and 503.", "schema": { "type": "integer" } },
        },
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    })
}

pub(super) fn schemas() -> Map<String, Value> {
    [
        ("Error", error()),
        ("ChatCompletionRequest", chat_request()),
        ("ChatCompletion", chat_completion()),
        ("WireModel", wire_model()),
        (
            "WireModelList",
            json!({
                "type": "object",
                "required": ["object", "data"],
                "properties": {
                    "object": { "const": "list" },
                    "data": { "type": "array", "items": { "$ref": "#/components/schemas/WireModel" } },
                },
            }),
        ),
        (
            "Health",
            json!({
                "type": "object",
                "required": ["status", "version"],
                "properties": { "status": { "type": "string" }, "version": { "type": "string" } },
            }),
        ),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect()
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

fn chat_request() -> Value {
    json!({
        "type": "object",
        "description": "A chat completions request. Members not named here are kept.",
        "required": ["model", "messages"],
        "properties": {
            "model": { "type": "string", "description": "`brains-auto`, `brains-<tier>`, `<provider>/<model>` or an id of `/v1/models`." },
            "messages": { "type": "array", "minItems": 1, "items": { "type": "object" } },
            "stream": { "type": "boolean", "default": false },
            "tools": { "type": "array", "items": { "type": "object" } },
        },
        "additionalProperties": true,
    })
}

fn chat_completion() -> Value {
    json!({
        "type": "object",
        "required": ["id", "object", "created", "model", "choices"],
        "properties": {
            "id": { "type": "string" },
            "object": { "const": "chat.completion" },
            "created": { "type": "integer" },
            "model": { "type": "string" },
            "choices": { "type": "array", "items": { "type": "object" } },
            "usage": { "type": "object" },
        },
        "additionalProperties": true,
    })
}

fn wire_model() -> Value {
    json!({
        "type": "object",
        "required": ["id", "object"],
        "properties": {
            "id": { "type": "string" },
            "object": { "const": "model" },
            "created": { "type": "integer" },
            "owned_by": { "type": "string" },
        },
        "additionalProperties": true,
    })
}

fn read(id: &str, summary: &str, schema: &str) -> Value {
    json!({
        "operationId": id,
        "tags": ["gateway"],
        "summary": summary,
        "responses": { "200": json_answer("What there is.", schema), "default": failed() },
    })
}

fn json_answer(words: &str, schema: &str) -> Value {
    json!({
        "description": words,
        "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
    })
}

fn failed() -> Value {
    json!({ "$ref": "#/components/responses/Error" })
}

fn chat_completions() -> Value {
    let routing: Map<String, Value> = [
        ("trace-id", "Id of the request's trace."),
        ("task", "Task label, when the classifier was asked."),
        ("complexity", "Complexity, when the classifier tells it."),
        ("confidence", "The classifier's confidence, 0 to 1."),
        ("tier", "The tier that was picked."),
        ("provider", "The provider instance that answered."),
        ("model", "The model asked for there."),
        ("strategy", "How the candidates were found."),
        ("attempts", "How many attempts were made."),
        ("attempt-causes", "Each candidate that did not answer, with a word for why, when there was one."),
        ("route-reason", "Why this route, in one line."),
        ("loss", "What the translation could not carry, when there was any."),
    ]
    .into_iter()
    .map(|(name, words)| {
        (format!("x-brains-{name}"), json!({ "description": words, "schema": { "type": "string" } }))
    })
    .collect();
    json!({
        "operationId": "create_chat_completion",
        "tags": ["gateway"],
        "summary": "Answers a chat, streamed or whole",
        "description": "The model is chosen by classifier and policy when `model` is `brains-auto`. Routing facts travel in headers only. Bodies may be compressed with gzip or zstd.",
        "requestBody": {
            "required": true,
            "content": {
                "application/json": {
                    "schema": { "$ref": "#/components/schemas/ChatCompletionRequest" },
                    "examples": {
                        "first": {
                            "summary": "A first request",
                            "value": { "model": "brains-auto", "messages": [{ "role": "user", "content": "Say hello" }] },
                        },
                    },
                },
            },
        },
        "responses": {
            "200": {
                "description": "The completion; with `stream` a stream of server-sent events that ends in `data: [DONE]`.",
                "headers": routing,
                "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/ChatCompletion" } },
                    "text/event-stream": { "schema": { "type": "string" } },
                },
            },
            "default": failed(),
        },
    })
}

fn retrieve_model() -> Value {
    json!({
        "operationId": "retrieve_wire_model",
        "tags": ["gateway"],
        "summary": "Shows one model name",
        "parameters": [{
            "name": "id", "in": "path", "required": true, "schema": { "type": "string" },
            "description": "The name; it may hold slashes.",
        }],
        "responses": { "200": json_answer("The model.", "WireModel"), "default": failed() },
    })
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
