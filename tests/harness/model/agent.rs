//! The scripted model as a real agent drives it, on whichever wire: what it says next is a function of what it was asked.
//! On a wire that is not the client's own every request is our encoder's, and is checked as strictly as the vendor checks.

use serde_json::{Value, json};

use super::script::{Call, Heard, Said};
use super::{messages, ollama, responses, thought};
use crate::upstream::{End, Reply, Seen};
use crate::wire::{ANTHROPIC, OLLAMA, OPENAI, RESPONSES, Wire};

pub use super::thought::SIGNATURE;

/// What the model is asked.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub model: String,
    /// Names of the tools on offer; one in a namespace is `namespace__name`.
    pub tools: Vec<String>,
    /// What each call of before came back with, oldest first.
    pub results: Vec<String>,
    /// Text of the newest turn.
    pub last: String,
    /// Pictures in the whole conversation.
    pub images: usize,
    /// The request as it arrived.
    pub body: String,
}

impl Ask {
    /// The tool on offer whose name is, or ends in, this.
    pub fn tool(&self, name: &str) -> Option<String> {
        let tools = || self.tools.iter();
        let ends = |tool: &&String| tool.strip_suffix(name).is_some_and(|front| front.ends_with("__"));
        tools().find(|tool| *tool == name).or_else(|| tools().find(ends)).cloned()
    }
}

/// What the model says next.
#[derive(Debug, Clone)]
pub struct Next {
    pub thought: Option<String>,
    pub text: String,
    /// Names and arguments; with any of them the text is not said.
    pub calls: Vec<(String, Value)>,
    /// How a stream ends; all but a clean end come in the middle of it.
    pub end: End,
}

impl Next {
    pub fn say(text: impl Into<String>) -> Self {
        Self { thought: None, text: text.into(), calls: Vec::new(), end: End::Clean }
    }

    pub fn call(calls: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { calls: calls.into_iter().collect(), ..Self::say("") }
    }

    #[must_use]
    pub fn thinking(mut self, thought: &str) -> Self {
        self.thought = Some(thought.to_owned());
        self
    }

    #[must_use]
    pub fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// Answers one request on this wire. `own` says whether it is the client's own request, relayed.
pub fn answer(wire: &Wire, seen: &Seen, own: bool, next: impl FnOnce(&Ask) -> Next) -> Reply {
    let path = seen.path.split('?').next().unwrap_or_default();
    if path.ends_with("/count_tokens") {
        return Reply::json(200, json!({"input_tokens": 11}).to_string());
    }
    if seen.method != "POST" {
        return (wire.answer)(seen);
    }
    let request = seen.json();
    if !own {
        let checked = (wire.answer)(seen);
        if checked.status != 200 {
            return checked;
        }
    }
    let heard = heard(wire, &request);
    let namespaces = namespaces(&request);
    let ask = Ask {
        model: request["model"].as_str().unwrap_or_default().to_owned(),
        tools: tools(&request),
        results: heard.results.clone(),
        last: heard.last,
        images: images(&request),
        body: String::from_utf8_lossy(&seen.body).into_owned(),
    };
    let next = next(&ask);
    let numbered = next.calls.iter().enumerate();
    let calls: Vec<Call> = numbered
        .map(|(at, (name, arguments))| {
            let inside = namespaces.iter().find(|space| name.starts_with(&format!("{space}__")));
            Call {
                name: inside.map_or(name.as_str(), |space| &name[space.len() + 2..]).to_owned(),
                arguments: arguments.to_string(),
                number: ask.results.len() + at,
                namespace: inside.cloned(),
            }
        })
        .collect();
    let said = if calls.is_empty() { Said::Text(next.text.clone()) } else { Said::Calls(calls) };
    let streams =
        request["stream"] == json!(true) || (wire.provider == OLLAMA.provider && request["stream"].is_null());
    if !streams {
        return Reply::json(200, body(wire, &said, &request["model"]));
    }
    let mut frames = frames(wire, &said, &request);
    if let Some(text) = &next.thought {
        frames = with_thought(wire, frames, text, &request["model"]);
    }
    if next.end != End::Clean {
        // Behind the first half of what it says.
        frames.truncate(frames.len() / 2 + 1);
    }
    wire.stream(frames).end(next.end)
}

fn heard(wire: &Wire, request: &Value) -> Heard {
    match wire.provider {
        provider if provider == OPENAI.provider => super::heard(request),
        provider if provider == RESPONSES.provider => responses::heard(request),
        provider if provider == ANTHROPIC.provider => messages::heard(request),
        _ => ollama::heard(request),
    }
}

fn body(wire: &Wire, said: &Said, model: &Value) -> String {
    match wire.provider {
        provider if provider == OPENAI.provider => super::body(said, model),
        provider if provider == RESPONSES.provider => responses::body(said, model),
        provider if provider == ANTHROPIC.provider => messages::body(said, model),
        _ => ollama::body(said, model),
    }
}

fn frames(wire: &Wire, said: &Said, request: &Value) -> Vec<String> {
    let model = &request["model"];
    match wire.provider {
        provider if provider == OPENAI.provider => {
            super::frames(said, model, request["stream_options"]["include_usage"] == json!(true))
        }
        provider if provider == RESPONSES.provider => responses::frames(said, model),
        provider if provider == ANTHROPIC.provider => messages::frames(said, model),
        _ => ollama::frames(said, model),
    }
}

fn with_thought(wire: &Wire, frames: Vec<String>, text: &str, model: &Value) -> Vec<String> {
    match wire.provider {
        provider if provider == OPENAI.provider => thought::chat(frames, text, model),
        provider if provider == RESPONSES.provider => thought::responses(&frames, text),
        provider if provider == ANTHROPIC.provider => thought::messages(&frames, text),
        _ => thought::ollama(frames, text, model),
    }
}

fn name(tool: &Value) -> Option<&str> {
    tool["name"].as_str().or_else(|| tool["function"]["name"].as_str())
}

fn tools(request: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for tool in request["tools"].as_array().into_iter().flatten() {
        match (&tool["tools"], name(tool)) {
            (Value::Array(inner), Some(space)) => {
                names.extend(inner.iter().filter_map(name).map(|name| format!("{space}__{name}")));
            }
            (_, Some(name)) => names.push(name.to_owned()),
            (_, None) => {}
        }
    }
    names
}

fn namespaces(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().into_iter().flatten();
    tools.filter(|tool| tool["tools"].is_array()).filter_map(name).map(str::to_owned).collect()
}

fn images(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(images).sum(),
        Value::Object(members) => {
            let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
            if ["image", "image_url", "input_image"].contains(&kind) && !members.contains_key("properties") {
                return 1;
            }
            let given = members.get("images").and_then(Value::as_array).map_or(0, Vec::len);
            given + members.values().map(images).sum::<usize>()
        }
        _ => 0,
    }
}
