//! Claude Code, unchanged and without a screen, against the MCP listener; the model behind it is a script.

use std::path::PathBuf;

use brains_tests::messages::{self, Turn};
use brains_tests::service::Home;
use brains_tests::team::{Database, Team};
use brains_tests::within;
use serde_json::{Value, json};
use tokio::process::Command;

#[expect(clippy::disallowed_methods, reason = "the runner names its packages by environment")]
fn program() -> PathBuf {
    let modules = std::env::var("BRAINS_TEST_NODE_MODULES").expect("`cargo xtask test` prepares the clients");
    PathBuf::from(modules).join("@anthropic-ai/claude-code/bin/claude.exe")
}

fn call(tool: &str, input: Value) -> Turn {
    Turn::Call { tool: format!("mcp__brains__{tool}"), input }
}

/// The scripted model: each turn follows from how many results there are, and carries on what they said.
fn script(told: &messages::Told, workspace: &str) -> Turn {
    let first: Value =
        told.results.first().map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_default());
    let token = first["session_token"].clone();
    let with = |mut input: Value| {
        input["session_token"] = token.clone();
        input
    };
    match told.results.len() {
        0 => call("start_session", json!({"workspace": workspace, "tool": "claude-code"})),
        1 => call("create_task", with(json!({"title": "Mend the door", "workspace": workspace}))),
        2 => call("next_task", with(json!({"workspace": workspace}))),
        3 => {
            let taken = told.last();
            let code =
                taken["code"].as_str().or(taken["task"]["code"].as_str()).unwrap_or_default().to_owned();
            call("complete_task", with(json!({"task": code, "summary": "mended"})))
        }
        4 => call("wait_messages", with(json!({"timeout_ms": 20_000}))),
        _ => Turn::Say("The door is mended.".into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn works_from_the_list_of_tools_to_mail_from_another_agent() {
    let team = Team::start(Database::Sqlite).await;
    let (model, conversation) = messages::start(|told| script(told, "app")).await;
    let home = Home::default();
    let servers = json!({"mcpServers": {"brains": {
        "type": "http", "url": format!("{}/mcp", team.services[0].mcp.base),
        "headers": {"Authorization": format!("Bearer {}", team.services[0].mcp.key)},
    }}});
    let config = home.path().join("mcp.json");
    fs_err::write(&config, servers.to_string()).expect("a configuration");
    let mut command = Command::new(program());
    command
        .args([
            "-p",
            "Mend the door.",
            "--output-format",
            "json",
            "--model",
            "scripted",
            "--strict-mcp-config",
        ])
        .args(["--allowedTools", "mcp__brains", "--mcp-config"])
        .arg(&config)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path())
        .env("ANTHROPIC_BASE_URL", format!("http://{}", model.address))
        .env("ANTHROPIC_AUTH_TOKEN", "sk-scripted")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        // All tools at once: what is tested is what they do, not how the client looks for them.
        .env("ENABLE_TOOL_SEARCH", "false")
        .current_dir(home.path())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let colleague = team.agent(0).await;
    let running = command.output();
    let mail = async {
        // As soon as there is somebody to write to.
        let mut other = None;
        brains_tests::until("the agent's session", async || {
            let sessions = colleague.looks("list_sessions", json!({"workspace": "app"})).await;
            let sessions = sessions["sessions"].as_array().cloned().unwrap_or_default();
            let found = sessions.iter().find(|session| session["tool"] == json!("claude-code"));
            other = found.and_then(|session| session["id"].as_str().map(str::to_owned));
            other.is_some()
        })
        .await;
        colleague
            .does("send_message", json!({"subject": "The other door too", "body": "please", "to": [other]}))
            .await;
    };
    let (output, ()) = within("Claude Code", async { tokio::join!(running, mail) }).await;
    let output = output.expect("Claude Code starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("The door is mended."), "{said}");
    let told = conversation.lock().expect("nobody panicked").last().cloned().expect("a conversation");
    assert!(told.tools.contains(&"mcp__brains__create_task".to_owned()), "{:?}", told.tools);
    assert_eq!(told.results.len(), 5, "{:#?}", told.results);
    assert!(told.results[4].contains("The other door too"), "{}", told.results[4]);
    let tasks = team.admin().operation("list_tasks", &json!({"workspace": "app"})).await;
    assert_eq!(tasks["tasks"][0]["status"], json!("done"), "{tasks}");
    let sessions = team.admin().operation("list_sessions", &json!({"workspace": "app"})).await;
    let sessions = sessions["sessions"].as_array().expect("sessions").clone();
    let ours = sessions.iter().find(|session| session["tool"] == json!("claude-code")).expect("its session");
    let workspaces = team.admin().operation("list_workspaces", &json!({})).await;
    let scope = format!("workspace:{}", workspaces["workspaces"][0]["id"].as_str().expect("an id"));
    let entries = team.admin().operation("list_audit", &json!({"scope": scope, "limit": 100})).await;
    let by_it = entries["entries"].as_array().expect("entries").iter();
    let by_it = by_it.filter(|entry| entry["surface"] == json!("mcp") && entry["session"] == ours["id"]);
    assert!(by_it.count() >= 3, "{entries}");
    team.stop().await;
}
