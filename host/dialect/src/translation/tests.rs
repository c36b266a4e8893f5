//! The table says what the encoders do: every member of the published schema stands in it, and each disposition is what
//! really becomes of a sample.

use serde_json::{Value, json};

use super::{Disposition, Encoded, TranslationRow, UpstreamWire, disposition, rows};
use crate::canon::{ChatRequest, Content, Fault, FaultKind, Media, MediaSource, Part, Tool};
use crate::fault::UNSUPPORTED_PARAMETER;
use crate::ingress::Ingress;
use crate::{
    anthropic_messages, bedrock_converse, gemini_generate, ollama_chat, openai_chat, openai_responses,
};

/// The members of a request in the published schema of chat completions, and the one that vendors added.
const SCHEMA: &str = "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens \
    max_tokens messages metadata modalities model n parallel_tool_calls prediction presence_penalty prompt_cache_key \
    prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream \
    stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options top_k";

fn request(body: &Value) -> ChatRequest {
    openai_chat::client::decode(body.to_string().as_bytes()).expect("a valid request")
}

fn encode(decoded: &ChatRequest, wire: UpstreamWire) -> Result<Encoded, Fault> {
    match wire {
        UpstreamWire::OpenAiChat => openai_chat::upstream::encode::encode(
            decoded,
            &openai_chat::upstream::encode::OpenAiChatOptions::default(),
        ),
        UpstreamWire::OpenAiResponses => openai_responses::upstream::encode::encode(decoded),
        UpstreamWire::AnthropicMessages => anthropic_messages::upstream::encode::encode(
            decoded,
            &anthropic_messages::upstream::encode::AnthropicMessagesOptions::default(),
        ),
        UpstreamWire::OllamaChat => ollama_chat::upstream::encode::encode(
            decoded,
            &ollama_chat::upstream::encode::OllamaChatOptions::default(),
        ),
        UpstreamWire::GeminiGenerate => gemini_generate::upstream::encode::encode(
            decoded,
            &gemini_generate::upstream::encode::GeminiGenerateOptions::default(),
        ),
        UpstreamWire::BedrockConverse => bedrock_converse::upstream::encode::encode(
            decoded,
            &bedrock_converse::upstream::encode::BedrockConverseOptions::default(),
        ),
    }
}

/// What stands in the address there, and so changes nothing in the body.
const IN_THE_ADDRESS: [(&str, UpstreamWire); 4] = [
    ("model", UpstreamWire::GeminiGenerate),
    ("stream", UpstreamWire::GeminiGenerate),
    ("model", UpstreamWire::BedrockConverse),
    ("stream", UpstreamWire::BedrockConverse),
];

fn hello() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
}

/// A request with a member, and without.
struct Sample {
    with: Value,
    without: Value,
    /// What it changes is not in the upstream's body.
    inert: bool,
}

fn sample(member: &'static str) -> Sample {
    let function = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    let pixel = "data:image/png;base64,AAAA";
    let top = |without: Value, name: &str, value: Value| {
        let mut with = without.clone();
        with[name] = value;
        (with, without)
    };
    let turns = |messages: Value| top(hello(), "messages", messages);
    let part =
        |part: Value| turns(json!([{"role": "user", "content": [{"type": "text", "text": "hi"}, part]}]));
    let assistant = |mut said: Value| {
        said["role"] = json!("assistant");
        turns(json!([{"role": "user", "content": "hi"}, said, {"role": "user", "content": "and?"}]))
    };
    let tooled = || top(hello(), "tools", json!([function])).0;
    let streamed = || top(hello(), "stream", json!(true)).0;
    let schema = json!({"name": "s", "schema": {"type": "object"}});
    let (with, without) = match member {
        "model" => top(hello(), "model", json!("other")),
        "messages" => turns(json!([{"role": "user", "content": "other"}])),
        "messages.role.system" => {
            turns(json!([{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]))
        }
        "messages.role.developer" => {
            turns(json!([{"role": "developer", "content": "s"}, {"role": "user", "content": "hi"}]))
        }
        "messages.role.tool" => turns(json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "r"}])),
        "messages.role.function" => turns(
            json!([{"role": "user", "content": "hi"}, {"role": "function", "name": "f", "content": "r"}]),
        ),
        "messages.system_position" => {
            turns(json!([{"role": "user", "content": "hi"}, {"role": "system", "content": "s"}]))
        }
        "messages.name" => turns(json!([{"role": "user", "content": "hi", "name": "ada"}])),
        "messages.content.text" => part(json!({"type": "text", "text": "more"})),
        "messages.content.image_url" => part(json!({"type": "image_url", "image_url": {"url": pixel}})),
        "messages.content.image_url.remote" => {
            part(json!({"type": "image_url", "image_url": {"url": "https://a.example/i.png"}}))
        }
        "messages.content.image_url.detail" => {
            part(json!({"type": "image_url", "image_url": {"url": pixel, "detail": "low"}}))
        }
        "messages.content.input_audio" => {
            part(json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}))
        }
        "messages.content.file" => part(
            json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}}),
        ),
        "messages.content.refusal" => assistant(json!({"content": [{"type": "refusal", "refusal": "no"}]})),
        "messages.content.other" => {
            part(json!({"type": "video_url", "video_url": {"url": "https://a.example"}}))
        }
        "messages.refusal" => assistant(json!({"content": null, "refusal": "no"})),
        "messages.reasoning_content" => assistant(json!({"content": "so", "reasoning_content": "hmm"})),
        "messages.reasoning_details" => assistant(json!({"content": "so", "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "text": "hmm", "signature": "sig", "format": "anthropic-messages/m"}]})),
        "messages.tool_calls" => sample_pair("messages.role.tool"),
        "messages.tool_calls.extra_content" => assistant(json!({"tool_calls": [{
            "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "sig"}},
        }]})),
        "messages.tool_calls.custom" => assistant(
            json!({"tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}]}),
        ),
        "messages.audio" => assistant(json!({"content": "so", "audio": {"id": "a"}})),
        "messages.function_call" => {
            assistant(json!({"content": "so", "function_call": {"name": "f", "arguments": "{}"}}))
        }
        "cache_control" => {
            part(json!({"type": "text", "text": "more", "cache_control": {"type": "ephemeral"}}))
        }
        "response_format.json_object" => top(hello(), "response_format", json!({"type": "json_object"})),
        "response_format.json_schema" => {
            top(hello(), "response_format", json!({"type": "json_schema", "json_schema": schema}))
        }
        "response_format.json_schema.description" => {
            let mut described = schema;
            described["description"] = json!("d");
            top(hello(), "response_format", json!({"type": "json_schema", "json_schema": described}))
        }
        "response_format.other" => top(hello(), "response_format", json!({"type": "grammar"})),
        "stream_options.include_usage" => top(streamed(), "stream_options", json!({"include_usage": true})),
        "stream_options.include_obfuscation" => {
            top(streamed(), "stream_options", json!({"include_obfuscation": true}))
        }
        "parallel_tool_calls" => top(tooled(), member, json!(false)),
        "tool_choice" => top(tooled(), member, json!("required")),
        "tool_choice.other" => top(
            tooled(),
            "tool_choice",
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}),
        ),
        "tools" => top(hello(), member, json!([function])),
        "tools.strict" => {
            let mut strict = function.clone();
            strict["function"]["strict"] = json!(true);
            top(tooled(), "tools", json!([strict]))
        }
        "tools.custom" => {
            top(tooled(), "tools", json!([function, {"type": "custom", "custom": {"name": "c"}}]))
        }
        "tools.hosted" => top(tooled(), "tools", json!([function, {"type": "web_search"}])),
        "audio" => top(hello(), member, json!({"voice": "alloy", "format": "wav"})),
        "functions" => top(hello(), member, json!([{"name": "f"}])),
        "function_call" | "verbosity" | "reasoning_effort" => top(hello(), member, json!("low")),
        "logit_bias" => top(hello(), member, json!({"5": 1})),
        "logprobs" | "store" | "stream" => top(hello(), member, json!(true)),
        "metadata" => top(hello(), member, json!({"a": "b"})),
        "modalities" => top(hello(), member, json!(["text", "audio"])),
        "prediction" => top(hello(), member, json!({"type": "content", "content": "x"})),
        "prompt_cache_key" | "safety_identifier" | "user" => top(hello(), member, json!("u")),
        "prompt_cache_retention" => top(hello(), member, json!("24h")),
        "service_tier" => top(hello(), member, json!("default")),
        "stop" => top(hello(), member, json!(["END"])),
        "web_search_options" => top(hello(), member, json!({"search_context_size": "low"})),
        "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" => {
            top(hello(), member, json!(0.5))
        }
        "max_tokens" | "max_completion_tokens" | "n" | "seed" | "top_logprobs" | "top_k" => {
            top(hello(), member, json!(30))
        }
        _ => panic!("`{member}` has no sample: what becomes of it is not tested"),
    };
    Sample { with, without, inert: member == "stream_options.include_usage" }
}

fn sample_pair(member: &'static str) -> (Value, Value) {
    let Sample { with, without, .. } = sample(member);
    (with, without)
}

/// What clients of chat completions can say.
fn says() -> impl Iterator<Item = &'static str> {
    rows().flat_map(|row| row.client_names(Ingress::OpenAiChat)).copied()
}

#[test]
fn every_member_of_the_schema_stands_in_the_table() {
    for name in SCHEMA.split_whitespace() {
        let below = format!("{name}.");
        let found = says().any(|said| said == name || said.starts_with(&below));
        assert!(found, "`{name}` is neither forwarded nor named");
    }
    for mut names in [says().collect::<Vec<_>>(), rows().map(|row| row.member).collect()] {
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a member stands in the table twice");
    }
}

#[test]
fn each_disposition_is_what_becomes_of_a_sample() {
    for row in rows() {
        for name in row.client_names(Ingress::OpenAiChat) {
            let Sample { with, without, inert } = sample(name);
            let [with, without] = [with, without].map(|body| request(&body));
            for wire in UpstreamWire::ALL {
                let inert = inert || IN_THE_ADDRESS.contains(&(row.member, wire));
                holds(row, wire, &with, (!inert).then_some(&without));
            }
        }
    }
}

/// A wire with a column by itself has every row in it, once and in order.
#[test]
fn a_column_by_itself_is_whole() {
    let members: Vec<&str> = rows().map(|row| row.member).collect();
    let column: Vec<&str> = super::table::BEDROCK_CONVERSE.iter().map(|(member, _)| *member).collect();
    assert_eq!(column, members);
}

/// What chat completions cannot say and no other wire alone can, in canonical form.
#[test]
fn each_disposition_is_what_becomes_of_what_other_clients_say() {
    let plain = request(&sample("messages.role.tool").with);
    let mut samples = Vec::new();
    let other = |row: &&TranslationRow| {
        let own = row.client_names(Ingress::AnthropicMessages).contains(&row.member);
        row.client_names(Ingress::OpenAiChat).is_empty() && !own
    };
    for row in rows().filter(other) {
        let mut with = plain.clone();
        match row.member {
            // In the middle of a loop of tools there is none.
            "thinking_budget" => with = ChatRequest { thinking_budget: Some(2048), ..request(&hello()) },
            // A model that thinks goes on from nothing.
            "messages.prefill" => {
                let mut body = hello();
                body["messages"] =
                    json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]);
                body["reasoning_effort"] = json!("high");
                with = request(&body);
            }
            "tools.format" => {
                let mut formatted = request(&sample("tools").with);
                let Some(Tool::Function(function)) = formatted.tools.first_mut() else { panic!("a tool") };
                function.extra = Some(r#"{"openai-responses":{"format":{"type":"grammar"}}}"#.to_owned());
                with = formatted;
            }
            "reasoning" => {
                with.extra = Some(r#"{"openai-responses":{"reasoning":{"summary":"auto"}}}"#.to_owned());
            }
            "tool_namespace" => {
                let mut namespaced = request(&sample("tools").with);
                let Some(Tool::Function(function)) = namespaced.tools.first_mut() else { panic!("a tool") };
                function.namespace = Some("n".to_owned());
                with = namespaced;
            }
            "messages.content.file.remote" => {
                let media = Media {
                    mime: "application/pdf".to_owned(),
                    source: MediaSource::Url("https://a.example/b.pdf".to_owned()),
                    detail: None,
                    extra: None,
                };
                with = request(&hello());
                with.messages[0].parts.push(Part::plain(Content::File(media)));
                for wire in UpstreamWire::ALL {
                    holds(row, wire, &with, Some(&request(&hello())));
                }
            }
            "tool_result_error_mark" => {
                let parts = with.messages.iter_mut().flat_map(|message| &mut message.parts);
                for part in parts {
                    if let Content::ToolResult(result) = &mut part.content {
                        result.is_error = true;
                    }
                }
            }
            other => panic!("`{other}` has no sample: what becomes of it is not tested"),
        }
        for wire in UpstreamWire::ALL {
            holds(row, wire, &with, Some(&plain));
        }
        samples.push(row.member);
    }
    assert_eq!(samples.len(), 7);
}

/// What only clients of Messages can say, kept on their own wire and named or refused on every other.
#[test]
fn what_only_clients_of_messages_say_is_kept_named_or_refused() {
    let hello = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}]});
    let read = |body: &Value| {
        anthropic_messages::client::decode(body.to_string().as_bytes()).expect("a valid request")
    };
    for row in rows().filter(|row| row.clients.openai_chat.is_empty()) {
        for name in row.client_names(Ingress::AnthropicMessages).iter().filter(|name| **name == row.member) {
            let mut with = hello.clone();
            match name.rsplit_once('.') {
                Some(("tools", name)) => with["tools"][0][name] = json!(["x"]),
                Some((_, name)) => {
                    with["messages"][0]["content"] =
                        json!([{"type": "text", "text": "hi", name: [{"x": 1}]}]);
                }
                None if *name == "thinking" => {
                    with["thinking"] = json!({"type": "disabled", "display": "omitted"});
                }
                None => with[*name] = json!({"x": 1}),
            }
            for wire in UpstreamWire::ALL.into_iter().filter(|wire| *wire != UpstreamWire::OpenAiResponses) {
                let kept = matches!(row.disposition(wire), Disposition::Kept | Disposition::Mapped(_));
                holds(row, wire, &read(&with), kept.then(|| read(&hello)).as_ref());
            }
        }
    }
}

/// The table is right about a request that has the member, and one that does not when the two must differ.
fn holds(row: &TranslationRow, wire: UpstreamWire, with: &ChatRequest, without: Option<&ChatRequest>) {
    let member = row.member;
    let shown = format!("`{member}` on {wire:?}: the table says {:?}", row.disposition(wire));
    let encoded = encode(with, wire);
    match row.disposition(wire) {
        Disposition::Refused(_) => {
            let fault = encoded.expect_err(&shown);
            assert_eq!(fault.kind, FaultKind::Unsupported, "{shown}");
            assert_eq!(fault.code.as_deref(), Some(UNSUPPORTED_PARAMETER), "{shown}");
            assert!(fault.message.starts_with(&format!("`{member}` ")), "{shown}: {}", fault.message);
        }
        Disposition::Lost(_) => {
            let losses = encoded.expect(&shown).losses;
            assert!(losses.iter().any(|loss| loss == member), "{shown}: {losses:?}");
        }
        Disposition::Kept | Disposition::Mapped(_) => {
            let encoded = encoded.expect(&shown);
            assert!(!encoded.losses.iter().any(|loss| loss == member), "{shown}: {:?}", encoded.losses);
            if let Some(without) = without {
                let bare = encode(without, wire).expect("a plain request").body;
                assert_ne!(encoded.body, bare, "{shown}: it changes nothing");
            }
        }
    }
}

/// Columns that stand by themselves have a row for each member, and no other.
#[test]
fn a_column_has_every_member_once() {
    let mut members: Vec<&str> = rows().map(|row| row.member).collect();
    let mut column: Vec<&str> = super::table::GEMINI_GENERATE.iter().map(|(member, _)| *member).collect();
    members.sort_unstable();
    column.sort_unstable();
    assert_eq!(column, members);
}

/// Whatever a client may invent next is named too.
#[test]
fn an_unknown_member_is_forwarded_or_named_wherever_it_stands() {
    let mut body = hello();
    body["x_new"] = json!({"a": 1});
    body["messages"][0]["x_turn"] = json!(1);
    body["messages"][0]["content"] = json!([{"type": "text", "text": "hi", "x_part": 1},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "x_image": 1}}]);
    body["tools"] =
        json!([{"type": "function", "x_tool": 1, "function": {"name": "f", "x_function": {"b": 1}}}]);
    body["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {}, "x_format": 1}});
    body["stream_options"] = json!({"x_stream": true});
    let kept = encode(&request(&body), UpstreamWire::OpenAiChat).expect("encoded");
    assert_eq!(kept.losses, Vec::<String>::new());
    let names = ["x_new", "x_turn", "x_part", "x_image", "x_tool", "x_function", "x_format"];
    for name in names {
        assert!(kept.body.contains(&format!("\"{name}\"")), "{name}: {}", kept.body);
    }
    for wire in UpstreamWire::ALL.into_iter().filter(|wire| *wire != UpstreamWire::OpenAiChat) {
        let encoded = encode(&request(&body), wire).expect("encoded");
        for name in names.iter().chain(&["x_stream"]) {
            let named = encoded.losses.iter().any(|loss| loss.ends_with(name));
            assert!(
                named || *name == "x_function" && encoded.losses.contains(&"tools.function".to_owned()),
                "{name} on {wire:?}: {:?}",
                encoded.losses
            );
        }
    }
    assert_eq!(disposition("x_new", UpstreamWire::OpenAiChat), Disposition::Kept);
}

/// Values that ask for nothing are no loss.
#[test]
fn values_that_ask_for_nothing_pass() {
    let mut body = hello();
    for (name, value) in [
        ("n", json!(1)),
        ("logprobs", json!(false)),
        ("store", json!(false)),
        ("logit_bias", json!({})),
        ("modalities", json!(["text"])),
        ("frequency_penalty", json!(0)),
        ("presence_penalty", json!(0.0)),
        ("metadata", json!(null)),
        ("tools", json!([])),
        ("response_format", json!({"type": "text"})),
    ] {
        body[name] = value;
    }
    // An assistant's turn as a client's library dumps it.
    body["messages"] = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "so", "refusal": null,
        "annotations": [], "audio": null, "function_call": null, "tool_calls": null}, {"role": "user", "content": "and?"}]);
    for wire in UpstreamWire::ALL.into_iter().filter(|wire| *wire != UpstreamWire::OpenAiChat) {
        assert_eq!(encode(&request(&body), wire).expect("encoded").losses, Vec::<String>::new(), "{wire:?}");
    }
}

#[test]
fn a_header_full_of_names_is_cut() {
    let mut body = hello();
    for at in 0..100 {
        body[format!("x_{at}")] = json!(1);
    }
    body["x\r\ny: z"] = json!(1);
    let losses = encode(&request(&body), UpstreamWire::OllamaChat).expect("encoded").losses;
    assert_eq!(losses.len(), super::MOST_NAMES);
    assert!(losses.iter().all(|name| name.len() <= 64 && !name.contains(char::is_whitespace)), "{losses:?}");
}
