//! The description of chat completions. Bodies are open: what the product does not know travels on as it is.

use serde_json::{Map, Value, json};

use crate::openapi::{Described, failed};

/// Its path and the schemas that stand in it.
pub(in crate::dialect) fn describe() -> Described {
    Described {
        paths: vec![("/v1/chat/completions", json!({ "post": chat_completions() }))],
        schemas: vec![("ChatCompletionRequest", chat_request()), ("ChatCompletion", chat_completion())],
    }
}

fn chat_completions() -> Value {
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
                "headers": routing(),
                "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/ChatCompletion" } },
                    "text/event-stream": { "schema": { "type": "string" } },
                },
            },
            "default": failed(),
        },
    })
}

/// The headers that say how a request was routed.
pub(in crate::dialect) fn routing() -> Map<String, Value> {
    [
        ("trace-id", "Id of the request's trace."),
        ("task", "Task label, when the classifier was asked."),
        ("complexity", "Complexity, when the classifier gives it."),
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
    .collect()
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
