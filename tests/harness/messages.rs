//! A model that speaks the Messages wire and does what a script says: a real agent drives it, and the script sees what
//! the agent's tools answered.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::upstream::{Reply, Seen, Upstream};

/// What the model says next.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Calls a tool.
    Call { tool: String, input: Value },
    /// Ends with a text.
    Say(String),
}

/// What the model was told: the tools on offer, and what each call of before came back with.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub tools: Vec<String>,
    pub results: Vec<String>,
}

impl Told {
    /// The newest result as JSON.
    #[track_caller]
    pub fn last(&self) -> Value {
        let text = self.results.last().expect("a result");
        serde_json::from_str(text).unwrap_or_else(|_| json!(text))
    }
}

/// Everything that the model was told over time, newest last.
pub type Conversation = Arc<Mutex<Vec<Told>>>;

/// Starts the model. `script` says the next turn from what was told so far.
pub async fn start(script: impl Fn(&Told) -> Turn + Send + Sync + 'static) -> (Upstream, Conversation) {
    let conversation = Conversation::default();
    let kept = Arc::clone(&conversation);
    let upstream = Upstream::start(move |seen| answer(seen, &script, &kept)).await;
    (upstream, conversation)
}

fn answer(seen: &Seen, script: &impl Fn(&Told) -> Turn, kept: &Conversation) -> Reply {
    if seen.path.contains("count_tokens") {
        return Reply::json(200, json!({"input_tokens": 1}).to_string());
    }
    if !seen.path.contains("/messages") {
        return Reply::json(200, json!({"data": [], "has_more": false}).to_string());
    }
    let request = seen.json();
    let told = told(&request);
    // Side questions of an agent, such as a title for the conversation, come without tools.
    let turn = if told.tools.is_empty() {
        Turn::Say("ok".into())
    } else {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(told.clone());
        script(&told)
    };
    let streamed = request["stream"] == json!(true);
    if streamed {
        stream(&request, &turn, told.results.len())
    } else {
        whole(&request, &turn, told.results.len())
    }
}

fn told(request: &Value) -> Told {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let tools =
        list(&request["tools"]).iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect();
    let blocks = list(&request["messages"]).into_iter().flat_map(|message| list(&message["content"]));
    let results =
        blocks.filter(|block| block["type"] == json!("tool_result")).map(|block| text(&block["content"]));
    Told { tools, results: results.collect() }
}

/// The text of a result, which may stand in blocks.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn block(turn: &Turn, number: usize) -> (Value, &'static str) {
    match turn {
        Turn::Call { tool, input } => (
            json!({"type": "tool_use", "id": format!("toolu_{number}"), "name": tool, "input": input}),
            "tool_use",
        ),
        Turn::Say(text) => (json!({"type": "text", "text": text}), "end_turn"),
    }
}

fn message(request: &Value, content: &[Value], stop: &Value) -> Value {
    json!({
        "id": "msg_scripted", "type": "message", "role": "assistant", "model": request["model"], "content": content,
        "stop_reason": stop, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1},
    })
}

fn whole(request: &Value, turn: &Turn, number: usize) -> Reply {
    let (block, stop) = block(turn, number);
    Reply::json(200, message(request, &[block], &stop.into()).to_string())
}

fn stream(request: &Value, turn: &Turn, number: usize) -> Reply {
    let (block, stop) = block(turn, number);
    let (opened, delta) = match turn {
        Turn::Call { input, .. } => {
            let mut opened = block;
            opened["input"] = json!({});
            (opened, json!({"type": "input_json_delta", "partial_json": input.to_string()}))
        }
        Turn::Say(text) => (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text})),
    };
    let events = [
        json!({"type": "message_start", "message": message(request, &[], &Value::Null)}),
        json!({"type": "content_block_start", "index": 0, "content_block": opened}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ];
    Reply::stream(
        events
            .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())),
    )
}
