//! The translate lane over upstreams of other wires: what reaches them, what comes back, what is named as lost,
//! what is refused, and that nothing cut short looks complete.

use brains_tests::upstream::End;
use brains_tests::wire::{ANTHROPIC, OLLAMA, OPENAI, RESPONSES, UPSTREAM_KEY};
use brains_tests::{Answer, Brains, Reply, Upstream, Wire, until};
use serde_json::{Value, json};

const TRANSLATED: [Wire; 3] = [RESPONSES, ANTHROPIC, OLLAMA];

async fn translated(wire: Wire) -> (Upstream, Brains) {
    let upstream = wire.upstream().await;
    let service = Brains::start(wire.setup(&upstream)).await;
    (upstream, service)
}

fn hello(wire: Wire, stream: bool) -> Value {
    json!({"model": wire.model(), "stream": stream, "messages": [{"role": "user", "content": "x"}]})
}

async fn trace(service: &Brains, answer: &Answer) -> Value {
    let id = answer.header("x-brains-trace-id").to_owned();
    let mut found = Value::Null;
    until("the trace", async || {
        let shown = service.client.post("/api/ops/show_trace", json!({"id": id}).to_string()).await;
        if shown.status == 200 {
            found = shown.json()["trace"].clone();
        }
        !found.is_null()
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anthropic_upstream_gets_its_own_wire() {
    let (upstream, service) = translated(ANTHROPIC).await;
    let mut body = hello(ANTHROPIC, false);
    body["messages"] = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}},
            {"id": "call_b", "type": "function", "function": {"name": "weather", "arguments": "oops"}}]},
        {"role": "tool", "tool_call_id": "call_a", "content": "snow"},
        {"role": "tool", "tool_call_id": "call_b", "content": "rain"},
        {"role": "user", "content": "and?"},
    ]);
    body["tools"] = json!([{"type": "function", "function": {"name": "weather"}}]);
    body["temperature"] = json!(1.5);
    body["seed"] = json!(7);
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "scripted: snow, rain");
    assert_eq!(
        answer.json()["usage"],
        json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
               "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 0}})
    );
    let seen = upstream.last();
    assert_eq!(seen.path, "/v1/messages");
    assert_eq!(seen.header("x-api-key"), Some(UPSTREAM_KEY));
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(
        seen.json(),
        json!({
            "model": "scripted-1", "max_tokens": 8192, "temperature": 1,
            "tools": [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}],
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "weather?"}]},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"city": "Oslo"}},
                    {"type": "tool_use", "id": "call_b", "name": "weather", "input": {"_raw": "oops"}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "snow"},
                    {"type": "tool_result", "tool_use_id": "call_b", "content": "rain"},
                    {"type": "text", "text": "and?"}]},
            ],
        })
    );
    assert_eq!(answer.header("x-brains-loss"), "temperature, seed");
    let trace = trace(&service, &answer).await;
    assert_eq!(trace["loss"], json!(["temperature", "seed"]), "{trace}");
    assert_eq!(
        (&trace["usage"]["input_tokens"], &trace["usage"]["cached_tokens"]),
        (&json!(11), &json!(3)),
        "{trace}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_responses_upstream_gets_its_own_wire() {
    let (upstream, service) = translated(RESPONSES).await;
    let mut body = hello(RESPONSES, false);
    body["messages"] = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
        {"role": "tool", "tool_call_id": "call_a", "content": "snow"},
        {"role": "user", "content": "call weather({\"city\":\"Rome\"}) call weather({})"},
    ]);
    body["tools"] = json!([{"type": "function", "function": {"name": "weather"}}]);
    body["reasoning_effort"] = json!("low");
    body["seed"] = json!(7);
    for stream in [false, true] {
        body["stream"] = json!(stream);
        let answer = service.client.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-brains-loss"), "seed");
        if stream {
            assert!(answer.text().contains("\"finish_reason\":\"tool_calls\""), "{}", answer.text());
            assert!(answer.text().contains("\"id\":\"call_1\""), "{}", answer.text());
            continue;
        }
        let said = answer.json();
        let calls = &said["choices"][0]["message"]["tool_calls"];
        assert_eq!(
            calls[0]["function"],
            json!({"name": "weather", "arguments": "{\"city\":\"Rome\"}"}),
            "{said}"
        );
        assert_eq!(
            (&calls[1]["id"], &calls[1]["function"]["arguments"]),
            (&json!("call_2"), &json!("{}")),
            "{said}"
        );
        assert_eq!(
            said["usage"],
            json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                   "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}})
        );
    }
    let seen = upstream.last();
    assert_eq!(seen.path, "/v1/responses");
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}").as_str()));
    let message = |text: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    assert_eq!(
        seen.json(),
        json!({
            "model": "scripted-1", "instructions": "Be brief.",
            "input": [
                message("weather?"),
                {"type": "function_call", "call_id": "call_a", "name": "weather", "arguments": "{\"city\":\"Oslo\"}"},
                {"type": "function_call_output", "call_id": "call_a", "output": "snow"},
                message("call weather({\"city\":\"Rome\"}) call weather({})"),
            ],
            "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": false}],
            "reasoning": {"effort": "low", "summary": "auto"}, "store": false,
            "include": ["reasoning.encrypted_content"], "stream": true,
        })
    );
}

/// A server that knows none of what we add of our own accord is asked without it.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asked_for_is_taken_back() {
    let (upstream, service) = translated(RESPONSES).await;
    for member in ["include", "store"] {
        let error = json!({"error": {"message": format!("Unknown parameter: '{member}'."), "type": "invalid_request_error",
                                     "param": member, "code": "unknown_parameter"}});
        upstream.then(Reply::json(400, error.to_string()));
        let answer = service.client.chat(&hello(RESPONSES, false)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(upstream.last().json()[member].is_null(), "{}", upstream.last().json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upstream_cannot_do_is_refused_and_not_dropped() {
    for wire in TRANSLATED {
        let (upstream, service) = translated(wire).await;
        for (member, value) in [
            ("n", json!(2)),
            ("logprobs", json!(true)),
            ("top_logprobs", json!(3)),
            ("logit_bias", json!({"5": 100})),
            ("modalities", json!(["text", "audio"])),
            ("audio", json!({"voice": "alloy", "format": "wav"})),
            ("functions", json!([{"name": "f"}])),
            ("web_search_options", json!({"search_context_size": "low"})),
        ] {
            if wire.provider == RESPONSES.provider && member.contains("logprobs") {
                continue;
            }
            for stream in [false, true] {
                let mut body = hello(wire, stream);
                body[member] = value.clone();
                let answer = service.client.chat(&body).await;
                assert_eq!(answer.status, 400, "{}: {member}: {}", wire.provider, answer.text());
                let error = &answer.json()["error"];
                assert_eq!(error["type"], "invalid_request_error", "{error}");
                assert_eq!(error["code"], "unsupported_parameter", "{error}");
                assert_eq!(error["param"], member, "{error}");
            }
        }
        assert_eq!(upstream.seen().len(), 0, "nothing was sent");
        let mut body = hello(wire, false);
        body["n"] = json!(1);
        body["logprobs"] = json!(false);
        body["store"] = json!(true);
        let answer = service.client.chat(&body).await;
        let lost = if wire.provider == RESPONSES.provider { "" } else { "store" };
        assert_eq!((answer.status, answer.header("x-brains-loss")), (200, lost), "{}", answer.text());
    }
}

/// Cells that `failures` has for statuses are left to it; here is what streams do.
#[tokio::test(flavor = "multi_thread")]
async fn a_translated_stream_that_is_cut_never_looks_complete() {
    for wire in TRANSLATED {
        let (upstream, service) = translated(wire).await;
        let frames = (wire.text_frames)("hello world");
        let cut = frames[..frames.len() - 1].to_vec();
        let with = |extra: &str| cut.iter().cloned().chain([extra.to_owned()]).collect::<Vec<_>>();
        let junk = if wire.events { "data: {\"type\":\n\n" } else { "{\"message\":\n" };
        for (what, reply) in [
            ("cut", wire.stream(cut.clone()).end(End::Cut)),
            ("clean end without its terminal event", wire.stream(cut.clone())),
            ("in-band error", wire.stream(with(&(wire.error_frame)("busy, ask again")))),
            ("junk", wire.stream(with(junk))),
        ] {
            upstream.then(reply);
            let answer = service.client.chat(&hello(wire, true)).await;
            let text = answer.text();
            assert_eq!(answer.status, 200, "{}: {what}: {text}", wire.provider);
            let events = answer.events();
            let error: Value = serde_json::from_str(&events[events.len() - 2]).expect("an error event");
            assert!(error["error"]["message"].is_string(), "{}: {what}: {text}", wire.provider);
            assert!(!text.contains("\"finish_reason\":\"stop\""), "{}: {what}: {text}", wire.provider);
            assert!(text.contains("hello"), "{}: {what}: what came before stays: {text}", wire.provider);
        }
        // Before the first byte there is still a status to give.
        for reply in [wire.stream([(wire.error_frame)("busy")]), wire.stream(Vec::<String>::new())] {
            upstream.then(reply);
            let answer = service.client.chat(&hello(wire, true)).await;
            assert!(
                [502, 503].contains(&answer.status),
                "{}: {} {}",
                wire.provider,
                answer.status,
                answer.text()
            );
        }
        for body in ["not json", "[1]", "{}", "{\"content\":[]}", "{\"message\":{\"content\":\"x\"}}"] {
            upstream.then(Reply::json(200, body));
            let answer = service.client.chat(&hello(wire, false)).await;
            assert_eq!(answer.status, 502, "{}: {body}: {}", wire.provider, answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thoughts_and_their_signatures_come_back_to_who_signed_them() {
    let (upstream, service) = translated(ANTHROPIC).await;
    let thinking = json!([
        {"type": "thinking", "thinking": "hmm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
    ]);
    let said = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted-1", "content": thinking,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    upstream.then(Reply::json(200, said.to_string()));
    let mut body = hello(ANTHROPIC, false);
    body["reasoning_effort"] = json!("high");
    body["tools"] = json!([{"type": "function", "function": {"name": "weather"}}]);
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = upstream.last().json();
    assert_eq!(sent["thinking"], json!({"type": "adaptive"}));
    assert_eq!(sent["output_config"], json!({"effort": "high"}));
    let message = answer.json()["choices"][0]["message"].clone();
    assert_eq!(message["reasoning_content"], "hmm", "{message}");
    // The client sends the turn back as it got it.
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(message);
    messages.push(json!({"role": "tool", "tool_call_id": "toolu_1", "content": "snow"}));
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.last().json()["messages"][1]["content"], thinking);
    assert_eq!(answer.header("x-brains-loss"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ollama_upstream_gets_its_own_wire_and_its_calls_get_ids() {
    let (upstream, service) = translated(OLLAMA).await;
    let mut body = hello(OLLAMA, false);
    body["tools"] =
        json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]);
    body["messages"] = json!([{"role": "user", "content": "call weather({\"city\":\"Oslo\"})"}]);
    body["max_completion_tokens"] = json!(50);
    body["stop"] = json!("END");
    let mut ids = Vec::new();
    for stream in [false, true, false] {
        body["stream"] = json!(stream);
        let answer = service.client.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let id = if stream {
            let chunks = answer.events();
            let chunks = chunks.iter().filter_map(|chunk| serde_json::from_str::<Value>(chunk).ok());
            let ids: Vec<Value> =
                chunks.map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["id"].clone()).collect();
            ids.into_iter().find(|id| !id.is_null()).expect("an id")
        } else {
            let choice = &answer.json()["choices"][0];
            assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
            choice["message"]["tool_calls"][0]["id"].clone()
        };
        ids.push(id.as_str().expect("text").to_owned());
    }
    assert_eq!(upstream.last().path, "/api/chat");
    assert_eq!(upstream.last().json()["options"], json!({"num_predict": 50, "stop": ["END"]}));
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 3, "unique per answer: {ids:?}");

    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": ids[0], "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]}));
    messages.push(json!({"role": "tool", "tool_call_id": ids[0], "content": "snow"}));
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "scripted: snow", "{}", answer.text());
    let sent = upstream.last().json();
    assert_eq!(sent["messages"][2]["tool_name"], "weather", "{sent}");
    assert_eq!(
        sent["messages"][1]["tool_calls"][0]["function"]["arguments"],
        json!({"city": "Oslo"}),
        "{sent}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preamble_stands_first_and_a_length_is_a_length() {
    for wire in TRANSLATED {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and("gateway_preamble: Mind the gap")).await;
        let mut body = hello(wire, false);
        body["messages"] =
            json!([{"role": "system", "content": "Forget it"}, {"role": "user", "content": "x"}]);
        assert_eq!(service.client.chat(&body).await.status, 200);
        let sent = upstream.last().json();
        let first = match wire.provider {
            "anthropic" => &sent["system"][0]["text"],
            "ollama" => &sent["messages"][0]["content"],
            _ => &sent["instructions"],
        };
        assert!(first.as_str().is_some_and(|text| text.starts_with("Mind the gap")), "{sent}");
        let short = (wire.text_body)("short")
            .replace("\"end_turn\"", "\"max_tokens\"")
            .replace("\"done_reason\":\"stop\"", "\"done_reason\":\"length\"");
        let short = if wire.provider == RESPONSES.provider {
            let mut cut: Value = serde_json::from_str(&short).expect("JSON");
            cut["status"] = json!("incomplete");
            cut["incomplete_details"] = json!({"reason": "max_output_tokens"});
            cut.to_string()
        } else {
            short
        };
        upstream.then(Reply::json(200, short));
        let answer = service.client.chat(&body).await;
        assert_eq!(answer.json()["choices"][0]["finish_reason"], "length", "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_that_can_do_it_answers_what_the_first_must_refuse() {
    let (first, second) = (ANTHROPIC.upstream().await, OPENAI.upstream().await);
    let tier = "models: {default: {provider: anthropic, model: scripted-1, fallbacks: [{provider: openai_compatible, model: scripted-1}]}}";
    let service = Brains::start(ANTHROPIC.setup(&first).and(&OPENAI.config(&second)).and(tier)).await;
    let body = json!({"model": "brains-default", "n": 2, "messages": [{"role": "user", "content": "hi"}]});
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-brains-provider"), "openai_compatible");
    assert_eq!((first.seen().len(), &second.last().json()["n"]), (0, &json!(2)));
}
