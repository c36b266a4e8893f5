//! The description of Responses. Bodies are open: what the product does not know travels on as it is.

use serde_json::{Value, json};

use crate::dialect::chat::description::routing;
use crate::openapi::{Described, failed};

/// Its path and the schemas that stand in it.
pub(in crate::dialect) fn describe() -> Described {
    Described {
        paths: vec![("/v1/responses", json!({ "post": responses() }))],
        schemas: vec![("ResponseRequest", request()), ("Response", response())],
    }
}

fn responses() -> Value {
    json!({
        "operationId": "create_response",
        "tags": ["gateway"],
        "summary": "Answers a request for a response, streamed or whole",
        "description": "As chat completions, in the wire that Codex speaks. Nothing is stored: `previous_response_id` needs a provider of the same wire. There is no WebSocket here.",
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
