//! Real clients of the wire, unchanged: the SDK, and Claude Code without a screen, over an upstream of its own wire and
//! over chat completions.

use std::path::PathBuf;

use brains_tests::messages::{self, Turn};
use brains_tests::service::Home;
use brains_tests::upstream::Seen;
use brains_tests::wire::{self, ANTHROPIC, OPENAI, Wire};
use brains_tests::{Brains, Reply, Upstream, model, within};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::clients::python;

#[expect(clippy::disallowed_methods, reason = "the runner names its packages by environment")]
fn program() -> PathBuf {
    let modules = std::env::var("BRAINS_TEST_NODE_MODULES").expect("`cargo xtask test` prepares the clients");
    PathBuf::from(modules).join("@anthropic-ai/claude-code/bin/claude.exe")
}

/// Asks in a directory of its own, and gives what it printed.
async fn claude(service: &Brains, model: &str, prompt: &str) -> String {
    let home = Home::default();
    fs_err::write(home.path().join("door.txt"), "The door is green.").expect("a file");
    let mut command = Command::new(program());
    command
        .args(["-p", prompt, "--output-format", "json", "--model", model, "--strict-mcp-config"])
        .args(["--allowedTools", "Read"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path())
        .env("ANTHROPIC_BASE_URL", &service.client.base)
        .env("ANTHROPIC_AUTH_TOKEN", &service.client.key)
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("ENABLE_TOOL_SEARCH", "false")
        .current_dir(home.path())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = within("Claude Code", command.output()).await.expect("Claude Code starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

async fn over(wire: Wire, upstream: Upstream, prompts: &[(&str, &str)]) {
    let service = Brains::start(wire.setup(&upstream)).await;
    for (prompt, expected) in prompts {
        let said = claude(&service, &wire.model(), prompt).await;
        assert!(said.contains(expected), "{}: {said}", wire.provider);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_over_an_upstream_of_its_own_wire() {
    let (model, conversation) = messages::start(|told| match told.results.len() {
        0 if told.tools.contains(&"Read".to_owned()) => {
            Turn::Call { tool: "Read".into(), input: json!({"file_path": "door.txt"}) }
        }
        _ => Turn::Say(format!("I read: {}", told.results.join(" "))),
    })
    .await;
    over(ANTHROPIC, model, &[("What colour is the door?", "The door is green.")]).await;
    let told = conversation.lock().expect("nobody panicked").last().cloned().expect("a conversation");
    assert_eq!(told.results.len(), 1, "{told:?}");
}

/// Chat completions of a model that reads the file once and tells what stood in it.
fn reader(seen: &Seen) -> Reply {
    if seen.method == "GET" {
        return model::answer(seen);
    }
    let request = seen.json();
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let results: Vec<String> = messages
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].to_string())
        .collect();
    if !results.is_empty() || request["tools"].is_null() {
        return Reply::stream(model::text_frames(&format!("I read: {}", results.join(" "))));
    }
    let call = json!({"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "Read", "arguments": "{\"file_path\":\"door.txt\"}"}});
    let chunk = |delta: &Value, finish: &Value| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted-1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n")
    };
    Reply::stream([
        chunk(&json!({"role": "assistant", "content": null, "tool_calls": [call]}), &Value::Null),
        chunk(&json!({}), &json!("tool_calls")),
        "data: [DONE]\n\n".to_owned(),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_over_chat_completions() {
    over(OPENAI, Upstream::start(model::answer).await, &[("Say pong", "scripted")]).await;
    over(OPENAI, Upstream::start(reader).await, &[("What colour is the door?", "The door is green.")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_sdk_over_every_wire() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        python(
            "anthropic_sdk.py",
            &[("BASE_URL", &service.client.base), ("API_KEY", &service.client.key), ("MODEL", &wire.model())],
        )
        .await;
    }
}
