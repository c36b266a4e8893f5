//! Requests of every kind that the other wires can say.

use brains_dialect::canon::{
    ChatRequest, Content, FunctionTool, Media, MediaSource, Message, OutputFormat, Part, Reasoning,
    ResultPart, Role, Sampling, SchemaFormat, Tool, ToolCall, ToolChoice, ToolResult,
};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::Ingress;
use brains_dialect::openai_chat::upstream::encode;
use proptest::prelude::*;
use serde_json::json;

use crate::{MODEL, ORIGIN};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zA-Z0-9 äß€😀\"\\\\\n]{1,12}", 1 => Just(String::new()), 1 => Just(" \n".to_owned())]
}

pub(super) fn letters() -> impl Strategy<Value = String> {
    "[a-z]{1,6}"
}

fn inline_image() -> impl Strategy<Value = Media> {
    "([A-Z]{4}){1,3}".prop_map(|data| Media {
        mime: "image/png".to_owned(),
        source: MediaSource::Base64(data),
        detail: None,
        extra: None,
    })
}

fn image(remote: bool) -> BoxedStrategy<Media> {
    let url = letters().prop_map(|path| Media {
        mime: String::new(),
        source: MediaSource::Url(format!("https://x.test/{path}")),
        detail: None,
        extra: None,
    });
    if remote { prop_oneof![inline_image(), url].boxed() } else { inline_image().boxed() }
}

fn file() -> impl Strategy<Value = Media> {
    prop_oneof![
        ("([A-Z]{4}){1,3}", letters()).prop_map(|(data, name)| Media {
            mime: "application/pdf".to_owned(),
            source: MediaSource::Base64(data),
            detail: None,
            extra: Some(format!("{{\"filename\":\"{name}.pdf\"}}")),
        }),
        letters().prop_map(|id| Media {
            mime: String::new(),
            source: MediaSource::FileId(id),
            detail: None,
            extra: None
        }),
    ]
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        (letters(), any::<i32>(), text()).prop_map(|(name, number, text)| {
            json!({name: number, "text": text, "list": [1, null]}).to_string()
        }),
        Just(String::new()),
        Just("{}".to_owned()),
        Just("not json".to_owned()),
        Just("[1]".to_owned()),
    ]
}

fn thought() -> impl Strategy<Value = Reasoning> {
    let signed = (text(), letters()).prop_map(|(text, signature)| Reasoning {
        text,
        signature: Some(signature),
        origin: Some(ORIGIN.to_owned()),
        ..Reasoning::default()
    });
    let redacted = letters().prop_map(|data| Reasoning {
        redacted: Some(data),
        origin: Some(ORIGIN.to_owned()),
        ..Reasoning::default()
    });
    prop_oneof![signed, redacted]
}

/// One kind of part; the match makes a kind that is added later show up here.
fn content(kind: &Content, files: bool) -> BoxedStrategy<Content> {
    match kind {
        Content::Image(_) => image(files).prop_map(Content::Image).boxed(),
        Content::File(_) if files => file().prop_map(Content::File).boxed(),
        Content::Refusal(_) => text().prop_map(Content::Refusal).boxed(),
        Content::Reasoning(_) => thought().prop_map(Content::Reasoning).boxed(),
        Content::ToolCall(_) => (letters(), arguments())
            .prop_map(|(name, arguments)| {
                Content::ToolCall(ToolCall {
                    id: String::new(),
                    name,
                    namespace: None,
                    arguments,
                    signature: None,
                    origin: None,
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
        // All but the text are refused, which `what_cannot_be_said_is_refused` holds.
        Content::Text(_) | Content::Audio(_) | Content::File(_) | Content::Other(_) => {
            text().prop_map(Content::Text).boxed()
        }
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
        signature: None,
        origin: None,
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
            // Thoughts alone are no turn: what comes of one that ends in them is held elsewhere.
            let is_said = |part: &Part| match &part.content {
                Content::Text(text) => !text.trim().is_empty(),
                Content::Reasoning(_) => false,
                _ => true,
            };
            if !assistant.iter().any(is_said) {
                assistant.push(Part::plain(Content::Text("so".to_owned())));
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
    (letters(), prop::option::of(text()), any::<bool>()).prop_map(|(name, description, cached)| {
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

pub(super) fn request(files: bool) -> impl Strategy<Value = ChatRequest> {
    let system =
        prop::collection::vec((prop_oneof![Just(Role::System), Just(Role::Developer)], text()), 0..2);
    let rounds = prop::collection::vec(round(files), 0..3);
    let choice = prop_oneof![Just(ToolChoice::Auto), Just(ToolChoice::None)];
    let output = prop_oneof![
        Just(OutputFormat::Text),
        letters().prop_map(|name| OutputFormat::JsonSchema(SchemaFormat {
            name,
            schema: r#"{"type":"object","additionalProperties":false}"#.to_owned(),
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
pub(super) fn sent(request: &ChatRequest) -> ChatRequest {
    let options =
        encode::OpenAiChatOptions { extensions: Some(true), ..encode::OpenAiChatOptions::default() };
    let body = encode::encode(request, &options).unwrap().body;
    Ingress::OpenAiChat.decode(&Envelope::scan(body.as_bytes()).unwrap()).unwrap()
}
