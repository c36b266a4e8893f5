//! The vendors' libraries in depth through providers that speak the wires of others: a proxy, and one that is signed in to.

use brains_tests::copilot::GitHub;
use brains_tests::model::litellm;
use brains_tests::{Brains, Setup, Upstream};

use super::{openai_sdk, python};

/// Chat Completions, Responses and Messages, each by its vendor's own library.
async fn every_sdk(service: &Brains, model: &str) {
    openai_sdk(service, model).await;
    let key = &service.client.key;
    let versioned = format!("{}/v1", service.client.base);
    let environment = [("BASE_URL", &*versioned), ("API_KEY", key), ("MODEL", model)];
    python("openai_responses_sdk.py", &environment).await;
    let environment = [("BASE_URL", &*service.client.base), ("API_KEY", key), ("MODEL", model)];
    python("anthropic_sdk.py", &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_through_litellm() {
    let upstream = Upstream::start(litellm::answer).await;
    let config =
        format!("litellm_base_url: \"{}\"\nlitellm_api_key: \"{}\"\n", upstream.origin(), litellm::KEY);
    let service = Brains::start(Setup::config(config)).await;
    every_sdk(&service, "litellm/scripted-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_through_copilot() {
    let github = GitHub::start().await;
    let setup =
        Setup::config(github.config("")).env("BRAINS_GITHUB_COPILOT_OAUTH_TOKEN", &github.account("gho_"));
    let service = Brains::start(setup).await;
    for model in ["gpt-scripted", "gpt-scripted-codex", "claude-scripted"] {
        every_sdk(&service, &format!("github_copilot/{model}")).await;
    }
}
