//! AWS's own test suite, transcribed in `vectors/sigv4.json`, and exchanges that are signed with it.

use brains_dialect::canon::CallContext;
use brains_dialect::canon::exchange::{Piece, Request};
use serde_json::Value;

use super::{
    Credentials, Scope, SigningKeys, SigningTime, ToSign, hex, hmac_sha256, sha256, signature, string_to_sign,
};
use crate::wire::Address;

const SUITE: &str = include_str!("../../vectors/sigv4.json");
/// When the suite's requests are signed.
const AT_MS: u64 = 1_440_938_160_000;

/// The secrets of the suite, with the token of a case.
struct Keys(String, String);

impl SigningKeys for Keys {
    fn sign(&self, secret: &str, algorithm: &str, key_prefix: &str, data: &[u8]) -> Option<Vec<u8>> {
        let secret = if secret == "token" { &self.1 } else { &self.0 };
        let key = format!("{key_prefix}{secret}");
        Some(match algorithm {
            "hmac-sha256" => hmac_sha256(key.as_bytes(), data).to_vec(),
            _ => sha256(&[key.as_bytes(), data].concat()).to_vec(),
        })
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn every_case_of_the_suite_is_signed_as_it_says() {
    let suite: Value = serde_json::from_str(SUITE).unwrap();
    let time = SigningTime::at_ms(AT_MS);
    assert_eq!((time.stamp(), time.date()), (text(&suite, "timestamp"), "20150830"));
    let scope = Scope { time: &time, region: text(&suite, "region"), service: text(&suite, "service") };
    let cases = suite["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 31);
    for case in cases {
        let name = text(case, "name");
        let (path, query) = text(case, "target").split_once('?').unwrap_or((text(case, "target"), ""));
        let body = text(case, "body");
        let digest = hex(&sha256(body.as_bytes()));
        let headers = case["headers"].as_array().unwrap().iter();
        let mut headers: Vec<(&str, &str)> =
            headers.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect();
        headers.push(("X-Amz-Date", time.stamp()));
        if case["sign_body"] == true {
            headers.push(("x-amz-content-sha256", &digest));
        }
        let request =
            ToSign { method: text(case, "method"), path, query, headers: &headers, body: body.as_bytes() };
        let keys = Keys(text(&suite, "secret_access_key").to_owned(), text(case, "token").to_owned());
        let with_token = case["token_is_signed"] == true;
        let (before, behind) = request.canonical(with_token);
        let token = if with_token { text(case, "token") } else { "" };
        assert_eq!(format!("{before}{token}{behind}"), text(case, "canonical"), "{name}");
        let digest = if with_token {
            keys.sign("token", "sha256", &before, behind.as_bytes()).unwrap()
        } else {
            sha256(before.as_bytes()).to_vec()
        };
        let to_sign = string_to_sign(&scope, &digest);
        assert_eq!(to_sign, text(case, "string_to_sign"), "{name}");
        let day_key = keys.sign("secret", "hmac-sha256", "AWS4", time.date().as_bytes()).unwrap();
        assert_eq!(hex(&signature(&day_key, &scope, &to_sign)), text(case, "signature"), "{name}");
    }
}

#[test]
fn days_are_those_of_the_calendar() {
    for (seconds, stamp) in [
        (0, "19700101T000000Z"),
        (951_782_399, "20000228T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (951_868_800, "20000301T000000Z"),
        (1_798_761_599, "20261231T235959Z"),
        (1_798_761_600, "20270101T000000Z"),
        (4_107_542_400, "21000301T000000Z"),
    ] {
        assert_eq!(SigningTime::at_ms(seconds * 1000 + 999).stamp(), stamp);
    }
}

fn shown(request: &Request, name: &str) -> String {
    let header = request.headers.iter().find(|header| header.name == name).unwrap();
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(name) => format!("<{name}>"),
        Piece::Credential(_) | Piece::BasicCredentials(_) => "?".to_owned(),
    };
    header.value.iter().map(piece).collect()
}

/// `post-sts-header-before` and `get-vanilla-query-order-key-case` of the suite, as exchanges.
#[test]
fn an_exchange_is_signed_as_it_stands() {
    let suite: Value = serde_json::from_str(SUITE).unwrap();
    let cases = suite["cases"].as_array().unwrap();
    let time = SigningTime::at_ms(AT_MS);
    let scope = Scope { time: &time, region: "us-east-1", service: "service" };
    for (name, post, query) in [
        ("post-sts-header-before", true, ""),
        ("post-vanilla", true, ""),
        ("get-vanilla-query-order-key-case", false, "Param2=value2&Param1=value1"),
    ] {
        let case = cases.iter().find(|case| text(case, "name") == name).unwrap();
        let address = Address::new("https://Example.amazonaws.com:443");
        let ctx = CallContext::default();
        let exchange = if post { address.post("/", query, &ctx) } else { address.get("/", query, &ctx) };
        let token = case["token"].as_str();
        let keys = Keys(text(&suite, "secret_access_key").to_owned(), token.unwrap_or_default().to_owned());
        let credentials = Credentials {
            access_key_id: "id",
            secret_access_key: "secret",
            session_token: token.map(|_| "token"),
        };
        let request = exchange
            .header("accept", "application/json")
            .signed_v4(&keys, &credentials, &scope)
            .unwrap()
            .into_request();
        let token_header = if token.is_some() { ";x-amz-security-token" } else { "" };
        assert_eq!(
            shown(&request, "authorization"),
            format!(
                "AWS4-HMAC-SHA256 Credential=<id>/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date{token_header}, Signature={}",
                text(case, "signature")
            ),
            "{name}"
        );
        if token.is_some() {
            assert_eq!(shown(&request, "x-amz-security-token"), "<token>");
        }
    }
}

#[test]
fn what_cannot_be_signed_says_why() {
    let time = SigningTime::at_ms(AT_MS);
    let scope = Scope { time: &time, region: "r", service: "s" };
    let credentials = Credentials { access_key_id: "id", secret_access_key: "secret", session_token: None };
    let exchange = || Address::new("https://a.example").get("/", "", &CallContext::default());
    let wrong = exchange()
        .secret("x-amz-key", "", "key")
        .signed_v4(&super::HostKeys, &credentials, &scope)
        .unwrap_err();
    assert!(wrong.message.contains("a secret among its headers"), "{}", wrong.message);
    let unset = exchange().signed_v4(&super::HostKeys, &credentials, &scope).unwrap_err();
    assert!(unset.message.contains("not set, or not granted"), "{}", unset.message);
}
