//! What goes out, and what comes back when all is well.

use brains_dialect::canon::exchange::{Basic, Body, FormField, Header, Method, Piece};

use super::server::Server;
use super::{KEY, get, send, text, with_key};
use crate::{EgressError, Grant};

const OK: &str = "HTTP/1.1 200 OK\r\nx-thing: one\r\ncontent-length: 2\r\n\r\nhi";

fn header(name: &str, value: Vec<Piece>) -> Header {
    Header { name: name.to_owned(), value }
}

#[tokio::test]
async fn secrets_fill_their_holes_and_text_stays_text() {
    let server = Server::answering(1, OK).await;
    let mut request = with_key(get(""));
    request.url = text(&server.url("/v1/x?key="));
    request.url.push(Piece::Secret("api_key".to_owned()));
    request.method = Method::Post;
    request.body = Body::Text("{\"a\":1}".to_owned());
    request.headers.push(header("x-note", text("{{api_key}} stays text")));
    let basic = Basic { user: "me".to_owned(), secret: "api_key".to_owned() };
    let value = vec![Piece::Text("Basic ".to_owned()), Piece::BasicCredentials(basic)];
    request.headers.push(header("x-basic", value));
    let grants = [Grant::operator(&server.url("")).unwrap()];
    let upstream = send(request, &grants).await.unwrap();
    assert_eq!((upstream.status(), upstream.header("x-thing")), (200, Some("one".into())));
    assert_eq!(upstream.read_all(2).await.unwrap(), "hi");
    let requests = server.requests().await;
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"a\":1}");
    assert!(head.starts_with(&format!("POST /v1/x?key={KEY} HTTP/1.1")), "{head}");
    assert!(head.contains(&format!("authorization: Bearer {KEY}")), "{head}");
    assert!(head.contains("x-note: {{api_key}} stays text"), "{head}");
    assert!(head.contains("x-basic: Basic bWU6c2stdmVyeS1zZWNyZXQtMDEyMzQ1Njc4OQ=="), "{head}");
    assert!(head.contains("accept-encoding: identity"), "{head}");
}

#[tokio::test]
async fn a_form_is_encoded() {
    let server = Server::answering(1, OK).await;
    let mut request = get(&server.url("/token"));
    request.method = Method::Post;
    let field = |name: &str, value| FormField { name: name.to_owned(), value };
    let secret = vec![Piece::Secret("api_key".to_owned())];
    request.body = Body::Form(vec![field("grant type", text("a&b")), field("key", secret)]);
    send(request, &[Grant::operator(&server.url("")).unwrap()]).await.unwrap();
    let requests = server.requests().await;
    assert!(requests[0].ends_with(&format!("grant+type=a%26b&key={KEY}")), "{}", requests[0]);
    assert!(requests[0].contains("application/x-www-form-urlencoded"), "{}", requests[0]);
}

#[tokio::test]
async fn what_must_not_be_sent_is_refused_before_anything_is() {
    let grants = [Grant::operator("http://127.0.0.1:9").unwrap()];
    let base = "http://127.0.0.1:9/";
    let mut cases = Vec::new();
    for bad in ["a\r\nx-injected: 1", "a\nb", "a\0b"] {
        let mut request = get(base);
        request.headers.push(header("x-one", text(bad)));
        cases.push((request, "the header `x-one` has no valid value"));
    }
    let mut name = get(base);
    name.headers.push(header("x one\r\n", text("v")));
    cases.push((name, "a header has no valid name"));
    for pseudo in [":authority", ":path", ""] {
        let mut request = get(base);
        request.headers.push(header(pseudo, text("evil")));
        cases.push((request, "a header has no valid name"));
    }
    for (ours, expected) in [
        ("Host", "the header `host` belongs to the connection"),
        ("content-length", "the header `content-length` belongs to the connection"),
        ("Connection", "the header `connection` belongs to the connection"),
        ("transfer-encoding", "the header `transfer-encoding` belongs to the connection"),
        ("accept-encoding", "the header `accept-encoding` belongs to the connection"),
        ("proxy-authorization", "the header `proxy-authorization` belongs to the connection"),
        ("upgrade", "the header `upgrade` belongs to the connection"),
    ] {
        let mut request = get(base);
        request.headers.push(header(ours, text("evil")));
        cases.push((request, expected));
    }
    let mut many = get(base);
    many.headers = (0..129).map(|at| header(&format!("x-{at}"), text("v"))).collect();
    cases.push((many, "a request may have 128 headers"));
    let mut large = get(base);
    large.headers = (0..10).map(|at| header(&format!("x-{at}"), text(&"v".repeat(8 << 10)))).collect();
    cases.push((large, "headers may have 65536 bytes together"));
    cases.push((get(&format!("{base}{}", "a".repeat(16 << 10))), "a URL may have 16384 bytes"));
    let mut in_path = get(base);
    in_path.url.push(Piece::Secret("api_key".to_owned()));
    cases.push((in_path, "a secret may stand in the query of a URL, nowhere else in it"));
    let mut in_host = get("http://");
    in_host.url.push(Piece::Secret("api_key".to_owned()));
    cases.push((in_host, "a secret may stand in the query of a URL, nowhere else in it"));
    let mut unset = get(base);
    unset.headers.push(header("x-key", vec![Piece::Secret("other".to_owned())]));
    cases.push((unset, "the secret `other` is not set or not granted"));
    let mut in_fragment = get("http://127.0.0.1:9/?a#");
    in_fragment.url.push(Piece::Secret("api_key".to_owned()));
    cases.push((in_fragment, "a secret may stand in the query of a URL, nowhere else in it"));
    let mut as_user = get("http://127.0.0.1:9@");
    as_user.url.push(Piece::Secret("api_key".to_owned()));
    as_user.url.push(Piece::Text(".evil.test/?".to_owned()));
    cases.push((as_user, "a secret may stand in the query of a URL, nowhere else in it"));
    cases.push((get("http://127.0.0.1:9@evil.test/"), "a URL may not hold credentials"));
    cases.push((get("http://user:pw@127.0.0.1:9/"), "a URL may not hold credentials"));
    cases.push((get("file:///etc/passwd"), "only http and https URLs can be reached"));
    cases.push((get("nonsense"), "the exchange has no valid URL"));
    for (request, expected) in cases {
        let error = send(request, &grants).await.unwrap_err();
        assert_eq!(error, EgressError::Refused { what: expected.to_owned() });
    }
}

#[tokio::test]
async fn a_secret_with_a_line_break_is_refused_without_showing_it() {
    let egress = super::egress(&["127.0.0.1"]);
    let secrets = |_: &str| Some(brains_core::Secret::new("abc\r\nx-evil: 1"));
    let call = crate::OutboundCall {
        provider: "acme",
        request: with_key(get("http://127.0.0.1:9/")),
        body: bytes::Bytes::new(),
        grants: &[Grant::operator("http://127.0.0.1:9").unwrap()],
        secrets: &secrets,
        known: super::known(),
        silence: std::time::Duration::from_secs(1),
        deadline: tokio::time::Instant::now() + std::time::Duration::from_secs(1),
    };
    let error = egress.send(call).await.unwrap_err();
    assert_eq!(error.to_string(), "the header `authorization` has no valid value");
}

#[tokio::test]
async fn a_redirect_within_the_origin_is_followed_with_the_same_request() {
    let server = Server::start(2, |mut stream, request| async move {
        use tokio::io::AsyncWriteExt as _;
        let answer = if request.starts_with("POST /old") {
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: /new?x=1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        } else {
            OK
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let mut request = with_key(get(&server.url("/old")));
    request.method = Method::Post;
    request.body = Body::Text("hello".to_owned());
    let upstream = send(request, &[Grant::operator(&server.url("")).unwrap()]).await.unwrap();
    assert_eq!(upstream.status(), 200);
    drop(upstream);
    let requests = server.requests().await;
    assert!(requests[1].starts_with("POST /new?x=1 ") && requests[1].ends_with("hello"), "{}", requests[1]);
    assert!(requests[1].contains(KEY));
}

#[tokio::test]
async fn an_upstream_that_repeats_the_key_does_not_give_it_away() {
    let body = format!("{{\"error\":\"bad key {KEY}\"}}");
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nx-you-sent: Bearer {KEY}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let answer: &'static str = answer.leak();
    let server = Server::answering(1, answer).await;
    let upstream = send(with_key(get(&server.url("/"))), &[Grant::operator(&server.url("")).unwrap()]).await;
    let upstream = upstream.unwrap();
    let fields = upstream.fields();
    let sent = fields.iter().find(|field| field.name == "x-you-sent").unwrap();
    assert_eq!(sent.value, "Bearer [REDACTED]");
    assert_eq!(upstream.read_all(1_000).await.unwrap(), "{\"error\":\"bad key [REDACTED]\"}");
}
