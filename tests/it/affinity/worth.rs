//! A conversation goes on to a stronger tier only while reading it anew there costs no more than the operator would pay for that.

use brains_tests::wire::OPENAI;
use brains_tests::{Brains, Client, Setup, Upstream};
use http::Method;
use serde_json::json;

use super::{long, told};

/// A turn of the one conversation: which tier answered, and why.
async fn turn(service: &Brains, text: &str) -> (String, String) {
    let body = json!({"model": "brains-auto", "messages": [
        {"role": "user", "content": long("Good morning.")}, {"role": "assistant", "content": "Good morning."},
        {"role": "user", "content": text}]});
    let request = service.client.request(Method::POST, "/v1/chat/completions").header("x-session-id", "s");
    told(&Client::send(request.body(body.to_string())).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_is_paid_for_at_the_prices_in_force() {
    for (prices, leaves) in [
        // About 1,500 tokens are warm: read anew for a cent, or for fifteen.
        (
            "prices: {weak: {scripted-1: {input: 1, cached_input: 0.1}}, strong: {scripted-1: {input: 5}}}",
            true,
        ),
        (
            "prices: {weak: {scripted-1: {input: 1, cached_input: 0.1}}, strong: {scripted-1: {input: 100}}}",
            false,
        ),
        // Nobody knows what it costs: the tokens are few.
        ("prices: {strong: {scripted-1: {input: 100}}}", true),
    ] {
        let upstreams = [OPENAI.upstream().await, OPENAI.upstream().await];
        let provider = |name: &str, upstream: &Upstream| {
            format!(
                "  {name}: {{component: provider-openai, config: {{base_url: \"{}\"}}}}\n",
                upstream.base()
            )
        };
        let config = format!(
            "providers:\n{}{}models:\n  default: {{provider: weak, model: scripted-1}}\n  strong: {{provider: strong, model: scripted-1}}\n\
             routes: {{code_fix: strong}}\n{prices}\n",
            provider("weak", &upstreams[0]),
            provider("strong", &upstreams[1]),
        );
        let service = Brains::start(Setup::config(config)).await;
        let (first, why) = turn(&service, "How are you?").await;
        assert_eq!(first, "weak", "{why}");
        let (then, why) = turn(&service, "Please fix the bug in this function.").await;
        if leaves {
            assert_eq!(then, "strong", "{prices}: {why}");
            assert!(why.contains(", not weak/scripted-1 where it is warm ("), "{why}");
            assert_eq!(why.contains(" more)"), prices.contains("weak"), "told where it is known: {why}");
        } else {
            assert_eq!(then, "weak", "{prices}: {why}");
            assert!(why.contains("same as before"), "{why}");
        }
        service.stop().await;
    }
}
