use super::*;

#[test]
fn routing_headers_become_visible_ascii() {
    assert_eq!(visible("tier `strong` (0.82)"), "tier `strong` (0.82)");
    assert_eq!(visible("schön\r\nx-evil: 1"), "sch%C3%B6n%0D%0Ax-evil: 1");
    assert_eq!(visible("\u{1f9e0}\0"), "%F0%9F%A7%A0%00");
    assert!(visible(&"é".repeat(5_000)).len() <= ROUTING_BYTES);
}

#[test]
fn credentials_stay_here() {
    let mut headers = HeaderMap::new();
    for name in ["authorization", "x-api-key", "cookie", "host", "proxy-authorization", "openai-organization"]
    {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("value"));
    }
    let names: Vec<String> = forwarded(&headers).into_iter().map(|field| field.name).collect();
    assert_eq!(names, ["openai-organization"]);
}
