//! The description of Responses. Bodies are open: what the product does not know travels on as it is.

use serde_json::{Value, json};

use crate::dialect::chat::description::routing;
use crate::openapi::{Described, failed};

/// Its path and the schemas that stand in it.
pub(in crate::dialect) fn describe() -> Described {
    Described {
        paths: vec![
            ("/v1/responses", json!({ "post": responses() })),
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
        "description": "As chat completions, in the wire that Codex speaks. The answer is kept here, unless `store` is false or `responses.store` is off, and `previous_response_id` goes on from it, whichever provider answers next. `background` and `conversation` are refused by their names. There is no WebSocket here.",
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

/// One route of a kept response.
fn of_kept(operation: &str, summary: &str, answer: &str, schema: &str) -> Value {
    json!({
        "operationId": operation,
        "tags": ["gateway"],
        "summary": summary,
        "description": "Of what the caller may see: an operator's keys see what was asked with any of them, a key for models alone what was asked with it.",
        "parameters": [id()],
        "responses": {
            "200": {
                "description": answer,
                "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
            },
            "default": failed(),
        },
    })
}

/// The route with another member.
fn with(mut route: Value, name: &str, value: Value) -> Value {
    if let Some(members) = route.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    route
}

fn id() -> Value {
    json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" }, "description": "The response's id." })
}

fn show() -> Value {
    of_kept(
        "get_response",
        "A response that was kept",
        "The response, with what it goes on from.",
        "Response",
    )
}

fn delete() -> Value {
    of_kept(
        "delete_response",
        "Deletes a response",
        "It is gone, and what went on from it goes on no more.",
        "ResponseDeleted",
    )
}

fn inputs() -> Value {
    let route = of_kept(
        "list_response_inputs",
        "What went into a response",
        "Its own input and all that was said before, newest first unless `order` is `asc`.",
        "ResponseItems",
    );
    let query = |name: &str, schema: Value, what: &str| json!({ "name": name, "in": "query", "schema": schema, "description": what });
    let parameters = json!([
        id(),
        query(
            "limit",
            json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }),
            "Items of a page."
        ),
        query("order", json!({ "enum": ["asc", "desc"], "default": "desc" }), "Oldest or newest first."),
        query("after", json!({ "type": "string" }), "The id of the item behind which the page begins."),
    ]);
    with(route, "parameters", parameters)
}

fn cancel() -> Value {
    let route = of_kept(
        "cancel_response",
        "Ends a response that is under way",
        "Never given: none is answered in the background.",
        "Response",
    );
    let description = "Responses are answered at once, so there is nothing to end: 400, or 404 when there is no such response. A request that is under way ends with its connection.";
    with(route, "description", description.into())
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
