//! Reading of inputs.

use brains_core::Millis;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Span, TimePoint, read};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Sample {
    name: String,
    #[serde(default)]
    count: u8,
    inner: Option<Inner>,
    since: Option<TimePoint>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Inner {
    list: Vec<u16>,
}

#[track_caller]
fn check(input: Value, code: &str, param: Option<&str>, message: &str) {
    let schema = schemars::schema_for!(Sample).to_value();
    let fault = read::<Sample>(&schema, input).unwrap_err();
    assert_eq!(
        (fault.code.as_ref(), fault.param.as_deref(), fault.message.as_str()),
        (code, param, message),
        "{fault:?}"
    );
}

#[test]
fn errors_name_the_member() {
    check(json!([]), "invalid_type", None, "the input is not a JSON object");
    check(json!({}), "missing_required_parameter", Some("name"), "`name` is missing");
    check(Value::Null, "missing_required_parameter", Some("name"), "`name` is missing");
    check(json!({ "name": "a", "nmae": 1 }), "unknown_parameter", Some("nmae"), "unknown member `nmae`");
    check(json!({ "name": 5 }), "invalid_value", Some("name"), "`name`: integer `5` is not a text");
    check(
        json!({ "name": "a", "count": 300 }),
        "invalid_value",
        Some("count"),
        "`count`: integer `300` is not a whole number between 0 and 255",
    );
    check(
        json!({ "name": "a", "inner": { "list": [1, "x"] } }),
        "invalid_value",
        Some("inner.list[1]"),
        "`inner.list[1]`: text \"x\" is not a whole number between 0 and 65535",
    );
    check(
        json!({ "name": "a", "inner": {} }),
        "missing_required_parameter",
        Some("inner.list"),
        "`inner.list` is missing",
    );
    check(
        json!({ "name": "a", "since": "yesterday" }),
        "invalid_value",
        Some("since"),
        "`since`: `yesterday` is not an RFC 3339 time up to 9999-12-30T22:00:00.999Z, and no length of time such as `24h`",
    );
}

#[test]
fn an_unknown_member_inside_is_refused_with_its_path() {
    let schema = schemars::schema_for!(Sample).to_value();
    let input = json!({ "name": "a", "inner": { "list": [], "more": 1 } });
    let fault = read::<Sample>(&schema, input).unwrap_err();
    assert!(fault.param.as_deref().is_some_and(|param| param.starts_with("inner")), "{fault:?}");
    assert!(fault.message.contains("`more`"), "{fault:?}");
}

#[test]
fn spans_are_a_count_and_a_unit() {
    for (text, ms) in
        [("90s", 90_000), ("15m", 900_000), ("24h", 86_400_000), ("7d", 604_800_000), ("2w", 1_209_600_000)]
    {
        assert_eq!(Span::parse(text), Some(Span { ms }), "{text}");
    }
    for text in
        ["", "5", "h", "-1h", "0s", "1.5h", "1 h", "5y", "99999999999999999999s", "9999999999w", "1hé"]
    {
        assert_eq!(Span::parse(text), None, "{text}");
    }
}

#[test]
fn moments_are_times_or_how_long_ago() {
    let now = Millis(1_000_000_000);
    let read = |text: &str| serde_json::from_value::<TimePoint>(json!(text)).unwrap().resolve(now);
    assert_eq!(read("1h"), Millis(1_000_000_000 - 3_600_000));
    assert_eq!(read("1970-01-01T00:00:01Z"), Millis(1_000));
}
