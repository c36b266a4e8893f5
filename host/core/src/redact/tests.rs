#![expect(clippy::string_slice, reason = "cuts ASCII")]

mod ordinary;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Bodies that look random, of each alphabet.
const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const WORD: &str = "x7Kq2mZ9pL4vT8wR3nB6yD1sF5hJ0gCaE2uQ9iW4oX7zV1kM8bN3tY6rP0dS5fG";
const CAPITALS: &str = "Q7ZK2MXP9LT4VW8R3NBY6D";
const DIGITS: &str = "8471920365";

fn hex(length: usize) -> &'static str {
    &HEX[..length]
}

fn ordinary(length: usize) -> &'static str {
    &WORD[..length]
}

/// Credentials by what issues them: 60 shapes that must be covered wherever they stand.
fn tokens() -> Vec<(&'static str, String)> {
    vec![
        ("openai", format!("sk-{}", ordinary(40))),
        ("openai project", format!("sk-proj-{}-{}", ordinary(20), ordinary(24))),
        ("openai service", format!("sk-svcacct-{}", ordinary(30))),
        ("anthropic", format!("sk-ant-api03-{}_{}AA", ordinary(40), ordinary(30))),
        ("openrouter", format!("sk-or-v1-{HEX}")),
        ("stripe secret", format!("sk_live_{}", ordinary(24))),
        ("stripe test", format!("sk_test_{}", ordinary(24))),
        ("stripe restricted", format!("rk_live_{}", ordinary(24))),
        ("stripe webhook", format!("whsec_{}", ordinary(32))),
        ("github classic", format!("ghp_{}", ordinary(36))),
        ("github oauth", format!("gho_{}", ordinary(36))),
        ("github server", format!("ghs_{}", ordinary(36))),
        ("github user", format!("ghu_{}", ordinary(36))),
        ("github refresh", format!("ghr_{}", ordinary(36))),
        ("github fine-grained", format!("github_pat_{}_{}", ordinary(22), ordinary(59))),
        ("gitlab", format!("glpat-{}", ordinary(20))),
        ("slack bot", format!("xoxb-{DIGITS}-{DIGITS}-{}", ordinary(24))),
        ("slack user", format!("xoxp-{DIGITS}-{DIGITS}-{}", ordinary(24))),
        ("slack refresh", format!("xoxr-{DIGITS}-{}", ordinary(24))),
        ("slack app", format!("xapp-1-A{DIGITS}-{DIGITS}-{}", hex(40))),
        ("aws id", format!("AKIA{}", &CAPITALS[..16])),
        ("aws session id", format!("ASIA{}", &CAPITALS[..16])),
        ("google key", format!("AIza{}", ordinary(35))),
        ("google oauth", format!("ya29.{}-{}", ordinary(30), ordinary(20))),
        ("google client", format!("GOCSPX-{}", ordinary(28))),
        ("npm", format!("npm_{}", ordinary(36))),
        ("pypi", format!("pypi-AgEIcHlwaS5vcmc{}", ordinary(50))),
        ("hugging face", format!("hf_{}", ordinary(34))),
        ("groq", format!("gsk_{}", ordinary(52))),
        ("replicate", format!("r8_{}", ordinary(37))),
        ("xai", format!("xai-{}", ordinary(60))),
        ("perplexity", format!("pplx-{}", ordinary(48))),
        ("nvidia", format!("nvapi-{}", ordinary(60))),
        ("shopify", format!("shpat_{}", hex(32))),
        ("sendgrid", format!("SG.{}.{}", ordinary(22), ordinary(43))),
        ("twilio key", format!("SK{}", hex(32))),
        ("twilio account", format!("AC{}", hex(32))),
        ("mailgun", format!("key-{}", hex(32))),
        ("digitalocean", format!("dop_v1_{HEX}")),
        ("databricks", format!("dapi{}", hex(32))),
        ("vault", format!("hvs.{}", ordinary(24))),
        ("doppler", format!("dp.pt.{}", ordinary(43))),
        ("linear", format!("lin_api_{}", ordinary(40))),
        ("langsmith", format!("lsv2_pt_{}_{}", hex(32), hex(10))),
        ("figma", format!("figd_{}", ordinary(40))),
        ("grafana", format!("glsa_{}_{}", ordinary(32), hex(8))),
        ("tailscale", format!("tskey-auth-{}-{}", ordinary(12), ordinary(32))),
        ("postman", format!("PMAK-{}-{}", hex(24), hex(34))),
        ("atlassian", format!("ATATT3xFfGF0{}", ordinary(60))),
        ("ours", format!("brk_{}", ordinary(43))),
        ("age", format!("AGE-SECRET-KEY-1{}", CAPITALS.repeat(2))),
        ("telegram", format!("{DIGITS}:AA{}", ordinary(33))),
        ("discord", format!("MTA4{}.{}.{}", ordinary(20), ordinary(6), ordinary(38))),
        ("jwt", format!("eyJhbGciOiJIUzI1NiJ9.eyJ{}.{}", ordinary(30), ordinary(43))),
        ("hex 32", hex(32).to_owned()),
        ("hex 64", HEX.to_owned()),
        ("base64", format!("{}+{}/{}==", ordinary(20), ordinary(15), ordinary(12))),
        ("url-safe", format!("{}-{}_{}", ordinary(20), ordinary(15), ordinary(12))),
        ("base36", "k3j9x0q7w2m5z8v1b4n6c9a2s5d8f1g4".to_owned()),
        ("aws secret", format!("{}/{}+{}", ordinary(18), ordinary(12), ordinary(8))),
    ]
}

/// Texts in which the credential is known only by what stands around it.
fn around(secret: &str) -> Vec<(&'static str, String)> {
    vec![
        ("bearer", format!("curl -H 'Authorization: Bearer {secret}' http://127.0.0.1")),
        ("header", format!("x-api-key: {secret}\r\naccept: */*")),
        ("proxy header", format!("Proxy-Authorization: Basic {secret}\n")),
        ("query", format!("GET /v1/models?key={secret}&alt=json HTTP/1.1")),
        ("query token", format!("https://example.com/cb?token={secret}#end")),
        ("json", format!(r#"{{"api_key":"{secret}","model":"m"}}"#)),
        ("json in json", format!(r#"{{"body":"{{\"password\":\"{secret}\"}}"}}"#)),
        ("json thrice", format!(r#"{{\\\"client_secret\\\":\\\"{secret}\\\"}}"#)),
        ("env", format!("export DB_PASSWORD={secret}\nexport PATH=/usr/bin")),
        ("quoted env", format!("AWS_SECRET_ACCESS_KEY=\"{secret}\"")),
        ("yaml", format!("database:\n  password: {secret}\n  user: app")),
        ("toml", format!("access_token = '{secret}'")),
        ("camel", format!(r#"{{ "accessToken" : "{secret}" }}"#)),
        ("url", format!("postgres://app:{secret}@db.internal:5432/app")),
        (
            "azure",
            format!(
                "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={secret};Entity=q"
            ),
        ),
        (
            "storage",
            format!("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={secret};EndpointSuffix=core"),
        ),
        ("odbc", format!("Server=db;User Id=sa;Pwd={secret};Encrypt=yes")),
        ("option", format!("brains --api-key {secret} status")),
        ("option with sign", format!("mysql --password={secret} -u root")),
        ("xml", format!("<settings><password>{secret}</password></settings>")),
        ("cookie", format!("Cookie: {secret}; theme=dark")),
        ("ruby", format!(":secret => \"{secret}\"")),
        ("webhook", format!("https://hooks.slack.com/services/T0{secret}/B0{secret}/{secret}{secret}")),
    ]
}

/// Places where a token may stand.
fn contexts(token: &str) -> Vec<String> {
    let escaped = serde_json::to_string(&format!("first line\n{token}\n\"quoted\"")).unwrap();
    vec![
        token.to_owned(),
        format!("see {token}, then go on"),
        format!("({token})"),
        format!("line\n{token}\nline"),
        escaped.clone(),
        serde_json::to_string(&escaped).unwrap(),
        json!({ "messages": [{ "role": "user", "content": format!("my key is {token}") }] }).to_string(),
        format!("https://example.com/v1/{token}?x=1"),
        format!("https://example.com/?x={token}&y=2"),
        format!("X-Custom: {token}\r\n"),
        format!("schlüssel→{token}←ende"),
    ]
}

fn check(name: &str, text: &str, secret: &str) {
    let covered = redact(text);
    assert!(!covered.contains(secret), "{name} is shown: {text}\n  gave {covered}");
    assert!(covered.contains(COVER), "{name}: {text}\n  gave {covered}");
    assert_eq!(redact(&covered), covered, "{name}: a second round changed {covered}");
}

#[test]
fn every_token_is_covered_wherever_it_stands() {
    let tokens = tokens();
    assert!(tokens.len() >= 40);
    for (name, token) in &tokens {
        for text in contexts(token) {
            check(name, &text, token);
            // No long piece of it stays either.
            let piece = &token[token.len() - 12..];
            assert!(!redact(&text).contains(piece), "{name}: the end is shown: {}", redact(&text));
        }
    }
}

#[test]
fn values_of_sensitive_names_are_covered() {
    for secret in ["hunter2-hunter", "Tr0ub4dor&3x".replace('&', "+").as_str(), "correct7horse"] {
        for (name, text) in around(secret) {
            check(name, &text, secret);
        }
    }
}

#[test]
fn escapes_hide_nothing() {
    for (text, secret) in [
        (r#"{"password":"ab\"cdefgh"}"#, "cdefgh"),
        (r#"{"aws_secret":"abcdefgh\/ijklmnop"}"#, "ijklmnop"),
        ("https://x.example/?api%5Fkey=abc123def", "abc123def"),
        (r#"{"token":"abc\u003d123456"}"#, "123456"),
        ("password: pässwörd1x", "wörd1x"),
    ] {
        assert!(!redact(text).contains(secret), "{text} gave {}", redact(text));
    }
}

#[test]
fn pem_blocks_are_covered_whole() {
    for kind in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "EC PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
        "CERTIFICATE",
    ] {
        let block = format!("-----BEGIN {kind}-----\nb3BlbnNza\nQyNTUx\n-----END {kind}-----");
        let text = format!("before {block} after");
        assert_eq!(redact(&text), "before [REDACTED] after");
        let escaped = json!({ "pem": block }).to_string();
        assert_eq!(redact(&escaped), r#"{"pem":"[REDACTED]"}"#);
        let cut = format!("x -----BEGIN {kind}-----\nQyNTUx");
        assert_eq!(redact(&cut), "x [REDACTED]");
    }
}

#[test]
fn innocent_text_stays() {
    for text in [
        "",
        "The quick brown fox jumps over the lazy dog.",
        "max_tokens: 4096, \"max_tokens\": 4096, prompt_tokens=12",
        "basic information about bearer tokens and basic understanding",
        "The password policy is strict; the token type is jwt.",
        "use scikit-learn or sk-learn-contrib for that",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709 fixes it",
        "request 0192f0a1-7b3c-7def-8a12-3456789abcde failed",
        "req-0192f0a1-7b3c-7def-8a12-3456789abcde",
        "trace_01jd3v8x9qf5k2m7n4p6r8s0tz and key_01jd3v8x9qf5k2m7n4p6r8s0tz",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "/home/user/projects/very/long/path/to/some/module/named/something.rs",
        "https://docs.example.com/en/latest/guides/getting-started-with-the-gateway/index.html",
        "http://localhost:8080/packages/@scope/name",
        "postgres://app@db.internal/app",
        "this_is_a_very_long_snake_case_identifier_that_nobody_should_write",
        "AbstractSingletonProxyFactoryBeanDefinitionRegistryPostProcessor",
        "getUserAccountSettingsByOrganizationIdentifierAndRegion",
        "claude-sonnet-4-5-20250929, gpt-4o-mini-2024-07-18, brains-auto",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        "________________________________________",
        "----------------------------------------",
        "========================================",
        "00000000000000000000000000000000",
        "api_key: ${ENV:ACME_KEY}",
        "{\"api_key\":\"${FILE:/run/secrets/key}\"}",
        "api_key_set: true, key_id: 12, token_count=7, password_file: /run/x",
        "PWD=/home/user OLDPWD=/tmp",
        "\"password\": null, \"secret\": false",
        "the secret: keep it simple",
        "Ключ от квартиры, где деньги лежат: под ковриком",
        "[REDACTED]",
        "password=[REDACTED]",
        "api_key: ***set***",
        "x = y == z; a => b; c := d",
        "2026-11-24T00:15:00.000Z INFO gateway: served in 12 ms",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn json_is_covered_by_name_and_by_value() {
    let mut value = json!({
        "api_key": "short",
        "nested": { "clientSecret": { "a": "b", "n": 5 }, "tokens": 7, "list": [format!("key sk-{}", ordinary(30))] },
        "password": 123_456,
        "reference": { "token": "${ENV:TOKEN}", "secret": "" },
        "max_tokens": 5,
        "flag": { "secret": true },
        (format!("ghp_{}", ordinary(36))): 1,
    });
    redact_json(&mut value);
    assert_eq!(
        value,
        json!({
            "api_key": COVER,
            "nested": { "clientSecret": { "a": COVER, "n": COVER }, "tokens": 7, "list": [format!("key {COVER}")] },
            "password": COVER,
            "reference": { "token": "${ENV:TOKEN}", "secret": "" },
            "max_tokens": 5,
            "flag": { "secret": true },
            COVER: 1,
        })
    );
    let mut value = json!({ "badge_number": "12", "other": "x", "badge_id": 7 });
    assert_eq!(redact("badge_number=4711-12"), "badge_number=4711-12");
    also_sensitive(&["Badge".to_owned(), "token".to_owned()]);
    redact_json(&mut value);
    assert_eq!(value, json!({ "badge_number": COVER, "other": "x", "badge_id": 7 }));
    assert_eq!(redact("badge_number=4711-12"), "badge_number=[REDACTED]");
    let mut usage = json!({ "prompt_tokens_details": { "cached_tokens": 3 }, "tokenizer": "o200k" });
    redact_json(&mut usage);
    assert_eq!(usage, json!({ "prompt_tokens_details": { "cached_tokens": 3 }, "tokenizer": "o200k" }));
    let mut plain = Value::Null;
    redact_json(&mut plain);
    assert_eq!(plain, Value::Null);
}

#[test]
fn hostile_text_takes_linear_time() {
    for unit in [
        "eyJ-",
        "sk-",
        "a-",
        "://",
        "://a:",
        "pwd=/",
        "pwd=***",
        "password=${",
        "-----BEGIN ",
        "\\",
        "token:",
        "--token ",
        "bearer ",
        "/api/webhooks/",
        "AC0",
        "1:",
        "\"password\":\"",
        "%2",
        "abc/",
        "Aa1/",
    ] {
        let text = unit.repeat(60_000 / unit.len());
        let covered = redact(&text);
        assert!(covered.len() <= 2 * text.len());
    }
}

#[test]
fn covers_that_touch_marks_settle() {
    // Each round takes in one more mark behind the last cover: this one needs five.
    let covered = redact(r"://password://\passwordpassword/a0aAA0a0A0BeCb4+112@\://@").into_owned();
    assert_eq!(redact(&covered), covered);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_planted_secret_never_shows(
        which in 0..60_usize,
        before in "[ -~\n\u{e9}\u{4e2d}]{0,60}",
        after in "[ -~\n\u{e9}\u{4e2d}]{0,60}",
        gap in "[ \n\t,;()]",
    ) {
        let tokens = tokens();
        let token = &tokens[which % tokens.len()].1;
        let text = format!("{before}{gap}{token}{gap}{after}");
        let covered = redact(&text).into_owned();
        prop_assert!(!covered.contains(token.as_str()), "{} gave {}", text, covered);
        let body = json!({ "content": text }).to_string();
        let covered = redact(&body).into_owned();
        prop_assert!(!covered.contains(token.as_str()), "{} gave {}", body, covered);
    }

    #[test]
    fn a_second_round_changes_nothing(text in "(.|[a-z]{1,8}[=: ]{1,2}|password|token|://|@|\"|\\\\|sk-|Bearer |[A-Za-z0-9+/]{20,50}){0,20}") {
        let covered = redact(&text).into_owned();
        let again = redact(&covered).into_owned();
        prop_assert_eq!(again, covered);
    }
}
