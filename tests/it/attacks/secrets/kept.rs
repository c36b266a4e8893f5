//! What people and agents write down holds a secret, or is longer than anybody can use.

use std::sync::Arc;

use brains_tests::Client;
use brains_tests::mcp;
use brains_tests::team::{Agent, Database, Team};
use serde_json::{Value, json};

use super::super::{Fell, Row, row};
use super::nothing_holds;

/// Made up here; it was never valid.
const TOKEN: &str = "ghp_x7Kq2mZ9pL4vT8wR3nB6yD1sF5hJ0gCaE2uQ";

/// An agent with a task in hand, and somebody who reads.
pub(super) struct Scene {
    team: Team,
    agent: Agent,
    other: Agent,
    task: String,
}

impl super::super::Scene for Scene {
    async fn open() -> Self {
        super::apart(Self::opened).await
    }
}

impl Scene {
    async fn opened() -> Self {
        let team = Team::start(Database::Sqlite).await;
        let (agent, other) = (team.agent(0).await, team.agent(0).await);
        let made = agent.does("create_task", json!({"title": "in hand", "workspace": "app"})).await;
        let task = made["code"].as_str().or(made["task"]["code"].as_str()).expect("a code").to_owned();
        Self { team, agent, other, task }
    }

    fn folder_of_rows(&self) -> std::path::PathBuf {
        self.team.folder().to_owned()
    }

    /// Nothing that is kept or told holds the token.
    async fn is_clean(&self) {
        nothing_holds(&self.team.services[0], TOKEN);
        for entry in fs_err::read_dir(self.folder_of_rows()).expect("a folder").flatten() {
            let content = fs_err::read(entry.path()).unwrap_or_default();
            let held = content.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
            assert!(!held, "{} holds it", entry.path().display());
        }
        for (name, input) in [
            ("list_tasks", json!({"workspace": "app"})),
            ("list_events", json!({"workspace": "app"})),
            ("read_messages", json!({})),
            ("get_state", json!({"workspace": "app"})),
        ] {
            let told = self.other.call(name, input).await.text();
            assert!(!told.contains(TOKEN), "{name} tells it: {told}");
        }
    }
}

/// What an answer warns of.
fn warns(answer: &Value, member: &str) {
    let told = answer["warnings"].as_array().cloned().unwrap_or_default();
    let named =
        told.iter().any(|text| text.as_str().is_some_and(|text| text.starts_with(&format!("`{member}`"))));
    assert!(named, "{member}: {answer}");
    assert!(!answer.to_string().contains(TOKEN), "{answer}");
}

/// Operations that keep what somebody says: the operation, what it needs beside, and the member.
fn said() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("create_task", json!({"title": "t", "workspace": "app"}), "title"),
        ("create_task", json!({"title": "t", "workspace": "app"}), "body"),
        ("update_task", json!({"task": "TASK"}), "title"),
        ("update_task", json!({"task": "TASK"}), "body"),
        ("comment_task", json!({"task": "TASK"}), "body"),
        ("write_checkpoint", json!({"summary": "s"}), "summary"),
        ("write_checkpoint", json!({"summary": "s"}), "next_action"),
        ("write_checkpoint", json!({"summary": "s"}), "blockers"),
        ("set_focus", json!({}), "intent"),
        ("acquire_lock", json!({"path": "src/a.rs"}), "reason"),
        ("set_handoff", json!({"title": "t", "body": "b", "workspace": "app"}), "title"),
        ("set_handoff", json!({"title": "t", "body": "b", "workspace": "app"}), "body"),
        ("send_message", json!({"subject": "s", "body": "b", "to": ["OTHER"]}), "subject"),
        ("send_message", json!({"subject": "s", "body": "b", "to": ["OTHER"]}), "body"),
        ("append_event", json!({"kind": "note", "message": "m", "workspace": "app"}), "message"),
    ]
}

/// What gets a name: the operation, what it needs beside, and the member.
fn named() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("create_key", json!({}), "name"),
        ("create_task", json!({"title": "t", "workspace": "app"}), "tags"),
        ("acquire_lock", json!({}), "name"),
        ("acquire_lock", json!({}), "path"),
        ("start_session", json!({"workspace": "app"}), "tool"),
        ("start_session", json!({"workspace": "app", "tool": "t"}), "tool_session_id"),
        ("rename_workspace", json!({"workspace": "app"}), "name"),
        ("write_checkpoint", json!({"summary": "s"}), "scratchpad_path"),
        ("append_event", json!({"message": "m", "workspace": "app"}), "kind"),
    ]
}

fn filled(scene: &Scene, input: &Value, member: &str, text: &str) -> Value {
    let input = input.to_string().replace("TASK", &scene.task).replace("OTHER", &scene.other.id);
    let mut input: Value = serde_json::from_str(&input).expect("JSON");
    input[member] = if member == "tags" { json!([text]) } else { text.into() };
    input
}

pub(super) fn rows() -> Vec<Row<Scene>> {
    let mut rows = Vec::new();
    for (name, input, member) in said() {
        rows.push(row(
            "security 15",
            format!("a secret in `{member}` of {name}"),
            Fell,
            move |scene: Arc<Scene>| {
                let input = filled(&scene, &input, member, &format!("use {TOKEN} for it"));
                async move {
                    let answer = scene.agent.does(name, input).await;
                    warns(&answer, member);
                    scene.is_clean().await;
                }
            },
        ));
    }
    for (name, input, member) in named() {
        rows.push(row(
            "security 15",
            format!("a secret as `{member}` of {name}"),
            Fell,
            move |scene: Arc<Scene>| {
                let input = filled(&scene, &input, member, TOKEN);
                async move {
                    let answer = if ["create_key", "start_session", "rename_workspace"].contains(&name) {
                        scene.team.admin().post(&format!("/api/ops/{name}"), input.to_string()).await
                    } else {
                        scene.agent.call(name, input).await
                    };
                    assert_eq!(answer.json()["error"]["code"], "looks_like_secret", "{}", answer.text());
                    assert!(!answer.text().contains(TOKEN), "{}", answer.text());
                    scene.is_clean().await;
                }
            },
        ));
    }
    rows.push(row("security 15", "a secret in a title through MCP", Fell, |scene: Arc<Scene>| async move {
        let input = json!({"title": format!("use {TOKEN}"), "workspace": "app"});
        let reply = mcp::call(&scene.team.services[0].mcp, "create_task", input).await;
        warns(&mcp::structured(&reply), "title");
        scene.is_clean().await;
    }));
    rows.push(row(
        "security 15",
        "a secret in a title through the command line",
        Fell,
        |scene: Arc<Scene>| async move {
            let title = format!("use {TOKEN}");
            let output = scene.team.run(&["task", "create", &title, "--workspace", "app", "--json"]).await;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            warns(&serde_json::from_str(&said).unwrap_or_default(), "title");
            scene.is_clean().await;
        },
    ));
    rows.push(row("security 15", "a secret as the key of a request", Fell, |scene: Arc<Scene>| async move {
        let input = json!({"title": "once", "workspace": "app", "idempotency_key": TOKEN});
        let first = scene.agent.does("create_task", input.clone()).await;
        let second = scene.agent.does("create_task", input).await;
        assert_eq!(first["code"], second["code"], "the same request");
        scene.is_clean().await;
    }));
    rows.push(row(
        "security 15",
        "a secret as the native id in a header",
        Fell,
        |scene: Arc<Scene>| async move {
            let request = scene
                .team
                .admin()
                .request(http::Method::POST, "/api/ops/start_session")
                .header("content-type", "application/json")
                .header("session-id", TOKEN)
                .body(json!({"workspace": "app", "tool": "t"}).to_string());
            assert_eq!(Client::send(request).await.status, 200);
            scene.is_clean().await;
        },
    ));
    rows.push(row("security 17", "a model's name of 8 MiB", Fell, |scene: Arc<Scene>| async move {
        let model = "x".repeat(8 << 20);
        for body in [
            json!({"model": model, "messages": [{"role": "user", "content": "x"}]}),
            json!({"model": "y".repeat(257), "messages": [{"role": "user", "content": "x"}]}),
        ] {
            let answer = scene.team.admin().chat(&body).await;
            assert!(
                answer.status >= 400 && answer.text().len() < 1_000,
                "{} {}",
                answer.status,
                answer.text().len()
            );
        }
        let mut traces = String::new();
        while traces.matches("trace_").count() < 2 {
            traces = scene.team.admin().operation("list_traces", &json!({})).await.to_string();
        }
        assert!(traces.len() < 16 << 10, "{} bytes", traces.len());
    }));
    rows.push(row("security 15", "ordinary texts stay as they are", super::super::Held, |scene: Arc<Scene>| async move {
        let text = "Fixed in da39a3ee5e6b4b0d3255bfef95601890afd80709; see sha256:9f86d081884c7d659a2feaa0c55ad015\
                    a3bf4f1b2b0b822cd15d6c15b0f00a08 and rotate the API key, the token is in the vault.";
        let made = scene
            .agent
            .does("create_task", json!({"title": "an honest one", "body": text, "workspace": "app"}))
            .await;
        assert_eq!(made["warnings"], Value::Null, "{made}");
        let code = made["code"].as_str().or(made["task"]["code"].as_str()).expect("a code");
        let shown = scene.agent.looks("show_task", json!({"task": code})).await.to_string();
        assert!(shown.contains(text), "{shown}");
    }));
    rows
}
