//! Agents and libraries as a user starts them: unchanged, without a screen, with the settings that the guide gives, in a home of
//! their own that knows nothing of the outside.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use brains_tests::Brains;
use serde_json::{Value, json};
use tokio::process::Command;

use super::feature::{Feature, Hands, Scene};

/// Where one run of a client happens.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) service: &'a Brains,
    pub(super) model: &'a str,
    pub(super) scene: &'a Scene,
    /// Which run of the scene this is.
    pub(super) run: usize,
}

impl Place<'_> {
    fn home(&self) -> &Path {
        &self.scene.folder
    }

    fn base(&self) -> &str {
        &self.service.client.base
    }

    fn key(&self) -> &str {
        &self.service.client.key
    }

    fn prompt(&self) -> String {
        self.scene.prompt(self.run)
    }

    fn goes_on(&self) -> bool {
        self.run > 0
    }

    fn shows_picture(&self) -> bool {
        self.scene.feature == Feature::Image
    }

    /// A program that sees nothing of this machine's environment but the path.
    fn start(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home())
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

#[expect(clippy::disallowed_methods, reason = "the runner names its tools by environment")]
pub(super) fn named(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var(variable).expect("`cargo xtask test` prepares the clients and names them"))
}

pub(super) fn modules() -> PathBuf {
    named("BRAINS_TEST_NODE_MODULES")
}

fn file(path: &Path) -> String {
    path.display().to_string()
}

pub(super) const CLAUDE_HANDS: Hands = Hands {
    read: |path| ("Read", json!({"file_path": file(path)})),
    picture: Some(|path| ("Read", json!({"file_path": file(path)}))),
    delegate: Some(|prompt| {
        let input = json!({"description": "look below", "prompt": prompt, "subagent_type": "general-purpose",
                           "run_in_background": false});
        ("Agent", input)
    }),
    wait: None,
    edits: false,
};

pub(super) fn claude(place: &Place<'_>) -> Command {
    let mut command = place.start(modules().join("@anthropic-ai/claude-code/bin/claude.exe"));
    command
        .args(["-p", &place.prompt(), "--output-format", "json", "--strict-mcp-config"])
        .args(["--allowedTools", "Read", "Agent"])
        .args(place.goes_on().then_some("--continue"))
        .env("ANTHROPIC_BASE_URL", place.base())
        .env("ANTHROPIC_AUTH_TOKEN", place.key())
        .env("ANTHROPIC_MODEL", place.model)
        .env("ANTHROPIC_DEFAULT_HAIKU_MODEL", place.model)
        .env("CLAUDE_CODE_GATEWAY_HINT_HEADERS", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    command
}

pub(super) const CODEX_HANDS: Hands = Hands {
    read: |path| ("exec_command", json!({"cmd": format!("cat {}", file(path))})),
    picture: None,
    delegate: Some(|prompt| ("spawn_agent", json!({"message": prompt}))),
    wait: Some(|spawned| {
        let spawned: Value = serde_json::from_str(spawned).unwrap_or_default();
        ("wait_agent", json!({"targets": [spawned["agent_id"]], "timeout_ms": 60_000}))
    }),
    edits: false,
};

pub(super) fn codex(place: &Place<'_>) -> Command {
    let config = format!(
        "model = \"{}\"\nmodel_provider = \"brains\"\ncheck_for_update_on_startup = false\n[analytics]\nenabled = false\n\
         [model_providers.brains]\nname = \"brains\"\nbase_url = \"{}/v1\"\nenv_key = \"BRAINS_KEY\"\nwire_api = \"responses\"\n",
        place.model,
        place.base()
    );
    let home = place.home().join(".codex");
    fs_err::create_dir_all(&home).expect("a folder");
    fs_err::write(home.join("config.toml"), config).expect("a configuration");
    let modules = modules();
    let mut command = place.start(modules.join(".bin/node"));
    command.arg(modules.join("@openai/codex/bin/codex.js")).args([
        "exec",
        "--json",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
    ]);
    if place.scene.feature == Feature::Compaction {
        command.args(["-c", "model_auto_compact_token_limit=10"]);
    }
    command.args(place.goes_on().then_some(["resume", "--last"]).into_iter().flatten());
    if place.shows_picture() {
        command.args(["--image", "pixel.png", "--"]);
    }
    command.arg(place.prompt()).env("BRAINS_KEY", place.key());
    command
}

pub(super) const COPILOT_HANDS: Hands = Hands {
    read: |path| ("view", json!({"path": file(path)})),
    picture: None,
    delegate: Some(|prompt| {
        let input = json!({"description": "look below", "prompt": prompt, "agent_type": "general-purpose",
                           "name": "cellar", "mode": "sync"});
        ("task", input)
    }),
    wait: None,
    edits: false,
};

/// Where Copilot CLI unpacks itself, once.
pub(super) fn cache() -> PathBuf {
    modules().with_file_name("cache")
}

/// Has Copilot CLI unpack itself.
pub(super) fn unpack() -> Command {
    let modules = modules();
    let mut command = Command::new(modules.join(".bin/copilot"));
    command
        .arg("--version")
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", modules.join(".bin").display()))
        .env("HOME", cache())
        .env("XDG_CACHE_HOME", cache())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Cells to which a run is narrowed, by words of their names, when one looks for a fault.
#[expect(clippy::disallowed_methods, reason = "said on the command line of whoever looks for a fault")]
pub(super) fn only() -> Option<String> {
    std::env::var("BRAINS_TEST_CELLS").ok()
}

fn copilot(place: &Place<'_>, provider: &str, wire: &str, path: &str) -> Command {
    let modules = modules();
    let mut command = place.start(modules.join(".bin/copilot"));
    let path_with_node = format!("{}:/usr/local/bin:/usr/bin:/bin", modules.join(".bin").display());
    command
        .args(["-p", &place.prompt(), "-s", "--allow-all-tools", "--allow-all-paths"])
        .args(place.goes_on().then_some("--continue"))
        .args(place.shows_picture().then_some(["--attachment", "pixel.png"]).into_iter().flatten())
        .env("PATH", path_with_node)
        .env("XDG_CACHE_HOME", cache())
        .env("COPILOT_OFFLINE", "true")
        .env("COPILOT_AUTO_UPDATE", "false")
        .env("COPILOT_PROVIDER_TYPE", provider)
        .env("COPILOT_PROVIDER_WIRE_API", wire)
        .env("COPILOT_PROVIDER_BASE_URL", format!("{}{path}", place.base()))
        .env("COPILOT_PROVIDER_API_KEY", place.key())
        .env("COPILOT_MODEL", place.model);
    command
}

pub(super) fn copilot_chat(place: &Place<'_>) -> Command {
    copilot(place, "openai", "completions", "/v1")
}

pub(super) fn copilot_responses(place: &Place<'_>) -> Command {
    copilot(place, "openai", "responses", "/v1")
}

pub(super) fn copilot_messages(place: &Place<'_>) -> Command {
    copilot(place, "anthropic", "completions", "")
}

pub(super) const OPENCODE_HANDS: Hands = Hands {
    read: |path| ("read", json!({"filePath": file(path)})),
    picture: None,
    delegate: Some(|prompt| {
        ("task", json!({"description": "look below", "prompt": prompt, "subagent_type": "general"}))
    }),
    wait: None,
    edits: false,
};

fn opencode(place: &Place<'_>, adapter: &str) -> Command {
    let model: Value = json!({place.model: {"name": "Brains", "attachment": true, "tool_call": true,
        "modalities": {"input": ["text", "image"], "output": ["text"]}}});
    let options = json!({"baseURL": format!("{}/v1", place.base()), "apiKey": "{env:BRAINS_KEY}"});
    let provider = json!({"npm": adapter, "name": "Brains", "options": options, "models": model});
    let name = format!("brains/{}", place.model);
    let config = json!({"autoupdate": false, "share": "disabled", "model": name, "small_model": name,
                        "provider": {"brains": provider}});
    fs_err::write(place.home().join("opencode.json"), config.to_string()).expect("a configuration");
    let mut command = place.start(modules().join("opencode-linux-x64/bin/opencode"));
    command
        .args(["run", "--format", "json", "--auto"])
        .args(place.goes_on().then_some("--continue"))
        .args(place.shows_picture().then_some(["--file", "pixel.png"]).into_iter().flatten())
        .args(["--", &place.prompt()])
        .env("BRAINS_KEY", place.key())
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1")
        .env("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1");
    command
}

pub(super) fn opencode_chat(place: &Place<'_>) -> Command {
    opencode(place, "@ai-sdk/openai-compatible")
}

pub(super) fn opencode_responses(place: &Place<'_>) -> Command {
    opencode(place, "@ai-sdk/openai")
}

pub(super) fn opencode_messages(place: &Place<'_>) -> Command {
    opencode(place, "@ai-sdk/anthropic")
}

pub(super) const AIDER_HANDS: Hands = Hands { edits: true, ..super::feature::LIBRARY };

pub(super) fn aider(place: &Place<'_>) -> Command {
    let mut command = place.start(named("BRAINS_TEST_AIDER"));
    command
        .args(["--model", &format!("openai/{}", place.model), "--edit-format", "whole", "--map-tokens", "0"])
        .args(["--message", &place.prompt(), "--no-git", "--yes-always", "--no-pretty", "--no-detect-urls"])
        .args([
            "--no-check-update",
            "--analytics-disable",
            "--no-show-model-warnings",
            "--no-show-release-notes",
        ])
        .arg("door.txt")
        .env("OPENAI_API_BASE", format!("{}/v1", place.base()))
        .env("OPENAI_API_KEY", place.key())
        // Else its library fetches prices.
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    command
}

/// A script of `tests/clients` that asks by a library.
fn script(place: &Place<'_>, mut command: Command, wire: &str) -> Command {
    command
        .env("BASE_URL", place.base())
        .env("API_KEY", place.key())
        .env("MODEL", place.model)
        .env("WIRE", wire)
        .env("PROMPT", place.prompt())
        .env("MODULES", modules());
    command
}

fn scripts(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

pub(super) fn python(place: &Place<'_>, wire: &str) -> Command {
    let mut command = place.start(named("BRAINS_TEST_PYTHON"));
    command.arg("-B").arg(scripts("turn.py"));
    script(place, command, wire)
}

pub(super) fn node(place: &Place<'_>, wire: &str) -> Command {
    let mut command = place.start(modules().join(".bin/node"));
    command.arg(scripts("turn.mjs"));
    script(place, command, wire)
}
