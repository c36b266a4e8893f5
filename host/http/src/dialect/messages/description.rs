//! The description of Messages. Bodies are open: what the product does not know travels on as it is.

use serde_json::{Value, json};

use crate::openapi::{Described, failed};

/// Its path and the schemas that stand in it.
pub(in crate::dialect) fn describe() -> Described {
    Described {
        paths: vec![
            ("/v1/messages", json!({ "post": messages() })),
            ("/v1/messages/cache_touch", json!({ "post": cache_touch() })),
        ],
        schemas: vec![("MessagesRequest", request()), ("Message", message())],
    }
}

fn messages() -> Value {
    json!({
        "operationId": "create_message",
        "tags": ["gateway"],
        "summary": "Answers messages, streamed or whole",
        "description": "As chat completions, on the wire of Anthropic's clients. `anthropic-version`, `anthropic-beta` and the query travel on to upstreams of the same wire. Routing facts travel in headers only.",
        "requestBody": {
            "required": true,
            "content": {
                "application/json": {
                    "schema": { "$ref": "#/components/schemas/MessagesRequest" },
                    "examples": {
                        "first": {
                            "summary": "A first request",
                            "value": { "model": "brains-auto", "max_tokens": 1024, "messages": [{ "role": "user", "content": "Say hello" }] },
                        },
                    },
                },
            },
        },
        "responses": {
            "200": {
                "description": "The message; with `stream` a stream of server-sent events that ends in `message_stop`.",
                "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Message" } },
                    "text/event-stream": { "schema": { "type": "string" } },
                },
            },
            "default": failed(),
        },
    })
}

fn cache_touch() -> Value {
    json!({
        "operationId": "touch_message_cache",
        "tags": ["gateway"],
        "summary": "Keeps the prompt of an earlier request warm at whoever served it",
        "description": "Goes to the provider that served the request, under the id that it has there. 404 when nobody keeps its prompt: the request is not this key's, is older than an hour, was served by another process, or went to an upstream that has no such call.",
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": {
                "type": "object",
                "required": ["request_id"],
                "properties": {
                    "request_id": { "type": "string", "description": "The header `request-id` of the earlier answer." },
                },
                "additionalProperties": true,
            } } },
        },
        "responses": {
            "200": {
                "description": "As the upstream answers.",
                "content": { "application/json": { "schema": { "type": "object" } } },
            },
            "default": failed(),
        },
    })
}

fn request() -> Value {
    json!({
        "type": "object",
        "description": "A Messages request. Members not named here are kept.",
        "required": ["model", "messages"],
        "properties": {
            "model": { "type": "string", "description": "`brains-auto`, `claude-brains-<tier>`, `<provider>/<model>` or an id of `/v1/models`." },
            "max_tokens": { "type": "integer" },
            "messages": { "type": "array", "minItems": 1, "items": { "type": "object" } },
            "system": { "description": "A text or a list of blocks." },
            "stream": { "type": "boolean", "default": false },
            "tools": { "type": "array", "items": { "type": "object" } },
        },
        "additionalProperties": true,
    })
}

fn message() -> Value {
    json!({
        "type": "object",
        "required": ["id", "type", "role", "model", "content", "stop_reason", "usage"],
        "properties": {
            "id": { "type": "string" },
            "type": { "const": "message" },
            "role": { "const": "assistant" },
            "model": { "type": "string" },
            "content": { "type": "array", "items": { "type": "object" } },
            "stop_reason": { "type": ["string", "null"] },
            "usage": { "type": "object" },
        },
        "additionalProperties": true,
    })
}
