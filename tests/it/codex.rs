//! Codex where the tests of all clients do not look: how it is started, and what it does when it is refused a socket.

use std::sync::{Arc, Mutex};

use brains_tests::service::Home;
use brains_tests::wire::OPENAI;
use brains_tests::{Brains, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio_util::task::TaskTracker;

/// How Codex is told of the service.
#[derive(Debug)]
pub(crate) struct CodexSettings<'a> {
    pub(crate) model: &'a str,
    /// Where it asks; the service itself when nothing is said.
    pub(crate) base: &'a str,
    /// What the provider is called: under its vendor's name Codex asks for what only that vendor has.
    pub(crate) name: &'a str,
    /// Lines of the whole configuration.
    pub(crate) top: &'a str,
    /// Lines of the provider's.
    pub(crate) provider: &'a str,
}

impl Default for CodexSettings<'_> {
    fn default() -> Self {
        Self {
            model: "brains-auto",
            base: "",
            name: "brains",
            top: "",
            provider: "env_key = \"BRAINS_KEY\"\nstream_max_retries = 0\n",
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the runner names its packages by environment")]
pub(crate) fn codex_set(
    home: &Home,
    service: &Brains,
    settings: &CodexSettings<'_>,
    arguments: &[&str],
) -> Command {
    let CodexSettings { model, base, name, top, provider } = settings;
    let base = if base.is_empty() { &service.client.base } else { *base };
    let modules = std::env::var("BRAINS_TEST_NODE_MODULES").expect("`cargo xtask test` prepares the clients");
    let config = format!(
        "model = \"{model}\"\nmodel_provider = \"brains\"\n{top}\n[model_providers.brains]\nname = \"{name}\"\n\
         base_url = \"{base}/v1\"\nwire_api = \"responses\"\nrequest_max_retries = 0\n{provider}"
    );
    fs_err::write(home.path().join("config.toml"), config).expect("a configuration");
    let modules = std::path::PathBuf::from(modules);
    let mut command = Command::new(modules.join(".bin/node"));
    command
        .arg(modules.join("@openai/codex/bin/codex.js"))
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path())
        .env("CODEX_HOME", home.path())
        .env("BRAINS_KEY", &service.client.key)
        .current_dir(home.path())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    command
}

/// Any other refusal of a socket costs Codex seven tries and ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn codex_is_refused_a_socket_once() {
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    let (front, asked) = watched(service.client.base.trim_start_matches("http://")).await;
    let home = Home::default();
    let settings = CodexSettings {
        model: &OPENAI.model(),
        base: &front,
        provider: "env_key = \"BRAINS_KEY\"\nstream_max_retries = 5\nsupports_websockets = true\n",
        ..CodexSettings::default()
    };
    let arguments =
        ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "say pong"];
    let output = within("Codex", codex_set(&home, &service, &settings, &arguments).output()).await;
    let output = output.expect("Codex runs");
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("pong"));
    let asked = String::from_utf8_lossy(&asked.lock().expect("no panic")).into_owned();
    assert_eq!(asked.matches("GET /v1/responses HTTP").count(), 1, "one refusal");
    assert_eq!(asked.matches("POST /v1/responses HTTP").count(), 1);
}

/// An address in front of `to`, and everything that was sent to it.
async fn watched(to: &str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let (to, asked) = (to.to_owned(), Arc::new(Mutex::new(Vec::new())));
    let heard = Arc::clone(&asked);
    let tasks = TaskTracker::new();
    let connections = tasks.clone();
    tasks.spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = tokio::net::TcpStream::connect(&to).await.expect("the service");
            let ((mut from, mut back), (mut answers, mut on)) = (near.into_split(), far.into_split());
            connections.spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            let heard = Arc::clone(&heard);
            connections.spawn(async move {
                let mut piece = [0; 4096];
                while let Ok(read @ 1..) = from.read(&mut piece).await {
                    heard.lock().expect("no panic").extend_from_slice(&piece[..read]);
                    if on.write_all(&piece[..read]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (base, asked)
}
