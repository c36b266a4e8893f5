use http::HeaderValue;

use super::*;

fn host(host: &str, local: &str, allowed: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_str(host).unwrap());
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    check_host(&headers, &Uri::from_static("/v1/models"), Some(local.parse().unwrap()), &allowed).is_ok()
}

#[test]
fn loopback_names_pass_with_any_port() {
    for name in [
        "localhost",
        "LocalHost:1",
        "127.0.0.1",
        "127.9.8.7:65535",
        "[::1]",
        "[::1]:8787",
        "[::ffff:127.0.0.1]:80",
    ] {
        assert!(host(name, "127.0.0.1:8787", &[]), "{name}");
    }
}

#[test]
fn every_other_name_is_refused() {
    for name in [
        "evil.example",
        "localhost.evil.example:8787",
        "127.0.0.1.evil.example",
        "user@localhost",
        "localhost@evil.example",
        "128.0.0.1",
        "0.0.0.0:8787",
        "10.0.0.5:8787",
        "[::2]",
        "",
        "localhost, evil.example",
        "[::1].evil.example",
        "[::1].evil.example:8787",
        "[::1]evil",
        "[::1]:",
        "[::1]:8787:1",
        "[::1]:80a",
        "[::1%25lo]",
        "[127.0.0.1]",
        "[localhost]",
        "::1",
        "[::1",
        "[::1]]",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:+80",
        "localhost:80 ",
        "localhost:80/",
        "localhost.",
        "localhost..",
        ".localhost",
        "localhost#evil",
        "localhost/evil",
        "localhost\\evil",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.0x1",
        "127.0.0.1:80:80",
        "http://localhost",
        "*",
    ] {
        assert!(!host(name, "127.0.0.1:8787", &[]), "{name}");
    }
}

#[test]
fn the_address_that_was_reached_is_our_own() {
    assert!(host("10.0.0.5:8787", "10.0.0.5:8787", &[]));
    assert!(!host("10.0.0.6:8787", "10.0.0.5:8787", &[]));
    assert!(host("[fd00::5]:8787", "[fd00::5]:8787", &[]));
}

#[test]
fn configured_names_pass_with_their_port_or_any() {
    assert!(host("brains.internal:8787", "127.0.0.1:1", &["Brains.Internal"]));
    assert!(host("brains.internal:99", "127.0.0.1:1", &["brains.internal:99"]));
    assert!(!host("brains.internal:98", "127.0.0.1:1", &["brains.internal:99"]));
    assert!(!host("x.brains.internal", "127.0.0.1:1", &["brains.internal"]));
    assert!(host("[fd00::7]", "127.0.0.1:1", &["fd00::7"]));
}

#[test]
fn two_hosts_none_or_a_foreign_target_are_refused() {
    let none = HeaderMap::new();
    let plain = Uri::from_static("/");
    assert!(check_host(&none, &plain, None, &[]).is_err());
    assert!(check_host(&none, &Uri::from_static("http://localhost/"), None, &[]).is_ok());
    let mut two = HeaderMap::new();
    two.append(HOST, HeaderValue::from_static("localhost"));
    assert!(check_host(&two, &Uri::from_static("http://evil.example/"), None, &[]).is_err());
    two.append(HOST, HeaderValue::from_static("localhost"));
    assert!(check_host(&two, &plain, None, &[]).is_err());
}

fn origin(origin: &str, allowed: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    check_origin(&headers, &RequestedHost::parse("localhost:8787").unwrap(), &allowed).is_ok()
}

#[test]
fn only_our_own_and_configured_origins_pass() {
    assert!(origin("http://localhost:8787", &[]));
    assert!(origin("HTTPS://LOCALHOST:8787", &[]));
    for foreign in [
        "http://localhost:9999",
        "http://localhost",
        "http://evil.example",
        "null",
        "",
        "ftp://localhost:8787",
    ] {
        assert!(!origin(foreign, &[]), "{foreign}");
    }
    assert!(origin("https://app.example", &["https://app.example/"]));
    assert!(!origin("http://app.example", &["https://app.example"]));
    assert!(check_origin(&HeaderMap::new(), &RequestedHost::parse("localhost").unwrap(), &[]).is_ok());
}
