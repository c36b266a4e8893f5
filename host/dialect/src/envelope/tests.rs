//! A spliced body equals the client's but for the documented splices.

use proptest::prelude::*;
use serde_json::Value;

use super::{Envelope, SpliceError};
use crate::canon::relay;

const BODY: &str =
    "{ \"x\" : [1,  2] ,\n \"mod\\u0065l\" : \"a\",\"messages\":\t[ {\"role\":\"user\"} ], \"y\":1e2 }";

#[track_caller]
fn check(
    body: &str,
    edit: impl FnOnce(&mut super::Splice<'_, '_>) -> Result<(), SpliceError>,
    expected: &str,
) {
    let envelope = Envelope::scan(body.as_bytes()).unwrap();
    let mut splice = envelope.splice();
    edit(&mut splice).unwrap();
    let out = splice.finish().unwrap();
    assert_eq!(out, expected);
    serde_json::from_str::<Value>(&out).unwrap();
}

#[test]
fn every_other_byte_stays() {
    check(BODY, |_| Ok(()), BODY);
    check(
        BODY,
        |splice| splice.set_string("model", "b\"c").map(drop_ref),
        &BODY.replace("\"a\"", "\"b\\\"c\""),
    );
    check(BODY, |splice| splice.set("z", "{}").map(drop_ref), &BODY.replace("1e2 }", "1e2,\"z\":{} }"));
    check(
        BODY,
        |splice| splice.remove("model").map(drop_ref),
        &BODY.replace(" ,\n \"mod\\u0065l\" : \"a\"", ""),
    );
    check(BODY, |splice| splice.remove("x").map(drop_ref), &BODY.replace("\"x\" : [1,  2] ,\n ", ""));
    check(BODY, |splice| splice.remove("y").map(drop_ref), &BODY.replace(", \"y\":1e2", ""));
    check(
        BODY,
        |splice| splice.preamble("P\n").map(drop_ref),
        &BODY.replace("[ {", "[{\"role\":\"system\",\"content\":\"P\\n\"}, {"),
    );
}

fn drop_ref<T>(_: T) {}

#[test]
fn members_come_and_go_at_the_ends() {
    check("{}", |splice| splice.set("a", "1")?.set("b", "2").map(drop_ref), "{\"a\":1,\"b\":2}");
    check(" { } ", |splice| splice.set("a", "1").map(drop_ref), " {\"a\":1 } ");
    check("{\"a\":1}", |splice| splice.remove("a").map(drop_ref), "{}");
    check("{\"a\":1,\"b\":2}", |splice| splice.remove("a")?.remove("b").map(drop_ref), "{}");
    check(
        "{\"a\":1,\"b\":2}",
        |splice| splice.remove("a")?.remove("b")?.set("c", "3").map(drop_ref),
        "{\"c\":3}",
    );
    check("{\"a\":1,\"b\":2,\"c\":3}", |splice| splice.remove("b")?.remove("c").map(drop_ref), "{\"a\":1}");
    check("{\"a\":1,\"b\":2,\"c\":3}", |splice| splice.remove("a")?.remove("b").map(drop_ref), "{\"c\":3}");
    check(
        "{\"a\":1,\"b\":2,\"c\":3}",
        |splice| splice.remove("a")?.set("c", "4").map(drop_ref),
        "{\"b\":2,\"c\":4}",
    );
    check("{\"a\":1}", |splice| splice.remove("nope").map(drop_ref), "{\"a\":1}");
    check("{\"a\":1}", |splice| splice.set("a", "2")?.set("a", "3").map(drop_ref), "{\"a\":3}");
}

#[test]
fn the_preamble_stays_first_whatever_an_edit_does() {
    let set = relay::Edit::Set(relay::Member { name: "messages".into(), value: " [] ".into() });
    let edits = [set];
    let envelope = Envelope::scan(b"{\"messages\":[1]}").unwrap();
    let mut splice = envelope.splice();
    let out = splice.preamble("P").unwrap().apply(&edits).unwrap().finish().unwrap();
    assert_eq!(out, "{\"messages\":[{\"role\":\"system\",\"content\":\"P\"}] }");
    let envelope = Envelope::scan(b"{\"messages\":[1]}").unwrap();
    let mut splice = envelope.splice();
    splice.preamble("P").unwrap().remove("messages").unwrap();
    assert_eq!(splice.finish().unwrap_err(), SpliceError::NoMessages);
}

#[test]
fn usage_is_asked_for_beside_other_options() {
    let on = "{\"stream_options\":{\"include_usage\":true}}";
    let want = |splice: &mut super::Splice<'_, '_>| splice.want_usage().map(drop_ref);
    check("{}", want, on);
    check("{\"stream_options\":null}", want, on);
    check("{\"stream_options\":{\"include_usage\":false}}", want, on);
    check(
        "{\"stream_options\":{ \"a\" : 1 }}",
        want,
        "{\"stream_options\":{ \"a\" : 1,\"include_usage\":true }}",
    );
    check(on, want, on);
}

#[test]
fn a_spliced_member_given_twice_is_the_clients_fault() {
    for body in [
        "{\"model\":1,\"model\":2}",
        "{\"model\":1,\"mod\\u0065l\":2}",
        "{\"m\\u006fdel\":1,\"mod\\u0065l\":2}",
    ] {
        let envelope = Envelope::scan(body.as_bytes()).unwrap();
        assert_eq!(envelope.model().unwrap_err().message, "`model` is given twice");
        let refused = envelope.splice().set("model", "1").map(drop_ref).unwrap_err();
        assert!(matches!(refused, SpliceError::Body(invalid) if invalid.param.as_deref() == Some("model")));
    }
    let envelope =
        Envelope::scan(br#"{"stream_options":{"include_usage":true,"include_usage":false}}"#).unwrap();
    assert!(envelope.include_usage().is_err());
    assert!(envelope.splice().want_usage().is_err());
    // One that nobody touches goes through as it is.
    check("{\"a\":1,\"a\":2}", |splice| splice.set("b", "3").map(drop_ref), "{\"a\":1,\"a\":2,\"b\":3}");
}

#[test]
fn peeks_name_what_is_wrong() {
    let scan = |body: &'static str| Envelope::scan(body.as_bytes()).unwrap();
    let message = |result: Result<_, crate::invalid::Invalid>| result.map(drop_ref).unwrap_err().message;
    assert_eq!(scan(BODY).model().unwrap().unwrap(), "a");
    assert!(!scan(BODY).stream().unwrap());
    assert_eq!(scan(BODY).messages().unwrap(), Some("[ {\"role\":\"user\"} ]"));
    assert_eq!(
        message(scan("{\"model\":5}").model().map(drop_ref)),
        "`model`: expected a string, found a number"
    );
    assert_eq!(
        message(scan("{\"stream\":\"yes\"}").stream().map(drop_ref)),
        "`stream`: expected a boolean, found a string"
    );
    assert_eq!(
        message(scan("{\"messages\":{}}").messages().map(drop_ref)),
        "`messages`: expected an array, found an object"
    );
    let usage = scan("{\"stream_options\":{\"include_usage\":1}}").include_usage().unwrap_err();
    assert_eq!(usage.param.as_deref(), Some("stream_options.include_usage"));
    assert_eq!(scan("{\"n\":2}").choices().unwrap(), Some(2));
    assert!(scan("{\"n\":1.5}").choices().is_err());
}

#[test]
fn an_edit_that_is_not_json_is_the_components_fault() {
    let envelope = Envelope::scan(b"{}").unwrap();
    for bad in ["", "{", "1 2", "1,\"model\":\"x\""] {
        let refused = envelope.splice().set("a", bad).map(drop_ref).unwrap_err();
        assert_eq!(refused, SpliceError::NotJson { member: "a".to_owned() });
    }
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
        let mut splice = envelope.splice();
        splice.set_string("model", "new").unwrap().preamble("P").unwrap().want_usage().unwrap();
        let spliced = splice.finish().unwrap();
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

    #[test]
    fn removal_leaves_valid_json(names in prop::collection::vec("[a-c]", 0..6), gone in "[a-c]") {
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        let parts: Vec<String> = unique.iter().map(|name| format!(" \"{name}\" : [\"{name}\"] ")).collect();
        let body = format!("{{{}}}", parts.join(","));
        let envelope = Envelope::scan(body.as_bytes()).unwrap();
        let out = envelope.splice().remove(gone.as_str()).unwrap().finish().unwrap();
        let mut expected: Value = serde_json::from_str(&body).unwrap();
        expected.as_object_mut().unwrap().shift_remove(&gone);
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(Envelope::scan(&bytes));
    }
}
