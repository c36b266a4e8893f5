//! The wires that clients speak, side by side, so that one table of failures runs over all of them: what a client asks, and
//! what it makes of an answer, read as strictly as the vendor's own client reads it.

use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// One wire as a client speaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Chat,
    Responses,
    Messages,
}

/// What a client understood of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    pub text: String,
    /// The answer is whole, as the wire says so.
    pub finished: bool,
    /// The stream came to the end that its clients wait for.
    pub ended: bool,
    pub error: Option<HeardError>,
    /// Tokens of the prompt and of the answer, where they were told.
    pub usage: Option<(u64, u64)>,
}

/// An error in the wire's own form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeardError {
    /// Empty where the form has no type.
    pub kind: String,
    /// Empty where the form has no code.
    pub code: String,
    pub message: String,
}

impl Caller {
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// A person's question.
    pub fn question(self, model: &str, stream: bool, text: &str) -> Value {
        match self {
            Self::Chat => {
                let mut body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]});
                if stream {
                    body["stream_options"] = json!({"include_usage": true});
                }
                body
            }
            Self::Responses => json!({"model": model, "stream": stream, "store": false, "input": text}),
            Self::Messages => json!({"model": model, "stream": stream, "max_tokens": 1024,
                                     "messages": [{"role": "user", "content": text}]}),
        }
    }

    pub async fn ask(self, client: &Client, body: &Value) -> Answer {
        client.post(self.path(), body.to_string()).await
    }

    /// The type that this wire has for an error which is `kind` in the words of chat.
    pub fn kind(self, status: u16, kind: &'static str) -> &'static str {
        match (self, status, kind) {
            (Self::Messages, 402, _) => "billing_error",
            (Self::Messages, 404, _) => "not_found_error",
            (Self::Messages, 413, _) => "request_too_large",
            (Self::Messages, _, "upstream_error") => "api_error",
            (_, _, kind) => kind,
        }
    }

    /// Whether the end of a stream says a type, and whether errors have codes.
    pub const fn says(self, streamed: bool) -> (bool, bool) {
        match self {
            Self::Chat => (true, true),
            Self::Responses => (!streamed, true),
            Self::Messages => (true, false),
        }
    }

    /// What a client of the wire makes of `answer`; panics at what the vendor's client would stumble over.
    #[track_caller]
    pub fn read(self, answer: &Answer) -> Heard {
        let streamed = answer.header("content-type").starts_with("text/event-stream");
        match (self, streamed) {
            (_, true) => self.read_events(&frames(answer)),
            (_, false) if answer.status != 200 => {
                let body = answer.json();
                assert!(self != Self::Messages || body["type"] == "error", "{body}");
                Heard { error: Some(error(&body["error"])), ..Heard::default() }
            }
            (Self::Chat, _) => {
                let body = answer.json();
                let choice = &body["choices"][0];
                Heard {
                    text: text(&choice["message"]["content"]),
                    finished: choice["finish_reason"].is_string(),
                    ended: true,
                    error: None,
                    usage: usage(&body["usage"], "prompt_tokens", "completion_tokens"),
                }
            }
            (Self::Responses, _) => response(&answer.json()),
            (Self::Messages, _) => {
                let body = answer.json();
                Heard {
                    text: texts(&body["content"]),
                    finished: body["stop_reason"].is_string(),
                    ended: true,
                    error: None,
                    usage: message_usage(&body["usage"]),
                }
            }
        }
    }

    #[track_caller]
    fn read_events(self, frames: &[(String, String)]) -> Heard {
        let mut heard = Heard::default();
        let mut number = None;
        for (name, data) in frames {
            assert!(!heard.ended, "`{data}` comes behind the end");
            if self == Self::Chat && data == "[DONE]" {
                heard.ended = true;
                continue;
            }
            let event: Value = serde_json::from_str(data).unwrap_or_else(|wrong| panic!("{wrong}: {data}"));
            match self {
                Self::Chat => chat_chunk(&event, &mut heard),
                Self::Responses => {
                    assert_eq!(event["type"], *name, "{event}");
                    let own = event["sequence_number"].as_u64();
                    assert!(number < own, "{own:?} behind {number:?}: {event}");
                    number = own;
                    response_event(&event, &mut heard);
                }
                Self::Messages => {
                    assert_eq!(event["type"], *name, "{event}");
                    message_event(&event, &mut heard);
                }
            }
        }
        heard
    }
}

fn chat_chunk(event: &Value, heard: &mut Heard) {
    if event["error"].is_object() {
        heard.error = Some(error(&event["error"]));
        return;
    }
    let choice = &event["choices"][0];
    heard.text += choice["delta"]["content"].as_str().unwrap_or_default();
    if choice["finish_reason"].as_str().is_some_and(|reason| !matches!(reason.trim(), "" | "null")) {
        assert!(!heard.finished, "a second end: {event}");
        heard.finished = true;
    }
    heard.usage = usage(&event["usage"], "prompt_tokens", "completion_tokens").or(heard.usage);
}

fn response_event(event: &Value, heard: &mut Heard) {
    match event["type"].as_str().unwrap_or_default() {
        "response.output_text.delta" => heard.text += event["delta"].as_str().expect("a text"),
        "response.completed" | "response.incomplete" => {
            let whole = response(&event["response"]);
            assert_eq!(whole.text, heard.text, "the pieces are not the whole: {event}");
            *heard = whole;
        }
        "response.failed" => {
            heard.error = Some(error(&event["response"]["error"]));
            heard.ended = true;
        }
        "error" => {
            heard.error = Some(error(event));
            heard.ended = true;
        }
        _ => {}
    }
}

fn message_event(event: &Value, heard: &mut Heard) {
    match event["type"].as_str().unwrap_or_default() {
        "content_block_delta" => heard.text += event["delta"]["text"].as_str().unwrap_or_default(),
        "message_start" => {
            heard.usage = message_usage(&event["message"]["usage"]);
        }
        "message_delta" => {
            heard.finished = event["delta"]["stop_reason"].is_string();
            let (input, _) = heard.usage.expect("a start");
            let output = event["usage"]["output_tokens"].as_u64().expect("the tokens of the answer");
            heard.usage = message_usage(&event["usage"]).or(Some((input, output)));
        }
        "message_stop" => heard.ended = true,
        "error" => {
            heard.error = Some(error(&event["error"]));
            heard.ended = true;
        }
        _ => {}
    }
}

fn response(body: &Value) -> Heard {
    let messages = body["output"].as_array().into_iter().flatten().filter(|item| item["type"] == "message");
    Heard {
        text: messages.map(|item| texts(&item["content"])).collect(),
        finished: body["status"] == "completed" || body["status"] == "incomplete",
        ended: true,
        error: body["error"].is_object().then(|| error(&body["error"])),
        usage: usage(&body["usage"], "input_tokens", "output_tokens"),
    }
}

/// The texts of blocks or parts.
fn texts(content: &Value) -> String {
    content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn error(error: &Value) -> HeardError {
    HeardError { kind: text(&error["type"]), code: text(&error["code"]), message: text(&error["message"]) }
}

fn usage(told: &Value, input: &str, output: &str) -> Option<(u64, u64)> {
    Some((told[input].as_u64()?, told[output].as_u64()?))
}

/// On this wire what was cached stands beside the tokens of the prompt.
fn message_usage(told: &Value) -> Option<(u64, u64)> {
    let (input, output) = usage(told, "input_tokens", "output_tokens")?;
    let cached = |name: &str| told[name].as_u64().unwrap_or(0);
    Some((input + cached("cache_creation_input_tokens") + cached("cache_read_input_tokens"), output))
}

/// The name and the data of each event, as a reader of the specification sees it.
fn frames(answer: &Answer) -> Vec<(String, String)> {
    let text = answer.text().replace("\r\n", "\n");
    let frames = text.split("\n\n").map(|frame| {
        let of = |field: &str| {
            let lines = frame.lines().filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
        };
        (of("event"), of("data"))
    });
    frames.filter(|(_, data)| !data.is_empty()).collect()
}
