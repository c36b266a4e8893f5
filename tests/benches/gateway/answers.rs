//! What the upstream of the benchmark answers on each wire: a text of so many tokens, whole or one token a write.

use serde_json::{Value, json};

/// The wire that a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Chat,
    Responses,
    Messages,
    Ollama,
}

impl Spoken {
    pub(crate) fn at(path: &str) -> Self {
        match path {
            _ if path.ends_with("/messages") => Self::Messages,
            _ if path.ends_with("/responses") => Self::Responses,
            _ if path.ends_with("/api/chat") => Self::Ollama,
            _ => Self::Chat,
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Ollama => "application/x-ndjson",
            Self::Chat | Self::Responses | Self::Messages => "text/event-stream",
        }
    }

    pub(crate) fn whole(self, text: &str) -> Value {
        match self {
            Self::Chat => json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 64, "total_tokens": 65}}),
            Self::Responses => response(text),
            Self::Messages => json!({"id": "m", "type": "message", "role": "assistant", "model": "m",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 1, "output_tokens": 64}}),
            Self::Ollama => json!({"model": "m", "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text}, "done": true, "done_reason": "stop",
                "prompt_eval_count": 1, "eval_count": 64}),
        }
    }

    /// Write number `at` of a stream of `tokens` tokens, which is followed by one with number `tokens` and its end; none
    /// behind that.
    pub(crate) fn write(self, at: usize, tokens: usize) -> Option<String> {
        let text = format!("t{at} ");
        Some(match (self, at) {
            _ if at > tokens => return None,
            (Self::Chat, _) if at < tokens => chunk(&json!({"content": text}), &Value::Null),
            (Self::Chat, _) => chunk(&json!({}), &json!("stop")) + "data: [DONE]\n\n",
            (Self::Messages, 0) => messages_start() + &messages_delta(&text),
            (Self::Messages, _) if at < tokens => messages_delta(&text),
            (Self::Messages, _) => {
                let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
                frame(&json!({"type": "content_block_stop", "index": 0}))
                    + &frame(&json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": 100}}))
                    + &frame(&json!({"type": "message_stop"}))
            }
            (Self::Responses, 0) => responses_start() + &responses_delta(at, &text),
            (Self::Responses, _) if at < tokens => responses_delta(at, &text),
            (Self::Responses, _) => responses_end(tokens),
            (Self::Ollama, _) if at < tokens => {
                format!(
                    "{}\n",
                    json!({"model": "m", "created_at": "2026-01-01T00:00:00Z",
                        "message": {"role": "assistant", "content": text}, "done": false})
                )
            }
            (Self::Ollama, _) => format!("{}\n", Self::Ollama.whole("")),
        })
    }
}

fn chunk(delta: &Value, finish: &Value) -> String {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {chunk}\n\n")
}

fn frame(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
}

fn messages_start() -> String {
    let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 0}});
    frame(&json!({"type": "message_start", "message": message}))
        + &frame(
            &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        )
}

fn messages_delta(text: &str) -> String {
    frame(&json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}))
}

fn response(text: &str) -> Value {
    json!({"id": "r", "object": "response", "created_at": 1, "status": "completed", "error": null,
        "incomplete_details": null, "model": "m", "output": [item(text, "completed")],
        "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 64,
                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 65}})
}

fn item(text: &str, status: &str) -> Value {
    let content = if text.is_empty() { json!([]) } else { json!([part(text)]) };
    json!({"id": "i", "type": "message", "role": "assistant", "status": status, "content": content})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

fn responses_start() -> String {
    let mut begun = response("");
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    frame(&json!({"type": "response.created", "sequence_number": 0, "response": begun}))
        + &frame(&json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
                         "item": item("", "in_progress")}))
        + &frame(&json!({"type": "response.content_part.added", "sequence_number": 2, "item_id": "i",
                         "output_index": 0, "content_index": 0, "part": part("")}))
}

fn responses_delta(at: usize, text: &str) -> String {
    frame(
        &json!({"type": "response.output_text.delta", "sequence_number": at + 3, "item_id": "i", "output_index": 0,
                  "content_index": 0, "delta": text, "logprobs": []}),
    )
}

fn responses_end(tokens: usize) -> String {
    let text = (0..tokens).map(|at| format!("t{at} ")).collect::<Vec<_>>().concat();
    let mut out = String::new();
    let ends = [
        json!({"type": "response.output_text.done", "item_id": "i", "output_index": 0, "content_index": 0,
               "text": text, "logprobs": []}),
        json!({"type": "response.content_part.done", "item_id": "i", "output_index": 0, "content_index": 0,
               "part": part(&text)}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item(&text, "completed")}),
        json!({"type": "response.completed", "response": response(&text)}),
    ];
    for (at, mut event) in ends.into_iter().enumerate() {
        event["sequence_number"] = json!(tokens + 3 + at);
        out += &frame(&event);
    }
    out
}
