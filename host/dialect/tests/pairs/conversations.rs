//! Conversations as values that belong to no wire, and as clients of each wire send them: written here from the published
//! forms, not by our codecs.

use brains_dialect::ingress::Ingress;
use brains_dialect::translation::UpstreamWire;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A picture and a document, by their first letters.
pub(super) const PNG: &str = "iVBORw0KGgo";
pub(super) const PDF: &str = "JVBERi0xLjQ";

/// What a tool gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) id: String,
    pub(super) texts: Vec<String>,
    pub(super) images: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Called {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) input: Value,
}

/// Everything that one side says before the other does.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Turn {
    pub(super) user: bool,
    pub(super) given: Vec<Given>,
    pub(super) texts: Vec<String>,
    pub(super) images: Vec<String>,
    pub(super) files: Vec<String>,
    /// A thought, and what its vendor signed it with; one that nobody may read has no text.
    pub(super) thoughts: Vec<(Option<String>, String)>,
    pub(super) refusal: Option<String>,
    pub(super) called: Vec<Called>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offered {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) schema: Value,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Conversation {
    pub(super) system: Vec<String>,
    pub(super) turns: Vec<Turn>,
    pub(super) tools: Vec<Offered>,
    pub(super) limit: Option<u64>,
    /// The name of a schema that the answer is held to, as its only member.
    pub(super) held: Option<String>,
}

/// What a pair can say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) client: Ingress,
    pub(super) wire: UpstreamWire,
}

impl Pair {
    pub(super) const fn files(self) -> bool {
        !matches!(self.wire, UpstreamWire::OllamaChat)
    }

    pub(super) const fn refusals(self) -> bool {
        !matches!(self.client, Ingress::AnthropicMessages)
    }

    /// Signed thoughts come back to these. An encrypted thought of the client's own wire has no family that we know.
    pub(super) const fn signer(self) -> Option<&'static str> {
        match (self.wire, self.client) {
            (UpstreamWire::AnthropicMessages, _) => Some("anthropic-messages/claude"),
            (UpstreamWire::BedrockConverse, _) => Some("bedrock-converse/claude"),
            (UpstreamWire::OpenAiResponses, Ingress::OpenAiResponses) => None,
            (UpstreamWire::OpenAiResponses, _) => Some("openai-responses/gpt"),
            (UpstreamWire::GeminiGenerate, _) => Some("gemini-generate/gemini"),
            _ => None,
        }
    }
}

fn short_text() -> impl Strategy<Value = String> {
    "[a-z0-9äß😀\"]{1,3}( [a-z\\\\]{1,3})?"
}

fn data(begin: &'static str) -> impl Strategy<Value = String> {
    "[a-zA-Z0-9]{4}"
        .prop_map(move |end| format!("{begin}{}{end}", if begin.len() % 4 == 3 { "x" } else { "" }))
}

pub(super) fn conversation(pair: Pair) -> impl Strategy<Value = Conversation> {
    let user = (
        prop::collection::vec(short_text(), 1..3),
        prop::collection::vec(data(PNG), 0..2),
        prop::collection::vec(data(PDF), 0..=usize::from(pair.files())),
    );
    let user =
        user.prop_map(|(texts, images, files)| Turn { user: true, texts, images, files, ..Turn::default() });
    let thought = (prop::option::of(short_text()), "[a-zA-Z0-9]{5}");
    let thoughts = prop::collection::vec(thought, 0..=2 * usize::from(pair.signer().is_some()));
    let input = prop_oneof![Just(json!({})), Just(json!({"a": [1, {"b": null}], "c": "ü\n"}))];
    let given = (prop::collection::vec(short_text(), 0..3), prop::collection::vec(data(PNG), 0..2));
    let calls = prop::collection::vec(("[a-z]{1,4}", input, given), 0..3);
    let said =
        (thoughts, short_text(), any::<bool>(), calls).prop_map(move |(thoughts, text, refuses, calls)| {
            let refuses = refuses && pair.refusals() && calls.is_empty();
            (thoughts, if refuses { Err(text) } else { Ok(text) }, calls)
        });
    let tool = (short_text(), "[a-z]{1,3}").prop_map(|(description, member)| {
        let schema = json!({"type": "object", "properties": {member: {"type": "string"}}});
        (description, schema)
    });
    (
        prop::collection::vec(short_text(), 0..3),
        prop::collection::vec((user, said), 0..3),
        prop::collection::vec(tool, 0..3),
        prop::option::of(16_u64..9000),
        prop::option::of("[a-z]{1,5}"),
    )
        .prop_map(|(system, rounds, tools, limit, held)| {
            let mut turns = Vec::new();
            let mut count = 0;
            for (asked, (thoughts, text, calls)) in rounds {
                turns.push(asked);
                let mut turn = Turn { thoughts, ..Turn::default() };
                match text {
                    Ok(text) => turn.texts.push(text),
                    Err(text) => turn.refusal = Some(text),
                }
                let mut answers = Turn { user: true, ..Turn::default() };
                for (name, input, (texts, images)) in calls {
                    count += 1;
                    let id = format!("call_{count}");
                    turn.called.push(Called { id: id.clone(), name, input });
                    answers.given.push(Given { id, texts, images });
                }
                turns.push(turn);
                if !answers.given.is_empty() {
                    turns.push(answers);
                    turns.push(Turn { texts: vec!["seen".to_owned()], ..Turn::default() });
                }
            }
            turns.push(Turn { user: true, texts: vec!["go on".to_owned()], ..Turn::default() });
            let tools = tools.into_iter().enumerate().map(|(at, (description, schema))| Offered {
                name: format!("t{at}"),
                description,
                schema,
            });
            Conversation { system, turns, tools: tools.collect(), limit, held }
        })
}

pub(super) fn held(member: &str) -> Value {
    json!({"type": "object", "properties": {member: {"type": "string"}}, "required": [member], "additionalProperties": false})
}

/// The body that a client of the pair sends.
pub(super) fn body(pair: Pair, said: &Conversation) -> Value {
    match pair.client {
        Ingress::OpenAiChat => chat(pair, said),
        Ingress::OpenAiResponses => responses(pair, said),
        _ => messages(pair, said),
    }
}

fn chat(pair: Pair, said: &Conversation) -> Value {
    let url = |data: &String| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    let text = |text: &String| json!({"type": "text", "text": text});
    let mut messages: Vec<Value> =
        said.system.iter().map(|text| json!({"role": "system", "content": text})).collect();
    for turn in &said.turns {
        for given in &turn.given {
            let content: Vec<Value> =
                given.texts.iter().map(text).chain(given.images.iter().map(url)).collect();
            messages.push(json!({"role": "tool", "tool_call_id": given.id, "content": content}));
        }
        if turn.user && !turn.texts.is_empty() {
            let files = turn.files.iter().map(|data| {
                json!({"type": "file", "file": {"filename": "a.pdf", "file_data": format!("data:application/pdf;base64,{data}")}})
            });
            let content: Vec<Value> =
                turn.texts.iter().map(text).chain(turn.images.iter().map(url)).chain(files).collect();
            messages.push(json!({"role": "user", "content": content}));
        }
        if turn.user {
            continue;
        }
        let mut message =
            json!({"role": "assistant", "content": turn.texts.first(), "refusal": turn.refusal});
        if !turn.called.is_empty() {
            let called = turn.called.iter().map(|called| {
                json!({"id": called.id, "type": "function",
                "function": {"name": called.name, "arguments": called.input.to_string()}})
            });
            message["tool_calls"] = called.collect();
        }
        if let (Some(signer), false) = (pair.signer(), turn.thoughts.is_empty()) {
            let details = turn.thoughts.iter().map(|(text, mark)| match text {
                Some(text) => {
                    json!({"type": "reasoning.text", "text": text, "signature": mark, "format": signer})
                }
                None => json!({"type": "reasoning.encrypted", "data": mark, "format": signer}),
            });
            message["reasoning_details"] = details.collect();
        }
        messages.push(message);
    }
    let tools: Vec<Value> = said
        .tools
        .iter()
        .map(|tool| json!({"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema}}))
        .collect();
    let format = said.held.as_ref().map(|member| {
        json!({"type": "json_schema", "json_schema": {"name": "held", "strict": true, "schema": held(member)}})
    });
    json!({"model": "m", "messages": messages, "tools": tools, "max_completion_tokens": said.limit, "response_format": format})
}

fn responses(pair: Pair, said: &Conversation) -> Value {
    let text = |text: &String| json!({"type": "input_text", "text": text});
    let image =
        |data: &String| json!({"type": "input_image", "image_url": format!("data:image/png;base64,{data}")});
    let mut input = Vec::new();
    for turn in &said.turns {
        for given in &turn.given {
            let output: Vec<Value> =
                given.texts.iter().map(text).chain(given.images.iter().map(image)).collect();
            input.push(json!({"type": "function_call_output", "call_id": given.id, "output": output}));
        }
        if turn.user && !turn.texts.is_empty() {
            let files = turn.files.iter().map(|data| {
                json!({"type": "input_file", "filename": "a.pdf", "file_data": format!("data:application/pdf;base64,{data}")})
            });
            let content: Vec<Value> =
                turn.texts.iter().map(text).chain(turn.images.iter().map(image)).chain(files).collect();
            input.push(json!({"role": "user", "content": content}));
        }
        if turn.user {
            continue;
        }
        for (text, mark) in &turn.thoughts {
            let member = if text.is_some() { "signature" } else { "redacted" };
            let sealed = json!({"origin": pair.signer(), member: mark});
            let summary: Vec<Value> =
                text.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
            input.push(json!({"type": "reasoning", "id": "rs_1", "summary": summary,
                              "encrypted_content": format!("brains.thought.1:{sealed}")}));
        }
        let texts =
            turn.texts.iter().map(|text| json!({"type": "output_text", "text": text, "annotations": []}));
        let refusal = turn.refusal.iter().map(|text| json!({"type": "refusal", "refusal": text}));
        let content: Vec<Value> = texts.chain(refusal).collect();
        input.push(json!({"type": "message", "role": "assistant", "content": content}));
        for called in &turn.called {
            input.push(json!({"type": "function_call", "call_id": called.id, "name": called.name,
                              "arguments": called.input.to_string()}));
        }
    }
    let tools: Vec<Value> = said
        .tools
        .iter()
        .map(|tool| json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": false}))
        .collect();
    let format = said.held.as_ref().map(|member| {
        json!({"format": {"type": "json_schema", "name": "held", "strict": true, "schema": held(member)}})
    });
    let instructions = (!said.system.is_empty()).then(|| said.system.join("\n\n"));
    json!({"model": "m", "instructions": instructions, "input": input, "tools": tools,
           "max_output_tokens": said.limit, "text": format, "store": false})
}

fn messages(pair: Pair, said: &Conversation) -> Value {
    let text = |text: &String| json!({"type": "text", "text": text});
    let media = |kind: &str, mime: &str, data: &String| json!({"type": kind, "source": {"type": "base64", "media_type": mime, "data": data}});
    let image = |data: &String| media("image", "image/png", data);
    let mut messages = Vec::new();
    for turn in &said.turns {
        let mut content = Vec::new();
        for (text, mark) in &turn.thoughts {
            let signer = pair.signer().unwrap_or_default();
            let mark = if signer.starts_with("anthropic") {
                mark.clone()
            } else {
                format!("brains_thought_{}_{signer}{mark}", signer.len())
            };
            content.push(match text {
                Some(text) => json!({"type": "thinking", "thinking": text, "signature": mark}),
                None => json!({"type": "redacted_thinking", "data": mark}),
            });
        }
        for given in &turn.given {
            let inner: Vec<Value> =
                given.texts.iter().map(text).chain(given.images.iter().map(image)).collect();
            content.push(json!({"type": "tool_result", "tool_use_id": given.id, "content": inner}));
        }
        content.extend(turn.texts.iter().map(text));
        content.extend(turn.images.iter().map(image));
        content.extend(turn.files.iter().map(|data| media("document", "application/pdf", data)));
        content.extend(turn.called.iter().map(
            |called| json!({"type": "tool_use", "id": called.id, "name": called.name, "input": called.input}),
        ));
        messages.push(json!({"role": if turn.user { "user" } else { "assistant" }, "content": content}));
    }
    let tools: Vec<Value> = said
        .tools
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema}))
        .collect();
    let mut body =
        json!({"model": "m", "max_tokens": said.limit.unwrap_or(4096), "messages": messages, "tools": tools});
    if !said.system.is_empty() {
        body["system"] = said.system.iter().map(text).collect();
    }
    if let Some(member) = &said.held {
        body["output_config"] = json!({"format": {"type": "json_schema", "schema": held(member)}});
    }
    body
}
