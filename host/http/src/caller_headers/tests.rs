use std::path::PathBuf;

use brains_core::caller::NativeId;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    pairs.iter().map(pair).collect()
}

#[test]
fn headers_become_circumstances() {
    let principal = Principal { agent: true, ..Principal::admin("fp") };
    let found = caller(
        &headers(&[
            ("x-brains-session-token", "brs_x"),
            ("x-brains-directory", "/home/ada/a%20b%C3%A4"),
            ("x-brains-surface", "cli"),
            ("idempotency-key", "k1"),
            ("session-id", "s-1"),
            ("x-session-id", ""),
        ]),
        &principal,
        None,
    );
    assert!(found.agent);
    assert_eq!(found.surface, CallSurface::Http, "saying so is no proof");
    assert_eq!(found.token.unwrap().expose(), "brs_x");
    assert_eq!(found.directory, Some(PathBuf::from("/home/ada/a bä")));
    assert_eq!(found.idempotency_key.as_deref(), Some("k1"));
    assert_eq!(found.native, [NativeId { kind: "session-id".into(), value: "s-1".into() }]);
}

#[test]
fn nonsense_in_headers_is_nothing() {
    let principal = Principal::admin("fp");
    assert_eq!(caller(&HeaderMap::new(), &principal, None), Caller::http());
    for path in ["relative", "/a%", "/a%zz", "/a%ff"] {
        assert_eq!(
            caller(&headers(&[("x-brains-directory", path)]), &principal, None).directory,
            None,
            "{path}"
        );
    }
    let long = "x".repeat(257);
    let found = caller(
        &headers(&[("session-id", &long), ("x-brains-surface", "console"), ("thread-id", "t\u{e9}")]),
        &principal,
        None,
    );
    assert_eq!(found, Caller::http());
}

#[test]
fn only_a_program_that_proves_to_be_ours_says_which_surface_it_is() {
    let principal = Principal::admin("fp");
    let proof = Secret::new("from-runtime.json");
    for (surface, shown, ours, expected) in [
        ("cli", "from-runtime.json", Some(&proof), CallSurface::Cli),
        ("mcp", "from-runtime.json", Some(&proof), CallSurface::Mcp),
        ("http", "from-runtime.json", Some(&proof), CallSurface::Http),
        ("cli", "from-runtime", Some(&proof), CallSurface::Http),
        ("cli", "", Some(&proof), CallSurface::Http),
        ("cli", "from-runtime.json", None, CallSurface::Http),
        ("mcp", "guessed", Some(&proof), CallSurface::Http),
    ] {
        let found =
            caller(&headers(&[("x-brains-surface", surface), ("x-brains-proof", shown)]), &principal, ours);
        assert_eq!(found.surface, expected, "{surface} {shown}");
        assert_eq!(found.agent, surface == "mcp", "who gives up rights is believed");
    }
}
