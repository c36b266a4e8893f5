//! Encoding and decoding keeps the meaning of every kind of request; what cannot be said is named.

use proptest::prelude::*;

use super::{OpenAiChatOptions, encode};
use crate::canon::{
    ChatRequest, Content, FunctionTool, Media, MediaSource, Message, OutputFormat, Part, Reasoning,
    ResultPart, Role, Sampling, SchemaFormat, Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::json::quote;
use crate::openai_chat::client::decode;

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn identifiers() -> impl Strategy<Value = String> {
    "[a-z_]{1,6}"
}

fn extra() -> impl Strategy<Value = Option<String>> {
    prop::option::of(
        (text(), any::<i64>())
            .prop_map(|(text, number)| format!("{{\"x_one\":{},\"x_two\":[{number},null]}}", quote(&text))),
    )
}

fn base64() -> impl Strategy<Value = MediaSource> {
    "([A-Z]{4}){1,3}".prop_map(MediaSource::Base64)
}

fn image() -> impl Strategy<Value = Media> {
    let url =
        identifiers().prop_map(|path| (String::new(), MediaSource::Url(format!("https://x.test/{path}"))));
    let inline = base64().prop_map(|data| ("image/png".to_owned(), data));
    (prop_oneof![url, inline], prop::option::of(identifiers()), extra())
        .prop_map(|((mime, source), detail, extra)| Media { mime, source, detail, extra })
}

fn audio() -> impl Strategy<Value = Media> {
    (base64(), extra()).prop_map(|(source, extra)| Media {
        mime: "audio/mp3".to_owned(),
        source,
        detail: None,
        extra,
    })
}

fn file() -> impl Strategy<Value = Media> {
    let id = identifiers().prop_map(|id| (String::new(), MediaSource::FileId(id)));
    let inline = base64().prop_map(|data| ("application/pdf".to_owned(), data));
    let bare = base64().prop_map(|data| (String::new(), data));
    (prop_oneof![id, inline, bare], extra()).prop_map(|((mime, source), extra)| Media {
        mime,
        source,
        detail: None,
        extra,
    })
}

fn other() -> impl Strategy<Value = Content> {
    text().prop_map(|text| Content::Other(format!("{{\"type\":\"new_thing\",\"v\":{}}}", quote(&text))))
}

fn user_part() -> impl Strategy<Value = Part> {
    let known = prop_oneof![
        text().prop_map(Content::Text),
        text().prop_map(Content::Refusal),
        image().prop_map(Content::Image),
        audio().prop_map(Content::Audio),
        file().prop_map(Content::File),
    ];
    let cache = prop::option::of(prop_oneof![Just("5m".to_owned()), Just("1h".to_owned())]);
    prop_oneof![
        4 => (known, cache, extra()).prop_map(|(content, cache, extra)| Part { content, cache, extra }),
        1 => other().prop_map(Part::plain),
    ]
}

fn call() -> impl Strategy<Value = ToolCall> {
    let signature = prop::option::of("[a-zA-Z+/=]{1,8}");
    (identifiers(), identifiers(), text(), any::<bool>(), signature).prop_map(
        |(id, name, arguments, custom, signature)| {
            let extra = custom.then(|| "{\"type\":\"custom\"}".to_owned());
            let origin = signature.is_some().then(|| "google".to_owned());
            ToolCall { id, name, namespace: None, arguments, signature, origin, extra }
        },
    )
}

fn result() -> impl Strategy<Value = Message> {
    let part = prop_oneof![
        text().prop_map(ResultPart::Text),
        image().prop_map(ResultPart::Media),
        text().prop_map(|text| ResultPart::Other(format!("{{\"type\":\"odd\",\"v\":{}}}", quote(&text)))),
    ];
    (identifiers(), prop::collection::vec(part, 0..3), prop::option::of(identifiers()), extra()).prop_map(
        |(call_id, content, name, extra)| {
            let result = ToolResult { call_id, is_error: false, content, extra: None };
            Message { role: Role::Tool, name, parts: vec![Part::plain(Content::ToolResult(result))], extra }
        },
    )
}

/// None, a plain one, or any number of which one at least bears marks.
fn thoughts() -> impl Strategy<Value = Vec<Reasoning>> {
    let mark = || prop::option::of(identifiers());
    let plain = || text().prop_map(|text| Reasoning { text, ..Reasoning::default() });
    let signed = (text(), identifiers(), mark(), mark()).prop_map(|(text, signature, id, origin)| {
        Reasoning { id, text, signature: Some(signature), redacted: None, origin }
    });
    let redacted = (identifiers(), mark(), mark()).prop_map(|(data, id, origin)| Reasoning {
        id,
        redacted: Some(data),
        origin,
        ..Reasoning::default()
    });
    let marked = prop_oneof![signed, redacted].boxed();
    let any = prop_oneof![plain().boxed(), marked.clone()];
    prop_oneof![
        prop::collection::vec(plain(), 0..2),
        (marked, prop::collection::vec(any, 0..3))
            .prop_map(|(first, rest)| { std::iter::once(first).chain(rest).collect() }),
    ]
}

fn assistant() -> impl Strategy<Value = Message> {
    let parts = (
        thoughts(),
        prop::collection::vec(text().prop_map(Content::Text), 0..3),
        prop::option::of(text()),
        prop::collection::vec(call(), 0..3),
    );
    (parts, extra()).prop_map(|((thoughts, texts, refusal, calls), extra)| {
        let contents = thoughts
            .into_iter()
            .map(Content::Reasoning)
            .chain(texts)
            .chain(refusal.map(Content::Refusal))
            .chain(calls.into_iter().map(Content::ToolCall));
        Message { role: Role::Assistant, name: None, parts: contents.map(Part::plain).collect(), extra }
    })
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![Just(Role::System), Just(Role::Developer), Just(Role::User)];
    let plain = (role, prop::option::of(identifiers()), prop::collection::vec(user_part(), 0..4), extra())
        .prop_map(|(role, name, parts, extra)| Message { role, name, parts, extra });
    prop_oneof![plain, assistant(), result()]
}

fn tool() -> impl Strategy<Value = Tool> {
    let parts = (identifiers(), prop::option::of(text()), prop::option::of(any::<bool>()), extra());
    prop_oneof![
        parts.prop_map(|(name, description, strict, extra)| Tool::Function(FunctionTool {
            name,
            namespace: None,
            description,
            parameters: "{\"type\":\"object\"}".to_owned(),
            strict,
            cache: None,
            extra,
        })),
        identifiers().prop_map(|name| Tool::Other(format!(
            "{{\"type\":\"custom\",\"custom\":{{\"name\":\"{name}\"}}}}"
        ))),
    ]
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let number = || {
        prop::option::of(any::<f32>().prop_filter("JSON has no other numbers", |number| number.is_finite()))
    };
    let floats = (number(), number(), number(), number());
    let whole = || prop::option::of(any::<u32>());
    (floats, whole(), whole(), whole(), prop::option::of(any::<i64>()), prop::collection::vec(text(), 0..3))
        .prop_map(
            |(
                (temperature, top_p, frequency_penalty, presence_penalty),
                top_k,
                max_output_tokens,
                choices,
                seed,
                stop,
            )| {
                Sampling {
                    temperature,
                    top_p,
                    top_k,
                    max_output_tokens,
                    stop,
                    seed,
                    frequency_penalty,
                    presence_penalty,
                    choices,
                }
            },
        )
}

fn request() -> impl Strategy<Value = ChatRequest> {
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        identifiers().prop_map(ToolChoice::Named),
        Just(ToolChoice::Other("{\"type\":\"allowed_tools\"}".to_owned())),
    ];
    let output = prop_oneof![
        Just(OutputFormat::Text),
        Just(OutputFormat::JsonObject),
        (identifiers(), any::<bool>()).prop_map(|(name, strict)| {
            OutputFormat::JsonSchema(SchemaFormat {
                name,
                schema: "{\"type\":\"object\"}".to_owned(),
                strict,
            })
        }),
        Just(OutputFormat::Other("{\"type\":\"grammar\"}".to_owned())),
    ];
    let lists = (prop::collection::vec(message(), 0..4), prop::collection::vec(tool(), 0..3));
    let flags = (
        any::<bool>(),
        prop::option::of(any::<bool>()),
        prop::option::of(identifiers()),
        prop::option::of(identifiers()),
    );
    (identifiers(), lists, choice, output, sampling(), flags, extra()).prop_map(
        |(
            model,
            (messages, tools),
            tool_choice,
            output,
            sampling,
            (stream, parallel_tools, effort, user),
            extra,
        )| {
            ChatRequest {
                model,
                messages,
                tools,
                tool_choice,
                parallel_tools,
                output,
                sampling,
                effort,
                thinking_budget: None,
                stream,
                user,
                extra,
            }
        },
    )
}

/// A result without content says an empty text on this wire.
fn say_nothing(messages: &mut [Message]) {
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        if let Content::ToolResult(result) = &mut part.content
            && result.content.is_empty()
        {
            result.content.push(ResultPart::Text(String::new()));
        }
    }
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(request in request()) {
        let encoded = encode(&request, &OpenAiChatOptions { extensions: Some(true), ..OpenAiChatOptions::default() }).unwrap();
        prop_assert_eq!(&encoded.losses, &Vec::<String>::new());
        let decoded = decode(encoded.body.as_bytes()).unwrap();
        let mut request = request;
        crate::calls::make_unique(&mut request.messages);
        say_nothing(&mut request.messages);
        // Unsaid means yes, and some servers refuse it where there is no tool.
        request.parallel_tools = request.parallel_tools.filter(|&parallel| !(parallel && request.tools.is_empty()));
        prop_assert_eq!(decoded, request);
    }
}

#[test]
fn what_this_wire_cannot_say_is_named() {
    let result = ToolResult { call_id: "a".into(), is_error: true, content: vec![], extra: None };
    let sound = Media {
        mime: "audio/mp3".into(),
        source: MediaSource::Url("https://x".into()),
        detail: None,
        extra: None,
    };
    let call = ToolCall {
        id: "a".into(),
        name: "f".into(),
        namespace: Some("ns".into()),
        arguments: String::new(),
        signature: None,
        origin: None,
        extra: None,
    };
    let contents = [
        Content::Reasoning(Reasoning::default()),
        Content::Text("t".into()),
        Content::Audio(sound),
        Content::ToolCall(call),
        Content::ToolResult(result),
    ];
    let mut parts: Vec<Part> = contents.into_iter().map(Part::plain).collect();
    parts[1].cache = Some("5m".to_owned());
    let request = ChatRequest {
        messages: vec![Message { role: Role::User, name: None, parts, extra: None }],
        sampling: Sampling { top_k: Some(1), ..Sampling::default() },
        thinking_budget: Some(5),
        ..ChatRequest::default()
    };
    let encoded = encode(&request, &OpenAiChatOptions::default()).unwrap();
    let mut losses = encoded.losses;
    losses.sort();
    assert_eq!(
        losses,
        [
            "audio_by_reference",
            "cache_control",
            "messages.reasoning_content",
            "thinking_budget",
            "tool_namespace",
            "tool_result_error_mark",
            "top_k"
        ]
    );
    // A user turn with tool results: those first, then the rest.
    let roles: Vec<&str> =
        encoded.body.split("\"role\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(roles, ["tool", "user"]);
}

#[test]
fn bytes_become_base64() {
    for (bytes, expected) in
        [(&b"M"[..], "TQ=="), (b"Ma", "TWE="), (b"Man", "TWFu"), (b"Many", "TWFueQ=="), (b"", "")]
    {
        let media = Media {
            mime: "image/png".into(),
            source: MediaSource::Bytes(bytes.to_vec()),
            detail: None,
            extra: None,
        };
        let parts = vec![Part::plain(Content::Image(media)), Part::plain(Content::Text(String::new()))];
        let messages = vec![Message { role: Role::User, name: None, parts, extra: None }];
        let encoded =
            encode(&ChatRequest { messages, ..ChatRequest::default() }, &OpenAiChatOptions::default())
                .unwrap();
        assert!(encoded.body.contains(&format!("\"data:image/png;base64,{expected}\"")), "{}", encoded.body);
    }
}
