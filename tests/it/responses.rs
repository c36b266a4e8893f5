//! Clients of Responses over upstreams of other wires: what reaches those, what comes back, what is refused by its name, and
//! that nothing cut short looks complete.

use brains_tests::upstream::End;
use brains_tests::wire::{ALL, ANTHROPIC, OLLAMA, OPENAI};
use brains_tests::{Answer, Brains, Reply, Upstream, Wire};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

async fn over(wire: Wire) -> (Upstream, Brains) {
    let upstream = wire.upstream().await;
    let service = Brains::start(wire.setup(&upstream)).await;
    (upstream, service)
}

async fn ask(service: &Brains, body: &Value) -> Answer {
    service.client.post(PATH, body.to_string()).await
}

fn hello(wire: Wire, stream: bool) -> Value {
    json!({"model": wire.model(), "stream": stream, "store": false, "input": "hello"})
}

/// The events of a stream, which must be in order and end as one does.
#[track_caller]
fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let mut events = Vec::new();
    for frame in text.split("\n\n").filter(|frame| frame.starts_with("event: ")) {
        let (name, data) = frame.split_once("\ndata: ").expect("a name and data");
        let event: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(name.strip_prefix("event: "), event["type"].as_str());
        assert_eq!(event["sequence_number"], events.len(), "{text}");
        events.push(event);
    }
    let ends = |event: &&Value| {
        ["response.completed", "response.incomplete", "response.failed", "error"]
            .iter()
            .any(|kind| event["type"] == **kind)
    };
    assert_eq!(events.iter().filter(ends).count(), 1, "{text}");
    assert!(events.last().is_some_and(|last| ends(&last)), "{text}");
    events
}

/// The response at the end, whole or streamed.
#[track_caller]
fn response(answer: &Answer, stream: bool) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    if !stream {
        return answer.json();
    }
    events(answer).last().expect("an end")["response"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_comes_back_whole_and_as_a_stream() {
    for wire in ALL {
        let (upstream, service) = over(wire).await;
        for stream in [false, true] {
            let answer = ask(&service, &hello(wire, stream)).await;
            let response = response(&answer, stream);
            assert_eq!((&response["object"], &response["status"]), (&json!("response"), &json!("completed")));
            assert!(response["id"].as_str().is_some_and(|id| id.starts_with("resp_")), "{response}");
            assert_eq!(response["output"][0]["content"][0]["text"], "scripted: hello", "{response}");
            assert_eq!(
                (&response["usage"]["input_tokens"], &response["usage"]["total_tokens"]),
                (&json!(11), &json!(18)),
                "{response}"
            );
            assert_eq!(answer.header("x-brains-loss"), "");
        }
        assert_eq!(upstream.seen().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_of_every_kind_are_called_and_answered() {
    for wire in ALL {
        let (upstream, service) = over(wire).await;
        for stream in [false, true] {
            let mut body = hello(wire, stream);
            body["tools"] = json!([
                {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}},
                {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
                {"type": "namespace", "name": "mcp__x", "tools": [
                    {"type": "function", "name": "get", "parameters": {"type": "object", "properties": {}}}]},
                {"type": "web_search"}]);
            body["input"] = json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text":
                "call weather({\"city\":\"Oslo\"}); call patch({\"input\":\"*** x\"}); call mcp__x__get({\"a\":1})"}]}]);
            let answer = ask(&service, &body).await;
            let said = response(&answer, stream);
            let output = said["output"].as_array().expect("items").clone();
            let shown: Vec<Value> = output
                .iter()
                .map(|item| {
                    json!([item["type"], item["namespace"], item["name"], item["arguments"], item["input"]])
                })
                .collect();
            assert_eq!(
                shown,
                [
                    json!(["function_call", null, "weather", "{\"city\":\"Oslo\"}", null]),
                    json!(["custom_tool_call", null, "patch", null, "*** x"]),
                    json!(["function_call", "mcp__x", "get", "{\"a\":1}", null]),
                ],
                "{}: {said}",
                wire.provider
            );
            let mut losses: Vec<&str> = answer.header("x-brains-loss").split(", ").collect();
            losses.sort_unstable();
            let relayed = wire.provider == "openai_responses";
            let lost: &[&str] =
                if relayed { &[""] } else { &["tool_namespace", "tools.format", "tools.hosted"] };
            assert_eq!(losses, lost, "{}", wire.provider);

            let input = body["input"].as_array_mut().expect("items");
            for (item, kind) in output.iter().zip(["function_call", "custom_tool_call", "function_call"]) {
                input.push(item.clone());
                input.push(json!({"type": format!("{kind}_output"), "call_id": item["call_id"], "output": item["name"]}));
            }
            let said = response(&ask(&service, &body).await, stream);
            assert_eq!(
                said["output"][0]["content"][0]["text"],
                "scripted: weather, patch, get",
                "{}: {}",
                wire.provider,
                upstream.last().json()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thoughts_come_back_to_who_signed_them() {
    let (upstream, service) = over(ANTHROPIC).await;
    let thinking = json!([
        {"type": "thinking", "thinking": "hmm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
    ]);
    let said = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted-1", "content": thinking,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    upstream.then(Reply::json(200, said.to_string()));
    let mut body = hello(ANTHROPIC, false);
    body["input"] = json!([{"role": "user", "content": "weather?"}]);
    body["reasoning"] = json!({"effort": "high"});
    body["tools"] = json!([{"type": "function", "name": "weather"}]);
    let output = response(&ask(&service, &body).await, false)["output"].clone();
    assert_eq!(output[0]["summary"][0]["text"], "hmm", "{output}");
    let input = body["input"].as_array_mut().expect("items");
    input.extend(output.as_array().expect("items").clone());
    input.push(json!({"type": "function_call_output", "call_id": "toolu_1", "output": "snow"}));
    let answer = ask(&service, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.last().json()["messages"][1]["content"], thinking);
    assert_eq!(answer.header("x-brains-loss"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_never_looks_complete() {
    for wire in ALL {
        let (upstream, service) = over(wire).await;
        let frames = (wire.text_frames)("hello world");
        let cut = frames[..frames.len() - 1].to_vec();
        let with = |extra: &str| cut.iter().cloned().chain([extra.to_owned()]).collect::<Vec<_>>();
        let mut broken = vec![("error", wire.stream(with(&(wire.error_frame)("busy, ask again"))))];
        if wire.provider != OPENAI.provider {
            broken.push(("cut", wire.stream(cut.clone()).end(End::Cut)));
            broken.push(("a quiet end", wire.stream(cut.clone())));
        }
        for (what, reply) in broken {
            upstream.then(reply);
            let answer = ask(&service, &hello(wire, true)).await;
            assert_eq!(answer.status, 200, "{}: {what}: {}", wire.provider, answer.text());
            let events = events(&answer);
            let (first, last) = (&events[0], events.last().expect("an end"));
            assert!(answer.text().contains("hello"), "what came before stays");
            if (what, wire.provider) == ("error", "openai_responses") {
                // The vendor's own word.
                assert_eq!(last["message"], "busy, ask again");
                continue;
            }
            assert_eq!(last["type"], "response.failed", "{}: {what}", wire.provider);
            let failed = &last["response"];
            assert_eq!((&failed["id"], &failed["status"]), (&first["response"]["id"], &json!("failed")));
            assert!(
                failed["error"]["message"].is_string() && failed["error"]["code"].is_string(),
                "{failed}"
            );
        }
        // Before the first byte there is still a status to give.
        upstream.then(wire.stream([(wire.error_frame)("busy")]));
        let answer = ask(&service, &hello(wire, true)).await;
        assert!([502, 503].contains(&answer.status), "{}: {}", wire.provider, answer.text());
        let error = &answer.json()["error"];
        assert!(error["message"].is_string() && error["code"].is_string(), "{error}");
        upstream.then(Reply::json(429, (wire.error_body)(429, "slow down")).header("retry-after", "7"));
        let answer = ask(&service, &hello(wire, true)).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
        assert_eq!(answer.header("retry-after"), "7");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_refused_by_its_name() {
    let (upstream, service) = over(OPENAI).await;
    for (member, value, code, param) in [
        ("previous_response_id", json!("resp_x"), "previous_response_not_found", "previous_response_id"),
        ("input", json!([]), "invalid_value", "input"),
        (
            "input",
            json!([{"type": "compaction_trigger"}, {"role": "user", "content": "x"}]),
            "invalid_value",
            "input[0]",
        ),
        (
            "input",
            json!([{"type": "compaction", "encrypted_content": "gAAA"}]),
            "unsupported_parameter",
            "input[0]",
        ),
        ("background", json!(true), "unsupported_parameter", "background"),
    ] {
        let mut body = hello(OPENAI, true);
        body[member] = value;
        let answer = ask(&service, &body).await;
        assert_eq!(answer.status, 400, "{member}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(upstream.seen().len(), 0, "nothing was sent");
    // A client that would rather have a socket goes on by POST at once.
    let socket = service.client.request(http::Method::GET, PATH).header("connection", "Upgrade");
    let socket = socket.header("upgrade", "websocket").header("sec-websocket-version", "13");
    let answer =
        brains_tests::Client::send(socket.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (426, &json!("method_not_allowed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preamble_stands_first_and_a_length_is_a_length() {
    for wire in [ANTHROPIC, OLLAMA] {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and("gateway_preamble: Mind the gap")).await;
        let mut body = hello(wire, false);
        body["instructions"] = json!("Forget it");
        assert_eq!(ask(&service, &body).await.status, 200);
        let sent = upstream.last().json();
        let first = if wire.events { &sent["system"][0]["text"] } else { &sent["messages"][0]["content"] };
        assert_eq!(first, "Mind the gap", "{sent}");
        let short = (wire.text_body)("short")
            .replace("\"end_turn\"", "\"max_tokens\"")
            .replace("\"done_reason\":\"stop\"", "\"done_reason\":\"length\"");
        upstream.then(Reply::json(200, short));
        let said = response(&ask(&service, &body).await, false);
        assert_eq!(said["status"], "incomplete");
        assert_eq!(said["incomplete_details"], json!({"reason": "max_output_tokens"}), "{said}");
    }
}
