//! The field list of an input.

use serde_json::json;

use super::{FieldKind, fields, kind};
use crate::operation::CliShape;

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads as a table")]
fn check(schema: serde_json::Value, expected: FieldKind) {
    assert_eq!(kind(&schema), expected, "{schema}");
}

#[test]
fn schemas_become_kinds() {
    check(json!({ "type": "string" }), FieldKind::Text);
    check(json!({ "type": ["string", "null"] }), FieldKind::Text);
    check(json!({ "type": ["integer", "null"] }), FieldKind::Integer);
    check(json!({ "anyOf": [{ "type": "number" }, { "type": "null" }] }), FieldKind::Number);
    check(json!({ "type": "boolean", "default": false }), FieldKind::Boolean);
    check(json!({ "enum": ["a", "b"] }), FieldKind::Choice(vec!["a".into(), "b".into()]));
    check(
        json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }),
        FieldKind::Choice(vec!["a".into(), "b".into()]),
    );
    check(json!({ "anyOf": [{ "enum": ["a"] }, { "type": "null" }] }), FieldKind::Choice(vec!["a".into()]));
    check(
        json!({ "type": "array", "items": { "type": "string" } }),
        FieldKind::List(Box::new(FieldKind::Text)),
    );
    check(json!({ "type": "object" }), FieldKind::Json);
    check(json!({ "type": ["string", "integer"] }), FieldKind::Json);
    check(json!({ "oneOf": [{ "type": "object" }, { "type": "string" }] }), FieldKind::Json);
    check(json!(true), FieldKind::Json);
}

#[test]
fn positional_fields_stand_first_and_keep_their_order() {
    let schema = json!({
        "properties": {
            "other_one": { "type": "string" },
            "second": { "type": "string" },
            "first": { "type": "string", "description": "Two\nlines." },
        },
        "required": ["first"],
    });
    let cli = CliShape::new(&["x"]).positional(&["first", "second"]).shorts(&[("other_one", 'o')]);
    let fields = fields(&schema, &cli);
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["first", "second", "other_one"]);
    assert!(fields[0].required && fields[0].positional && !fields[2].positional);
    assert_eq!(fields[0].description, "Two lines.");
    assert_eq!((fields[2].short, fields[2].flag().as_str()), (Some('o'), "other-one"));
}
