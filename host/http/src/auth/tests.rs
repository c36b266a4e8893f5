use http::{HeaderName, HeaderValue};

use super::*;

#[track_caller]
fn check(headers: &[(&'static str, &[u8])], expected: &[&[u8]]) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    assert_eq!(presented(&map), expected);
}

#[test]
fn keys_are_found_in_either_header() {
    check(&[("x-api-key", b" k ")], &[b"k"]);
    check(&[("authorization", b"Bearer k")], &[b"k"]);
    check(&[("authorization", b"bearer \t k ")], &[b"k"]);
    check(&[("authorization", b"BEARER k"), ("x-api-key", b"j")], &[b"j", b"k"]);
    check(&[("authorization", b"Bearer \xff")], &[b"\xff"]);
}

#[test]
fn everything_else_is_no_key() {
    for value in [&b"Bearer"[..], b"Bearer ", b"Bear", b"", b"Basic k", b"Bearerk", b"Token k"] {
        check(&[("authorization", value)], &[]);
    }
    check(&[("x-api-key", b"  "), ("cookie", b"k")], &[]);
}
