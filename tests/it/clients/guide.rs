//! The guide for asking models: each client started by its words.

use std::path::Path;
use std::process::Stdio;

use brains_tests::guide::{Shell, blocks, document};
use brains_tests::model::agent::{self, Next};
use brains_tests::wire::OPENAI;
use brains_tests::{Brains, Upstream};
use futures_util::{StreamExt as _, stream};
use tokio::process::Command;

use super::agents;
use super::matrix;

/// What keeps a client from looking for another version of itself, or at anything else outside; no setting of the guide's.
const ALONE: [(&str, &str); 9] = [
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("COPILOT_OFFLINE", "true"),
    ("COPILOT_AUTO_UPDATE", "false"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("AIDER_ANALYTICS_DISABLE", "true"),
    ("AIDER_CHECK_UPDATE", "false"),
    ("AIDER_YES_ALWAYS", "true"),
];

const HELLO: &str = "Hello from the model.";

/// Runs a block of the guide in a home of its own.
async fn say(home: &Path, key: &str, block: &str) -> String {
    let modules = agents::modules();
    let aider = agents::named("BRAINS_TEST_AIDER");
    let path = format!(
        "{0}/.bin:{0}/opencode-linux-x64/bin:{1}:/usr/local/bin:/usr/bin:/bin",
        modules.display(),
        aider.parent().expect("a folder").display()
    );
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(home)
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("XDG_CACHE_HOME", agents::cache())
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("BRAINS_KEY", key)
        .envs(ALONE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = matrix::finish(command).await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{block}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_asks_as_the_guide_says() {
    matrix::warm().await;
    let upstream = Upstream::start(|seen| agent::answer(&OPENAI, seen, false, |_| Next::say(HELLO))).await;
    let tier = "models: {default: {provider: openai_compatible, model: scripted-1}}";
    let service = Brains::start(OPENAI.setup(&upstream).and(tier)).await;
    let guide = document("docs/guides/ask-models.md");
    let folder = service.home.path().join("project");
    fs_err::create_dir_all(&folder).expect("a folder");
    let mut shell = Shell::of(&service, folder);
    shell.run(&blocks(&guide, "sh")[0]).await;
    let key = shell.key.clone();
    assert!(key.starts_with("brk_"), "the first block makes a key");
    let guide = guide.replace("http://127.0.0.1:8787", &service.client.base);
    let commands = blocks(&guide, "sh").split_off(1);
    assert_eq!(commands.len(), 6, "Claude Code, Codex, Copilot CLI twice, opencode, aider");
    let copilot = commands.iter().find(|block| block.contains("COPILOT_PROVIDER_BASE_URL")).expect("a block");
    let line = "export COPILOT_PROVIDER_WIRE_API=responses";
    assert!(guide.contains(&format!("`{line}`")));
    let opencode = blocks(&guide, "json").concat();
    let adapters = ["@ai-sdk/openai-compatible", "@ai-sdk/openai", "@ai-sdk/anthropic"];
    assert!(adapters.iter().all(|adapter| guide.contains(adapter)));

    let readme = document("README.md");
    let (_, table) = readme.split_once("| | is pointed here by |").expect("a table");
    let (table, _) = table.split_once("\n\n").expect("its end");
    for word in table.split('`').skip(1).step_by(2) {
        assert!(guide.contains(word), "{word} of the README is in the guide");
    }

    let toml = blocks(&guide, "toml").concat();
    let responses = format!("{line}\n{copilot}");
    let runs = commands.iter().chain([&responses]).flat_map(|block| {
        let adapters = if block.contains("opencode") { &adapters[..] } else { &adapters[..1] };
        adapters.iter().map(move |adapter| (block, adapter))
    });
    let runs = runs.map(|(block, adapter)| {
        let (key, toml, config) = (&key, &toml, opencode.replace(adapters[0], adapter));
        async move {
            let home = tempfile::tempdir().expect("a home");
            let home = home.path();
            fs_err::create_dir_all(home.join(".codex")).expect("a folder");
            fs_err::write(home.join(".codex/config.toml"), toml).expect("written");
            fs_err::write(home.join("opencode.json"), config).expect("written");
            let said = say(home, key, block).await;
            assert!(said.contains(HELLO), "{block}\n{said}");
        }
    });
    stream::iter(runs).buffer_unordered(3).collect::<Vec<()>>().await;
    let listed = service.client.operation("list_traces", &serde_json::json!({"limit": 100})).await;
    let traces = listed["traces"].as_array().expect("traces");
    let wires = |api: &str| traces.iter().filter(|trace| trace["api"] == api).count();
    for api in ["openai-chat", "openai-responses", "anthropic-messages"] {
        assert!(wires(api) >= 2, "{api}: {}", wires(api));
    }
    assert!(traces.iter().all(|trace| trace["status"] == 200), "{listed}");
}
