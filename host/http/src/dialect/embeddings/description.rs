//! The description of embeddings.

use serde_json::{Value, json};

use crate::openapi::{Described, failed};

/// Its path and the schemas that stand in it.
pub(in crate::dialect) fn describe() -> Described {
    Described {
        paths: vec![("/v1/embeddings", json!({ "post": create_embeddings() }))],
        schemas: vec![("EmbeddingsRequest", request()), ("Embeddings", embeddings())],
    }
}

fn create_embeddings() -> Value {
    json!({
        "operationId": "create_embeddings",
        "tags": ["gateway"],
        "summary": "Gives texts their vectors",
        "description": "No classifier is asked: `model` names the model, or `embed_model` of the configuration does. Routing facts travel in headers only. Bodies may be compressed with gzip or zstd.",
        "requestBody": {
            "required": true,
            "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/EmbeddingsRequest" },
                "examples": {
                    "first": {
                        "summary": "One text",
                        "value": { "model": "ollama/nomic-embed-text", "input": "fn main() {}" },
                    },
                },
            } },
        },
        "responses": {
            "200": {
                "description": "The vectors, in the order of the texts.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Embeddings" } } },
            },
            "default": failed(),
        },
    })
}

fn request() -> Value {
    json!({
        "type": "object",
        "description": "A request for embeddings. Members not named here are named in `x-brains-loss`.",
        "required": ["input"],
        "properties": {
            "model": { "type": "string", "description": "`<provider>/<model>`, an id of `/v1/models` or `brains-<tier>`; `embed_model` when it is missing or `brains-auto`." },
            "input": { "description": "Texts; lists of tokens are refused.", "anyOf": [
                { "type": "string" },
                { "type": "array", "minItems": 1, "items": { "type": "string" } },
            ] },
            "dimensions": { "type": "integer", "minimum": 1 },
            "encoding_format": { "enum": ["float", "base64"], "default": "float" },
        },
        "additionalProperties": true,
    })
}

fn embeddings() -> Value {
    json!({
        "type": "object",
        "required": ["object", "data", "model", "usage"],
        "properties": {
            "object": { "const": "list" },
            "data": { "type": "array", "items": { "type": "object" } },
            "model": { "type": "string" },
            "usage": { "type": "object" },
        },
    })
}
