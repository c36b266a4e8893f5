//! Other gateways under the same load: the reference product and `LiteLLM`, as `cargo xtask bench` installs them, with
//! logs, retries and caches off.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// A gateway that runs. It ends with this.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) base: String,
    pub(crate) key: &'static str,
    pub(crate) model: &'static str,
    pub(crate) child: Child,
}

const KEY: &str = "sk-bench-of-this-machine-only";
/// `LiteLLM` takes some seconds.
const START: Duration = Duration::from_mins(2);

/// Those that are installed.
pub(crate) async fn start(upstream: &str, folder: &Path) -> Vec<Peer> {
    let mut peers = Vec::new();
    if let Some(program) = installed("BRAINS_REFERENCE_PYTHON", "brains") {
        peers.push(reference(&program, upstream, folder).await);
    }
    if let Some(program) = installed("BRAINS_LITELLM_PYTHON", "litellm") {
        peers.push(litellm(&program, upstream, folder).await);
    }
    peers
}

/// A program beside the Python that a variable names.
fn installed(variable: &str, program: &str) -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os(variable)?);
    Some(python.with_file_name(program))
}

async fn reference(program: &Path, upstream: &str, folder: &Path) -> Peer {
    let home = folder.join("reference");
    let tiers = ["cheap", "default", "strong", "deep"];
    let tier = |tier: &str| (tier.to_owned(), json!({"provider": "openai_compatible", "model": "m"}));
    let config = json!({
        "models": tiers.map(tier).into_iter().collect::<serde_json::Map<_, _>>(),
        "openai_compatible_base_url": format!("{upstream}/v1"),
        "openai_compatible_api_key": "sk-x",
        "rate_limit_per_minute": 0,
    });
    let config = written(&home, &config);
    let port = free_port();
    let mut command = command(program, &home);
    command
        .args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()])
        .env("BRAINS_STATE_DIR", home.join("state"))
        .env("BRAINS_DB_URL", format!("sqlite:///{}", home.join("brains.db").display()))
        .env("BRAINS_API_KEY", KEY)
        .env("BRAINS_CONFIG", config);
    running("reference", "brains-auto", command, port, "/health").await
}

async fn litellm(program: &Path, upstream: &str, folder: &Path) -> Peer {
    let home = folder.join("litellm");
    let config = json!({
        "model_list": [{"model_name": "m", "litellm_params": {
            "model": "openai/m", "api_base": format!("{upstream}/v1"), "api_key": "sk-x"}}],
        "router_settings": {"num_retries": 0, "disable_cooldowns": true},
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": false, "num_retries": 0},
    });
    let config = written(&home, &config);
    let port = free_port();
    let mut command = command(program, &home);
    command
        .arg("--config")
        .arg(config)
        .args(["--host", "127.0.0.1", "--num_workers", "1", "--port", &port.to_string()])
        .env("LITELLM_MASTER_KEY", KEY)
        .env("LITELLM_MODE", "PRODUCTION")
        .env("LITELLM_LOG", "ERROR")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_TELEMETRY", "False");
    running("litellm", "m", command, port, "/health/readiness").await
}

fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// JSON is YAML.
fn written(home: &Path, config: &Value) -> PathBuf {
    fs_err::create_dir_all(home).expect("a folder");
    let path = home.join("config.yaml");
    fs_err::write(&path, config.to_string()).expect("written");
    path
}

/// One that was free a moment ago: these programs cannot tell which they took.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

async fn running(
    name: &'static str,
    model: &'static str,
    mut command: Command,
    port: u16,
    health: &str,
) -> Peer {
    let mut child = command.kill_on_drop(true).spawn().expect("started");
    let base = format!("http://127.0.0.1:{port}");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answers = async {
        loop {
            let answer = client.get(format!("{base}{health}")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(child.try_wait().expect("a child").is_none(), "{name} ended");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(START, answers).await.expect("it answers in time");
    Peer { name, base, key: KEY, model, child }
}
