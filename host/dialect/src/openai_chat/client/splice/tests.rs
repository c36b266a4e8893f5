//! A body that was changed equals the client's but for the changes.

use proptest::prelude::*;
use serde_json::Value;

use super::splice;
use crate::canon::relay::{Edit, Member};
use crate::envelope::{Envelope, SpliceError};
use crate::ingress::RelayChanges;

fn set(name: &str, value: &str) -> Edit {
    Edit::set(name, value)
}

fn instructed(body: &str, instructions: &[&str], edits: &[Edit]) -> Result<String, SpliceError> {
    let envelope = Envelope::scan(body.as_bytes()).unwrap();
    Ok(splice(&envelope, &RelayChanges { instructions, edits, ..RelayChanges::default() })?.body)
}

/// How the upstream is asked for counts.
fn counted() -> Edit {
    Edit::Add(Member { path: "stream_options.include_usage".into(), value: "true".into() })
}

fn streamed(body: &str) -> Result<String, SpliceError> {
    let envelope = Envelope::scan(body.as_bytes()).unwrap();
    Ok(splice(&envelope, &RelayChanges { edits: &[counted()], ..RelayChanges::default() })?.body)
}

#[test]
fn every_other_byte_stays() {
    let body =
        "{ \"x\" : [1,  2] ,\n \"mod\\u0065l\" : \"a\",\"messages\":\t[ {\"role\":\"user\"} ], \"y\":1e2 }";
    assert_eq!(instructed(body, &[], &[]).unwrap(), body);
    assert_eq!(
        instructed(body, &["P\n"], &[]).unwrap(),
        body.replace("[ {", "[{\"role\":\"system\",\"content\":\"P\\n\"}, {")
    );
    assert_eq!(
        instructed("{\"messages\":[]}", &["P", "Q"], &[]).unwrap(),
        "{\"messages\":[{\"role\":\"system\",\"content\":\"P\"},{\"role\":\"system\",\"content\":\"Q\"}]}"
    );
}

#[test]
fn instructions_stay_first_whatever_an_edit_does() {
    let body = "{\"messages\":[1]}";
    let out = instructed(body, &["P"], &[set("messages", " [] ")]).unwrap();
    assert_eq!(out, "{\"messages\":[{\"role\":\"system\",\"content\":\"P\"}] }");
    for edit in [Edit::remove("", &["messages"]), set("messages", "{}")] {
        let refused = instructed(body, &["P"], &[edit]).unwrap_err();
        assert_eq!(refused, SpliceError::NoPlace { member: "messages" });
    }
    assert_eq!(instructed(body, &[], &[Edit::remove("", &["messages"])]).unwrap(), "{}");
    let invalid = instructed("{\"messages\":{}}", &["P"], &[]).unwrap_err().to_string();
    assert_eq!(invalid, "`messages`: expected an array, found an object");
}

#[test]
fn usage_is_asked_for_beside_other_options() {
    let on = "{\"stream_options\":{\"include_usage\":true}}";
    for body in ["{}", "{\"stream_options\":null}", "{\"stream_options\":{\"include_usage\":false}}", on] {
        assert_eq!(streamed(body).unwrap(), on, "{body}");
    }
    assert_eq!(
        streamed("{\"stream_options\":{ \"a\" : 1 }}").unwrap(),
        "{\"stream_options\":{ \"a\" : 1,\"include_usage\":true }}"
    );
    assert!(streamed("{\"stream_options\":{\"include_usage\":true,\"include_usage\":false}}").is_err());
}

/// JSON text with odd spacing, and its value.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        Just("1.50e+3".to_owned()),
        Just("\"\\u00e9\\/\\ud83d\\ude00\"".to_owned()),
        any::<String>().prop_map(|text| crate::json::quote(&text)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), space())
                .prop_map(|(items, gap)| format!("[{gap}{}{gap}]", items.join(&format!("{gap},")))),
            (prop::collection::vec(("[a-d]{1,2}", inner), 0..4), space()).prop_map(|(members, gap)| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("{gap}\"{name}\":{gap}{value}")).collect();
                format!("{{{}{gap}}}", members.join(","))
            }),
        ]
    })
}

fn space() -> impl Strategy<Value = String> {
    "[ \\n\\t\\r]{0,3}"
}

proptest! {
    #[test]
    fn any_body_equals_itself_but_for_the_splices(
        members in prop::collection::vec(("[u-z]{1,2}", value(), space(), space()), 0..6),
        place in 0_usize..6,
        gap in space(),
        turns in prop::collection::vec(value(), 0..3),
        escaped in any::<bool>(),
    ) {
        let model = if escaped { "m\\u006fdel" } else { "model" };
        let turns = format!("[{gap}{}]", turns.join(","));
        let write = |model_value: &str, turns: &str, tail: &str| {
            let mut parts: Vec<String> = members.iter().map(|(name, value, before, after)| format!("{before}\"{name}\"{after}:{value}{before}")).collect();
            parts.insert(place.min(parts.len()), format!("{gap}\"{model}\":{gap}{model_value}"));
            parts.insert((place * 2).min(parts.len()), format!("\"messages\"{gap}:{turns}"));
            let last_gap = gap.as_str();
            // The tail goes right behind the last value, before the space that follows it.
            let body = parts.join(",");
            let trimmed = body.trim_end_matches([' ', '\n', '\t', '\r']);
            let rest = body.strip_prefix(trimmed).unwrap();
            format!("{last_gap}{{{trimmed}{tail}{rest}{last_gap}}}{last_gap}")
        };
        let body = write("\"old\"", &turns, "");
        let envelope = Envelope::scan(body.as_bytes()).unwrap();
        let edits = [counted(), set("model", "\"new\"")];
        let changes = RelayChanges { instructions: &["P"], edits: &edits, ..RelayChanges::default() };
        let spliced = splice(&envelope, &changes).unwrap().body;
        let inner = turns.strip_prefix('[').unwrap();
        let comma = if inner.trim_start() == "]" { "" } else { "," };
        let headed = format!("[{{\"role\":\"system\",\"content\":\"P\"}}{comma}{inner}");
        let expected = write("\"new\"", &headed, ",\"stream_options\":{\"include_usage\":true}");
        prop_assert_eq!(&spliced, &expected);
        let parsed: Value = serde_json::from_str(&spliced).unwrap();
        prop_assert_eq!(&parsed["model"], "new");
        prop_assert_eq!(&parsed["messages"][0]["content"], "P");
        prop_assert_eq!(&parsed["stream_options"]["include_usage"], true);
    }
}
