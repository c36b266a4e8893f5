//! Conversations as real clients lead them, turn by turn: each begins with a request in the shape of a captured one, in words of
//! our own, takes back what it was answered as its client would, and goes on.

use brains_dialect::ingress::{AnswerIdentity, Ingress};
use brains_dialect::sse::Frames;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// How each client begins.
pub const CLIENTS: [(&str, &str); 10] = [
    ("claude-code", include_str!("replay/claude-code.json")),
    ("codex", include_str!("replay/codex.json")),
    ("copilot-chat", include_str!("replay/copilot-chat.json")),
    ("copilot-messages", include_str!("replay/copilot-messages.json")),
    ("copilot-responses", include_str!("replay/copilot-responses.json")),
    ("opencode-chat", include_str!("replay/opencode-chat.json")),
    ("opencode-messages", include_str!("replay/opencode-messages.json")),
    ("opencode-responses", include_str!("replay/opencode-responses.json")),
    ("qwen-chat", include_str!("replay/qwen-chat.json")),
    ("titles-responses", include_str!("replay/titles-responses.json")),
];

/// A picture of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// One conversation.
#[derive(Debug, Clone)]
pub struct Session {
    pub client: &'static str,
    pub body: Value,
    wire: Ingress,
    path: String,
    headers: Vec<(String, String)>,
    turn: usize,
    /// Calls that wait for their results: the id, and the kind of the item where the wire has several.
    waiting: Vec<(String, String)>,
}

impl Session {
    /// As this client begins.
    pub fn begin((client, shape): (&'static str, &str)) -> Self {
        let shape: Value = serde_json::from_str(shape).expect("a shape");
        let path = shape["path"].as_str().expect("a path").to_owned();
        let served = |ingress: &Ingress| path.split('?').next() == Some(ingress.path());
        let wire = Ingress::ALL.into_iter().find(served).expect("a wire");
        let headers = shape["headers"].as_object().into_iter().flatten();
        let headers = headers.map(|(name, value)| (name.clone(), value.as_str().unwrap_or("").to_owned()));
        let headers = headers.collect();
        Self { client, body: shape["body"].clone(), wire, path, headers, turn: 0, waiting: Vec::new() }
    }

    /// Asks the model of this name, and takes in what it says.
    pub async fn ask(&mut self, service: &Client, model: &str) -> Answer {
        self.body["model"] = json!(model);
        let mut request = service.request(http::Method::POST, &self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.header("content-type", "application/json").body(self.body.to_string());
        let answer = Client::send(request).await;
        if answer.status == 200 {
            self.take(&answer);
        }
        answer
    }

    fn take(&mut self, answer: &Answer) {
        let whole = if self.body["stream"] == json!(true) {
            let identity = AnswerIdentity {
                id: self.wire.answer_id("0"),
                created: 0,
                model: String::new(),
                echo: std::sync::Arc::default(),
            };
            let frames = Frames::default().push(&answer.body).expect("frames");
            let joined = self.wire.joined(&frames, &identity);
            let joined = joined
                .unwrap_or_else(|fault| panic!("{}: {}: {}", self.client, fault.message, answer.text()));
            serde_json::from_str(&joined).expect("JSON")
        } else {
            answer.json()
        };
        match self.wire {
            Ingress::AnthropicMessages => {
                let content = whole["content"].clone();
                for block in content.as_array().into_iter().flatten() {
                    if block["type"] == "tool_use" {
                        self.waiting.push((text(&block["id"]), String::new()));
                    }
                }
                self.push(json!({"role": "assistant", "content": content}));
            }
            Ingress::OpenAiResponses => {
                for item in whole["output"].as_array().into_iter().flatten() {
                    let kind = text(&item["type"]);
                    if kind.ends_with("_call") {
                        self.waiting.push((text(&item["call_id"]), kind));
                    }
                    self.push(item.clone());
                }
            }
            Ingress::OpenAiChat | Ingress::OpenAiCompletions | Ingress::OpenAiCompaction => {
                let message = whole["choices"][0]["message"].clone();
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    self.waiting.push((text(&call["id"]), String::new()));
                }
                self.push(message);
            }
        }
    }

    /// The next thing that the client says: the results that are waited for, else what the user says next.
    pub fn go_on(&mut self) {
        self.turn += 1;
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() { self.user_says() } else { self.give(&waiting) }
    }

    fn user_says(&mut self) {
        let tools = self.body["tools"].is_array();
        let round = self.turn;
        let (said, seen) = match self.turn % 6 {
            1 if tools => (
                format!("think aloud, call look({{\"path\":\"a{round}\"}}) call run({{\"command\":\"b\"}})"),
                false,
            ),
            2 => ("think aloud about it".to_owned(), false),
            3 => ("and this?".to_owned(), true),
            4 if self.client == "codex" => {
                let patch = "call apply_patch({\"input\":\"*** a\"}) call mcp__app__get({\"path\":\"x\"})";
                (patch.to_owned(), false)
            }
            4 if tools => ("call look({})".to_owned(), false),
            _ => (format!("go on {round}, \"ü\" and\nso on"), false),
        };
        let url = format!("data:image/png;base64,{PIXEL}");
        let message = match self.wire {
            Ingress::AnthropicMessages => {
                let mut content = vec![json!({"type": "text", "text": said})];
                if seen {
                    content.push(json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}));
                }
                json!({"role": "user", "content": content})
            }
            Ingress::OpenAiResponses => {
                let mut content = vec![json!({"type": "input_text", "text": said})];
                if seen {
                    content.push(json!({"type": "input_image", "image_url": url}));
                }
                json!({"type": "message", "role": "user", "content": content})
            }
            Ingress::OpenAiChat | Ingress::OpenAiCompletions | Ingress::OpenAiCompaction if seen => {
                let content = [
                    json!({"type": "text", "text": said}),
                    json!({"type": "image_url", "image_url": {"url": url}}),
                ];
                json!({"role": "user", "content": content})
            }
            Ingress::OpenAiChat | Ingress::OpenAiCompletions | Ingress::OpenAiCompaction => {
                json!({"role": "user", "content": said})
            }
        };
        self.push(message);
    }

    fn give(&mut self, waiting: &[(String, String)]) {
        let mut blocks = Vec::new();
        for (at, (id, kind)) in waiting.iter().enumerate() {
            let (said, failed) = match (self.turn + at) % 4 {
                0 => ("", false),
                1 => ("No such thing.", true),
                _ => ("It is there.", false),
            };
            match self.wire {
                Ingress::AnthropicMessages => {
                    let content = if at == 1 {
                        json!([{"type": "text", "text": "seen"}, {"type": "image", "source":
                            {"type": "base64", "media_type": "image/png", "data": PIXEL}}])
                    } else {
                        json!(said)
                    };
                    let mut block = json!({"type": "tool_result", "tool_use_id": id, "content": content});
                    if failed {
                        block["is_error"] = json!(true);
                    }
                    blocks.push(block);
                }
                Ingress::OpenAiResponses => {
                    let kind = format!("{kind}_output");
                    let output =
                        if at == 1 { json!([{"type": "input_text", "text": "seen"}]) } else { json!(said) };
                    self.push(json!({"type": kind, "call_id": id, "output": output}));
                }
                Ingress::OpenAiChat | Ingress::OpenAiCompletions | Ingress::OpenAiCompaction => {
                    self.push(json!({"role": "tool", "tool_call_id": id, "content": said}));
                }
            }
        }
        if !blocks.is_empty() {
            self.push(json!({"role": "user", "content": blocks}));
        }
    }

    fn push(&mut self, message: Value) {
        let name = if self.wire == Ingress::OpenAiResponses { "input" } else { "messages" };
        self.body[name].as_array_mut().expect("a conversation").push(message);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
