use serde_json::{Value, json};

use super::{input, output, prune};

#[test]
fn inputs_keep_what_a_client_reads() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ListThings", "type": "object",
        "properties": {
            "limit": {"description": "How many\nat most.", "type": "integer", "format": "uint32", "minimum": 0, "maximum": 9, "default": 5},
            "name": {"description": "Its name.", "type": ["string", "null"]},
            "kind": {"description": "Which.", "anyOf": [{"oneOf": [{"const": "a", "description": "A."}, {"type": "string", "enum": ["b"]}]}, {"type": "null"}]},
            "tags": {"description": "Tags.", "type": "array", "items": {"type": "string"}, "default": null},
            "data": true,
        },
        "required": ["limit"], "additionalProperties": false,
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "description": "How many at most.", "maximum": 9, "default": 5},
            "name": {"type": "string", "description": "Its name."},
            "kind": {"type": "string", "enum": ["a", "b"], "description": "Which."},
            "tags": {"type": "array", "description": "Tags.", "items": {"type": "string"}},
            "data": {},
        },
        "required": ["limit"], "additionalProperties": false,
    });
    assert_eq!(Value::Object(input(&schema)), expected);
    assert_eq!(
        Value::Object(input(&json!({"type": "object"}))),
        json!({"type": "object", "properties": {}, "additionalProperties": false})
    );
}

#[test]
fn outputs_are_objects_and_tell_their_members() {
    let row = json!({"type": "object", "properties": {"id": {"type": "string", "description": "x"}}});
    let schema = json!({"type": "object", "properties": {
        "any": true, "rows": {"type": "array", "items": row}, "row": {"anyOf": [row, {"type": "null"}]},
        "next": {"anyOf": [{"type": "string"}, {"type": "null"}]}}});
    let expected = json!({"type": "object", "properties": {"rows": {"type": "array"}}});
    assert_eq!(Value::Object(output(&schema)), expected);
    assert_eq!(Value::Object(output(&json!({"type": "array"}))), json!({"type": "object"}));
}

#[test]
fn only_members_that_may_be_absent_are_pruned() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": ["string", "null"]}, "b": true,
        "rows": {"type": "array", "items": {"type": "object", "properties": {"c": {"anyOf": [{"type": "object"}, {"type": "null"}]}}}},
        "map": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}}}});
    let mut value =
        json!({"a": null, "b": null, "rows": [{"c": null, "d": null}], "map": {"x": null, "y": 1}});
    prune(&schema, &mut value);
    assert_eq!(value, json!({"b": null, "rows": [{"d": null}], "map": {"y": 1}}));
}
