//! What the scripted model has to say, whatever wire it is asked on: it echoes the last turn, calls tools on
//! request (`call NAME({…})`), and keeps to a JSON schema.

use serde_json::{Value, json};

/// A conversation as far as the model cares.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Text of the newest turn.
    pub(super) last: String,
    /// Whether that turn is the user's.
    pub(super) from_user: bool,
    /// Text of every tool result, oldest first.
    pub(super) results: Vec<String>,
    pub(super) has_tools: bool,
    /// The JSON schema that the answer must fit; null without one.
    pub(super) schema: Value,
}

/// What the model's thoughts are signed with, or are encrypted as, behind what each vendor's begin with.
pub const SIGNATURE: &str = "c2NyaXB0ZWQ";

/// One call of the answer.
#[derive(Debug)]
pub(super) struct Call {
    /// Its number in the conversation, of which its id is made.
    pub(super) number: usize,
    pub(super) name: String,
    /// JSON as the model wrote it.
    pub(super) arguments: String,
    /// The namespace that the tool was offered in; only Responses knows them.
    pub(super) namespace: Option<String>,
}

#[derive(Debug)]
pub(super) enum Said {
    Text(String),
    Calls(Vec<Call>),
}

impl Heard {
    pub(super) fn answer(&self) -> Said {
        let calls = self.calls();
        if calls.is_empty() { Said::Text(self.text()) } else { Said::Calls(calls) }
    }

    /// What the model thinks before it answers, when the newest turn tells it to think aloud.
    pub(super) fn thought(&self) -> Option<&'static str> {
        self.last.contains("think aloud").then_some("hm, so")
    }

    /// The calls that the last user turn asks for, unless their results are already there.
    fn calls(&self) -> Vec<Call> {
        if !self.from_user || !self.has_tools {
            return Vec::new();
        }
        let calls = self.last.split("call ").skip(1).filter_map(|call| {
            let (name, rest) = call.split_once('(')?;
            let (arguments, _) = rest.split_once(')')?;
            Some((name.to_owned(), arguments.to_owned()))
        });
        let numbered = (self.results.len()..).zip(calls);
        numbered
            .map(|(number, (name, arguments))| Call { number, name, arguments, namespace: None })
            .collect()
    }

    fn text(&self) -> String {
        if let Some(properties) = self.schema["properties"].as_object() {
            let value = |kind: &Value| if kind["type"] == "integer" { json!(3) } else { json!("word") };
            let object: serde_json::Map<String, Value> =
                properties.iter().map(|(name, kind)| (name.clone(), value(kind))).collect();
            return Value::Object(object).to_string();
        }
        if self.results.is_empty() {
            format!("scripted: {}", self.last)
        } else {
            format!("scripted: {}", self.results.join(", "))
        }
    }
}

/// A text in two pieces, cut at a character.
pub(super) fn halves(text: &str) -> [&str; 2] {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    [&text[..middle], &text[middle..]]
}
