use super::OriginPattern;

fn origin(text: &str) -> OriginPattern {
    OriginPattern::parse(text).unwrap()
}

#[track_caller]
fn check(pattern: &str, url: &str, expected: bool) {
    assert_eq!(origin(pattern).covers(&url.parse().unwrap()), expected, "{pattern} and {url}");
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let api = "https://Api.Example.com/v1";
    check(api, "https://api.example.com:443/anything?x", true);
    check(api, "http://api.example.com/", false);
    check(api, "https://api.example.com:8443/", false);
    check(api, "https://api.example.com.evil.test/", false);
    check(api, "https://evil.test/https://api.example.com", false);
    check(api, "https://api.example.com@evil.test/", false);
    check(api, "https://evilapi.example.com/", false);
    // A name with a dot at its end is another name: some resolvers treat it so.
    check(api, "https://api.example.com./", false);
    // The same address in other spellings is the same address.
    check("http://127.0.0.1:9", "http://0x7f.1:9/", true);
    check("http://2130706433:9", "http://127.0.0.1.:9/", true);
    check("http://[::1]:9", "http://[0:0::1]:9/", true);
    check("http://127.0.0.1:9", "http://[::ffff:127.0.0.1]:9/", false);
}

#[test]
fn names_beyond_ascii_are_told_apart_by_their_code() {
    check("https://bücher.example", "https://xn--bcher-kva.example/", true);
    check("https://BÜCHER.example", "https://bücher.example/", true);
    // The first letter is Cyrillic.
    check("https://api.example.com", "https://\u{430}pi.example.com/", false);
    // A full-width letter and an ideographic dot are other ways to write the plain ones.
    check("https://api.example.com", "https://\u{ff41}pi\u{3002}example.com/", true);
}

#[test]
fn a_star_stands_for_names_below() {
    let below = "https://*.example.com";
    check(below, "https://eu.example.com/", true);
    check(below, "https://a.b.example.com/", true);
    check(below, "https://example.com/", false);
    check(below, "https://.example.com/", false);
    check(below, "https://evilexample.com/", false);
    check(below, "https://eu.example.com.evil.test/", false);
    check(below, "https://eu.example.com:8443/", false);
    check(below, "http://eu.example.com/", false);
    assert!(origin(below).is_wildcard() && !origin("https://example.com").is_wildcard());
}

#[test]
fn what_is_no_origin_is_refused() {
    for bad in [
        "",
        "api.example.com",
        "file:///etc/passwd",
        "ftp://x.test",
        "https://",
        "https://*",
        "https://*.com",
        "https://*.com.",
        "https://a.*.example.com",
        "https://*a.example.com",
        "https://*.*.example.com",
        "http://*.127.0.0.1",
        "*.example.com",
    ] {
        assert!(OriginPattern::parse(bad).is_err(), "{bad}");
    }
    assert!(!OriginPattern::parse("x://user:hunter2@h").unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn what_is_asked_for_is_included_or_not() {
    let cases = [
        ("https://api.example.com", "https://api.example.com/v1", true),
        ("https://api.example.com.evil.test", "https://api.example.com", false),
        ("https://*.example.com", "https://api.example.com", true),
        ("https://api.example.com", "https://*.example.com", false),
        ("https://*.example.com", "https://*.eu.example.com", true),
        ("https://*.eu.example.com", "https://*.example.com", false),
        ("https://*.example.com", "https://127.0.0.1", false),
    ];
    for (granted, asked, expected) in cases {
        assert_eq!(origin(granted).includes(&origin(asked)), expected, "{granted} for {asked}");
    }
}
