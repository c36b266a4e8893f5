//! An upstream repeats a credential in any spelling, and a component tries to find one out by asking.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brains_tests::components::{component, drop_in, manifest};
use brains_tests::service::Home;
use brains_tests::{Brains, Reply, Seen, Setup, Upstream};
use serde_json::json;

use super::super::{Before, Fell, Held, Row, row};
use super::nothing_holds;

/// With signs that encoders escape.
const KEY: &str = "vault/9f+Qz=7Kd:Lm2~Xw8&Rt4";
/// What was in force before.
const EARLIER: &str = "vault/before+it=was:changed&0042";

/// A relaying provider, whose upstream says what it is asked to; its key was changed while the program runs.
pub(super) struct Scene {
    service: Brains,
    _upstream: Upstream,
}

impl super::super::Scene for Scene {
    async fn open() -> Self {
        super::apart(Self::opened).await
    }
}

impl Scene {
    async fn opened() -> Self {
        let upstream = Upstream::start(echo).await;
        let setup = |key: &str| {
            let base = upstream.base();
            Setup::config(format!(
                "openai_compatible_base_url: \"{base}\"\nopenai_compatible_api_key: \"{key}\"\n"
            ))
            .and("traces: {bodies: true}")
        };
        let service = Brains::start(setup(EARLIER)).await;
        service.home.write_config(&setup(KEY).config.expect("a text"));
        service.client.operation("reload_config", &json!({})).await;
        Self { service, _upstream: upstream }
    }
}

/// What the upstream sent and the client got.
fn content(said: &str) -> String {
    format!(
        "{{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
         \"message\":{{\"role\":\"assistant\",\"content\":\"you sent {said}, did you?\"}},\"finish_reason\":\"stop\"}}],\
         \"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}}}"
    )
}

fn frames(said: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
         \"delta\":{{\"content\":\"you sent {said}, did you?\"}},\"finish_reason\":null}}]}}\n\n\
         data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
         \"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
    )
}

/// Answers in the way that the prompt names, with the text that follows there.
fn echo(seen: &Seen) -> Reply {
    let prompt = seen.json()["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
    let (how, said) = prompt.split_once(' ').unwrap_or(("whole", "nothing"));
    let said = String::from_utf8(STANDARD.decode(said).unwrap_or_default()).unwrap_or_default();
    let said: String = said.chars().rev().collect();
    match how {
        "stream" => {
            let frames = frames(&said);
            Reply::stream(frames.as_bytes().chunks(5).map(<[u8]>::to_vec).collect::<Vec<_>>())
        }
        "error" => Reply::json(400, format!("{{\"error\":{{\"message\":\"wrong key {said}, is it?\"}}}}")),
        "header" => Reply::json(200, content("nothing")).header("openai-organization", &said),
        _ => Reply::json(200, content(&said)),
    }
}

async fn ask(scene: &Scene, how: &str, said: &str) -> String {
    // Turned round, so that what is kept of the prompt gives nothing away.
    let prompt = format!("{how} {}", STANDARD.encode(said.chars().rev().collect::<String>()));
    let body = json!({
        "model": "openai_compatible/m", "stream": how == "stream",
        "messages": [{"role": "user", "content": prompt}],
    });
    let answer = scene.service.client.chat(&body).await;
    format!("{:?}\n{}", answer.headers, answer.text())
}

/// How `secret` may be written within a JSON text, and how the program did before.
fn spellings(secret: &str) -> Vec<(&'static str, String, Before)> {
    let each = |write: &dyn Fn(u8) -> String| secret.bytes().map(write).collect::<String>();
    let escaped = |upper: bool| {
        each(&|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).into(),
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        })
    };
    let held = if secret == KEY { Held } else { Fell };
    vec![
        ("as it is", secret.into(), held),
        ("percent-encoded", escaped(true), Fell),
        ("percent-encoded in small digits", escaped(false), Fell),
        ("percent-encoded in part", secret.replace('&', "%26"), Fell),
        ("percent-encoded whole", each(&|byte| format!("%{byte:02X}")), Fell),
        ("percent-encoded twice", escaped(true).replace('%', "%25"), Fell),
        ("JSON with slashes escaped", secret.replace('/', "\\/"), Fell),
        ("JSON in JSON", secret.replace('/', "\\\\\\/"), Fell),
        ("code points", each(&|byte| format!("\\u{byte:04x}")), Fell),
        ("code points in JSON in JSON", each(&|byte| format!("\\\\u{byte:04x}")), Fell),
        ("an ampersand as HTML", secret.replace('&', "&amp;"), Fell),
        ("HTML as Go and JSON write it", secret.replace('&', "\\u0026"), Fell),
        ("decimal entities", each(&|byte| format!("&#{byte};")), Fell),
        ("hexadecimal entities", each(&|byte| format!("&#x{byte:X};")), Fell),
        ("base 64", STANDARD.encode(secret), Fell),
        ("base 64 for addresses", URL_SAFE_NO_PAD.encode(secret), Fell),
        ("base 64 of the header", STANDARD.encode(format!("Bearer {secret}")), Fell),
        ("basic credentials", STANDARD.encode(format!("me:{secret}")), Fell),
        ("basic credentials of another length", STANDARD.encode(format!("you:{secret}")), Fell),
        ("hexadecimal", each(&|byte| format!("{byte:02x}")), Fell),
        ("capitals", secret.to_uppercase(), Fell),
    ]
}

fn repeated() -> Vec<Row<Scene>> {
    let of = |secret: &'static str, when: &'static str| {
        spellings(secret).into_iter().map(move |(how, said, before)| {
            row(
                "security 14",
                format!("an upstream repeats {when} key: {how}"),
                before,
                move |scene: Arc<Scene>| {
                    let said = said.clone();
                    async move {
                        for how in ["whole", "stream", "error", "header"] {
                            let told = ask(&scene, how, &said).await;
                            assert!(told.contains("you sent") || told.contains("wrong key"), "{how}: {told}");
                            assert!(!told.contains(&said) && !told.contains(secret), "{how}: {told}");
                        }
                        nothing_holds(&scene.service, secret);
                        nothing_holds(&scene.service, &said);
                    }
                },
            )
        })
    };
    of(KEY, "the").chain(of(EARLIER, "an earlier").step_by(5)).collect()
}

pub(super) fn rows() -> Vec<Row<Scene>> {
    let mut rows = repeated();
    rows.push(row(
        "security 14",
        "honest texts beside it are what they were",
        Held,
        |scene: Arc<Scene>| async move {
            for said in [
                "hello %20 &amp; \\u00e9 \\n \\/ 100%",
                "vault/9f+Qz=7Kd:Lm2~Xw8&Rt",
                "dmF1bHQvOWY",
                "\\\\u0076ault",
            ] {
                assert!(ask(&scene, "whole", said).await.ends_with(&content(said)), "{said}");
                assert!(ask(&scene, "stream", said).await.ends_with(&frames(said)), "{said}");
            }
        },
    ));
    rows
}

/// A component that asks of one text after another whether it is its secret.
pub(super) struct Guessing {
    service: Brains,
}

impl super::super::Scene for Guessing {
    async fn open() -> Self {
        super::apart(Self::opened).await
    }
}

impl Guessing {
    async fn opened() -> Self {
        let home = Home::default();
        let manifest = manifest("guesser", "provider", "{secrets: [token]}");
        drop_in(&home, "guesser", &component("provider-chaos"), Some(&manifest));
        let guesser = json!({"guesser": {
            "component": "guesser", "config": {"do": "guess", "at": "prepare"}, "secrets": {"token": KEY},
        }});
        let setup = Setup::config("components: {guesser: {source: guesser.wasm}}\n")
            .and(&format!("providers: {guesser}"));
        Self { service: Brains::start_in(home, setup).await }
    }
}

pub(super) fn guesses() -> Vec<Row<Guessing>> {
    vec![row(
        "security, low",
        "a component guesses a secret by asking again and again",
        Fell,
        |scene: Arc<Guessing>| async move {
            let body = json!({"model": "guesser/any", "messages": [{"role": "user", "content": "x"}]});
            let answer = scene.service.client.chat(&body).await;
            let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
            assert!(message.contains("failed (guesses: 8)"), "{}", answer.text());
        },
    )]
}
