use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const KEY: &str = "sk-Very/secret+0123456789=";

fn set() -> SecretSet {
    SecretSet::of(&[Secret::new(KEY), Secret::new("a pass phrase"), Secret::new("short")])
}

/// How programs write a text.
fn spelled(text: &str) -> Vec<(&'static str, String)> {
    let each = |write: &dyn Fn(u8) -> String| text.bytes().map(write).collect::<String>();
    let json = serde_json::to_string(text).unwrap();
    let percent = each(&|byte| {
        if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") }
    });
    let slashed = text.replace('/', "\\/");
    let entities = text.replace('/', "&#x2F;").replace('=', "&#61;").replace('+', "&plus;");
    let basic = |user: &str| STANDARD.encode(format!("{user}:{text}"));
    vec![
        ("as it is", text.into()),
        ("percent-encoded", percent.clone()),
        ("percent-encoded, small", percent.to_lowercase().replace(&text.to_lowercase(), "")),
        ("all of it percent-encoded", each(&|byte| format!("%{byte:02x}"))),
        ("percent-encoded twice", percent.replace('%', "%25")),
        ("percent-encoded thrice", percent.replace('%', "%2525")),
        ("a form's field", percent.replace("%20", "+")),
        ("half of it percent-encoded", percent.replacen("%2F", "/", 1)),
        ("JSON", json.clone()),
        ("JSON with a slash escaped", slashed.clone()),
        ("JSON in JSON", serde_json::to_string(&json).unwrap()),
        ("JSON in JSON with a slash escaped", slashed.replace('\\', "\\\\")),
        ("JSON in JSON in JSON", slashed.replace('\\', "\\\\\\\\")),
        ("code points", each(&|byte| format!("\\u{byte:04x}"))),
        ("code points in JSON in JSON", each(&|byte| format!("\\\\u{byte:04X}"))),
        ("bytes of a string in Python", each(&|byte| format!("\\x{byte:02x}"))),
        ("some entities", entities.clone()),
        ("decimal entities", each(&|byte| format!("&#{byte};"))),
        ("long entities", each(&|byte| format!("&#x{byte:06x};"))),
        ("entities in JSON", entities.replace('&', "\\u0026")),
        ("entities escaped twice", entities.replace('&', "&amp;")),
        ("JSON in a query", slashed.replace('\\', "%5C").replace('/', "%2F")),
        ("base 64", STANDARD.encode(text)),
        ("base 64 for addresses", URL_SAFE.encode(text)),
        ("base 64 of a header", STANDARD.encode(format!("Bearer {text}"))),
        ("basic credentials", basic("u")),
        ("basic credentials of another length", basic("us")),
        ("basic credentials of a third length", basic("use")),
        ("base 64 with more behind", STANDARD.encode(format!("{text}:and more"))),
        ("base 64, percent-encoded", STANDARD.encode(text).replace('=', "%3D").replace('/', "%2F")),
        ("hexadecimal", each(&|byte| format!("{byte:02x}"))),
        ("hexadecimal in capitals", each(&|byte| format!("{byte:02X}"))),
        ("capitals", text.to_uppercase()),
        ("small letters", text.to_lowercase()),
    ]
}

#[test]
fn a_secret_is_covered_in_every_spelling() {
    for secret in [KEY, "a pass phrase"] {
        for (how, text) in spelled(secret) {
            if text.is_empty() || how.ends_with(", small") && !text.contains('%') {
                continue;
            }
            let said = format!("{{\"error\": \"bad key {text}\"}}");
            let covered = set().cover(&said).into_owned();
            assert!(covered.starts_with("{\"error\": \"bad key "), "{how}: {covered}");
            assert!(covered.contains(COVER), "{how}: {covered}");
            let left = covered.len().saturating_sub("{\"error\": \"bad key [REDACTED]\"}".len());
            // In base 64 the digits on both sides are of their neighbours too.
            assert!(left <= 16, "{how}: {covered}");
        }
    }
}

#[test]
fn what_holds_none_stays_as_it_is() {
    for text in [
        "data: {\"text\":\"hello \\\"you\\\" \\u00e9 %20 &amp; \\n\"}\n\n",
        "sk-Very/secret+012345678 is one letter short",
        "short",
        "https://h.example/?q=a%2Fb&amp;r=%7B",
        "C:\\users\\x64\\nine",
        "",
    ] {
        assert!(matches!(set().cover(text), Cow::Borrowed(_)), "{text}");
        assert!(set().look(text.as_bytes()).spans.is_empty(), "{text}");
    }
    assert!(SecretSet::of(&[Secret::new("short")]).is_empty());
    assert!(matches!(SecretSet::default().cover(KEY), Cow::Borrowed(_)));
}

#[test]
fn what_looks_like_an_escape_inside_of_a_secret_hides_nothing() {
    for secret in ["half%20way%41there", "back\\u0041slash\\nine", "amp&amp;ersand&#65;x"] {
        let set = SecretSet::of(&[Secret::new(secret)]);
        for (how, text) in spelled(secret) {
            if !text.is_empty() && !how.ends_with(", small") {
                assert!(set.cover(&text).contains(COVER), "{how}: {text}");
            }
        }
    }
}

#[test]
fn a_key_in_lines_is_found_in_one_and_escaped() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\nAbCdEf==\n-----END PRIVATE KEY-----\n";
    let set = SecretSet::of(&[Secret::new(key)]);
    for said in [
        key.to_owned(),
        serde_json::to_string(key).unwrap(),
        key.replace('\n', ""),
        key.replace('\n', "\\\\n"),
        key.trim().to_owned(),
    ] {
        let covered = set.cover(&said).into_owned();
        assert!(covered.contains(COVER) && !covered.contains("MIGHAgEAMBMG"), "{covered}");
    }
}

#[test]
fn names_and_texts_of_a_tree_are_covered() {
    let mut value = json!({"a": [KEY, 1], format!("x {KEY}"): {"b": format!("{KEY}{KEY}")}});
    set().cover_json(&mut value);
    assert_eq!(value, json!({"a": [COVER, 1], "x [REDACTED]": {"b": "[REDACTED][REDACTED]"}}));
}

#[test]
fn a_set_does_not_show_what_it_holds() {
    assert_eq!(format!("{:?}", set()), "SecretSet { count: 2, .. }");
}

/// One way to write a byte, at some depth.
fn written(byte: u8, how: u8) -> String {
    match how % 9 {
        0..3 => char::from(byte).to_string(),
        3 => format!("%{byte:02X}"),
        4 => format!("%25{byte:02x}"),
        5 => format!("\\u{byte:04x}"),
        6 => format!("\\\\u{byte:04X}"),
        7 => format!("&#{byte};"),
        _ => format!("&amp;#x{byte:x};"),
    }
}

proptest! {
    #[test]
    fn each_byte_may_be_written_in_another_way(how in prop::collection::vec(any::<u8>(), KEY.len())) {
        let text: String = KEY.bytes().zip(&how).map(|(byte, how)| written(byte, *how)).collect();
        let said = format!("so {text} it is");
        prop_assert_eq!(set().cover(&said), "so [REDACTED] it is");
    }

    #[test]
    fn what_was_covered_holds_none(text in "\\PC{0,40}", at in 0..40_usize) {
        let at = text.floor_char_boundary(at);
        let (head, tail) = text.split_at(at);
        let covered = set().cover(&format!("{head}{KEY}{tail}")).into_owned();
        prop_assert!(!covered.contains(KEY));
    }
}
