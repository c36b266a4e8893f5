use std::sync::Arc;

use brains_core::{Secret, SecretSet};
use bytes::Bytes;

use super::Mask;

const KEY: &str = "sk-very/secret-0123456789";

fn mask_of(secrets: &[&str]) -> Mask {
    let secrets: Vec<Secret> = secrets.iter().copied().map(Secret::new).collect();
    Mask::new(Arc::new(SecretSet::of(&secrets)))
}

fn mask() -> Mask {
    mask_of(&[KEY, "sk-very/secret-0123456789-longer", "short"])
}

fn through(mut mask: Mask, pieces: &[&[u8]]) -> String {
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&mask.pass(Bytes::copy_from_slice(piece)));
    }
    out.extend_from_slice(&mask.finish());
    String::from_utf8(out).unwrap()
}

#[test]
fn a_secret_is_covered_wherever_the_stream_is_cut() {
    let json = KEY.replace('/', "\\/");
    let twice = KEY.replace('/', "%252F");
    let points = KEY.bytes().map(|byte| format!("\\\\u{byte:04x}")).collect::<Vec<_>>().concat();
    let text = format!(
        "data: {{\"error\":\"bad key {KEY}\"}}\n\n{KEY}{KEY}-longer sk-very/sec short {json}|{twice}|{points}|&#11"
    );
    let expected = "data: {\"error\":\"bad key [REDACTED]\"}\n\n[REDACTED][REDACTED] sk-very/sec short \
                    [REDACTED]|[REDACTED]|[REDACTED]|&#11";
    assert_eq!(through(mask(), &[text.as_bytes()]), expected);
    for at in 0..text.len() {
        let (head, tail) = text.as_bytes().split_at(at);
        assert_eq!(through(mask(), &[head, tail]), expected, "cut at {at}");
    }
    for width in [1, 2, 3, 7] {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
        assert_eq!(through(mask(), &pieces), expected, "pieces of {width}");
    }
}

#[test]
fn secrets_that_run_into_one_another_are_covered_both() {
    let both = || mask_of(&["abcdefghij", "ghijklmnop", "xyxyxyxy"]);
    for (text, expected) in [
        ("1abcdefghijklmnop2", "1[REDACTED]2"),
        ("1abcdefghijkl", "1[REDACTED]kl"),
        ("1xyxyxyxyxyxyxyxy2", "1[REDACTED]2"),
    ] {
        for width in 1..text.len() {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
            assert_eq!(through(both(), &pieces), expected, "{text} in pieces of {width}");
        }
    }
}

#[test]
fn what_holds_none_is_passed_untouched_and_at_once() {
    let mut mask = mask();
    let chunk = Bytes::from_static(b"data: {\"text\":\"hello \\\"you\\\" \\u0073k 100%\"}\n\n");
    let passed = mask.pass(chunk.clone());
    assert_eq!((passed.as_ptr(), passed.len()), (chunk.as_ptr(), chunk.len()));
    assert!(mask.finish().is_empty());
    let mut none = Mask::default();
    assert_eq!(none.pass(Bytes::from_static(b"sk-very")), "sk-very");
}

#[test]
fn what_is_held_back_is_bounded() {
    let mut mask = mask_of(&[&"a".repeat(200_000)]);
    let mut out = 0;
    for _ in 0..40 {
        out += mask.pass(Bytes::from(vec![b'a'; 4 << 10])).len();
        assert!(mask.held.len() <= 64 << 10);
    }
    assert!(out > 0, "it goes on");
}
