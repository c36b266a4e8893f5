//! The same matrix through vendors that speak wires of others: each client on the wire that its vendor takes it on.

use super::*;
use brains_tests::copilot::GitHub;
use brains_tests::model::litellm;

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_holds_through_a_proxy_of_three_wires() {
    let upstream = Upstream::start(litellm::answer).await;
    let config = format!(
        "litellm_base_url: \"{}\"\nlitellm_api_key: \"{}\"\nlitellm_timeout_seconds: 1",
        upstream.origin(),
        wire::UPSTREAM_KEY
    );
    let service = Brains::start(Setup::config(config)).await;
    let each = Caller::ALL.map(|caller| (caller, own(caller), "litellm/scripted-1"));
    let wrong = cells(&service, &upstream, &each, &[]).await;
    assert!(wrong.is_empty(), "{} cells do not hold: {wrong:#?}", wrong.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_holds_through_a_vendor_that_is_signed_in_to() {
    let github = GitHub::start().await;
    let config = github.config("    timeout_seconds: 1\n");
    let setup = Setup::config(config).env("BRAINS_GITHUB_COPILOT_OAUTH_TOKEN", &github.account("gho_"));
    let service = Brains::start(setup).await;
    // The list of models and the exchange come before anything is scripted.
    assert_eq!(service.client.get("/v1/models").await.status, 200);
    let mut wrong = Vec::new();
    for each in [
        Caller::ALL.map(|caller| (caller, wire::OPENAI, "github_copilot/gpt-scripted")),
        Caller::ALL.map(|caller| (caller, wire::RESPONSES, "github_copilot/gpt-scripted-codex")),
    ] {
        // A session that is refused is renewed: `copilot` holds that.
        wrong.extend(cells(&service, &github.upstream, &each, &["401"]).await);
    }
    let each = [Caller::Responses, Caller::Messages]
        .map(|caller| (caller, wire::ANTHROPIC, "github_copilot/claude-scripted"));
    wrong.extend(cells(&service, &github.upstream, &each, &["401"]).await);
    assert!(wrong.is_empty(), "{} cells do not hold: {wrong:#?}", wrong.len());
}

/// The wire of a client's own.
const fn own(caller: Caller) -> Wire {
    match caller {
        Caller::Chat => wire::OPENAI,
        Caller::Responses => wire::RESPONSES,
        Caller::Messages => wire::ANTHROPIC,
    }
}
