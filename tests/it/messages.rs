//! Clients of Messages: relayed byte for byte to an upstream of their own wire, translated to every other, and refused in
//! the words of their wire. What comes back is a legal sequence of events, whole or openly broken.

mod real_clients;

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{self, ANTHROPIC, OLLAMA, OPENAI, UPSTREAM_KEY, Wire};
use brains_tests::{Answer, Brains, Client, Reply, Upstream, until, within};
use futures_util::StreamExt;
use serde_json::{Value, json};

const PATH: &str = "/v1/messages?beta=true";
const TRANSLATED: [Wire; 2] = [OPENAI, OLLAMA];
const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

async fn service(wire: Wire) -> (Upstream, Brains) {
    let upstream = wire.upstream().await;
    let service = Brains::start(wire.setup(&upstream)).await;
    (upstream, service)
}

fn hello(wire: Wire, stream: bool) -> Value {
    json!({"model": wire.model(), "max_tokens": 50, "stream": stream, "messages": [{"role": "user", "content": "x"}]})
}

async fn ask(service: &Brains, body: &Value) -> Answer {
    service.client.post(PATH, body.to_string()).await
}

/// The data of each event, which bears the name of its type.
#[track_caller]
fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let frames = text.split_terminator("\n\n").map(|frame| {
        let (event, data) = frame.split_once("\ndata: ").unwrap_or_else(|| panic!("{frame}"));
        let data: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(event, format!("event: {}", data["type"].as_str().expect("a type")));
        data
    });
    frames.collect()
}

/// The text of a stream.
fn said(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_pass_both_ways_to_an_upstream_of_the_same_wire() {
    let (upstream, service) = service(ANTHROPIC).await;
    let begin = format!(r#"{{ "x_new" : [1.50, "\u00e9"], "model": "{}""#, ANTHROPIC.model());
    let rest = r#","max_tokens":5 , "messages":[ {"content":"h\u0069","role":"user","odd":{ }} ]"#;
    let recorded = concat!(
        "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\r\n\r\n",
        ": a comment\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"gr\u{fc}\u{1f600}\"},\"x\": 1.50}\n\n",
        "event: not_invented_yet\ndata: {\"type\":\"not_invented_yet\"}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let whole = r#"{"id": "msg_9","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":9},"x":[1.50]}"#;
    for stream in [false, true] {
        upstream.then(if stream {
            Reply::stream(recorded.as_bytes().chunks(7).map(bytes::Bytes::copy_from_slice))
        } else {
            Reply::json(200, whole)
        });
        let body = format!("{begin}{rest}{}}}", if stream { ",\"stream\":true" } else { "" });
        let request = service
            .client
            .request(http::Method::POST, PATH)
            .header("content-type", "application/json")
            .header("anthropic-version", "2023-06-01")
            .header("anthropic-beta", "context-management-2025-06-27,x-new")
            .body(body.clone());
        let answer = Client::send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.text(), if stream { recorded } else { whole });
        let seen = upstream.last();
        assert_eq!(seen.path, PATH);
        assert_eq!(seen.header("anthropic-beta"), Some("context-management-2025-06-27,x-new"));
        assert_eq!((seen.header("x-api-key"), seen.header("authorization")), (Some(UPSTREAM_KEY), None));
        let sent = String::from_utf8(seen.body.to_vec()).expect("text");
        assert_eq!(sent, body.replace(&ANTHROPIC.model(), "scripted-1"));
        let id = answer.header("x-brains-trace-id").to_owned();
        until("the trace", async || {
            let shown = service.client.post("/api/ops/show_trace", json!({"id": id}).to_string()).await;
            if shown.status != 200 {
                return false;
            }
            let usage = shown.json()["trace"]["usage"].clone();
            assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(5), &json!(9)), "{usage}");
            true
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_tools_go_over_every_wire() {
    for wire in wire::ALL {
        let (upstream, service) = service(wire).await;
        for stream in [false, true] {
            let mut body = hello(wire, stream);
            let tool = json!({"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}});
            body["tools"] = json!([tool]);
            body["messages"] = json!([{"role": "user", "content": "call weather({\"city\":\"Oslo\"})"}]);
            let answer = ask(&service, &body).await;
            assert_eq!(answer.status, 200, "{}: {}", wire.provider, answer.text());
            let (block, reason) = if stream {
                let events = events(&answer);
                let input: String =
                    events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
                let start = events.iter().find(|event| event["type"] == "content_block_start");
                let mut block = start.expect("a block")["content_block"].clone();
                block["input"] = serde_json::from_str(&input).expect("an object");
                assert!(answer.text().ends_with(STOP), "{}", answer.text());
                (block, events[events.len() - 2]["delta"]["stop_reason"].clone())
            } else {
                (answer.json()["content"][0].clone(), answer.json()["stop_reason"].clone())
            };
            assert_eq!(reason, "tool_use", "{}: {}", wire.provider, answer.text());
            assert_eq!((&block["type"], &block["name"]), (&json!("tool_use"), &json!("weather")));
            assert_eq!(block["input"], json!({"city": "Oslo"}), "{}", wire.provider);
            let messages = body["messages"].as_array_mut().expect("messages");
            messages.push(json!({"role": "assistant", "content": [block]}));
            messages.push(json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": block["id"], "content": "snow"}]}));
            let answer = ask(&service, &body).await;
            let text = if stream {
                let events = events(&answer);
                assert_eq!(events[0]["message"]["role"], "assistant");
                said(&events)
            } else {
                let message = answer.json();
                assert_eq!(
                    (&message["type"], &message["stop_reason"]),
                    (&json!("message"), &json!("end_turn"))
                );
                message["content"][0]["text"].as_str().unwrap_or_default().to_owned()
            };
            assert_eq!(text, "scripted: snow", "{}: {}", wire.provider, answer.text());
        }
        assert!(upstream.seen().len() >= 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_upstream_gets_what_was_said_in_its_own_words() {
    let (upstream, service) = service(OPENAI).await;
    let mut body = hello(OPENAI, false);
    body["system"] = json!([{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]);
    body["messages"] = json!([
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_a", "name": "weather", "input": {"city": "Oslo"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_a", "content": [{"type": "text", "text": "snow"}], "is_error": false},
            {"type": "text", "text": "and?"}]},
    ]);
    body["tools"] = json!([{"name": "weather", "input_schema": {"type": "object"}, "defer_loading": true},
        {"type": "web_search_20250305", "name": "web_search"}]);
    body["stop_sequences"] = json!(["END"]);
    body["context_management"] = json!({"edits": [{"type": "clear_thinking_20251015"}]});
    let answer = ask(&service, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = upstream.last().json();
    assert_eq!(
        sent["messages"],
        json!([
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "toolu_a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
            {"role": "tool", "tool_call_id": "toolu_a", "content": "snow"},
            {"role": "user", "content": "and?"},
        ]),
        "{sent}"
    );
    assert_eq!(sent["tools"].as_array().map(Vec::len), Some(1), "{sent}");
    assert_eq!(sent["stop"], json!(["END"]));
    for member in ["anthropic-messages", "context_management", "system", "defer_loading"] {
        assert!(
            !String::from_utf8_lossy(&upstream.last().body).contains(&format!("\"{member}\":")),
            "{member}"
        );
    }
    let losses: Vec<&str> = answer.header("x-brains-loss").split(", ").collect();
    for name in ["cache_control", "tools.defer_loading", "tools.hosted", "context_management"] {
        assert!(losses.contains(&name), "{name}: {losses:?}");
    }
}

/// Claude Code looks for this name in the refusal, and then does itself what it asked for.
#[tokio::test(flavor = "multi_thread")]
async fn safeguards_are_refused_by_their_name_where_nobody_keeps_them() {
    for wire in TRANSLATED {
        let (upstream, service) = service(wire).await;
        let mut body = hello(wire, false);
        body["safeguards"] = json!({"type": "auto"});
        let answer = ask(&service, &body).await;
        assert_eq!(answer.status, 400, "{}: {}", wire.provider, answer.text());
        let error = answer.json();
        assert_eq!(
            (&error["type"], &error["error"]["type"]),
            (&json!("error"), &json!("invalid_request_error"))
        );
        assert!(
            error["error"]["message"].as_str().is_some_and(|text| text.contains("safeguards")),
            "{error}"
        );
        assert_eq!(upstream.seen().len(), 0, "nothing was sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_never_looks_complete() {
    for wire in wire::ALL {
        let (upstream, service) = service(wire).await;
        let frames = (wire.text_frames)("hello world");
        // Behind the text and before the reason.
        let at = frames.iter().position(|frame| frame.contains("world")).expect("text") + 1;
        let cut = frames[..at].to_vec();
        let with = |extra: &str| cut.iter().cloned().chain([extra.to_owned()]).collect::<Vec<_>>();
        for (what, reply) in [
            ("cut", wire.stream(cut.clone()).end(End::Cut)),
            ("clean end without its terminal event", wire.stream(cut.clone())),
            ("in-band error", wire.stream(with(&(wire.error_frame)("busy, ask again")))),
        ] {
            upstream.then(reply);
            let answer = ask(&service, &hello(wire, true)).await;
            let text = answer.text();
            assert_eq!(answer.status, 200, "{}: {what}: {text}", wire.provider);
            let last = text.trim_end().rsplit("\n\n").next().expect("a frame").to_owned();
            let data = last.strip_prefix("event: error\ndata: ").unwrap_or_else(|| panic!("{what}: {text}"));
            let error: Value = serde_json::from_str(data).expect("an error");
            assert_eq!(error["type"], "error", "{}: {what}: {text}", wire.provider);
            assert!(error["error"]["type"].is_string() && error["error"]["message"].is_string(), "{error}");
            assert!(!text.contains("message_stop") && !text.contains("end_turn"), "{what}: {text}");
            assert!(text.contains("hello"), "{}: {what}: what came before stays: {text}", wire.provider);
        }
        // Before the first byte there is still a status to give.
        for reply in [wire.stream([(wire.error_frame)("busy")]), wire.stream(Vec::<String>::new())] {
            upstream.then(reply);
            let answer = ask(&service, &hello(wire, true)).await;
            assert!([502, 503].contains(&answer.status), "{}: {}", wire.provider, answer.text());
            assert_eq!(answer.json()["type"], "error");
        }
        upstream.then(Reply::json(429, (wire.error_body)(429, "slow down")).header("retry-after", "7"));
        let answer = ask(&service, &hello(wire, false)).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "7"), "{}", answer.text());
        assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_ends_the_call() {
    for wire in wire::ALL {
        let (upstream, service) = service(wire).await;
        let frames = (wire.text_frames)("some words");
        let at = frames.iter().position(|frame| frame.contains("some")).expect("a frame with text");
        upstream.then(wire.stream(frames.into_iter().take(at + 1)).end(End::Hang));
        let call = service.client.request(http::Method::POST, PATH).body(hello(wire, true).to_string());
        let response = within("the head", call.send()).await.expect("an answer");
        let mut chunks = Box::pin(response.bytes_stream());
        within("the first chunk", chunks.next()).await.expect("a chunk").expect("bytes");
        drop(chunks);
        until("the upstream to notice", async || upstream.left() == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_wire_answers_when_the_first_cannot() {
    let (first, second) = (ANTHROPIC.upstream().await, OPENAI.upstream().await);
    let tier = "models: {default: {provider: anthropic, model: scripted-1, fallbacks: [{provider: openai_compatible, model: scripted-2}]}}\n";
    // A failure of before must not choose.
    let policy = "policy: {component: policy-tiered, config: {error_rate_limit: 1}}\n";
    let setup = ANTHROPIC.setup(&first).and(&OPENAI.config(&second)).and(tier).and(policy);
    let service = Brains::start(setup).await;
    for stream in [false, true] {
        let mut body = hello(ANTHROPIC, stream);
        body["model"] = json!("claude-brains-default");
        body["messages"] = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hmm", "signature": "sig"}, {"type": "text", "text": "y"}]},
            {"role": "user", "content": "z"}]);
        first.then(Reply::json(529, (ANTHROPIC.error_body)(529, "busy")));
        let answer = ask(&service, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-brains-provider"), "openai_compatible");
        let text =
            if stream { said(&events(&answer)) } else { answer.json()["content"][0]["text"].to_string() };
        assert!(text.contains("scripted"), "{text}");
        assert!(second.last().json()["messages"].is_array());
        // And back: what the other wire thought stays away from who did not sign it.
        let marked = "brains_thought_0_";
        body["messages"][1]["content"][0]["signature"] = json!(marked);
        let answer = ask(&service, &body).await;
        assert_eq!(
            (answer.status, answer.header("x-brains-provider")),
            (200, "anthropic"),
            "{}: {}",
            answer.header("x-brains-route-reason"),
            answer.text()
        );
        assert_eq!(first.last().json()["messages"][1]["content"], json!([{"type": "text", "text": "y"}]));
        assert_eq!(answer.header("x-brains-loss"), "messages.reasoning_content");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preamble_stands_first_on_every_wire() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and("gateway_preamble: Mind the gap")).await;
        let mut body = hello(wire, false);
        body["system"] =
            json!([{"type": "text", "text": "Forget it", "cache_control": {"type": "ephemeral"}}]);
        let answer = ask(&service, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent = upstream.last().json();
        if wire.provider == "anthropic" {
            let own = body["system"][0].clone();
            assert_eq!(sent["system"], json!([{"type": "text", "text": "Mind the gap"}, own]));
        } else if wire.provider == "openai_responses" {
            assert_eq!(sent["instructions"], "Mind the gap\n\nForget it", "{sent}");
        } else {
            assert_eq!(sent["messages"][0]["role"], "system", "{sent}");
            assert!(sent["messages"][0]["content"].to_string().contains("Mind the gap"), "{sent}");
        }
        assert!(!answer.header("x-brains-preamble").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_before_bodies_and_every_refusal_is_in_the_words_of_the_wire() {
    let (upstream, service) = service(ANTHROPIC).await;
    let refusal = |answer: &Answer| {
        let error = answer.json();
        assert_eq!(error["type"], "error", "{error}");
        (answer.status, error["error"]["type"].as_str().unwrap_or_default().to_owned())
    };
    let stranger = service.client.with_key("");
    let told = |status: u16, kind: &str| (status, kind.to_owned());
    assert_eq!(refusal(&stranger.post(PATH, "{").await), told(401, "authentication_error"));
    let by_header = stranger.request(http::Method::POST, PATH).header("x-api-key", &service.client.key);
    let answer = Client::send(by_header.body(hello(ANTHROPIC, false).to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_ne!(upstream.last().header("x-api-key"), Some(service.client.key.as_str()));
    for body in ["{", "[]", "{}", r#"{"model":"m","messages":[]}"#] {
        assert_eq!(
            refusal(&service.client.post(PATH, body).await),
            told(400, "invalid_request_error"),
            "{body}"
        );
    }
    let mut unknown = hello(ANTHROPIC, false);
    unknown["model"] = json!("nobody/knows");
    assert_eq!(refusal(&ask(&service, &unknown).await), told(404, "not_found_error"));
    let root = stranger.request(http::Method::HEAD, "/");
    assert_eq!(Client::send(root).await.status, 200);
    let listed = service.client.request(http::Method::GET, "/v1/models?limit=1000");
    let listed = Client::send(listed.header("anthropic-version", "2023-06-01")).await.json();
    let ids: Vec<&str> =
        listed["data"].as_array().expect("models").iter().filter_map(|it| it["id"].as_str()).collect();
    assert!(ids.contains(&"claude-brains-auto"), "{ids:?}");
    assert_eq!((&listed["has_more"], &listed["data"][0]["type"]), (&json!(false), &json!("model")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_gets_pings() {
    for wire in [ANTHROPIC, OPENAI] {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and("keepalive_seconds: 0.2\n")).await;
        upstream.then(wire.stream((wire.text_frames)("hello")).head_delay(Duration::from_secs(1)));
        let answer = ask(&service, &hello(wire, true)).await;
        let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
        assert!(answer.text().starts_with(ping), "{}: {}", wire.provider, answer.text());
        assert!(answer.text().ends_with(STOP), "{}", answer.text());
        assert_eq!(said(&events(&answer)), "hello");
    }
}

/// Unknown kinds of content are refused by their place, in the wire's own error; what is known is named.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_other_wire_has_is_refused_by_its_place() {
    let upstream = OLLAMA.upstream().await;
    let service = Brains::start(OLLAMA.setup(&upstream)).await;
    let refused = async |path: &str, content: Value| {
        let body = json!({"model": OLLAMA.model(), "max_tokens": 9,
                          "messages": [{"role": "user", "content": "x"}, {"role": "user", "content": content}]});
        let request =
            service.client.request(http::Method::POST, path).header("anthropic-version", "2023-06-01");
        let answer = Client::send(request.body(body.to_string())).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(upstream.seen().is_empty());
        answer.json()["error"].clone()
    };
    let text = json!({"type": "text", "text": "x"});
    let error = refused("/v1/messages", json!([text, {"type": "hologram", "data": "x"}])).await;
    assert_eq!(error["type"], "invalid_request_error");
    assert!(
        error["message"].as_str().is_some_and(|it| it.starts_with("`messages[1].content[1]` ")),
        "{error}"
    );
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": [text, {"type": "hologram"}]});
    let error = refused("/v1/messages", json!([result])).await;
    assert!(error["message"].as_str().is_some_and(|it| it.contains("messages[1].content[0]")), "{error}");
    let remote = json!({"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}});
    let error = refused("/v1/messages", json!([remote])).await;
    assert!(
        error["message"].as_str().is_some_and(|it| it.starts_with("`messages.content.file.remote` ")),
        "{error}"
    );
}
