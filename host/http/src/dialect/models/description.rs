//! The description of the lists of models.

use serde_json::{Value, json};

use crate::openapi::{Described, failed, json_answer};

/// Its paths and the schemas that stand in them.
pub(in crate::dialect) fn describe() -> Described {
    Described {
        paths: vec![
            ("/v1/models", json!({ "get": list_models() })),
            ("/v1/models/{id}", json!({ "get": retrieve_model() })),
        ],
        schemas: vec![
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
        ],
    }
}

fn list_models() -> Value {
    json!({
        "operationId": "list_wire_models",
        "tags": ["gateway"],
        "summary": "Lists the model names that a request may carry",
        "responses": { "200": json_answer("What there is.", "WireModelList"), "default": failed() },
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
