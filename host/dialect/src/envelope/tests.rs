//! A spliced body equals the client's but for the documented splices.

use proptest::prelude::*;
use serde_json::Value;

use super::{Envelope, SpliceError};

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
    let out = splice.finish();
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
fn a_spliced_member_given_twice_is_the_clients_fault() {
    for body in [
        "{\"model\":1,\"model\":2}",
        "{\"model\":1,\"mod\\u0065l\":2}",
        "{\"m\\u006fdel\":1,\"mod\\u0065l\":2}",
    ] {
        let envelope = Envelope::scan(body.as_bytes()).unwrap();
        assert_eq!(envelope.string("model").unwrap_err().message, "`model` is given twice");
        let refused = envelope.splice().set("model", "1").map(drop_ref).unwrap_err();
        assert!(matches!(refused, SpliceError::Body(invalid) if invalid.param.as_deref() == Some("model")));
    }
    // One that nobody touches goes through as it is.
    check("{\"a\":1,\"a\":2}", |splice| splice.set("b", "3").map(drop_ref), "{\"a\":1,\"a\":2,\"b\":3}");
}

#[test]
fn peeks_name_what_is_wrong() {
    let scan = |body: &'static str| Envelope::scan(body.as_bytes()).unwrap();
    let message = |result: Result<_, crate::invalid::Invalid>| result.map(drop_ref).unwrap_err().message;
    assert_eq!(scan(BODY).string("model").unwrap().unwrap(), "a");
    assert_eq!(scan(BODY).boolean("stream").unwrap(), None);
    assert_eq!(
        message(scan("{\"model\":5}").string("model").map(drop_ref)),
        "`model`: expected a string, found a number"
    );
    assert_eq!(
        message(scan("{\"stream\":\"yes\"}").boolean("stream").map(drop_ref)),
        "`stream`: expected a boolean, found a string"
    );
}

#[test]
fn an_edit_that_is_not_json_is_the_components_fault() {
    let envelope = Envelope::scan(b"{}").unwrap();
    for bad in ["", "{", "1 2", "1,\"model\":\"x\""] {
        let refused = envelope.splice().set("a", bad).map(drop_ref).unwrap_err();
        assert_eq!(refused, SpliceError::NotJson { member: "a".to_owned() });
    }
}

proptest! {
    #[test]
    fn removal_leaves_valid_json(names in prop::collection::vec("[a-c]", 0..6), gone in "[a-c]") {
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        let parts: Vec<String> = unique.iter().map(|name| format!(" \"{name}\" : [\"{name}\"] ")).collect();
        let body = format!("{{{}}}", parts.join(","));
        let envelope = Envelope::scan(body.as_bytes()).unwrap();
        let out = envelope.splice().remove(gone.as_str()).unwrap().finish();
        let mut expected: Value = serde_json::from_str(&body).unwrap();
        expected.as_object_mut().unwrap().shift_remove(&gone);
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(Envelope::scan(&bytes));
    }
}
