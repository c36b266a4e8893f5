//! The examples: built from committed source, their cases hold, and the providers among them answer through the
//! program, whatever they are written in.

use std::path::{Path, PathBuf};

use brains_tests::counts::soak;
use brains_tests::service::Home;
use brains_tests::{Brains, Reply, Seen, Setup, Upstream, model};
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The component's file, as `cargo xtask` laid it out.
fn built(id: &str) -> PathBuf {
    let folders = ["target/bundle-examples", "target/bundle-scripted"].map(|folder| root().join(folder));
    let files = folders.map(|folder| folder.join(format!("{id}.wasm")));
    let found = files.iter().find(|file| file.exists());
    found.expect("`cargo xtask test` builds the examples").clone()
}

/// The home that is given back has the component compiled, so that a service in it starts at once.
async fn cases_hold(id: &str) -> Home {
    let home = Home::default();
    fs_err::create_dir_all(home.state()).expect("a state directory");
    let golden = root().join("examples/plugins").join(id).join("golden");
    let file = built(id).display().to_string();
    let output = home
        .command(&["plugin", "test", &file, "--golden", &golden.display().to_string()])
        .output()
        .await
        .expect("ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let cases = report["steps"].as_array().expect("steps").len() - 2;
    assert_eq!(cases, fs_err::read_dir(&golden).expect("cases").count(), "{report}");
    home
}

/// Whole and streamed, through the real program.
async fn answers(home: Home, id: &str) {
    let upstream = Upstream::start(model::answer).await;
    // What an interpreter needs beyond the usual is the operator's to approve.
    let config = format!(
        "components: {{{id}: {{source: \"{}\", limits: {{memory_mib: 256, call_ms: 50}}}}}}\nproviders:\n  vendor:\n    component: {id}\n    config: {{base_url: \"{}\"}}\n    secrets: {{api_key: \"${{ENV:VENDOR_KEY}}\"}}\n",
        built(id).display(),
        upstream.base()
    );
    let service =
        Brains::start_in(home, Setup::config(config).env("VENDOR_KEY", "sk-vendor-0123456789abcdef")).await;
    for round in 0..4 {
        let mut body = json!({
            "model": "vendor/small",
            "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": format!("hello {round}")}],
        });
        let whole = service.client.chat(&body).await;
        assert_eq!(whole.status, 200, "{id}: {}\n{}", whole.text(), service.log());
        let answer = whole.json();
        assert_eq!(answer["choices"][0]["message"]["content"], format!("scripted: hello {round}"));
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["usage"]["prompt_tokens"], 11, "{answer}");
        assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-vendor-0123456789abcdef"));
        assert_eq!(upstream.last().json()["model"], "small");

        body["stream"] = json!(true);
        let streamed = service.client.chat(&body).await;
        assert_eq!(streamed.status, 200, "{id}: {}", streamed.text());
        let events = streamed.events();
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"), "{events:?}");
        let text: String = events
            .iter()
            .filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok())
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(text, format!("scripted: hello {round}"), "{events:?}");
    }
    upstream.then(
        Reply::json(429, json!({"error": {"message": "slow down"}}).to_string()).header("retry-after", "3"),
    );
    let refused = service
        .client
        .chat(&json!({"model": "vendor/small", "messages": [{"role": "user", "content": "hi"}]}))
        .await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "3"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_and_a_policy_in_rust_keep_their_cases() {
    for id in ["classifier-phrases", "policy-cheapest"] {
        drop(cases_hold(id).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_rust_answers() {
    answers(cases_hold("provider-vendor").await, "provider-vendor").await;
}

/// What the vendor of `provider-parts` wants back: nothing that any layer could take for its own, escape or trim.
const SIGNATURE: &str = "EjQK+/== \"\\ \u{fc}\u{1f511} ";

/// Calls a tool, and once the result is there says so; as a stream or whole, as asked for.
fn parts_answer(seen: &Seen) -> Reply {
    let request = seen.json();
    let parts = request["turns"].as_array().and_then(|turns| turns.last()).expect("a turn")["parts"].clone();
    let frames = match parts[0]["result"]["output"].as_str() {
        Some(output) => vec![
            json!({"parts": [{"text": "It is "}, {"text": output}]}),
            json!({"end": "stop", "usage": {"in": 20, "out": 4}}),
        ],
        None => vec![
            json!({"parts": [{"text": "Let me look."}]}),
            json!({
                "parts": [
                    {"call": {"id": "c1", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": SIGNATURE},
                    {"call": {"name": "clock", "args": {}}},
                ],
                "end": "stop", "usage": {"in": 9, "out": 6},
            }),
        ],
    };
    if seen.header("accept") == Some("text/event-stream") {
        return Reply::stream(frames.iter().map(|frame| format!("data: {frame}\n\n")));
    }
    let mut whole = frames[1].clone();
    let parts = |frame: &serde_json::Value| frame["parts"].as_array().cloned().unwrap_or_default();
    whole["parts"] = [parts(&frames[0]), parts(&frames[1])].concat().into();
    Reply::json(200, whole.to_string())
}

/// Puts a stream together as clients do that know no more than the form: texts grow, the rest is kept as it came.
fn gathered(events: &[String]) -> serde_json::Value {
    let mut calls: Vec<serde_json::Value> = Vec::new();
    let chunks = events.iter().filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    for piece in chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0].as_object().cloned())
    {
        let at = usize::try_from(piece["index"].as_u64().expect("an index")).expect("small");
        if at == calls.len() {
            calls.push(json!({"function": {"arguments": ""}}));
        }
        for (name, value) in piece.into_iter().filter(|(name, _)| name != "index") {
            let arguments = calls[at]["function"]["arguments"].as_str().unwrap_or_default().to_owned();
            if name == "function" {
                let more = value["arguments"].as_str().unwrap_or_default();
                let called = if value["name"].is_null() {
                    calls[at]["function"]["name"].clone()
                } else {
                    value["name"].clone()
                };
                calls[at]["function"] = json!({"name": called, "arguments": arguments + more});
            } else {
                calls[at][name] = value;
            }
        }
    }
    json!({"role": "assistant", "content": null, "tool_calls": calls})
}

/// A tool loop of a client of chat completions over a vendor's own wire: the signature that came with the call goes back
/// with it, in the next request of the same client.
#[tokio::test(flavor = "multi_thread")]
async fn a_wire_of_its_own_gets_back_what_it_signed() {
    let id = "provider-parts";
    let home = cases_hold(id).await;
    let upstream = Upstream::start(parts_answer).await;
    let config = format!(
        "components: {{{id}: {{source: \"{}\"}}}}\nproviders:\n  parts:\n    component: {id}\n    config: {{base_url: \"{}\"}}\n    secrets: {{api_key: \"${{ENV:VENDOR_KEY}}\"}}\n",
        built(id).display(),
        upstream.base()
    );
    let service =
        Brains::start_in(home, Setup::config(config).env("VENDOR_KEY", "sk-parts-0123456789abcdef")).await;
    for stream in [false, true] {
        let asked = json!({"role": "user", "content": "weather?"});
        let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
        let tools = [tool("weather"), tool("clock")];
        let mut body = json!({"model": "parts/small", "messages": [asked], "tools": tools, "stream": stream});
        let first = service.client.chat(&body).await;
        assert_eq!(first.status, 200, "{}\n{}", first.text(), service.log());
        let said =
            if stream { gathered(&first.events()) } else { first.json()["choices"][0]["message"].clone() };
        let calls = said["tool_calls"].as_array().expect("calls").clone();
        assert_eq!(calls.len(), 2, "{said}");
        assert_eq!(
            calls[0]["function"],
            json!({"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}),
            "{said}"
        );
        assert_eq!(calls[0]["extra_content"]["google"]["thought_signature"], SIGNATURE, "{said}");
        assert_eq!(calls[1].get("extra_content"), None, "{said}");
        assert_ne!(calls[1]["id"], calls[0]["id"], "a call without an id has got one: {said}");
        if stream {
            // Clients that look at the beginning of a call only find it there.
            let opening =
                first.events().into_iter().find(|event| event.contains("\"c1\"")).expect("the call");
            assert!(opening.contains("thought_signature"), "{opening}");
        }

        let result =
            |call: &serde_json::Value| json!({"role": "tool", "tool_call_id": call["id"], "content": "snow"});
        body["messages"] = json!([asked, said, result(&calls[0]), result(&calls[1])]);
        let second = service.client.chat(&body).await;
        assert_eq!(second.status, 200, "{}\n{}", second.text(), service.log());
        let text = if stream {
            second.events().concat()
        } else {
            second.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
        };
        assert!(text.contains("snow"), "{text}");
        let sent = upstream.last();
        assert_eq!(sent.header("x-api-key"), Some("sk-parts-0123456789abcdef"));
        let turn = sent.json()["turns"][1].clone();
        let parts = turn["parts"].as_array().expect("parts");
        let call = parts.iter().find(|part| part["call"]["name"] == "weather").expect("the call");
        assert_eq!(call["thoughtSignature"], SIGNATURE, "{turn}");
        assert_eq!(call["call"]["args"], json!({"city": "Oslo"}), "{turn}");
        let unsigned = parts.iter().find(|part| part["call"]["name"] == "clock").expect("the other call");
        assert_eq!(unsigned.get("thoughtSignature"), None, "{turn}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_javascript_answers() {
    answers(cases_hold("provider-javascript").await, "provider-javascript").await;
}

/// Compiling an interpreter of this size takes a debug build half a minute: full counts only.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_python_answers_in_soak() {
    if soak() {
        answers(cases_hold("provider-python").await, "provider-python").await;
    }
}
