//! The description of Responses. Bodies are open: what the product does not know travels on as it is.

use serde_json::{Value, json};

use crate::dialect::chat::description::routing;
use crate::openapi::{Described, failed};

/// Its path and the schemas that stand in it.
pub(in crate::dialect) fn describe() -> Described {
    Described {
        paths: vec![
            ("/v1/responses", json!({ "post": responses() })),
            ("/v1/responses/compact", json!({ "post": compact() })),
        ],
        schemas: vec![("ResponseRequest", request()), ("Response", response())],
    }
}

fn responses() -> Value {
    json!({
        "operationId": "create_response",
        "tags": ["gateway"],
        "summary": "Answers a request for a response, streamed or whole",
        "description": "As chat completions, in the wire that Codex speaks. Nothing is stored: `previous_response_id` needs a provider of the same wire. A request for a WebSocket is answered 426.",
        "requestBody": {
            "required": true,
            "content": {
                "application/json": {
                    "schema": { "$ref": "#/components/schemas/ResponseRequest" },
                    "examples": {
                        "first": {
                            "summary": "A first request",
                            "value": { "model": "brains-auto", "input": "Say hello" },
                        },
                    },
                },
            },
        },
        "responses": {
            "200": {
                "description": "The response; with `stream` a stream of server-sent events that ends in `response.completed`, `response.incomplete` or `response.failed`.",
                "headers": routing(),
                "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Response" } },
                    "text/event-stream": { "schema": { "type": "string" } },
                },
            },
            "default": failed(),
        },
    })
}

fn compact() -> Value {
    json!({
        "operationId": "compact_response",
        "tags": ["gateway"],
        "summary": "Makes a conversation shorter",
        "description": "Where the upstream speaks Responses it is asked. Elsewhere the model writes a summary, which comes back as a `compaction` item that any later request may hold, whoever answers it. A `compaction_trigger` as the last item of an ordinary request does the same.",
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ResponseRequest" } } },
        },
        "responses": {
            "200": {
                "description": "What takes the place of the conversation: what users said, then the item for all the rest.",
                "headers": routing(),
                "content": { "application/json": { "schema": {
                    "type": "object",
                    "required": ["id", "object", "output"],
                    "properties": {
                        "id": { "type": "string" },
                        "object": { "const": "response.compaction" },
                        "created_at": { "type": "integer" },
                        "output": { "type": "array", "items": { "type": "object" } },
                        "usage": { "type": ["object", "null"] },
                    },
                    "additionalProperties": true,
                } } },
            },
            "default": failed(),
        },
    })
}

fn request() -> Value {
    json!({
        "type": "object",
        "description": "A Responses request. Members not named here are kept.",
        "required": ["model"],
        "properties": {
            "model": { "type": "string", "description": "`brains-auto`, `brains-<tier>`, `<provider>/<model>` or an id of `/v1/models`." },
            "input": { "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "object" } }] },
            "instructions": { "type": "string" },
            "stream": { "type": "boolean", "default": false },
            "tools": { "type": "array", "items": { "type": "object" } },
        },
        "additionalProperties": true,
    })
}

fn response() -> Value {
    json!({
        "type": "object",
        "required": ["id", "object", "created_at", "status", "model", "output"],
        "properties": {
            "id": { "type": "string" },
            "object": { "const": "response" },
            "created_at": { "type": "integer" },
            "status": { "enum": ["completed", "incomplete", "failed", "in_progress"] },
            "model": { "type": "string" },
            "output": { "type": "array", "items": { "type": "object" } },
            "usage": { "type": ["object", "null"] },
        },
        "additionalProperties": true,
    })
}
