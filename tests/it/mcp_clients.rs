//! Real MCP clients, unchanged: the official SDK over every transport, the inspector, the conformance suite.

use std::path::{Path, PathBuf};
use std::process::Output;

use brains_tests::service::program;
use brains_tests::{Brains, Setup, within};
use tokio::process::Command;

#[expect(clippy::disallowed_methods, reason = "the runner names its tools by environment")]
fn named(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var(variable).expect("`cargo xtask test` prepares the clients and names them"))
}

fn told(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn sdk(environment: &[(&str, &str)]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/mcp_sdk.py");
    let mut command = Command::new(named("BRAINS_TEST_PYTHON"));
    command.arg(script).envs(environment.iter().copied()).kill_on_drop(true);
    let output = within("the SDK", command.output()).await.expect("Python starts");
    assert!(output.status.success(), "{}", told(&output));
}

/// A package of `tests/clients/package.json`, run by the Node that belongs to them.
fn node(script: &str) -> Command {
    let modules = named("BRAINS_TEST_NODE_MODULES");
    let mut command = Command::new(modules.join("node/bin/node"));
    command.arg(modules.join(script)).kill_on_drop(true);
    command
}

/// A directory that is a project.
fn project(service: &Brains) -> String {
    let path = service.home.path().join("project");
    fs_err::create_dir_all(&path).expect("a directory");
    fs_err::write(path.join("Cargo.toml"), "").expect("a marker");
    path.display().to_string()
}

async fn over_http(transport: &str) {
    let service = Brains::plain().await;
    let project = project(&service);
    let (base, key) = (&service.mcp.base, &service.mcp.key);
    sdk(&[("TRANSPORT", transport), ("BASE_URL", base), ("API_KEY", key), ("WORKSPACE", &project)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn official_sdk_without_connections() {
    over_http("http").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn official_sdk_with_a_connection() {
    over_http("connected").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn official_sdk_over_event_streams() {
    over_http("sse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn official_sdk_over_stdio_with_and_without_a_service() {
    let service = Brains::plain().await;
    let (program, state) = (program().display().to_string(), service.home.state().display().to_string());
    let (home, project) = (service.home.path().display().to_string(), project(&service));
    let environment = [
        ("TRANSPORT", "stdio"),
        ("PROGRAM", &*program),
        ("BRAINS_HOME", &state),
        ("HOME", &home),
        ("PATH", "/usr/bin:/bin"),
        ("WORKSPACE", &project),
    ];
    sdk(&environment).await;
    let (_home, status) = service.stop().await;
    assert!(status.success());
    sdk(&environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_finds_nothing_wrong_with_the_tools() {
    let service = Brains::plain().await;
    for profile in ["", "?profile=core"] {
        let mut inspector = node("@modelcontextprotocol/inspector/clients/launcher/build/index.js");
        inspector.args(["--cli", &format!("{}/mcp{profile}", service.mcp.base), "--transport", "http"]);
        inspector.args(["--header", &format!("Authorization: Bearer {}", service.mcp.key)]);
        inspector.args(["--method", "tools/list", "--strict"]).env("HOME", service.home.path());
        let output = within("the inspector", inspector.output()).await.expect("the inspector starts");
        assert!(output.status.success(), "{}", told(&output));
        let errors = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(!errors.contains("warn"), "{}", told(&output));
    }
}

/// The scenarios that a server without the suite's own tools, prompts and resources can pass.
async fn conforms(revision: &str, scenarios: &[&str]) {
    // The suite has no way to send a key.
    let service = Brains::start(Setup::config("allow_unauthenticated_api: true\n")).await;
    for scenario in scenarios {
        let mut suite = node("@modelcontextprotocol/conformance/dist/index.js");
        suite.args(["server", "--url", &format!("{}/mcp", service.mcp.base), "--scenario", scenario]);
        suite.args(["--spec-version", revision]).current_dir(service.home.path());
        let output = within(scenario, suite.output()).await.expect("the suite starts");
        assert!(output.status.success(), "{revision} {scenario}\n{}", told(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_of_2025_11_25() {
    let scenarios = [
        "server-initialize",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "server-session-lifecycle",
        "server-sse-polling",
    ];
    conforms("2025-11-25", &scenarios).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_of_2026_07_28() {
    let scenarios = [
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "sep-2164-resource-not-found",
        "dns-rebinding-protection",
        "input-required-result-missing-input-response",
        "input-required-result-unsupported-methods",
        "input-required-result-ignore-extra-params",
        "input-required-result-validate-input",
        "http-header-validation",
    ];
    conforms("2026-07-28", &scenarios).await;
}
