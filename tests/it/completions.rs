//! `POST /v1/completions`: one text as one turn, whole and streamed, through any provider; what a conversation cannot do is refused
//! by its name.

use brains_tests::Brains;
use brains_tests::wire;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_completed_whole_and_streamed_on_every_upstream() {
    for wire in wire::ALL {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        let mut body =
            json!({"model": wire.model(), "prompt": "say something", "max_tokens": 64, "temperature": 0});
        let answer = service.client.post("/v1/completions", body.to_string()).await;
        assert_eq!(answer.status, 200, "{}: {}", wire.provider, answer.text());
        let whole = answer.json();
        assert!(whole["id"].as_str().is_some_and(|id| id.starts_with("cmpl-")), "{whole}");
        assert_eq!((&whole["object"], &whole["model"]), (&json!("text_completion"), &json!("scripted-1")));
        let choice = &whole["choices"][0];
        assert_eq!(
            (&choice["index"], &choice["logprobs"], &choice["finish_reason"]),
            (&json!(0), &Value::Null, &json!("stop"))
        );
        let text = choice["text"].as_str().expect("a text").to_owned();
        assert!(!text.is_empty(), "{whole}");
        assert_eq!(whole["usage"]["total_tokens"], 18, "{whole}");

        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
        let events = service.client.post("/v1/completions", body.to_string()).await.events();
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"), "{events:?}");
        let chunks: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|event| serde_json::from_str(event).expect("JSON"))
            .collect();
        let told: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
        assert_eq!(told, text);
        assert!(chunks.iter().all(|chunk| chunk["object"] == "text_completion"), "{chunks:?}");
        let counts = chunks.last().expect("chunks");
        assert_eq!((&counts["choices"], &counts["usage"]["total_tokens"]), (&json!([]), &json!(18)));
        let finish = &chunks[chunks.len() - 2]["choices"][0]["finish_reason"];
        assert_eq!(finish, "stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_conversation_cannot_do_is_refused_by_its_name() {
    let service = Brains::plain().await;
    for (member, value) in [
        ("prompt", json!(["a", "b"])),
        ("prompt", json!([1, 2])),
        ("suffix", json!("}")),
        ("best_of", json!(3)),
        ("echo", json!(true)),
        ("logprobs", json!(2)),
    ] {
        let mut body = json!({"model": "echo/x", "prompt": "x"});
        body[member] = value;
        let answer = service.client.post("/v1/completions", body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["type"], &error["param"]),
            (&json!("invalid_request_error"), &json!(member)),
            "{error}"
        );
    }
    let auto = json!({"model": "brains-auto", "prompt": "Fix retry bug in webhook handler"});
    let answer = service.client.post("/v1/completions", auto.to_string()).await;
    assert_eq!(
        answer.json()["choices"][0]["text"],
        "echo:Fix retry bug in webhook handler",
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("x-brains-task"), "code_fix");
}
