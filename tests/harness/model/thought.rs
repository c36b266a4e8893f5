//! What a model thought before it spoke, put into the frames of its streamed answer as each wire has it, signed where the
//! wire signs.

use serde_json::{Value, json};

/// What stands for the signature; whoever brings the thought back brings it back as it is.
pub const SIGNATURE: &str = "c2lnbmVkLWJ5LXRoZS1tb2RlbA==";

/// Frames of chat completions: behind the comment and the role.
pub(super) fn chat(mut frames: Vec<String>, thought: &str, model: &Value) -> Vec<String> {
    let choice =
        json!({"index": 0, "delta": {"reasoning_content": thought}, "logprobs": null, "finish_reason": null});
    let chunk = json!({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1_700_000_000,
                       "model": model, "choices": [choice]});
    frames.insert(2, format!("data: {chunk}\n\n"));
    frames
}

/// Lines of Ollama: before all others.
pub(super) fn ollama(mut lines: Vec<String>, thought: &str, model: &Value) -> Vec<String> {
    let message = json!({"role": "assistant", "content": "", "thinking": thought});
    let line =
        json!({"model": model, "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false});
    lines.insert(0, format!("{line}\n"));
    lines
}

/// Frames of Messages: a block in front of the others, which move up by one.
pub(super) fn messages(frames: &[String], thought: &str) -> Vec<String> {
    let opened = json!({"type": "thinking", "thinking": "", "signature": ""});
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 0, "delta": delta});
    let block = [
        json!({"type": "content_block_start", "index": 0, "content_block": opened}),
        delta(json!({"type": "thinking_delta", "thinking": thought})),
        delta(json!({"type": "signature_delta", "signature": SIGNATURE})),
        json!({"type": "content_block_stop", "index": 0}),
    ];
    let mut events: Vec<Value> = frames.iter().map(|frame| data(frame)).collect();
    for event in &mut events {
        move_up(event, "index");
    }
    let at = events.iter().position(|event| event["type"] == "content_block_start").unwrap_or(events.len());
    events.splice(at..at, block);
    events.iter().map(frame).collect()
}

/// Events of Responses: an item in front of the others, also in the response at the end.
pub(super) fn responses(frames: &[String], thought: &str) -> Vec<String> {
    let item = |summary: Value| json!({"id": "rs_scripted", "type": "reasoning", "summary": summary, "encrypted_content": SIGNATURE});
    let part = json!({"type": "summary_text", "text": thought});
    let at = |kind: &str| {
        json!({"type": format!("response.reasoning_summary_{kind}"), "item_id": "rs_scripted",
                                    "output_index": 0, "summary_index": 0})
    };
    let with = |kind: &str, name: &str, value: Value| {
        let mut event = at(kind);
        event[name] = value;
        event
    };
    let added = [
        json!({"type": "response.output_item.added", "output_index": 0, "item": item(json!([]))}),
        with("part.added", "part", json!({"type": "summary_text", "text": ""})),
        with("text.delta", "delta", json!(thought)),
        with("text.done", "text", json!(thought)),
        with("part.done", "part", part.clone()),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item(json!([part]))}),
    ];
    let finished = item(json!([part]));
    let mut events: Vec<Value> = frames.iter().map(|frame| data(frame)).collect();
    for event in &mut events {
        move_up(event, "output_index");
        if event["type"] == "response.completed"
            && let Some(output) = event["response"]["output"].as_array_mut()
        {
            output.insert(0, finished.clone());
        }
    }
    events.splice(2..2, added);
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(frame).collect()
}

fn data(frame: &str) -> Value {
    let (_, data) = frame.split_once("data: ").expect("an event with data");
    serde_json::from_str(data).expect("JSON")
}

fn frame(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
}

fn move_up(event: &mut Value, name: &str) {
    if let Some(index) = event[name].as_u64() {
        event[name] = json!(index + 1);
    }
}
