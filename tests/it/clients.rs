//! Real clients, unchanged, against the running service: the vendors' libraries in depth, and every client on every wire.

mod agents;
mod feature;
mod guide;
mod matrix;
mod record;
mod roster;
mod vendors;

use std::path::Path;

use brains_tests::{Brains, Setup, Wire, wire, within};
use tokio::process::Command;

/// Runs a client script of `tests/clients` in the environment that the runner prepared.
pub(crate) async fn python(script: &str, environment: &[(&str, &str)]) {
    #[expect(clippy::disallowed_methods, reason = "the runner names its Python by environment")]
    let python = std::env::var("BRAINS_TEST_PYTHON").expect(
        "BRAINS_TEST_PYTHON names a Python with tests/clients/requirements.txt: `cargo xtask test` makes one",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    let output = within(
        "the client",
        Command::new(python).arg(script).envs(environment.iter().copied()).kill_on_drop(true).output(),
    )
    .await
    .expect("Python starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn openai_sdk(service: &Brains, model: &str) {
    let limited = Brains::start(Setup::config("rate_limit_per_minute: 2\n")).await;
    let (base, limited_base) = (format!("{}/v1", service.client.base), format!("{}/v1", limited.client.base));
    python(
        "openai_sdk.py",
        &[
            ("BASE_URL", &base),
            ("API_KEY", &service.client.key),
            ("MODEL", model),
            ("LIMITED_BASE_URL", &limited_base),
            ("LIMITED_API_KEY", &limited.client.key),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_sdk_through_the_translate_lane() {
    let service = Brains::plain().await;
    openai_sdk(&service, "echo/echo-default").await;
}

/// The whole suite over one wire of the upstream.
async fn openai_sdk_over(wire: Wire) {
    let upstream = wire.upstream().await;
    let service = Brains::start(wire.setup(&upstream)).await;
    openai_sdk(&service, &wire.model()).await;
    assert!(upstream.seen().len() > 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_sdk_through_the_relay_lane() {
    openai_sdk_over(wire::OPENAI).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_sdk_with_an_anthropic_upstream() {
    openai_sdk_over(wire::ANTHROPIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_sdk_with_an_ollama_upstream() {
    openai_sdk_over(wire::OLLAMA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_sdk_speaks_responses_over_each_wire() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        let (base, model) = (format!("{}/v1", service.client.base), wire.model());
        let environment = [("BASE_URL", &*base), ("API_KEY", &service.client.key), ("MODEL", &model)];
        python("openai_responses_sdk.py", &environment).await;
    }
}

/// What is kept of every pair of wires is what the vendors' own types say, answer by answer and event by event.
#[tokio::test(flavor = "multi_thread")]
async fn the_schemas_of_the_sdks_know_every_answer_and_event() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/dialect/golden/pairs");
    python("golden_schemas.py", &[("GOLDEN", &kept.to_string_lossy())]).await;
}
