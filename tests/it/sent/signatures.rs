//! Thoughts and signatures go back to who gave them, and to nobody else, whoever answers next.

use brains_tests::model::refusals::Strict;
use brains_tests::wire::{ANTHROPIC, OLLAMA, OPENAI};
use brains_tests::{Brains, Reply, Upstream};
use serde_json::{Value, json};

use super::good;

/// A turn of one vendor, and the next one answered by a stricter one.
#[tokio::test(flavor = "multi_thread")]
async fn a_thought_of_one_vendor_never_reaches_another() {
    let strict = Strict::default();
    let (first, second) =
        (ANTHROPIC.upstream().await, Upstream::start(move |seen| strict.answer(seen)).await);
    let tier = "models: {default: {provider: anthropic, model: scripted-1, fallbacks: [{provider: openai_compatible, model: scripted-1}]}}";
    let service = Brains::start(ANTHROPIC.setup(&first).and(&OPENAI.config(&second)).and(tier)).await;
    let said = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted-1", "content": [
        {"type": "thinking", "thinking": "hmm", "signature": "c2ln"}, {"type": "text", "text": "a"}],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    first.then(Reply::json(200, said.to_string()));
    let mut body = json!({"model": "brains-default", "reasoning_effort": "high", "messages": [{"role": "user", "content": "x"}]});
    let answer = service.client.chat(&body).await;
    good(&answer);
    let turns = body["messages"].as_array_mut().expect("turns");
    turns.push(answer.json()["choices"][0]["message"].clone());
    assert_eq!(turns[1]["reasoning_content"], "hmm");
    turns.push(json!({"role": "user", "content": "y"}));
    for stream in [false, true] {
        body["stream"] = json!(stream);
        first.then(Reply::json(529, "{}"));
        let answer = service.client.chat(&body).await;
        good(&answer);
        assert_eq!(answer.header("x-brains-provider"), "openai_compatible");
        let losses = answer.header("x-brains-loss");
        assert!(
            losses.contains("messages.reasoning_details") && losses.contains("messages.reasoning_content"),
            "{losses}"
        );
    }
    let refused = second
        .seen()
        .iter()
        .filter(|seen| seen.json()["messages"][1].get("reasoning_content").is_some())
        .count();
    assert_eq!(refused, 0, "it was never sent");
    good(&service.client.chat(&body).await);
    assert_eq!(
        first.last().json()["messages"][1]["content"][0]["signature"],
        "c2ln",
        "who signed it gets it back"
    );
}

/// Thoughts without a mark may be the upstream's own: they go once, and not again once it has refused them.
#[tokio::test(flavor = "multi_thread")]
async fn a_thought_that_nobody_marked_is_given_up_when_it_is_refused() {
    let strict = Strict::default();
    let upstream = Upstream::start(move |seen| strict.answer(seen)).await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    let body = json!({"model": OPENAI.model(), "messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": "a", "reasoning_content": "hm"}, {"role": "user", "content": "y"}]});
    for attempts in ["2", "1"] {
        let answer = service.client.chat(&body).await;
        good(&answer);
        assert_eq!(answer.header("x-brains-attempts"), attempts);
        assert_eq!(answer.header("x-brains-loss"), "messages.reasoning_content");
    }
    // An upstream that takes them keeps getting them, byte for byte.
    let open = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&open)).await;
    good(&service.client.chat(&body).await);
    assert_eq!(open.last().json()["messages"], body["messages"]);
}

fn signed(id: &str) -> Value {
    json!([{"role": "user", "content": "x"},
           {"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function",
               "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "c2ln"}}}]},
           {"role": "tool", "tool_call_id": id, "content": "r"}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_signature_goes_to_no_vendor_that_did_not_give_it() {
    let body = |model: &str| json!({"model": model, "messages": signed("a"), "tools": [{"type": "function", "function": {"name": "f"}}]});
    for wire in [ANTHROPIC, OLLAMA] {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        let answer = service.client.chat(&body(&wire.model())).await;
        good(&answer);
        assert_eq!(answer.header("x-brains-loss"), "messages.tool_calls.extra_content", "{}", wire.provider);
        assert!(!upstream.last().json().to_string().contains("c2ln"), "{}", wire.provider);
    }
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    for (model, passes) in
        [("gemini-3-pro", true), ("gpt-5.2", false), ("claude-sonnet-5", false), ("my-own", true)]
    {
        let answer = service.client.chat(&body(&format!("openai_compatible/{model}"))).await;
        good(&answer);
        assert_eq!(upstream.last().json().to_string().contains("c2ln"), passes, "{model}");
        assert_eq!(answer.header("x-brains-loss").is_empty(), passes, "{model}");
    }
}
