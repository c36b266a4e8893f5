//! What the server is told beyond the request, and how to think.

use serde_json::{Value, json};

use super::{OllamaChatOptions, encode};
use crate::openai_chat::client::decode;

fn encoded(effort: &str, options: &OllamaChatOptions) -> (Value, Vec<String>) {
    let body =
        json!({"model": "m", "reasoning_effort": effort, "messages": [{"role": "user", "content": "x"}]});
    let request = decode(body.to_string().as_bytes()).expect("a valid request");
    let encoded = encode(&request, options).expect("encoded");
    (serde_json::from_str(&encoded.body).expect("JSON"), encoded.losses)
}

#[test]
fn an_effort_is_told_to_models_that_think() {
    for (effort, think) in [
        ("none", json!(false)),
        ("minimal", json!("low")),
        ("low", json!("low")),
        ("medium", json!("medium")),
        ("high", json!("high")),
        ("max", json!("high")),
    ] {
        let (body, lost) = encoded(effort, &OllamaChatOptions::default());
        assert_eq!((&body["think"], lost.len()), (&think, 0), "{effort}");
        let (body, lost) =
            encoded(effort, &OllamaChatOptions { thinking: false, ..OllamaChatOptions::default() });
        assert_eq!(body.get("think"), None, "{effort}");
        assert_eq!(lost.is_empty(), effort == "none", "{effort}");
    }
    assert_eq!(encoded("odd", &OllamaChatOptions::default()).1, ["reasoning_effort"]);
}

#[test]
fn settings_are_told_with_every_request() {
    let options = OllamaChatOptions {
        context_length: Some(32_768),
        keep_alive: Some("10m".to_owned()),
        thinking: true,
    };
    let (body, _) = encoded("none", &options);
    assert_eq!((&body["options"], &body["keep_alive"]), (&json!({"num_ctx": 32_768}), &json!("10m")));
}

#[test]
fn an_empty_stop_does_not_end_every_answer() {
    let body =
        json!({"model": "m", "stop": ["", "END", "\n"], "messages": [{"role": "user", "content": "x"}]});
    let request = decode(body.to_string().as_bytes()).expect("a valid request");
    let encoded = encode(&request, &OllamaChatOptions::default()).expect("encoded");
    let body: Value = serde_json::from_str(&encoded.body).expect("JSON");
    assert_eq!((&body["options"]["stop"], encoded.losses), (&json!(["END", "\n"]), vec!["stop".to_owned()]));
}
