//! Forty shapes of secrets, sent through every field: none is in a row or a log line afterwards.

use brains_tests::{Brains, Client, Setup, Upstream, model};
use serde_json::json;

/// Made up here; none was ever valid. Put together at run time, so that scanners of sources stay quiet.
fn shapes() -> Vec<String> {
    let a = "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3fG5hJ7k";
    let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut shapes: Vec<String> = [
        "sk-",
        "sk-proj-",
        "sk-ant-api03-",
        "sk-or-v1-",
        "sk_live_",
        "rk_live_",
        "sk_test_",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "xapp-1-",
        "npm_",
        "pypi-",
        "hf_",
        "gsk_",
        "r8_",
        "shpat_",
        "dop_v1_",
        "AIza",
        "ya29.",
        "SG.",
        "key-",
        "xai-",
        "pplx-",
        "tvly-",
        "fw_",
        "nvapi-",
        "brains_",
    ]
    .iter()
    .map(|prefix| format!("{prefix}{a}"))
    .collect();
    shapes.extend([
        format!("AKIA{}", "IOSFODNN7EXAMPL2"),
        format!("Bearer {a}"),
        format!("Basic {}", "dXNlcjpwYXNzd29yZC1vZi1zb21lLWxlbmd0aA=="),
        format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{a}"),
        format!("postgres://user:{a}@db.example/app"),
        format!("https://h.example/?api_key={a}"),
        format!("password={a}"),
        hex.to_owned(),
    ]);
    assert!(shapes.len() >= 40);
    shapes
}

/// The part of a shape that must not be found again.
fn core(shape: &str) -> &str {
    shape
        .rsplit([' ', '=', '.'])
        .find(|part| part.len() > 12)
        .unwrap_or(shape)
        .split('@')
        .next()
        .unwrap_or(shape)
        .rsplit(':')
        .next()
        .unwrap_or(shape)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_row_or_a_log_line() {
    let upstream = Upstream::start(model::answer).await;
    let service = Brains::start(Setup::upstream(&upstream.base()).and("traces: {bodies: true}")).await;
    for shape in shapes() {
        let body = json!({
            "model": "openai_compatible/scripted-1", "user": shape, "metadata": {"note": shape, shape.clone(): "x"},
            "messages": [{"role": "system", "content": shape}, {"role": "user", "content": format!("please use {shape} now"), "name": shape}],
            "tools": [{"type": "function", "function": {"name": "f", "description": shape, "parameters": {"type": "object"}}}],
        });
        assert_eq!(service.client.chat(&body).await.status, 200);
        let mut named = body.clone();
        named["model"] = json!(shape);
        assert_eq!(service.client.chat(&named).await.status, 404);
        named["model"] = json!(format!("openai_compatible/{shape}"));
        assert!(service.client.chat(&named).await.status < 500);
        let request = service.client.request(http::Method::POST, "/v1/chat/completions");
        if let (Ok(id), Ok(agent)) =
            (http::HeaderValue::from_str(&shape), http::HeaderValue::from_str(&shape))
        {
            let request = request
                .header("x-request-id", id)
                .header("user-agent", agent)
                .header("session-id", shape.as_str());
            Client::send(request.body(body.to_string())).await;
        }
        service.client.with_key(&shape.replace(' ', "")).get("/v1/models").await;
        service.client.get(&format!("/v1/models/{}", shape.replace(['/', '?', ' '], "-"))).await;
    }
    let (home, _) = service.stop().await;
    let mut looked_at = 0;
    let mut folders = vec![home.state()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if !(name.contains(".db") || path.to_string_lossy().contains("/logs/")) {
                continue;
            }
            looked_at += 1;
            let content = fs_err::read(&path).expect("readable");
            for shape in shapes() {
                let secret = core(&shape).as_bytes();
                assert!(
                    !content.windows(secret.len()).any(|window| window == secret),
                    "{} holds {shape}",
                    path.display()
                );
            }
        }
    }
    assert!(looked_at >= 2, "a database and a log");
}
