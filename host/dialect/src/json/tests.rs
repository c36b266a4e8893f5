//! The cursor agrees with `serde_json` on what JSON is, and says where it is not.

use proptest::prelude::*;

use super::{Node, Reader, check, quote};
use crate::envelope::Envelope;

#[test]
fn what_is_json_and_what_is_not() {
    for good in [
        "0",
        "-0.5e+10",
        "\"\\u00e9\\n\"",
        "[]",
        "{}",
        " [1 , {\"a\" : null}] ",
        "true",
        "1E5",
        "\"\\ud83d\"",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for (bad, what, offset) in [
        ("", "unexpected end, expected a value", 0),
        ("01", "unexpected text after the value", 1),
        ("1.", "expected a digit", 2),
        ("-", "expected a digit", 1),
        ("+1", "expected a value", 0),
        ("[1,]", "expected a value", 3),
        ("{\"a\":1,}", "expected a member name in double quotes", 7),
        ("{a:1}", "expected a member name in double quotes", 1),
        ("{\"a\" 1}", "expected `:` after the member name", 5),
        ("[1 2]", "expected `,` or `]`", 3),
        ("\"a\nb\"", "control character in a string", 2),
        ("\"\\x\"", "invalid escape in a string", 1),
        ("\"\\u12g4\"", "invalid escape in a string", 1),
        ("\"abc", "unexpected end inside a string", 4),
        ("nul", "expected a value", 0),
        ("{} {}", "unexpected text after the value", 3),
    ] {
        let wrong = check(bad).unwrap_err();
        assert_eq!((wrong.what, wrong.offset), (what, offset), "{bad}");
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(check(&nested(super::MAX_DEPTH)).is_ok());
    assert_eq!(check(&nested(super::MAX_DEPTH + 1)).unwrap_err().what, "nested too deeply");
    assert!(check(&"[".repeat(5_000_000)).is_err());
}

#[test]
fn errors_name_line_and_column() {
    let invalid = Envelope::scan(b"{\n  \"model\": \"x\",\n  \"messages\": [,]\n}").unwrap_err();
    assert_eq!(invalid.code, "invalid_json");
    assert_eq!(invalid.message, "the body is not valid JSON: expected a value at line 3 column 16 (byte 33)");
    assert_eq!(
        Envelope::scan(b"{\"a\":\"\xff\"}").unwrap_err().message,
        "the body is not valid UTF-8 at byte 6"
    );
    assert_eq!(Envelope::scan(b"[]").unwrap_err().message, "the body must be a JSON object, not an array");
    assert_eq!(Envelope::scan(b"null").unwrap_err().message, "the body must be a JSON object, not null");
    // What only begins like a value is none, and is told with its place.
    for (body, place) in [
        ("nope", "line 1 column 1 (byte 0)"),
        ("model=x&stream=true", "line 1 column 1 (byte 0)"),
        ("true story", "line 1 column 6 (byte 5)"),
        ("[1, 2", "line 1 column 6 (byte 5)"),
        ("12 monkeys", "line 1 column 4 (byte 3)"),
        ("\"half", "line 1 column 6 (byte 5)"),
        ("\n\n'{}'", "line 3 column 1 (byte 2)"),
    ] {
        let wrong = Envelope::scan(body.as_bytes()).unwrap_err();
        assert_eq!(wrong.code, "invalid_json", "{body}");
        let message = wrong.message;
        assert!(
            message.starts_with("the body is not valid JSON: ") && message.ends_with(place),
            "{body}: {message}"
        );
    }
}

#[test]
fn half_a_surrogate_pair_is_replaced() {
    for (text, expected) in [
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ude00x""#, "\u{fffd}x"),
        (r#""\ud83dx\u0041""#, "\u{fffd}xA"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
    ] {
        assert_eq!(Reader::new(text).string().unwrap(), expected, "{text}");
    }
}

#[test]
fn a_member_given_twice_is_an_error_when_it_is_taken() {
    let mut object = Node::root(r#"{"a":1,"b":2,"\u0061":3,"c":4,"c":5}"#).object().unwrap();
    assert_eq!(object.take("b").unwrap().unwrap().text(), "2");
    assert_eq!(object.take("a").unwrap_err().message, "`a`: given twice");
}

proptest! {
    #[test]
    fn any_text_is_judged_as_serde_judges_it(text in "[\\[\\]{},:\"\\\\ntrue0-9.eE+ a-fu\\n]{0,24}") {
        // `serde_json` refuses two things that we take: half a surrogate pair, and numbers beyond a double.
        let theirs: Result<&serde_json::value::RawValue, _> = serde_json::from_str(&text);
        prop_assert_eq!(check(&text).is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn quoting_is_undone_by_reading(text in any::<String>()) {
        let quoted = quote(&text);
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text.clone());
        prop_assert_eq!(Reader::new(&quoted).string().unwrap(), text);
    }
}
