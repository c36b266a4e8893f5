//! What clients send for what a schema says.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::input::string_list::StringList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Sample {
    workspace: Option<String>,
    id: String,
    #[serde(default)]
    count: u32,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    tags: StringList,
    #[serde(default)]
    numbers: Vec<i64>,
    inner: Option<Inner>,
    #[serde(default)]
    any: Value,
    #[serde(default)]
    to: Vec<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
enum Mode {
    #[default]
    One,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Inner {
    size: i64,
    note: Option<String>,
}

#[track_caller]
fn check(mut input: Value, expected: &Value) {
    let settings =
        schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<Sample>().to_value();
    accept(&schema, &mut input);
    assert_eq!(input, *expected);
}

#[test]
fn null_is_absent_where_a_member_may_be_left_out() {
    check(
        json!({ "id": "a", "workspace": null, "count": null, "mode": null, "tags": null, "inner": null }),
        &json!({ "id": "a" }),
    );
    check(json!({ "id": null, "more": null }), &json!({ "id": null, "more": null }));
    check(json!({ "id": "a", "any": null }), &json!({ "id": "a", "any": null }));
    check(
        json!({ "id": "a", "inner": { "size": 1, "note": null } }),
        &json!({ "id": "a", "inner": { "size": 1 } }),
    );
}

/// JSON Schema 2020-12 6.1.1: an integer is any number without a fraction.
#[test]
fn a_whole_number_is_an_integer_however_it_is_written() {
    check(json!({ "id": "a", "count": 5.0 }), &json!({ "id": "a", "count": 5 }));
    check(
        json!({ "id": "a", "count": 1e3, "numbers": [-2.0, 3] }),
        &json!({ "id": "a", "count": 1000, "numbers": [-2, 3] }),
    );
    check(json!({ "id": "a", "inner": { "size": 7.0 } }), &json!({ "id": "a", "inner": { "size": 7 } }));
    for odd in [json!(5.5), json!(1e30), json!("5")] {
        check(json!({ "id": "a", "count": odd }), &json!({ "id": "a", "count": odd }));
    }
    check(json!({ "id": "a", "any": 5.0 }), &json!({ "id": "a", "any": 5.0 }));
}

#[test]
fn a_text_that_is_a_list_is_one_where_a_list_is_wanted() {
    check(json!({ "id": "a", "tags": "[\"api\",\"db\"]" }), &json!({ "id": "a", "tags": ["api", "db"] }));
    check(json!({ "id": "a", "numbers": " [1.0]" }), &json!({ "id": "a", "numbers": [1] }));
    check(json!({ "id": "a", "inner": "{\"size\": 2.0}" }), &json!({ "id": "a", "inner": { "size": 2 } }));
    check(json!({ "id": "[1]", "tags": "api,db" }), &json!({ "id": "[1]", "tags": "api,db" }));
    check(json!({ "id": "a", "tags": "[api]" }), &json!({ "id": "a", "tags": "[api]" }));
}

#[test]
fn members_of_the_reference_have_our_names() {
    check(json!({ "session_id": "s", "workspace_path": "." }), &json!({ "id": "s", "workspace": "." }));
    check(json!({ "id": "a", "to_session_id": "s" }), &json!({ "id": "a", "to": ["s"] }));
    check(json!({ "id": "a", "session_id": "s" }), &json!({ "id": "a", "session_id": "s" }));
    check(json!({ "id": "a", "task_code": "A-1" }), &json!({ "id": "a", "task_code": "A-1" }));
    check(json!({ "id": "a", "cursor": "" }), &json!({ "id": "a" }));
}
