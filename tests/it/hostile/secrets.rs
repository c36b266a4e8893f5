//! Secrets are holes in a request: filled after the component has returned, towards granted origins only, and never
//! shown again. Text is text, whoever wrote it.

use std::path::PathBuf;

use brains_tests::{Reply, Seen};
use serde_json::json;

use super::{Bad, CREDENTIAL, Scene, fault};

/// Every file in the state directory that holds the credential, but for the configuration that it was written into.
fn places(scene: &Scene) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![scene.service.home.state()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("config.yaml") {
                let content = fs_err::read(&path).unwrap_or_default();
                let key = CREDENTIAL.as_bytes();
                if content.windows(key.len()).any(|window| window == key) {
                    found.push(path);
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_url_a_header_or_a_log() {
    let bad = vec![
        Bad::new("host", "remote", json!({"secret_in": "host"})),
        Bad::new("path", "remote", json!({"secret_in": "path"})),
        Bad::new("fragment", "remote", json!({"secret_in": "fragment"})),
        // Where it may stand, but towards an origin that nobody granted.
        Bad::new("query-astray", "remote", json!({"secret_in": "query", "reach": "http://127.0.0.1:9"})),
        Bad::new("header-astray", "remote", json!({"secret_in": "header", "reach": "http://127.0.0.1:9"})),
        // Where it may stand.
        Bad::new("query", "remote", json!({"secret_in": "query", "lane": "translate"})),
        Bad::new("header", "remote", json!({"secret_in": "header", "lane": "translate"})),
    ];
    let scene = Scene::new(bad).await;
    scene
        .beside(async |round| {
            for (name, expected) in [
                ("host", "a secret may stand in the query of a URL, nowhere else in it"),
                ("path", "a secret may stand in the query of a URL, nowhere else in it"),
                ("fragment", "a secret may stand in the query of a URL, nowhere else in it"),
                ("query-astray", "the origin of `127.0.0.1` has not been granted"),
                ("header-astray", "the origin of `127.0.0.1` has not been granted"),
            ] {
                let answer = scene.ask(name, "say", false).await;
                let fault = fault(&answer);
                assert!(round > 0 || fault["message"] == json!(expected), "{name}: {fault}");
                assert!(!answer.text().contains(CREDENTIAL), "{name}");
            }
            for name in ["query", "header"] {
                let answer = scene.ask(name, "say", false).await;
                assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                assert!(!answer.text().contains(CREDENTIAL), "{name}");
            }
        })
        .await;
    for seen in scene.upstream.seen() {
        let in_query = seen.path.ends_with(&format!("?key={CREDENTIAL}"));
        let in_header = seen.header("authorization") == Some(&format!("Bearer {CREDENTIAL}"));
        assert!(in_query != in_header, "only the two that may: {seen:?}");
    }
    assert!(!scene.service.log().contains(CREDENTIAL), "the log holds it");
    assert_eq!(places(&scene), Vec::<PathBuf>::new());
}

/// An upstream that repeats what it was sent, as headers, error, text and stream; the component tells on all it is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_repeats_the_key() {
    let answer = |seen: &Seen| {
        let key = seen.header("authorization").unwrap_or("none").to_owned();
        let body = String::from_utf8_lossy(&seen.body);
        let said = format!("{{\"error\":{{\"message\":\"bad key: {key}\",\"code\":\"{key}\"}}}}");
        let reply = if body.contains("stream") {
            // Cut in the middle of the key.
            let (head, tail) = said.split_at(said.len() / 2);
            Reply::stream([format!("data: {head}"), format!("{tail}\n\n")])
        } else if body.contains("fail") {
            Reply::json(if body.contains("400") { 400 } else { 401 }, said)
        } else {
            Reply::json(200, said)
        };
        reply.header("x-you-sent", &key)
    };
    let telling = |name: &str, at: &str, lane: bool| {
        let mut config = json!({"do": "tell", "at": at, "secret_in": "header"});
        if lane {
            config["lane"] = json!("translate");
        }
        Bad::new(name, "remote", config)
    };
    let bad = vec![
        telling("relay", "decode-error", false),
        telling("chat", "decode-error", true),
        telling("unary", "decode-unary", true),
        // Passes frames on as they come.
        Bad::new("push", "remote", json!({"secret_in": "header", "lane": "translate"})),
    ];
    let scene = Scene::with(bad, "traces: {bodies: true}", answer).await;
    scene
        .beside(async |_| {
            for (name, text, stream) in [
                ("relay", "fail 400", false),
                ("relay", "fail 401", false),
                ("relay", "stream", true),
                ("relay", "say", false),
                ("chat", "fail 400", false),
                ("chat", "fail 401", false),
                ("unary", "say", false),
                ("push", "stream", true),
                ("push", "say", false),
            ] {
                let answer = scene.ask(name, text, stream).await;
                assert!(!answer.text().contains(CREDENTIAL), "{name} {text}: {}", answer.text());
                assert!(!format!("{:?}", answer.headers).contains(CREDENTIAL), "{name} {text}");
            }
        })
        .await;
    assert!(
        scene
            .upstream
            .seen()
            .iter()
            .all(|seen| { seen.header("authorization") == Some(&format!("Bearer {CREDENTIAL}")) })
    );
    assert!(!scene.service.log().contains(CREDENTIAL), "the log holds it");
    assert_eq!(places(&scene), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_writes_what_looks_like_a_secret() {
    let texts = [
        "{{secret:token}}",
        "{{secret:api_key}}",
        "${ENV:HOME}",
        "${FILE:/etc/passwd}",
        "$TOKEN %TOKEN% {token}",
        "{\"secret\":\"token\"}",
        "[{\"secret\":\"token\"}]",
        "Secret(\"token\")",
        "piece::secret(token)",
        "<secret name=token>",
    ];
    let bad = vec![
        Bad::new("relay", "remote", json!({"secret_in": "header"})),
        Bad::new("chat", "remote", json!({"secret_in": "header", "lane": "translate"})),
    ];
    let echo = |seen: &Seen| {
        Reply::json(200, serde_json::Value::from(String::from_utf8_lossy(&seen.body)).to_string())
    };
    let scene = Scene::with(bad, "", echo).await;
    scene
        .beside(async |round| {
            let text = texts[round % texts.len()];
            // As a prompt, to a sound provider and to hostile ones.
            for provider in ["openai_compatible", "relay", "chat"] {
                let body = json!({
                    "model": format!("{provider}/{text}"), "user": text, "metadata": {"note": text},
                    "messages": [{"role": "system", "content": text}, {"role": "user", "content": text}],
                });
                let answer = scene.service.client.chat(&body).await;
                assert!(!answer.text().contains(CREDENTIAL), "{provider}: {}", answer.text());
                assert!(!answer.text().contains("sk-upstream-"), "{provider}: {}", answer.text());
            }
        })
        .await;
    let seen = scene.upstream.seen();
    assert!(!seen.is_empty());
    for request in &seen {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains(CREDENTIAL) && !request.path.contains(CREDENTIAL), "{body}");
        let verbatim = texts.iter().any(|text| {
            body.contains(*text)
                || body.contains(serde_json::Value::from(*text).to_string().trim_matches('"'))
        });
        assert!(verbatim, "the text went out as it was written: {body}");
    }
    for request in scene.honest_upstream.seen() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains("sk-upstream-") && !body.contains("root:"), "{body}");
    }
    assert!(!scene.service.log().contains(CREDENTIAL), "the log holds it");
}
