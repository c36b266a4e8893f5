//! The README's first hour and the guide for agents, run as they stand. A test has no fixed ports and no home of its own in
//! `~/.brains`, so the addresses and that path are those of its service; `…` stands for what the command before printed.

use std::path::PathBuf;

use brains_tests::guide::{Shell, blocks, document};
use brains_tests::mcp::{Connection, STATELESS, reply, stateless, structured};
use brains_tests::{Brains, Client, Setup};
use serde_json::{Value, json};

fn project(service: &Brains) -> PathBuf {
    let folder = service.home.path().join("project");
    fs_err::create_dir_all(folder.join("src/webhook")).expect("a project");
    fs_err::write(folder.join("Cargo.toml"), "").expect("a marker");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_hour_of_the_readme_works_as_it_stands() {
    let readme = document("README.md");
    // Its variable is set where the service runs: that is who resolves it. The other key lies in a file.
    // The providers that are configured later are there from the start, so that nothing waits for their compiling.
    let providers =
        "openai_compatible_timeout_seconds: 60\nanthropic_timeout_seconds: 60\nollama_timeout_seconds: 60\n";
    let setup = Setup::config(providers).env("ANTHROPIC_API_KEY", "sk-ant-0123456789abcdef");
    let service = Brains::start(setup).await;
    let folder = project(&service);
    let mut shell = Shell::of(&service, folder);
    let all = blocks(&readme, "sh");
    let block = |part: &str| all.iter().find(|block| block.contains(part)).cloned().expect(part);
    // The program was built before the suite began: its first block is `cargo xtask run`.
    assert_eq!(all[0].trim(), "cargo xtask run");

    let answered = shell.run(&block("curl -i")).await;
    assert!(answered.contains("200 OK"), "{answered}");
    for header in
        ["x-brains-task", "x-brains-tier", "x-brains-provider", "x-brains-model", "x-brains-route-reason"]
    {
        assert!(answered.to_ascii_lowercase().contains(header), "{header}: {answered}");
    }
    let inside = shell.run(&block("brains traces")).await;
    assert!(inside.contains("steps") && inside.contains("latency_ms"), "{inside}");

    let worked = shell.run(&block("workspace register .")).await;
    assert!(worked.contains("\"fence\"") && worked.contains("in_progress"), "{worked}");

    // Its configuration is sound, and in force once it is read. A file for a key is what it names first.
    let state = service.home.state();
    let yaml = blocks(&readme, "yaml").concat().replace("~/.brains", &state.display().to_string());
    assert!(yaml.find("${FILE:") < yaml.find("${ENV:"), "{yaml}");
    shell.run(&block("openai-key")).await;
    fs_err::write(state.join("config.yaml"), yaml).expect("written");
    shell.run("brains config check").await;
    shell.run("brains config reload").await;
    // From here on it is a real model that would be asked, whichever tier is wanted.
    for name in ["brains-auto", "brains-cheap", "brains-deep"] {
        let explained = shell.run(&format!("brains explain --model {name} hi")).await;
        let told: Value = serde_json::from_str(&explained).expect("JSON");
        assert_eq!(told["provider"], "openai_compatible", "{name}: {told}");
    }
}

/// How one client of the guide is told to connect: its address, and the header or variable with the key.
fn entries(guide: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for block in blocks(guide, "json") {
        let entry: Value = serde_json::from_str(&block).expect("JSON");
        let server = entry.get("mcpServers").or(entry.get("mcp")).expect("servers")["brains"].clone();
        let text = |at: &str| server.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        found.push((text("/url"), text("/headers/Authorization")));
    }
    for block in blocks(guide, "toml") {
        let value = |name: &str| {
            let line = block.lines().find(|line| line.starts_with(name)).expect(name);
            line.split('"').nth(1).expect("a text").to_owned()
        };
        found.push((value("url"), format!("Bearer ${{{}}}", value("bearer_token_env_var"))));
    }
    let (_, command) = guide.split_once("`claude mcp add ").expect("a command");
    let command = command.split('`').next().unwrap_or_default();
    assert!(command.starts_with("--transport http brains "), "{command}");
    let url = command.split(' ').find(|word| word.starts_with("http://"));
    let header = command.split("Authorization: ").nth(1).expect("a header").trim_end_matches('"');
    found.push((url.expect("an address").to_owned(), header.to_owned()));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_for_agents_works_as_it_stands() {
    let guide = document("docs/guides/connect-an-agent.md");
    let service = Brains::start(Setup::default()).await;
    let folder = project(&service);
    let path = folder.display().to_string();
    let mut shell = Shell::of(&service, folder);
    let commands = blocks(&guide, "sh");
    shell.run(&commands[0]).await;
    assert!(shell.key.starts_with("brk_"), "the first block makes a key");

    let entries = entries(&guide);
    assert_eq!(entries.len(), 5, "Claude Code twice, Codex, opencode, Copilot: {entries:?}");
    for (number, (url, header)) in entries.into_iter().enumerate() {
        assert_eq!(url, "http://127.0.0.1:9877/mcp");
        let spelled = ["Bearer ${BRAINS_KEY}", "Bearer $BRAINS_KEY", "Bearer {env:BRAINS_KEY}", "Bearer …"];
        assert!(spelled.contains(&&*header), "{header}");
        let agent = service.mcp.with_key(&shell.key);
        // With a connection, and without, as clients of both eras come.
        let connection = Connection::open(&agent).await;
        let start = json!({ "workspace": path });
        let started = structured(&connection.call("start_session", start.clone()).await);
        assert_eq!(started["session"]["key"], json!("laptop"), "{started}");
        let own = json!({ "name": format!("guide-{number}") });
        structured(&connection.call("acquire_lock", own).await);
        structured(&connection.call("list_tasks", json!({})).await);
        structured(&connection.call("end_session", json!({})).await);
        let call = async |tool: &str, input: Value| {
            let params = json!({ "name": tool, "arguments": input });
            reply(&Client::send(stateless(&agent, "/mcp", "tools/call", params)).await)
        };
        structured(&call("start_session", start).await);
        structured(&call("set_focus", json!({ "intent": STATELESS })).await);
        structured(&call("list_tasks", json!({})).await);
        structured(&call("end_session", json!({})).await);
    }
    // What a person looks at meanwhile.
    for block in &commands[1..] {
        shell.run(block).await;
    }
    // Every tool that the guide names is one.
    let registry = service.client.get("/api/openapi.json").await.text();
    for name in ["start_session", "list_sessions", "list_locks", "list_focus", "who_blocks", "send_message"] {
        assert!(
            guide.contains(&format!("`{name}`")) && registry.contains(&format!("/api/ops/{name}")),
            "{name}"
        );
    }
}
