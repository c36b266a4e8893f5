//! The guides for who operates the program, run as they stand, and the clients that the guide for agents names, each reading
//! the entry that stands there.

use std::path::{Path, PathBuf};

use brains_tests::components::{digest, manifest, variant};
use brains_tests::guide::{Shell, blocks, document};
use brains_tests::wire::OPENAI;
use brains_tests::{Brains, Reply, Setup, until, within};
use serde_json::{Value, json};
use tokio::process::Command;

fn folder(service: &Brains) -> PathBuf {
    let folder = service.home.path().join("project");
    fs_err::create_dir_all(&folder).expect("a folder");
    fs_err::write(folder.join("Cargo.toml"), "").expect("a marker");
    folder
}

/// The block that has this in it.
fn block(guide: &str, part: &str) -> String {
    blocks(guide, "sh").into_iter().find(|block| block.contains(part)).expect(part)
}

async fn state(service: &Brains, id: &str) -> Value {
    let listed = service.client.operation("list_components", &json!({})).await;
    let rows = listed["components"].as_array().cloned().unwrap_or_default();
    rows.into_iter().find(|row| row["id"] == id).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_waits_is_approved_as_the_guide_says() {
    let guide = document("docs/guides/components.md");
    let service = Brains::start(Setup::default().env("ACME_KEY", "sk-acme-0123456789abcdefghij")).await;
    let plugins = service.home.state().join("plugins");
    fs_err::create_dir_all(&plugins).expect("a folder");
    fs_err::write(plugins.join("acme.yaml"), blocks(&guide, "yaml").concat()).expect("the manifest first");
    fs_err::write(plugins.join("acme.wasm"), variant("provider-openai", "guide")).expect("written");
    until("the component to wait", async || state(&service, "acme").await["state"] == "pending").await;
    let mut shell = Shell::of(&service, folder(&service));
    let seen = shell.run(&block(&guide, "plugin list")).await;
    // The command that is named asks for what the manifest asks for, and the guide's gives it.
    let approve = block(&guide, "plugin enable");
    for given in ["https://api.acme.example", "api_key", "brains plugin enable acme"] {
        assert!(seen.contains(given) && approve.contains(given), "{given}: {seen}");
    }
    shell.run(&approve).await;
    until("the component to serve", async || state(&service, "acme").await["state"] == "live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_brought_in_changed_and_taken_away_as_the_guide_says() {
    let guide = document("docs/guides/components.md");
    let service = Brains::plain().await;
    let folder = folder(&service);
    let (one, two) = (variant("provider-echo", "one"), variant("provider-echo", "two"));
    fs_err::write(folder.join("acme.yaml"), manifest("acme", "provider", "{}")).expect("written");
    fs_err::write(folder.join("acme.wasm"), &one).expect("written");
    fs_err::write(folder.join("acme-2.wasm"), &two).expect("written");
    let mut shell = Shell::of(&service, folder);
    shell.stands_for("sha256:…", &digest(&one));
    let block = block(&guide, "plugin add");
    let commands: Vec<&str> = block.lines().collect();
    let words: Vec<&str> = commands.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(words, ["add", "upgrade", "rollback", "pin", "disable", "remove"]);
    for (command, expected, digest) in [
        (commands[0], "live", digest(&one)),
        (commands[1], "live", digest(&two)),
        (commands[2], "live", digest(&one)),
        (commands[3], "live", digest(&one)),
        (commands[4], "off", digest(&one)),
    ] {
        shell.command(command).await;
        let row = state(&service, "acme").await;
        assert_eq!((&row["state"], &row["digest"]), (&json!(expected), &json!(digest)), "{command}: {row}");
    }
    shell.command(commands[5]).await;
    assert!(state(&service, "acme").await.is_null());
    // Every state that the guide explains is one.
    let page = document("docs/reference/component.md");
    for state in guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        assert!(page.contains(state), "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_verified_as_the_guide_says() {
    let guide = document("docs/guides/verify-the-audit-log.md");
    let service = Brains::plain().await;
    let folder = folder(&service);
    service.client.operation("add_operator", &json!({"slug": "ada"})).await;
    let mut shell = Shell::of(&service, folder.clone());
    shell.run(&blocks(&guide, "sh").concat()).await;
    // A second time, so that a key was handed over.
    shell.run("brains audit export > audit.jsonl").await;
    let export = fs_err::read_to_string(folder.join("audit.jsonl")).expect("the export");
    let rows: Vec<(String, Vec<String>)> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | `"))
        .map(|(kind, members)| {
            let members = members.split('`').step_by(2).map(str::to_owned);
            (
                kind.to_owned(),
                members.filter(|member| member.chars().all(|c| c == '_' || c.is_alphanumeric())).collect(),
            )
        })
        .collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    for line in export.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let (_, members) = rows.iter().find(|(kind, _)| line["type"] == **kind).expect("a kind of the guide");
        for name in line.as_object().expect("an object").keys().filter(|name| *name != "type") {
            assert!(members.contains(name), "{name} of {line} is not in the guide");
        }
    }
    for (kind, _) in &rows {
        assert!(export.contains(&format!("\"type\":\"{kind}\"")), "no line is of the type {kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_to_a_request_is_told_as_the_guide_says() {
    let guide = document("docs/guides/failures.md");
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    // Its settings are there, with the defaults that it names, and are set by the command that it names.
    let mut shell = Shell::of(&service, folder(&service));
    let schema: Value =
        serde_json::from_str(&shell.command("brains config schema --json").await).expect("JSON");
    let policy = &schema["schema"]["properties"]["provider_policies"]["additionalProperties"]["properties"];
    let mut keys = 0;
    for row in guide.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let names = cells[0].split('`').step_by(2).filter(|name| policy.get(name.trim()).is_some());
        for (name, default) in names.zip(cells.get(1).unwrap_or(&"").split(", ")) {
            let default: f64 = default.parse().expect("a number");
            assert_eq!(policy[name]["default"].as_f64(), Some(default), "{name}");
            // None of them stops the request below.
            let value = if default == 0.0 { 9.0 } else { default + 1.0 };
            shell
                .command(&format!("brains config set provider_policies.openai_compatible.{name} {value}"))
                .await;
            keys += 1;
        }
    }
    assert_eq!(keys, 8, "every key of a policy that the guide names");
    for _ in 0..2 {
        upstream.then(Reply::json(529, "{}"));
    }
    let body = json!({"model": OPENAI.model(), "messages": [{"role": "user", "content": "x"}]});
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    for header in ["x-brains-attempts", "x-brains-attempt-causes", "x-brains-trace-id", "x-should-retry"] {
        assert!(guide.contains(header) && !answer.header(header).is_empty(), "{header}");
    }
    assert_eq!(answer.header("x-should-retry"), "false");
    let id = answer.header("x-brains-trace-id").to_owned();
    until("the trace", async || {
        let shown = service.client.post("/api/ops/show_trace", json!({"id": id}).to_string()).await;
        shown.status == 200
    })
    .await;
    shell.stands_for("<x-brains-trace-id>", &id);
    for command in ["brains trace show <x-brains-trace-id>", "brains usage"] {
        assert!(guide.contains(&format!("`{command}`")), "{command}");
        shell.command(command).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the runner names its packages by environment")]
fn programs() -> PathBuf {
    let modules = std::env::var("BRAINS_TEST_NODE_MODULES").expect("`cargo xtask test` prepares the clients");
    PathBuf::from(modules)
}

/// Runs a client in a home of its own, with nothing but the key.
async fn client(home: &Path, key: &str, command: &str) -> String {
    let programs = programs();
    let path = format!("{0}/.bin:{0}/node/bin:/usr/bin:/bin", programs.display());
    let run = Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .current_dir(home.join("project"))
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("BRAINS_KEY", key)
        .env("NO_COLOR", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = within(command, run).await.expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Every client, unchanged, reads the entry that the guide gives for it; one that looks whether it works finds that it does.
#[tokio::test(flavor = "multi_thread")]
async fn every_client_that_the_guide_names_reads_its_entry() {
    let service = Brains::plain().await;
    let guide = document("docs/guides/connect-an-agent.md");
    let guide = guide.replace("http://127.0.0.1:9877", &service.mcp.base);
    let mut shell = Shell::of(&service, folder(&service));
    shell.run(&blocks(&guide, "sh")[0]).await;
    let key = shell.key.clone();
    assert!(key.starts_with("brk_"), "the first block makes a key");
    let home = tempfile::tempdir().expect("a home");
    let home = home.path();
    for folder in ["project", ".codex", ".copilot"] {
        fs_err::create_dir_all(home.join(folder)).expect("a folder");
    }
    // Where each client's block belongs, as the line in front of it says.
    let entry = |name: &str, place: &str, language: &str| {
        let (_, after) = guide.split_once(&format!("**{name}**")).expect(name);
        let (before, _) = after.split_once("```").expect("a block");
        assert!(before.contains(&format!("`{place}`")), "{name}: {before}");
        let text = blocks(after, language).swap_remove(0);
        // What the first block of the guide printed.
        text.replace("Bearer …", &format!("Bearer {key}"))
    };
    let place = |path: &str, text: String| fs_err::write(home.join(path), text).expect("written");

    let (_, command) = guide.split_once("**Claude Code**: `").expect("a command");
    client(home, &key, command.split('`').next().unwrap_or_default()).await;
    let told = client(home, &key, "claude mcp list").await;
    assert!(told.contains("brains: ") && told.contains("Connected"), "{told}");
    client(home, &key, "claude mcp remove brains").await;
    place("project/.mcp.json", entry("Claude Code", ".mcp.json", "json"));
    let told = client(home, &key, "claude mcp get brains").await;
    assert!(told.contains(&service.mcp.base) && told.contains("Bearer ${BRAINS_KEY}"), "{told}");

    place(".codex/config.toml", entry("Codex", "~/.codex/config.toml", "toml"));
    let told: Value =
        serde_json::from_str(&client(home, &key, "codex mcp get brains --json").await).expect("JSON");
    let transport = &told["transport"];
    assert_eq!(told["enabled"], true, "{told}");
    assert_eq!(
        (&transport["url"], &transport["bearer_token_env_var"]),
        (&json!(format!("{}/mcp", service.mcp.base)), &json!("BRAINS_KEY"))
    );

    // Its program is not to be had for every platform of the suite: its entry is held to what it documents.
    let told: Value = serde_json::from_str(&entry("opencode", "opencode.json", "json")).expect("JSON");
    let documented = json!({"type": "remote", "url": format!("{}/mcp", service.mcp.base), "oauth": false,
        "headers": {"Authorization": "Bearer {env:BRAINS_KEY}"}, "enabled": true});
    assert_eq!(told, json!({"mcp": {"brains": documented}}));

    place(".copilot/mcp-config.json", entry("Copilot CLI", "~/.copilot/mcp-config.json", "json"));
    let told = client(home, &key, "copilot mcp get brains").await;
    assert!(told.contains("Enabled") && told.contains(&service.mcp.base), "{told}");
}
