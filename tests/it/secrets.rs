//! Forty shapes of secrets, sent through every field: none is in a row or a log line afterwards.

use brains_tests::counts::soak;
use brains_tests::team::{Database, Team};
use brains_tests::{Brains, Client, Setup, Upstream, model};
use serde_json::{Value, json};

/// Made up here; none was ever valid. Put together at run time, so that scanners of sources stay quiet.
pub(crate) fn shapes() -> Vec<String> {
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
pub(crate) fn core(shape: &str) -> &str {
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

/// Where a secret stands in what people and agents write.
fn around(secret: &str) -> Vec<String> {
    vec![
        secret.to_owned(),
        json!({ "note": secret }).to_string(),
        json!({ "body": json!({ "note": secret }).to_string() }).to_string(),
        format!("see https://h.example/v1?token={secret}&x=1"),
        format!("X-Api-Key: {secret}\r\naccept: */*"),
        format!("export SERVICE_TOKEN={secret}\nmake deploy"),
        format!("service:\n  token: {secret}\n  user: me"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----"),
        format!("first line\n{secret}\nlast line"),
        format!("the key is \"{secret}\""),
        format!("(the key is {secret}), as I said."),
    ]
}

/// Operations that keep what somebody says: what each needs beside, and the member.
fn fields() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("create_task", json!({"title": "t", "workspace": "app"}), "title"),
        ("create_task", json!({"title": "t", "workspace": "app"}), "body"),
        ("create_task", json!({"title": "t", "workspace": "app"}), "tags"),
        ("update_task", json!({"task": "TASK"}), "body"),
        ("comment_task", json!({"task": "TASK"}), "body"),
        ("write_checkpoint", json!({"summary": "s"}), "summary"),
        ("write_checkpoint", json!({"summary": "s"}), "blockers"),
        ("set_focus", json!({}), "intent"),
        ("set_focus", json!({}), "paths"),
        ("acquire_lock", json!({"path": "src/a.rs"}), "reason"),
        ("acquire_lock", json!({}), "name"),
        ("set_handoff", json!({"title": "t", "body": "b", "workspace": "app"}), "body"),
        ("send_message", json!({"subject": "s", "body": "b", "to": ["OTHER"]}), "subject"),
        ("send_message", json!({"subject": "s", "body": "b", "to": ["OTHER"]}), "body"),
        ("append_event", json!({"kind": "note", "message": "m", "workspace": "app"}), "message"),
        ("create_task", json!({"title": "t", "workspace": "app"}), "idempotency_key"),
        ("comment_task", json!({"task": "TASK", "body": "b"}), "unknown_member"),
    ]
}

async fn nothing_is_kept_in(database: Database) {
    let team = Team::start(database).await;
    let (agent, other) = (team.agent(0).await, team.agent(0).await);
    let task = agent.does("create_task", json!({"title": "in hand", "workspace": "app"})).await;
    let task = task["code"].as_str().or(task["task"]["code"].as_str()).expect("a code").to_owned();
    let (shapes, fields) = (shapes(), fields());
    for (number, shape) in shapes.iter().enumerate() {
        for (way, text) in around(shape).into_iter().enumerate() {
            // One field of all in turn; all of them when there is time.
            let chosen = fields
                .iter()
                .enumerate()
                .filter(|(at, _)| soak() || at % fields.len() == (number + way) % fields.len());
            for (_, (name, input, member)) in chosen {
                let input = input.to_string().replace("TASK", &task).replace("OTHER", &other.id);
                let mut input: Value = serde_json::from_str(&input).expect("JSON");
                input[*member] =
                    if ["tags", "paths"].contains(member) { json!([text]) } else { text.as_str().into() };
                let answer = agent.call(name, input).await;
                assert!(answer.status < 500, "{name} {member}: {}", answer.text());
            }
        }
    }
    // What somebody else is told.
    let mut told = String::new();
    for (name, input) in [
        ("list_tasks", json!({"workspace": "app"})),
        ("list_events", json!({"workspace": "app"})),
        ("read_messages", json!({})),
        ("get_state", json!({"workspace": "app"})),
        ("list_task_comments", json!({"task": task})),
    ] {
        told.push_str(&other.call(name, input).await.text());
    }
    let mut places = vec![("an answer".to_owned(), told.into_bytes())];
    if matches!(database, Database::Postgres) {
        let dump =
            std::process::Command::new("pg_dump").args(["--inserts", &team.url]).output().expect("it runs");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        places.push(("the database".to_owned(), dump.stdout));
    }
    let mut folders = vec![team.services[0].home.state(), team.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                places.push((path.display().to_string(), fs_err::read(&path).unwrap_or_default()));
            }
        }
    }
    let mut leaks = Vec::new();
    for (place, content) in &places {
        for shape in &shapes {
            let secret = core(shape).as_bytes();
            if content.windows(secret.len()).any(|window| window == secret) {
                leaks.push(format!("{place} holds {shape}"));
            }
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(places.iter().map(|(_, content)| content.len()).sum::<usize>() > 100_000, "something was kept");
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_that_is_written_down_is_kept_in_sqlite() {
    nothing_is_kept_in(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_that_is_written_down_is_kept_in_postgres() {
    nothing_is_kept_in(Database::Postgres).await;
}
