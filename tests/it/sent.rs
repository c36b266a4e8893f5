//! What upstreams are sent: nothing that their vendors refuse, whatever a client says and whoever answered before. The
//! scripted upstreams here refuse what vendors refuse (`tests/harness/model/refusals.rs`).

mod signatures;

use brains_tests::model::refusals::{Strict, unrecognised};
use brains_tests::wire::{ANTHROPIC, OLLAMA, OPENAI, RESPONSES};
use brains_tests::{Answer, Brains, Client, Reply, Setup, Upstream};
use serde_json::{Value, json};

use crate::failover::trace;

const STRICT: Strict =
    Strict { no_stream_options: true, max_tokens_only: true, no_developer: true, reasoning: false };

async fn strict(rules: Strict, config: &str) -> (Upstream, Brains) {
    let upstream = Upstream::start(move |seen| rules.answer(seen)).await;
    let base = upstream.base();
    let provider = format!(
        "providers: {{strict: {{component: provider-openai, config: {{base_url: \"{base}\", {config}}}}}}}\n"
    );
    let service = Brains::start(Setup::config(provider)).await;
    (upstream, service)
}

fn hello(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "x"}]})
}

#[track_caller]
fn good(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.text().contains("\"error\""), "{}", answer.text());
}

/// alibaba/higress#3479, HKUDS/nanobot#2491, BerriAI/litellm#30835.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_settings_promise_holds_for_chat_clients() {
    let settings =
        "max_tokens_member: max_tokens, developer_role: false, extensions: false, stream_usage: false";
    let (upstream, service) = strict(STRICT, settings).await;
    for stream in [false, true] {
        let mut body = hello("strict/scripted-1", stream);
        body["messages"] = json!([
            {"role": "developer", "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "y", "reasoning_content": "hm", "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"},
                 "extra_content": {"google": {"thought_signature": "s"}}}]},
            {"role": "tool", "tool_call_id": "a", "content": "z"}]);
        body["max_completion_tokens"] = json!(50);
        body["top_k"] = json!(5);
        body["chat_template_kwargs"] = json!({"thinking": true});
        if stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        let answer = service.client.chat(&body).await;
        good(&answer);
        let sent = upstream.last().json();
        assert_eq!(
            (&sent["max_tokens"], &sent["messages"][0]["role"]),
            (&json!(50), &json!("system")),
            "{sent}"
        );
        let losses = answer.header("x-brains-loss").to_owned();
        for lost in [
            "cache_control",
            "messages.reasoning_content",
            "messages.tool_calls.extra_content",
            "top_k",
            "chat_template_kwargs",
        ] {
            assert!(losses.split(", ").any(|loss| loss == lost), "{lost}: {losses}");
        }
        assert_eq!(losses.contains("stream_options"), stream, "{losses}");
    }
}

/// cline/cline#582, BerriAI/litellm#8978.
#[tokio::test(flavor = "multi_thread")]
async fn what_we_add_is_taken_back_once_and_remembered() {
    let rules = Strict { no_stream_options: true, ..Strict::default() };
    let (upstream, service) = strict(rules, "").await;
    let chats = || upstream.seen().into_iter().filter(|seen| seen.method == "POST").collect::<Vec<_>>();
    let answer = service.client.chat(&hello("strict/scripted-1", true)).await;
    good(&answer);
    assert_eq!(chats().len(), 2);
    assert!(chats()[1].json().get("stream_options").is_none());
    assert_eq!(answer.header("x-brains-attempts"), "2");
    let told = trace(&service.client, &answer).await;
    assert_eq!(told["attempts"][0]["code"], "member_refused", "{told}");
    let cause = told["attempts"][0]["cause"].as_str().expect("a cause").to_owned();
    assert!(cause.contains("stream_options.include_usage"), "{cause}");

    let answer = service.client.chat(&hello("strict/scripted-1", true)).await;
    good(&answer);
    assert_eq!((chats().len(), answer.header("x-brains-attempts")), (3, "1"), "it is remembered");
    let told = trace(&service.client, &answer).await;
    let cause = told["attempts"][0]["cause"].as_str().expect("a cause").to_owned();
    assert!(cause.contains("stream_options.include_usage"), "{cause}");

    good(&service.client.chat(&hello("strict/scripted-2", true)).await);
    assert_eq!(chats().len(), 5, "for this model alone");
    let mut own = hello("strict/scripted-1", true);
    own["stream_options"] = json!({"include_usage": true});
    let refused = service.client.chat(&own).await;
    assert_eq!(
        (refused.status, chats().len()),
        (400, 6),
        "the client's own wish is answered with the refusal"
    );
}

/// What a client says itself goes up as it is, and the vendor's refusal comes back in its words; a setting has the limit
/// called as the vendor calls it.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_reasons_is_told_what_it_takes() {
    let rules = Strict { reasoning: true, ..Strict::default() };
    let (_upstream, plain) = strict(rules, "").await;
    for (member, value, code, words) in [
        ("temperature", json!(0.3), "unsupported_value", "Only the default (1) value is supported."),
        ("max_tokens", json!(50), "unsupported_parameter", "Use 'max_completion_tokens' instead."),
    ] {
        let mut body = hello("strict/scripted-1", false);
        body[member] = value;
        let answer = plain.client.chat(&body).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (400, &json!(code)), "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{error}");
    }
    let (upstream, renamed) = strict(rules, "max_tokens_member: max_completion_tokens").await;
    let mut body = hello("strict/scripted-1", true);
    body["max_tokens"] = json!(50);
    good(&renamed.client.chat(&body).await);
    assert_eq!(upstream.last().json()["max_completion_tokens"], 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_something_else_is_told_and_nothing_is_forgotten() {
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    for (body, calls) in
        [(unrecognised("top_k"), 1), ("{\"error\":{\"message\":\"stream_options: too few\"}}".to_owned(), 1)]
    {
        let before = upstream.seen().len();
        upstream.then(Reply::json(400, body));
        let answer = service.client.chat(&hello(&OPENAI.model(), true)).await;
        assert_eq!((answer.status, upstream.seen().len() - before), (400, calls), "{}", answer.text());
    }
    // One that is taken back in vain is not remembered.
    for _ in 0..2 {
        upstream.then(Reply::json(400, unrecognised("stream_options")));
    }
    assert_eq!(service.client.chat(&hello(&OPENAI.model(), true)).await.status, 400);
    good(&service.client.chat(&hello(&OPENAI.model(), true)).await);
    assert_eq!(upstream.last().json()["stream_options"]["include_usage"], true);
}

/// One instance in front of several generations: docker/docker-agent#3381, RooCodeInc/Roo-Code#12162, BerriAI/litellm#26246.
#[tokio::test(flavor = "multi_thread")]
async fn each_generation_of_a_model_gets_what_it_takes() {
    let upstream = ANTHROPIC.upstream().await;
    let service = Brains::start(ANTHROPIC.setup(&upstream)).await;
    for model in [
        "claude-3-haiku-20240307",
        "claude-haiku-4-5",
        "claude-haiku-4-5-20251001",
        "claude-sonnet-4-5",
        "claude-opus-4-6",
        "claude-sonnet-4-6",
        "claude-opus-4-7",
        "claude-sonnet-5",
        "claude-haiku-5-5",
        "claude-opus-5-5",
        "claude-fable-5-2",
        // Newer than all that are known.
        "claude-opus-6",
        "scripted-1",
    ] {
        for stream in [false, true] {
            for effort in [Value::Null, json!("low"), json!("max")] {
                for prefill in [false, true] {
                    let mut body = hello(&format!("anthropic/{model}"), stream);
                    (body["reasoning_effort"], body["temperature"]) = (effort.clone(), json!(0.3));
                    if prefill {
                        let turn = json!({"role": "assistant", "content": "Once"});
                        body["messages"].as_array_mut().expect("turns").push(turn);
                    }
                    good(&service.client.chat(&body).await);
                    body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
                    body["tool_choice"] = json!("required");
                    good(&service.client.chat(&body).await);
                }
            }
        }
    }
    let mut body = hello("anthropic/claude-opus-5-5", false);
    body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    body["tool_choice"] = json!({"type": "function", "function": {"name": "f"}});
    assert_eq!(service.client.chat(&body).await.header("x-brains-loss"), "tool_choice");
    let mut body = hello("anthropic/claude-opus-4-7", false);
    (body["temperature"], body["top_p"]) = (json!(0.3), json!(0.5));
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.header("x-brains-loss"), "temperature, top_p");
    let mut body = hello("anthropic/claude-haiku-4-5", false);
    (body["reasoning_effort"], body["max_tokens"]) = (json!("high"), json!(4000));
    good(&service.client.chat(&body).await);
    let thinking = upstream.last().json()["thinking"].clone();
    assert_eq!(thinking, json!({"type": "enabled", "budget_tokens": 3000}), "a quarter stays for the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_vendor_would_refuse_is_made_one_that_it_takes() {
    let upstream = ANTHROPIC.upstream().await;
    let service = Brains::start(ANTHROPIC.setup(&upstream)).await;
    let png = "iVBORw0KGgoAAAANSUhEUg==";
    let image = |url: String| json!([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "x"}]);
    let call = |id: &str| json!({"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "r"});
    let said = |messages: Value| json!({"messages": messages});
    let user = |content: Value| said(json!([{"role": "user", "content": content}]));
    let schema = json!({"type": "object", "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": true}}});
    for (what, more, losses) in [
        ("image/jpg that is a PNG", user(image(format!("data:image/jpg;base64,{png}"))), ""),
        ("parameters", user(image(format!("data:image/png;charset=utf-8;base64,{png}"))), ""),
        ("case", user(image(format!("DATA:image/PNG;BASE64,{png}"))), ""),
        ("a PDF as an image", user(image("data:application/pdf;base64,JVBERi0xLjcK".to_owned())), ""),
        ("an e-mail address", json!({"user": "ada@example.com"}), ""),
        (
            "an id twice",
            said(json!([{"role": "user", "content": "x"}, call("a"), result("a"), call("a"), result("a")])),
            "",
        ),
        (
            "an open schema",
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}),
            "response_format.json_schema.schema.additionalProperties",
        ),
    ] {
        let mut body = hello(&ANTHROPIC.model(), false);
        for (name, value) in more.as_object().expect("members") {
            body[name] = value.clone();
        }
        body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
        let answer = service.client.chat(&body).await;
        assert_eq!(
            (answer.status, answer.header("x-brains-loss")),
            (200, losses),
            "{what}: {}",
            answer.text()
        );
    }
    let sent = upstream.seen();
    let users: Vec<Value> = sent.iter().map(|seen| seen.json()["metadata"]["user_id"].clone()).collect();
    assert!(
        users.iter().any(|user| user.as_str().is_some_and(|user| user.starts_with("user_"))),
        "{users:?}"
    );
    let mut body = hello(&ANTHROPIC.model(), false);
    body["messages"][0]["content"] = image("data:image/png;base64,".to_owned());
    let answer = service.client.chat(&body).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["param"]),
        (400, &json!("messages[0].content[0].image_url.url"))
    );
}

async fn chat_with(client: &Client, query: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let request = client.request(http::Method::POST, &format!("/v1/chat/completions{query}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Client::send(request.header("content-type", "application/json").body(body.to_string())).await
}

/// BerriAI/litellm#9016.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_mean_something_go_on_and_keys_do_not() {
    let headers = [
        ("anthropic-beta", "a-1,b-2"),
        ("openai-beta", "c=d"),
        ("idempotency-key", "once"),
        ("cookie", "private"),
        ("x-goog-api-key", "private"),
    ];
    for (wire, sent) in [
        (ANTHROPIC, &["anthropic-beta", "idempotency-key"][..]),
        (OPENAI, &["openai-beta", "idempotency-key"]),
        (RESPONSES, &["openai-beta", "idempotency-key"]),
        (OLLAMA, &[]),
    ] {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        let query = "?key=sk-private&beta=true&Access_Token=private";
        good(&chat_with(&service.client, query, &headers, &hello(&wire.model(), false)).await);
        let seen = upstream.last();
        for (name, value) in headers {
            let expected = sent.contains(&name).then_some(value);
            assert_eq!(seen.header(name), expected, "{}: {name}", wire.provider);
        }
        assert!(!seen.path.contains("private") && !seen.path.contains("key"), "{}", seen.path);
    }
}

/// A file that a tool writes stands in one frame.
#[tokio::test(flavor = "multi_thread")]
async fn one_frame_may_be_as_large_in_either_lane() {
    for wire in [ANTHROPIC, OPENAI] {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        for (mebibytes, whole) in [(2, true), (15, true), (17, false)] {
            let text = "x".repeat(mebibytes << 20);
            let frames = (wire.text_frames)("MARK").into_iter().map(|frame| frame.replace("RK", &text));
            upstream.then(wire.stream(frames));
            let answer = service.client.chat(&hello(&wire.model(), true)).await;
            assert_eq!(
                answer.text().contains("\"finish_reason\":\"stop\""),
                whole,
                "{} {mebibytes} MiB",
                wire.provider
            );
            assert_eq!(answer.text().len() > mebibytes << 20, whole, "{} {mebibytes} MiB", wire.provider);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_an_upstream_without_a_clock_have_ids_of_their_own() {
    let upstream = OLLAMA.upstream().await;
    let service = Brains::start(OLLAMA.setup(&upstream)).await;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let call = json!({"function": {"name": "f", "arguments": ""}});
        let said =
            json!({"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": true});
        upstream.then(Reply::json(200, said.to_string()));
        let answer =
            chat_with(&service.client, "", &[("x-request-id", "same")], &hello(&OLLAMA.model(), false)).await;
        good(&answer);
        let call = answer.json()["choices"][0]["message"]["tool_calls"][0].clone();
        assert_eq!(call["function"]["arguments"], "{}");
        ids.insert(call["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_an_almost_anthropic_server_is_one_object_and_ends_the_turn() {
    let upstream = ANTHROPIC.upstream().await;
    let service = Brains::start(ANTHROPIC.setup(&upstream)).await;
    let frame =
        |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().expect("a type"));
    let delta = |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}});
    let stream = |pieces: &[&str]| {
        let mut events = vec![
            json!({"type": "message_start", "message": {"id": "m", "model": "scripted-1", "usage": {"input_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0,
                   "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"p": "a"}}}),
        ];
        events.extend(pieces.iter().map(|piece| delta(piece)));
        events.push(json!({"type": "content_block_stop", "index": 0}));
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}));
        events.push(json!({"type": "message_stop"}));
        Reply::stream(events.into_iter().map(frame))
    };
    for pieces in [&["{\"p\":", "\"a\"}"][..], &[]] {
        upstream.then(stream(pieces));
        let answer = service.client.chat(&hello(&ANTHROPIC.model(), true)).await;
        good(&answer);
        let chunks = answer.events();
        let chunks: Vec<Value> = chunks.iter().filter_map(|chunk| serde_json::from_str(chunk).ok()).collect();
        let pieces = chunks
            .iter()
            .filter_map(|it| it["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str());
        assert_eq!(pieces.collect::<String>(), r#"{"p":"a"}"#);
        assert!(
            chunks.iter().any(|it| it["choices"][0]["finish_reason"] == "tool_calls"),
            "{}",
            answer.text()
        );
    }
    upstream.then(stream(&["{\"p\":\"a\"}", "{\"p\":\"a\"}"]));
    let answer = service.client.chat(&hello(&ANTHROPIC.model(), true)).await;
    assert!(answer.text().contains("not one JSON object"), "{}", answer.text());
}
