use brains_core::Secret;
use bytes::Bytes;

use super::Mask;

const KEY: &str = "sk-very-secret-0123456789";

fn mask() -> Mask {
    let mut mask = Mask::default();
    mask.add(Secret::new(KEY));
    mask.add(Secret::new("sk-very-secret-0123456789-longer"));
    mask.add(Secret::new("short"));
    mask
}

fn through(pieces: &[&[u8]]) -> String {
    let mut mask = mask();
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&mask.pass(Bytes::copy_from_slice(piece)));
    }
    out.extend_from_slice(&mask.finish());
    String::from_utf8(out).unwrap()
}

#[test]
fn a_secret_is_covered_wherever_the_stream_is_cut() {
    let text = format!("data: {{\"error\":\"bad key {KEY}\"}}\n\n{KEY}{KEY}-longer sk-very-sec short");
    let expected = "data: {\"error\":\"bad key [REDACTED]\"}\n\n[REDACTED][REDACTED] sk-very-sec short";
    // The shorter one is found first where both begin together and the rest has not come yet.
    let cut = expected.replace("[REDACTED] sk", "[REDACTED]-longer sk");
    assert_eq!(through(&[text.as_bytes()]), expected);
    for at in 0..text.len() {
        let (head, tail) = text.as_bytes().split_at(at);
        let passed = through(&[head, tail]);
        assert!(passed == expected || passed == cut, "{at}: {passed}");
        assert!(!passed.contains(KEY), "{at}: {passed}");
    }
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert!(!through(&bytes).contains(KEY));
}

#[test]
fn what_holds_none_is_passed_untouched_and_at_once() {
    let mut mask = mask();
    let chunk = Bytes::from_static(b"data: {\"text\":\"hello\"}\n\n");
    let passed = mask.pass(chunk.clone());
    assert_eq!((passed.as_ptr(), passed.len()), (chunk.as_ptr(), chunk.len()));
    assert!(mask.finish().is_empty());
    let mut none = Mask::default();
    assert_eq!(none.pass(Bytes::from_static(b"sk-very")), "sk-very");
}

#[test]
fn a_text_is_covered_too() {
    assert_eq!(mask().text(&format!("Bearer {KEY}")), "Bearer [REDACTED]");
    assert_eq!(mask().text("nothing here"), "nothing here");
}
