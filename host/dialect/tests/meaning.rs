//! There and back: a request that goes through the client's wire and the canonical form to an upstream's wire still
//! says what it said, and an answer that comes back the other way too. The upstream's side is read and written here
//! from its published form, not by our codecs. Every kind of part takes part, and a loss that is planted is found.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails at the first surprise")]

use brains_dialect::canon::exchange::Frame;
use brains_dialect::canon::{
    BlockKind, ChatRequest, Content, Event, FaultKind, FunctionTool, Media, MediaSource, Message,
    OutputFormat, Part, Reasoning, ResultPart, Role, Sampling, SchemaFormat, StopReason, Tool, ToolCall,
    ToolChoice, ToolResult,
};
use brains_dialect::chat::response::{Chunks, Identity, completion};
use brains_dialect::chat::{request, request_encode, upstream as chat_upstream};
use brains_dialect::sse::Frames;
use brains_dialect::{messages, ollama};
use proptest::prelude::*;
use serde_json::{Value, json};

const MODEL: &str = "claude-x";
const ORIGIN: &str = "anthropic-messages/claude";

// What a conversation says, one line a fact.
type Facts = Vec<String>;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zA-Z0-9 äß€😀\"\\\\\n]{1,12}", 1 => Just(String::new()), 1 => Just(" \n".to_owned())]
}

fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,6}"
}

fn inline_image() -> impl Strategy<Value = Media> {
    "[A-Za-z0-9+/]{4,8}".prop_map(|data| Media {
        mime: "image/png".to_owned(),
        source: MediaSource::Base64(data),
        detail: None,
        extra: None,
    })
}

fn image(remote: bool) -> BoxedStrategy<Media> {
    let url = word().prop_map(|path| Media {
        mime: String::new(),
        source: MediaSource::Url(format!("https://x.test/{path}")),
        detail: None,
        extra: None,
    });
    if remote { prop_oneof![inline_image(), url].boxed() } else { inline_image().boxed() }
}

fn file() -> impl Strategy<Value = Media> {
    prop_oneof![
        ("[A-Za-z0-9+/]{4,8}", word()).prop_map(|(data, name)| Media {
            mime: "application/pdf".to_owned(),
            source: MediaSource::Base64(data),
            detail: None,
            extra: Some(format!("{{\"filename\":\"{name}.pdf\"}}")),
        }),
        word().prop_map(|id| Media {
            mime: String::new(),
            source: MediaSource::FileId(id),
            detail: None,
            extra: None
        }),
    ]
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        (word(), any::<i32>(), text()).prop_map(|(name, number, text)| {
            json!({name: number, "text": text, "list": [1, null]}).to_string()
        }),
        Just(String::new()),
        Just("{}".to_owned()),
        Just("not json".to_owned()),
        Just("[1]".to_owned()),
    ]
}

fn thought() -> impl Strategy<Value = Reasoning> {
    let signed = (text(), word()).prop_map(|(text, signature)| Reasoning {
        text,
        signature: Some(signature),
        origin: Some(ORIGIN.to_owned()),
        ..Reasoning::default()
    });
    let redacted = word().prop_map(|data| Reasoning {
        redacted: Some(data),
        origin: Some(ORIGIN.to_owned()),
        ..Reasoning::default()
    });
    prop_oneof![signed, redacted]
}

/// One kind of part; the match makes a kind that is added later show up here.
fn content(kind: &Content, files: bool) -> BoxedStrategy<Content> {
    match kind {
        Content::Text(_) => text().prop_map(Content::Text).boxed(),
        Content::Image(_) => image(files).prop_map(Content::Image).boxed(),
        Content::File(_) if files => file().prop_map(Content::File).boxed(),
        Content::Refusal(_) => text().prop_map(Content::Refusal).boxed(),
        Content::Reasoning(_) => thought().prop_map(Content::Reasoning).boxed(),
        Content::ToolCall(_) => (word(), arguments())
            .prop_map(|(name, arguments)| {
                Content::ToolCall(ToolCall {
                    id: String::new(),
                    name,
                    namespace: None,
                    arguments,
                    extra: None,
                })
            })
            .boxed(),
        Content::ToolResult(_) => result_parts(files)
            .prop_map(|content| {
                Content::ToolResult(ToolResult {
                    call_id: String::new(),
                    is_error: false,
                    content,
                    extra: None,
                })
            })
            .boxed(),
        // Refused, which `what_cannot_be_said_is_refused` holds.
        Content::Audio(_) | Content::File(_) | Content::Other(_) => text().prop_map(Content::Text).boxed(),
    }
}

fn result_parts(remote: bool) -> impl Strategy<Value = Vec<ResultPart>> {
    let part = prop_oneof![
        text().prop_map(ResultPart::Text),
        image(remote).prop_map(ResultPart::Media),
        text().prop_map(|text| ResultPart::Other(
            json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}).to_string()
        )),
    ];
    prop::collection::vec(part, 1..3)
}

fn kinds() -> [Content; 9] {
    let media =
        || Media { mime: String::new(), source: MediaSource::Url(String::new()), detail: None, extra: None };
    let call = ToolCall {
        id: String::new(),
        name: String::new(),
        namespace: None,
        arguments: String::new(),
        extra: None,
    };
    let result = ToolResult { call_id: String::new(), is_error: false, content: Vec::new(), extra: None };
    [
        Content::Text(String::new()),
        Content::Image(media()),
        Content::Audio(media()),
        Content::File(media()),
        Content::ToolCall(call),
        Content::ToolResult(result),
        Content::Reasoning(Reasoning::default()),
        Content::Refusal(String::new()),
        Content::Other(String::new()),
    ]
}

fn parts(of: &[usize], files: bool) -> BoxedStrategy<Vec<Part>> {
    let kinds = kinds();
    let each: Vec<BoxedStrategy<Content>> = of.iter().map(|at| content(&kinds[*at], files)).collect();
    prop::collection::vec(prop::strategy::Union::new(each).prop_map(Part::plain), 1..4).boxed()
}

/// A round: the user says something; the assistant thinks, speaks, refuses, calls; every call is answered.
fn round(files: bool) -> impl Strategy<Value = Vec<Message>> {
    let user = parts(&[0, 1, 2, 3, 7, 8], files);
    let thoughts = prop::collection::vec(thought(), 0..3);
    let said = prop::option::of(text());
    let refusal = prop::option::of("[a-z]{1,5}");
    let calls = prop::collection::vec((content(&kinds()[4], files), content(&kinds()[5], files)), 0..3);
    (user, thoughts, said, refusal, calls, any::<bool>()).prop_map(
        |(user, thoughts, said, refusal, calls, alone)| {
            let user = Message { role: Role::User, name: None, parts: user, extra: None };
            if alone {
                return vec![user];
            }
            let contents = thoughts
                .into_iter()
                .map(Content::Reasoning)
                .chain(said.map(Content::Text))
                .chain(refusal.map(Content::Refusal));
            let mut assistant: Vec<Part> = contents.map(Part::plain).collect();
            let mut results = Vec::new();
            for (call, result) in calls {
                assistant.push(Part::plain(call));
                let parts = vec![Part::plain(result)];
                results.push(Message { role: Role::Tool, name: None, parts, extra: None });
            }
            let assistant = Message { role: Role::Assistant, name: None, parts: assistant, extra: None };
            let mut messages = vec![user, assistant];
            messages.extend(results);
            messages
        },
    )
}

/// Gives each call an id of its own, and its result the same one.
fn number(messages: &mut [Message]) {
    let (mut called, mut answered) = (0, 0);
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.content {
            Content::ToolCall(call) => {
                called += 1;
                call.id = format!("call_{called}");
            }
            Content::ToolResult(result) => {
                answered += 1;
                result.call_id = format!("call_{answered}");
            }
            _ => {}
        }
    }
}

fn tool() -> impl Strategy<Value = Tool> {
    (word(), prop::option::of(text()), any::<bool>()).prop_map(|(name, description, cached)| {
        Tool::Function(FunctionTool {
            name,
            namespace: None,
            description,
            parameters: r#"{"type":"object","properties":{"a":{"type":"string"}}}"#.to_owned(),
            strict: None,
            cache: cached.then(|| "1h".to_owned()),
            extra: None,
        })
    })
}

fn request(files: bool) -> impl Strategy<Value = ChatRequest> {
    let system =
        prop::collection::vec((prop_oneof![Just(Role::System), Just(Role::Developer)], text()), 0..2);
    let rounds = prop::collection::vec(round(files), 0..3);
    let choice = prop_oneof![Just(ToolChoice::Auto), Just(ToolChoice::None)];
    let output = prop_oneof![
        Just(OutputFormat::Text),
        word().prop_map(|name| OutputFormat::JsonSchema(SchemaFormat {
            name,
            schema: r#"{"type":"object"}"#.to_owned(),
            strict: true,
        })),
    ];
    let sampling = (
        prop::option::of(1_u32..9000),
        prop::option::of(Just(0.5_f32)),
        prop::option::of(1_u32..50),
        prop::collection::vec("[a-z]{1,4}", 0..3),
    );
    (system, rounds, prop::collection::vec(tool(), 0..3), choice, output, sampling, any::<bool>()).prop_map(
        |(system, rounds, tools, tool_choice, output, (max, temperature, top_k, stop), stream)| {
            let said = |(role, text)| {
                let parts = vec![Part::plain(Content::Text(text))];
                Message { role, name: None, parts, extra: None }
            };
            let mut messages: Vec<Message> = system.into_iter().map(said).collect();
            messages.extend(rounds.into_iter().flatten());
            // The user has the last word, so that nothing has to be trimmed; and there is one.
            let last = Part::plain(Content::Text("go on".to_owned()));
            messages.push(Message { role: Role::User, name: None, parts: vec![last], extra: None });
            number(&mut messages);
            ChatRequest {
                model: MODEL.to_owned(),
                messages,
                tools,
                tool_choice,
                output,
                sampling: Sampling {
                    max_output_tokens: max,
                    temperature,
                    top_k,
                    stop,
                    ..Sampling::default()
                },
                stream,
                ..ChatRequest::default()
            }
        },
    )
}

/// Through the client's wire, as a client would have sent it.
fn sent(request: &ChatRequest) -> ChatRequest {
    let options = request_encode::Options { extensions: true, ..request_encode::Options::default() };
    let body = request_encode::encode(request, &options).body;
    request::decode(body.as_bytes()).unwrap().request
}

fn blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn object(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ if blank(arguments) => json!({}),
        _ => json!({"_raw": arguments}),
    }
}

fn settings_meant(request: &ChatRequest) -> Facts {
    let mut facts = vec![format!("stream {}", request.stream)];
    for tool in &request.tools {
        let Tool::Function(tool) = tool else { panic!("only functions here") };
        facts.push(format!(
            "tool {} {:?} {}",
            tool.name,
            tool.description.as_deref().unwrap_or(""),
            tool.parameters
        ));
    }
    if !request.tools.is_empty() && request.tool_choice == ToolChoice::None {
        facts.push("no tools".to_owned());
    }
    if let OutputFormat::JsonSchema(format) = &request.output {
        facts.push(format!("schema {}", format.schema));
    }
    let Sampling { max_output_tokens, temperature, top_k, stop, .. } = &request.sampling;
    facts.push(format!("{max_output_tokens:?} {temperature:?} {top_k:?} {stop:?}"));
    facts
}

mod messages_wire {
    //! The wire `anthropic-messages`, read independently.

    use super::*;

    /// What the request should say there: instructions first, then each side's turns, results first in the user's.
    pub(super) fn meant(request: &ChatRequest) -> Facts {
        let mut system = Facts::new();
        let mut turns: Vec<(bool, Facts, Facts)> = Vec::new();
        for message in &request.messages {
            let user = message.role != Role::Assistant;
            for part in &message.parts {
                let (fact, result) = match &part.content {
                    Content::Text(text) | Content::Refusal(text) if blank(text) => continue,
                    Content::Text(text) if matches!(message.role, Role::System | Role::Developer) => {
                        system.push(format!("system {text:?}"));
                        continue;
                    }
                    Content::Text(text) | Content::Refusal(text) => (format!("text {text:?}"), false),
                    Content::Image(media) => (image(media), false),
                    Content::File(media) => (format!("file {:?} {:?}", media.source, media.extra), false),
                    Content::ToolCall(call) => {
                        (format!("call {} {} {}", call.id, call.name, object(&call.arguments)), false)
                    }
                    Content::ToolResult(result) => (result_meant(result), true),
                    Content::Reasoning(Reasoning { text, signature, redacted, .. }) => {
                        (format!("thought {text:?} {signature:?} {redacted:?}"), false)
                    }
                    Content::Audio(_) | Content::Other(_) => panic!("refused elsewhere"),
                };
                if turns.last().is_none_or(|turn| turn.0 != user) {
                    turns.push((user, Facts::new(), Facts::new()));
                }
                let turn = turns.last_mut().unwrap();
                if result { turn.1.push(fact) } else { turn.2.push(fact) }
            }
        }
        if turns.first().is_some_and(|turn| !turn.0) {
            turns.insert(0, (true, Facts::new(), vec!["text \"…\"".to_owned()]));
        }
        let mut facts = system;
        for (user, results, said) in turns {
            facts.push(format!("-- user {user}"));
            facts.extend(results);
            facts.extend(said);
        }
        facts.extend(settings_meant(request));
        facts
    }

    fn image(media: &Media) -> String {
        match &media.source {
            MediaSource::Url(url) => format!("image {url}"),
            MediaSource::Base64(data) => format!("image {} {data}", media.mime),
            other => panic!("{other:?}"),
        }
    }

    fn result_meant(result: &ToolResult) -> String {
        let content: Facts = result
            .content
            .iter()
            .filter_map(|part| match part {
                ResultPart::Text(text) => {
                    Some(text.clone()).filter(|text| !blank(text)).map(|text| format!("{text:?}"))
                }
                ResultPart::Media(media) => Some(image(media)),
                ResultPart::Other(json) => {
                    let text =
                        serde_json::from_str::<Value>(json).unwrap()["text"].as_str().unwrap().to_owned();
                    Some(text).filter(|text| !blank(text)).map(|text| format!("{text:?}"))
                }
            })
            .collect();
        format!("result {} {content:?}", result.call_id)
    }

    /// What a body says.
    pub(super) fn read(body: &Value, request: &ChatRequest) -> Facts {
        let mut facts: Facts = body["system"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|block| format!("system {:?}", block["text"].as_str().unwrap()))
            .collect();
        for turn in body["messages"].as_array().unwrap() {
            facts.push(format!("-- user {}", turn["role"] == "user"));
            facts.extend(turn["content"].as_array().unwrap().iter().map(block));
        }
        facts.push(format!("stream {}", body["stream"] == json!(true)));
        for tool in body["tools"].as_array().into_iter().flatten() {
            facts.push(format!(
                "tool {} {:?} {}",
                tool["name"].as_str().unwrap(),
                tool["description"].as_str().unwrap_or(""),
                tool["input_schema"]
            ));
        }
        if body["tool_choice"]["type"] == "none" {
            facts.push("no tools".to_owned());
        }
        if body["output_config"]["format"]["type"] == "json_schema" {
            facts.push(format!("schema {}", body["output_config"]["format"]["schema"]));
        }
        // The wire always says a limit; the default stands for none.
        let max = body["max_tokens"].as_u64().unwrap();
        let max = request.sampling.max_output_tokens.map_or((max != 8192).then_some(max), |_| Some(max));
        let temperature = body["temperature"].as_f64();
        let stop: Vec<&str> = body["stop_sequences"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|stop| stop.as_str().unwrap())
            .collect();
        facts.push(format!("{max:?} {temperature:?} {:?} {stop:?}", body["top_k"].as_u64()));
        facts
    }

    fn block(block: &Value) -> String {
        let text = |name: &str| block[name].as_str().unwrap().to_owned();
        match block["type"].as_str().unwrap() {
            "text" => format!("text {:?}", text("text")),
            "image" if block["source"]["type"] == "url" => {
                format!("image {}", block["source"]["url"].as_str().unwrap())
            }
            "image" => format!(
                "image {} {}",
                block["source"]["media_type"].as_str().unwrap(),
                block["source"]["data"].as_str().unwrap()
            ),
            "document" => {
                let source = &block["source"];
                let source = if source["type"] == "file" {
                    MediaSource::FileId(source["file_id"].as_str().unwrap().to_owned())
                } else {
                    assert_eq!(source["media_type"], "application/pdf");
                    MediaSource::Base64(source["data"].as_str().unwrap().to_owned())
                };
                let extra = block["title"].as_str().map(|name| format!("{{\"filename\":\"{name}\"}}"));
                format!("file {source:?} {extra:?}")
            }
            "tool_use" => format!("call {} {} {}", text("id"), text("name"), block["input"]),
            "tool_result" => {
                let content: Facts = match &block["content"] {
                    Value::String(text) if blank(text) => Facts::new(),
                    Value::String(text) => vec![format!("{text:?}")],
                    Value::Array(blocks) => blocks
                        .iter()
                        .map(|inner| {
                            if inner["type"] == "text" {
                                format!("{:?}", inner["text"].as_str().unwrap())
                            } else {
                                super::messages_wire::block(inner)
                            }
                        })
                        .collect(),
                    other => panic!("{other}"),
                };
                format!("result {} {content:?}", text("tool_use_id"))
            }
            "thinking" => {
                let signature = Some(text("signature"));
                format!("thought {:?} {signature:?} {:?}", text("thinking"), None::<String>)
            }
            "redacted_thinking" => format!("thought {:?} {:?} {:?}", "", None::<String>, Some(text("data"))),
            other => panic!("{other}"),
        }
    }
}

mod ollama_wire {
    //! The wire `ollama-chat`, read independently.

    use super::*;

    pub(super) fn meant(request: &ChatRequest) -> Facts {
        let mut facts = Facts::new();
        let mut names = Vec::new();
        for message in &request.messages {
            let (mut texts, mut images, mut thinking, mut calls) =
                (Facts::new(), Facts::new(), Facts::new(), Facts::new());
            for part in &message.parts {
                match &part.content {
                    Content::Text(text) | Content::Refusal(text) => texts.push(text.clone()),
                    Content::Image(media) => images.push(data(media)),
                    Content::Reasoning(thought) => thinking.push(thought.text.clone()),
                    Content::ToolCall(call) => {
                        names.push((call.id.clone(), call.name.clone()));
                        calls.push(format!("{} {}", call.name, object(&call.arguments)));
                    }
                    Content::ToolResult(result) => {
                        let name = &names.iter().rev().find(|(id, _)| *id == result.call_id).unwrap().1;
                        let (mut texts, mut images) = (Facts::new(), Facts::new());
                        for part in &result.content {
                            match part {
                                ResultPart::Text(text) => texts.push(text.clone()),
                                ResultPart::Media(media) => images.push(data(media)),
                                ResultPart::Other(json) => texts.push(
                                    serde_json::from_str::<Value>(json).unwrap()["text"]
                                        .as_str()
                                        .unwrap()
                                        .to_owned(),
                                ),
                            }
                        }
                        facts.push(format!("result {name} {:?} {images:?}", texts.join("\n")));
                    }
                    Content::Audio(_) | Content::File(_) | Content::Other(_) => panic!("refused elsewhere"),
                }
            }
            let role = match message.role {
                Role::System | Role::Developer => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::Tool => continue,
            };
            facts.push(format!("{role} {:?} {images:?} {:?} {calls:?}", texts.join("\n"), thinking.concat()));
        }
        facts.extend(settings_meant(request));
        facts
    }

    fn data(media: &Media) -> String {
        let MediaSource::Base64(data) = &media.source else { panic!("inline only") };
        data.clone()
    }

    pub(super) fn read(body: &Value, request: &ChatRequest) -> Facts {
        let mut facts = Facts::new();
        for message in body["messages"].as_array().unwrap() {
            let images: Vec<&str> = message["images"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|image| image.as_str().unwrap())
                .collect();
            let text = message["content"].as_str().unwrap();
            if message["role"] == "tool" {
                facts.push(format!("result {} {text:?} {images:?}", message["tool_name"].as_str().unwrap()));
                continue;
            }
            let calls: Facts = message["tool_calls"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|call| {
                    format!(
                        "{} {}",
                        call["function"]["name"].as_str().unwrap(),
                        call["function"]["arguments"]
                    )
                })
                .collect();
            let thinking = message["thinking"].as_str().unwrap_or("");
            facts.push(format!(
                "{} {text:?} {images:?} {thinking:?} {calls:?}",
                message["role"].as_str().unwrap()
            ));
        }
        facts.push(format!("stream {}", body["stream"] == json!(true)));
        let tools = body["tools"].as_array();
        for tool in tools.into_iter().flatten() {
            let tool = &tool["function"];
            facts.push(format!(
                "tool {} {:?} {}",
                tool["name"].as_str().unwrap(),
                tool["description"].as_str().unwrap(),
                tool["parameters"]
            ));
        }
        if request.tool_choice == ToolChoice::None && !request.tools.is_empty() {
            // The wire has no such word: the tools are withheld, which is what it means.
            assert!(tools.is_none());
            let mut told = settings_meant(request);
            told.truncate(request.tools.len() + 2);
            facts.extend(told.drain(1..));
        }
        if body["format"].is_object() {
            facts.push(format!("schema {}", body["format"]));
        }
        let options = &body["options"];
        let stop: Vec<&str> =
            options["stop"].as_array().into_iter().flatten().map(|stop| stop.as_str().unwrap()).collect();
        facts.push(format!(
            "{:?} {:?} {:?} {stop:?}",
            options["num_predict"].as_u64(),
            options["temperature"].as_f64(),
            options["top_k"].as_u64()
        ));
        facts
    }
}

fn messages_body(request: &ChatRequest) -> Value {
    let encoded =
        messages::request_encode::encode(request, &messages::request_encode::Options::default()).unwrap();
    assert_eq!(encoded.losses, Vec::<String>::new());
    serde_json::from_str(&encoded.body).unwrap()
}

fn ollama_body(request: &ChatRequest) -> Value {
    let encoded =
        ollama::request_encode::encode(request, &ollama::request_encode::Options::default()).unwrap();
    // Marks for the cache and for signatures have no effect on what is said.
    assert!(
        encoded.losses.iter().all(|loss| loss == "cache_control" || loss == "messages.reasoning_details"),
        "{:?}",
        encoded.losses
    );
    serde_json::from_str(&encoded.body).unwrap()
}

/// Every body in which one thing is missing: a block, a message, a member of one, a setting.
fn planted(body: &Value) -> Vec<Value> {
    fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, inner) in members {
                    // Marks for the cache change no meaning; ids and types cannot go alone.
                    if ["cache_control", "model", "keep_alive", "tool_call_id", "id", "type"]
                        .contains(&name.as_str())
                    {
                        continue;
                    }
                    let path = format!("{at}/{name}");
                    if matches!(
                        name.as_str(),
                        "text" | "thinking" | "signature" | "data" | "name" | "content"
                    ) && inner.is_string()
                    {
                        found.push(path.clone());
                    }
                    paths(inner, &path, found);
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    let path = format!("{at}/{index}");
                    found.push(path.clone());
                    paths(inner, &path, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for name in ["messages", "system", "tools"] {
        if !body[name].is_null() {
            paths(&body[name], &format!("/{name}"), &mut found);
        }
    }
    let mut bodies = Vec::new();
    for path in found {
        let mut less = body.clone();
        let (parent, last) = path.rsplit_once('/').unwrap();
        match less.pointer_mut(parent).unwrap() {
            Value::Array(items) => drop(items.remove(last.parse().unwrap())),
            Value::Object(members) => {
                let text = members[last].as_str().unwrap().to_owned();
                let said =
                    if blank(&text) { format!("{text}x") } else { text.trim().chars().skip(1).collect() };
                members.insert(last.to_owned(), json!(said));
            }
            other => panic!("{other}"),
        }
        bodies.push(less);
    }
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_keep_their_meaning_on_messages(request in request(true)) {
        let body = messages_body(&sent(&request));
        prop_assert_eq!(messages_wire::read(&body, &request), messages_wire::meant(&request), "{:#}", body);
    }

    #[test]
    fn requests_keep_their_meaning_on_ollama(request in request(false)) {
        let body = ollama_body(&sent(&request));
        prop_assert_eq!(ollama_wire::read(&body, &request), ollama_wire::meant(&request), "{:#}", body);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// The readers above would notice: whatever single thing is taken out of a body, the facts differ.
    #[test]
    fn a_planted_loss_is_found(rich in request(true), plain in request(false)) {
        let meant = messages_wire::meant(&rich);
        for less in planted(&messages_body(&sent(&rich))) {
            prop_assert_ne!(messages_wire::read(&less, &rich), meant.clone(), "{:#}", less);
        }
        let meant = ollama_wire::meant(&plain);
        for less in planted(&ollama_body(&sent(&plain))) {
            prop_assert_ne!(ollama_wire::read(&less, &plain), meant.clone(), "{:#}", less);
        }
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    let sound = Media {
        mime: "audio/wav".to_owned(),
        source: MediaSource::Base64("AAAA".to_owned()),
        detail: None,
        extra: None,
    };
    let odd = Content::Other(r#"{"type":"video_url","video_url":{"url":"https://x.test"}}"#.to_owned());
    for content in [Content::Audio(sound), odd] {
        let parts = vec![Part::plain(Content::Text("hi".to_owned())), Part::plain(content)];
        let message = Message { role: Role::User, name: None, parts, extra: None };
        let request =
            ChatRequest { model: MODEL.to_owned(), messages: vec![message], ..ChatRequest::default() };
        let request = sent(&request);
        let on_messages =
            messages::request_encode::encode(&request, &messages::request_encode::Options::default());
        assert_eq!(on_messages.unwrap_err().kind, FaultKind::Unsupported);
        let on_ollama = ollama::request_encode::encode(&request, &ollama::request_encode::Options::default());
        assert_eq!(on_ollama.unwrap_err().kind, FaultKind::Unsupported);
    }
}

/// A block of an answer.
#[derive(Debug, Clone, PartialEq)]
enum Block {
    Text(String),
    Thought(String, String),
    Redacted(String),
    Call(String, String, Value),
}

/// Like texts would be one on the client's wire, so they never follow one another here.
fn answer() -> impl Strategy<Value = Vec<Block>> {
    let said = || "[a-z äß😀\n]{1,9}";
    let thoughts = prop::collection::vec(
        prop_oneof![
            (said(), word()).prop_map(|(text, signature)| Block::Thought(text, signature)),
            word().prop_map(Block::Redacted),
        ],
        0..3,
    );
    let calls =
        prop::collection::vec((word(), prop_oneof![Just(json!({})), Just(json!({"a": [1, "ü"]}))]), 0..3);
    (thoughts, prop::option::of(said()), calls).prop_map(|(thoughts, text, calls)| {
        let calls = calls
            .into_iter()
            .enumerate()
            .map(|(at, (name, input))| Block::Call(format!("toolu_{at}"), name, input));
        thoughts.into_iter().chain(text.map(Block::Text)).chain(calls).collect()
    })
}

fn on_messages(block: &Block) -> Value {
    match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Thought(text, signature) => {
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Block::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
        Block::Call(id, name, input) => json!({"type": "tool_use", "id": id, "name": name, "input": input}),
    }
}

fn messages_stream(blocks: &[Block], reason: &str) -> String {
    let mut out = String::new();
    let mut event = |value: Value| {
        out.push_str(&format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap()));
    };
    event(json!({"type": "message_start", "message": {"id": "msg_1", "model": MODEL, "content": [],
                 "usage": {"input_tokens": 3, "output_tokens": 1}}}));
    for (index, block) in blocks.iter().enumerate() {
        let mut opener = on_messages(block);
        let deltas = match block {
            Block::Text(text) => {
                opener["text"] = json!("");
                pieces(text).map(|text| json!({"type": "text_delta", "text": text})).to_vec()
            }
            Block::Thought(text, signature) => {
                opener["thinking"] = json!("");
                opener["signature"] = json!("");
                let mut deltas =
                    pieces(text).map(|text| json!({"type": "thinking_delta", "thinking": text})).to_vec();
                deltas.push(json!({"type": "signature_delta", "signature": signature}));
                deltas
            }
            Block::Redacted(_) => Vec::new(),
            Block::Call(_, _, input) => {
                opener["input"] = json!({});
                if *input == json!({}) {
                    Vec::new()
                } else {
                    pieces(&input.to_string())
                        .map(|text| json!({"type": "input_json_delta", "partial_json": text}))
                        .to_vec()
                }
            }
        };
        event(json!({"type": "content_block_start", "index": index, "content_block": opener}));
        for delta in deltas {
            event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        event(json!({"type": "content_block_stop", "index": index}));
    }
    event(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}));
    event(json!({"type": "message_stop"}));
    out
}

fn pieces(text: &str) -> [String; 2] {
    let half = text.chars().count() / 2;
    [text.chars().take(half).collect(), text.chars().skip(half).collect()]
}

/// The blocks that events say, with why they ended.
fn heard(events: &[Event]) -> (Vec<Block>, StopReason) {
    let mut open: Vec<(u32, BlockKind, String)> = Vec::new();
    let (mut blocks, mut reason) = (Vec::new(), None);
    for event in events {
        match event {
            Event::BlockStart(block) => open.push((block.index, block.kind.clone(), String::new())),
            Event::Delta(delta) => {
                open.iter_mut().find(|(index, ..)| *index == delta.index).unwrap().2.push_str(&delta.text);
            }
            Event::BlockEnd(end) => {
                let at = open.iter().position(|(index, ..)| *index == end.index).unwrap();
                let (_, kind, text) = open.remove(at);
                blocks.push(match kind {
                    BlockKind::Text => Block::Text(text),
                    BlockKind::Reasoning => Block::Thought(text, end.signature.clone().unwrap_or_default()),
                    BlockKind::RedactedReasoning(data) => Block::Redacted(data),
                    BlockKind::ToolCall(start) => {
                        Block::Call(start.id, start.name, serde_json::from_str(&text).unwrap())
                    }
                    other => panic!("{other:?}"),
                });
            }
            Event::Finish(finish) => reason = Some(finish.reason.clone()),
            Event::Start(_) | Event::Annotation(_) | Event::Usage(_) | Event::Other(_) => {}
        }
    }
    assert!(open.is_empty());
    (blocks, reason.unwrap())
}

fn frames(stream: &str) -> Vec<Frame> {
    let mut cutter = Frames::default();
    let mut frames = cutter.push(stream.as_bytes()).unwrap();
    frames.extend(cutter.finish());
    frames
}

/// As a client of chat completions gets it, read by our own reading of that wire.
fn through_chat(events: &[Event]) -> [(Vec<Block>, StopReason); 2] {
    let identity = Identity { id: "c".to_owned(), created: 1, model: MODEL.to_owned() };
    let whole = completion(events, &identity).unwrap();
    let mut chunks = Chunks::new(&identity, true);
    let mut out = String::new();
    for event in events {
        chunks.push(event, &mut out).unwrap();
    }
    chunks.finish(&mut out).unwrap();
    let mut decoder = chat_upstream::Decoder::new("x");
    let mut streamed = decoder.push(&frames(&out)).unwrap();
    streamed.extend(decoder.finish(true).unwrap());
    [heard(&chat_upstream::decode_unary(&whole, "x").unwrap()), heard(&streamed)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_keep_their_meaning(blocks in answer()) {
        let calls = blocks.iter().any(|block| matches!(block, Block::Call(..)));
        let (word, reason) = if calls { ("tool_use", StopReason::ToolUse) } else { ("end_turn", StopReason::EndTurn) };
        let body = json!({"id": "msg_1", "model": MODEL, "stop_reason": word,
            "content": blocks.iter().map(on_messages).collect::<Vec<_>>(), "usage": {"input_tokens": 3}});
        let whole = messages::upstream::decode_unary(&body.to_string()).unwrap();
        let mut decoder = messages::upstream::Decoder::new();
        let mut streamed = decoder.push(&frames(&messages_stream(&blocks, word))).unwrap();
        streamed.extend(decoder.finish(true).unwrap());
        let said = (blocks, reason);
        prop_assert_eq!(&heard(&whole), &said);
        prop_assert_eq!(&heard(&streamed), &said);
        for events in [whole, streamed] {
            for back in through_chat(&events) {
                // A thought, then text, then calls: the order of a whole message on the client's wire.
                prop_assert_eq!(&back, &said);
            }
        }
    }
}
