//! Conversations made shorter for clients of Responses: by the vendor where the upstream is of their wire, by a summary of the
//! model's elsewhere, and read back whoever answers the next turn. Then Codex, which goes on from both.

use brains_tests::model::responses::SEALED;
use brains_tests::service::{Home, Setup};
use brains_tests::wire::{ANTHROPIC, OLLAMA, OPENAI, RESPONSES};
use brains_tests::{Answer, Brains, Upstream, Wire, until, within};
use serde_json::{Value, json};

use crate::codex::{CodexSettings, codex_set};

const PATH: &str = "/v1/responses";
const COMPACT: &str = "/v1/responses/compact";
const MARK: &str = "brains.compaction.1:";

async fn ask(service: &Brains, path: &str, body: &Value) -> Answer {
    service.client.post(path, body.to_string()).await
}

/// A conversation with a call in it.
fn conversation(wire: Wire, stream: bool, last: &Value) -> Value {
    json!({"model": wire.model(), "stream": stream, "store": false, "parallel_tool_calls": true,
        "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}}],
        "text": {"format": {"type": "json_object"}},
        "input": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "weather in Oslo?"},
            {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{\"city\":\"Oslo\"}"},
            {"type": "function_call_output", "call_id": "c", "output": "snow"},
            last]})
}

/// The items of an answer, whole or at the end of a stream.
#[track_caller]
fn output(answer: &Answer, stream: bool) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let whole = if stream {
        let text = answer.text();
        let end = text.split("event: response.completed\ndata: ").nth(1).expect("an end");
        let event: Value = serde_json::from_str(end.trim()).expect("JSON");
        assert!(!text.contains("output_text.delta"), "the summary is told as an item only: {text}");
        event["response"].clone()
    } else {
        answer.json()
    };
    whole["output"].as_array().expect("items").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_any_wire_makes_a_conversation_shorter_and_goes_on_from_it() {
    for wire in [OPENAI, ANTHROPIC, OLLAMA] {
        let upstream = wire.upstream().await;
        let vendor = RESPONSES.upstream().await;
        let service = Brains::start(wire.setup(&upstream).and(&RESPONSES.config(&vendor))).await;
        for stream in [false, true] {
            let asked = conversation(wire, stream, &json!({"type": "compaction_trigger"}));
            let answer = ask(&service, PATH, &asked).await;
            let items = output(&answer, stream);
            assert_eq!(items.len(), 1, "{}: {items:?}", wire.provider);
            assert_eq!(items[0]["type"], "compaction");
            let sealed = items[0]["encrypted_content"].as_str().expect("a text");
            assert!(sealed.starts_with(MARK) && sealed.contains("scripted: snow"), "{sealed}");
            let sent = upstream.last().json();
            assert!(sent.to_string().contains("Answer with the summary alone"), "{sent}");
            assert!(!sent.to_string().contains("json_object"), "a summary is text: {sent}");
            match wire.provider {
                "ollama" => assert_eq!(sent["tools"], Value::Null, "{sent}"),
                "anthropic" => assert_eq!(sent["tool_choice"]["type"], "none", "{sent}"),
                _ => assert_eq!(sent["tool_choice"], "none", "{sent}"),
            }

            // On the same upstream, and on one of the client's wire, which could not have read it.
            let mut next = json!({"model": wire.model(), "input": [
                {"role": "user", "content": "weather in Oslo?"}, items[0], {"role": "user", "content": "and now?"}]});
            let said = ask(&service, PATH, &next).await;
            let text = said.json()["output"][0]["content"][0]["text"].clone();
            assert!(text.as_str().is_some_and(|it| it.ends_with("and now?")), "{}", said.text());
            assert!(upstream.last().json().to_string().contains("scripted: snow"));
            assert_eq!(said.header("x-brains-loss"), "");
            next["model"] = json!(RESPONSES.model());
            let said = ask(&service, PATH, &next).await;
            let text = said.json()["output"][0]["content"][0]["text"].clone();
            assert!(text.as_str().is_some_and(|it| it.ends_with("and now?")), "{}", said.text());
            let sent = vendor.last().json();
            assert_eq!(sent["input"][1]["role"], "user", "{sent}");
            assert!(
                sent["input"][1]["content"][0]["text"]
                    .as_str()
                    .is_some_and(|it| it.ends_with("scripted: snow"))
            );
            assert_eq!((&sent["input"][0], &sent["input"][2]), (&next["input"][0], &next["input"][2]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendor_does_it_itself_and_nobody_else_reads_it() {
    let (vendor, other) = (RESPONSES.upstream().await, OPENAI.upstream().await);
    let service = Brains::start(RESPONSES.setup(&vendor).and(&OPENAI.config(&other))).await;
    for stream in [false, true] {
        let asked = conversation(RESPONSES, stream, &json!({"type": "compaction_trigger"}));
        let items = output(&ask(&service, PATH, &asked).await, stream);
        assert_eq!(items[0]["encrypted_content"], SEALED);
        let mut sent = vendor.last().json();
        sent["model"] = asked["model"].clone();
        assert_eq!(sent, asked);
        let mut next =
            json!({"model": RESPONSES.model(), "input": [items[0], {"role": "user", "content": "and?"}]});
        assert_eq!(ask(&service, PATH, &next).await.status, 200);
        assert_eq!(vendor.last().json()["input"], next["input"], "every byte stays");
        next["model"] = json!(OPENAI.model());
        let refused = ask(&service, PATH, &next).await;
        let error = refused.json()["error"].clone();
        assert_eq!(
            (refused.status, &error["code"], &error["param"]),
            (400, &json!("unsupported_parameter"), &json!("input[0]"))
        );
        assert!(other.seen().is_empty());
    }
    // `context_management` makes the vendor do it when it sees fit; elsewhere it is named.
    let mut managed = json!({"model": OPENAI.model(), "input": [{"role": "user", "content": "x"}],
                             "context_management": [{"type": "compaction", "compact_threshold": 1000}]});
    assert_eq!(ask(&service, PATH, &managed).await.header("x-brains-loss"), "context_management");
    managed["model"] = json!(RESPONSES.model());
    let answer = ask(&service, PATH, &managed).await;
    assert_eq!((answer.status, answer.header("x-brains-loss")), (200, ""));
    assert_eq!(vendor.last().json()["context_management"], managed["context_management"]);
}

/// caozhiyuan/copilot-api#359: a 404 here is shown as high demand.
#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_its_own_answers_in_its_own_shape() {
    for wire in [RESPONSES, OPENAI, ANTHROPIC, OLLAMA] {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        let mut body = conversation(wire, true, &json!({"role": "user", "content": "and?"}));
        body.as_object_mut().expect("an object").remove("stream");
        let answer = ask(&service, COMPACT, &body).await;
        let (shown, items) = (answer.json(), output(&answer, false));
        assert_eq!(shown["object"], "response.compaction", "{}: {shown}", wire.provider);
        assert!(shown["id"].as_str().is_some_and(|id| id.starts_with("resp_")), "{shown}");
        assert_eq!(shown["usage"]["total_tokens"], 18, "{shown}");
        assert_eq!(items.len(), 3, "what users said, and one item: {shown}");
        assert_eq!((&items[0], &items[1]), (&body["input"][1], &body["input"][4]));
        assert_eq!(items[2]["type"], "compaction");
        let path = upstream.last().path;
        assert_eq!(path == COMPACT, wire.provider == RESPONSES.provider, "{path}");
        let trace = answer.header("x-brains-trace-id").to_owned();
        until("the trace", async || {
            let shown = service.client.post("/api/ops/show_trace", json!({"id": trace}).to_string()).await;
            shown.json()["trace"]["request_class"] == "compaction"
        })
        .await;
        if wire.provider == RESPONSES.provider {
            // A server that has no such path answers like any other.
            upstream.then(brains_tests::Reply::json(404, (wire.error_body)(404, "Invalid URL")));
            let items = output(&ask(&service, COMPACT, &body).await, false);
            assert!(
                items[2]["encrypted_content"].as_str().is_some_and(|it| it.starts_with(MARK)),
                "{items:?}"
            );
            assert_eq!(upstream.last().path, PATH);
        }
        // A refusal is the wire's own.
        let refused = ask(&service, COMPACT, &json!({"model": wire.model(), "input": []})).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("input")));
    }
}

/// A summary that is cut short would be a memory with a hole in it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_summary_is_none() {
    let upstream = OPENAI.upstream().await;
    let service = Brains::start(OPENAI.setup(&upstream)).await;
    let asked = conversation(OPENAI, false, &json!({"type": "compaction_trigger"}));
    let short = (OPENAI.text_body)("cut").replace("\"stop\"", "\"length\"");
    upstream.then(brains_tests::Reply::json(200, short.clone()));
    let answer = ask(&service, PATH, &asked).await.json();
    assert_eq!(answer["status"], "incomplete", "{answer}");
    for body in [short, (OPENAI.text_body)(" ")] {
        for _ in 0..4 {
            upstream.then(brains_tests::Reply::json(200, body.clone()));
        }
        let refused = ask(&service, COMPACT, &asked).await;
        assert_eq!(refused.status, 502, "{}", refused.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_makes_its_conversation_shorter_and_goes_on() {
    for wire in [OPENAI, RESPONSES] {
        let upstream: Upstream = wire.upstream().await;
        let setup: Setup = wire.setup(&upstream);
        let service = Brains::start(setup).await;
        let home = Home::default();
        let settings = CodexSettings {
            model: &wire.model(),
            name: "OpenAI",
            top: "model_auto_compact_token_limit = 15",
            ..CodexSettings::default()
        };
        let prompt = "call exec_command({\"cmd\":\"echo brains-$PPID-here\"})";
        let arguments =
            ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt];
        let output = within("Codex", codex_set(&home, &service, &settings, &arguments).output()).await;
        let output = output.expect("Codex runs");
        let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {said}\n{log}", wire.provider);
        assert!(log.contains("context compacted"), "{}: {said}\n{log}", wire.provider);
        assert!(said.contains("scripted: "), "{}: {said}\n{log}", wire.provider);
        let turns: Vec<_> =
            upstream.seen().into_iter().filter(|seen| !seen.path.ends_with("/models")).collect();
        assert_eq!(turns.len(), 3, "{}: a call, the summary, and on from it", wire.provider);
        let last = turns[2].json().to_string();
        let kept = if wire.provider == RESPONSES.provider { SEALED } else { "was replaced by a summary" };
        assert!(last.contains(kept), "{}: {last}", wire.provider);
    }
}
