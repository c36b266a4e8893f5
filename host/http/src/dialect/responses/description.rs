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
            ("/v1/responses/{id}", json!({ "get": show(), "delete": delete() })),
            ("/v1/responses/{id}/input_items", json!({ "get": inputs() })),
            ("/v1/responses/{id}/cancel", json!({ "post": cancel() })),
        ],
        schemas: vec![
            ("ResponseRequest", request()),
            ("Response", response()),
            ("ResponseItems", items()),
            ("ResponseDeleted", deleted()),
        ],
    }
}

fn responses() -> Value {
    json!({
        "operationId": "create_response",
        "tags": ["gateway"],
        "summary": "Answers a request for a response, streamed or whole",
        "description": "As chat completions, in the wire that Codex speaks. The answer is kept here, unless `store` is false or `responses.store` is off, and `previous_response_id` goes on from it, whichever provider answers next. `background` and `conversation` are refused by their names. A request for a WebSocket is answered 426.",
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

/// A route of a kept response.
struct KeptRoute<'a> {
    operation: &'a str,
    summary: &'a str,
    description: &'a str,
    answer: &'a str,
    schema: &'a str,
    query: Vec<Value>,
}

const WHOSE: &str = "Of what the caller may see: an operator's keys see what was asked with any of them, a key for models alone what was asked with it.";

fn kept(route: KeptRoute<'_>) -> Value {
    let KeptRoute { operation, summary, description, answer, schema, query } = route;
    let id = json!({
        "name": "id",
        "in": "path",
        "required": true,
        "schema": { "type": "string" },
        "description": "The response's id.",
    });
    let parameters: Vec<Value> = std::iter::once(id).chain(query).collect();
    json!({
        "operationId": operation,
        "tags": ["gateway"],
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": answer,
                "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
            },
            "default": failed(),
        },
    })
}

fn show() -> Value {
    kept(KeptRoute {
        operation: "get_response",
        summary: "A response that was kept",
        description: WHOSE,
        answer: "The response, with what it goes on from.",
        schema: "Response",
        query: Vec::new(),
    })
}

fn delete() -> Value {
    kept(KeptRoute {
        operation: "delete_response",
        summary: "Deletes a response",
        description: WHOSE,
        answer: "It is gone, and what went on from it goes on no more.",
        schema: "ResponseDeleted",
        query: Vec::new(),
    })
}

fn inputs() -> Value {
    let query = |name: &str, schema: Value, what: &str| json!({ "name": name, "in": "query", "schema": schema, "description": what });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 });
    kept(KeptRoute {
        operation: "list_response_inputs",
        summary: "What went into a response",
        description: WHOSE,
        answer: "Its own input and all that was said before, newest first unless `order` is `asc`.",
        schema: "ResponseItems",
        query: vec![
            query("limit", limit, "Items of a page."),
            query("order", json!({ "enum": ["asc", "desc"], "default": "desc" }), "Oldest or newest first."),
            query("after", json!({ "type": "string" }), "The id of the item behind which the page begins."),
        ],
    })
}

fn cancel() -> Value {
    kept(KeptRoute {
        operation: "cancel_response",
        summary: "Ends a response that is under way",
        description: "Responses are answered at once, so there is nothing to end: 400, or 404 when there is no such response. A request that is under way ends with its connection.",
        answer: "Never given: none is answered in the background.",
        schema: "Response",
        query: Vec::new(),
    })
}

fn items() -> Value {
    json!({
        "type": "object",
        "required": ["object", "data", "first_id", "last_id", "has_more"],
        "properties": {
            "object": { "const": "list" },
            "data": { "type": "array", "items": { "type": "object" } },
            "first_id": { "type": ["string", "null"] },
            "last_id": { "type": ["string", "null"] },
            "has_more": { "type": "boolean" },
        },
    })
}

fn deleted() -> Value {
    json!({
        "type": "object",
        "required": ["id", "object", "deleted"],
        "properties": {
            "id": { "type": "string" },
            "object": { "const": "response" },
            "deleted": { "const": true },
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
            "store": { "type": "boolean", "default": true, "description": "Keep the answer, to go on from it." },
            "previous_response_id": { "type": "string", "description": "The answer that this goes on from." },
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
            "status": { "enum": ["completed", "incomplete", "failed", "cancelled", "in_progress"] },
            "model": { "type": "string" },
            "output": { "type": "array", "items": { "type": "object" } },
            "usage": { "type": ["object", "null"] },
        },
        "additionalProperties": true,
    })
}
