//! A client's request into the canonical form. Strict about types, and every error names its member. What chat completions
//! have under the same name stays under that name, what only this wire says below the wire's.

mod content;
mod items;
#[cfg(test)]
mod tests;
pub(super) mod tools;

use super::compaction;
use super::head::INPUT;
use crate::calls;
use crate::canon::{ChatRequest, Content, Message, OutputFormat, Part, Role, SchemaFormat};
use crate::envelope::Envelope;
use crate::fault::UNSUPPORTED_PARAMETER;
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, Object};
use crate::openai_responses::DIALECT;
use crate::translation::asks_nothing;

/// Members that chat completions have, too.
const SHARED: [&str; 6] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "stream_options",
];

/// Members that ask for what is kept at the vendor's.
const ELSEWHERE: [&str; 2] = ["conversation", "prompt"];

/// Reads a body that has been scanned.
pub(super) fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
    let mut object = Node::root(envelope.text()).object()?;
    refuse(&mut object)?;
    // Answers are kept by the host, or are not: no upstream is asked to.
    object.optional("store")?.map(|node| node.boolean()).transpose()?;
    let mut request =
        ChatRequest { model: object.required("model")?.string()?.into_owned(), ..ChatRequest::default() };
    let mut own = Members::new();
    if let Some(text) = object.string("instructions")? {
        request.messages.push(message(Role::System, vec![Part::plain(Content::Text(text))]));
    }
    let input = object.required(INPUT)?;
    if input.kind()? == JsonKind::String {
        request.messages.push(message(Role::User, vec![Part::plain(Content::Text(input.string()?.into()))]));
    } else {
        items::read(&input, &mut request.messages, &mut own)?;
    }
    calls::make_unique(&mut request.messages);
    let (tools, choice) = (object.optional("tools")?, object.optional("tool_choice")?);
    (request.tools, request.tool_choice) = tools::read(tools.as_ref(), choice.as_ref())?;
    request.parallel_tools =
        object.optional("parallel_tool_calls")?.map(|node| node.boolean()).transpose()?;
    let sampling = &mut request.sampling;
    sampling.temperature = object.optional("temperature")?.map(|node| node.float()).transpose()?;
    sampling.top_p = object.optional("top_p")?.map(|node| node.float()).transpose()?;
    sampling.max_output_tokens =
        object.optional("max_output_tokens")?.map(|node| node.unsigned()).transpose()?;
    request.stream = object.optional("stream")?.map_or(Ok(false), |node| node.boolean())?;
    request.user = object.string("user")?;
    let mut shared = Members::new();
    if let Some(node) = object.optional("reasoning")? {
        let mut reasoning = node.object()?;
        request.effort = reasoning.string("effort")?;
        keep("reasoning", reasoning.rest(), &mut own);
    }
    if let Some(node) = object.optional("text")? {
        let mut text = node.object()?;
        if let Some(verbosity) = text.optional("verbosity")? {
            shared.string("verbosity", &verbosity.string()?);
        }
        if let Some(format) = text.optional("format")? {
            request.output = output_format(&format, &mut shared)?;
        }
        keep("text", text.rest(), &mut own);
    }
    if let Some(count) = object.optional("top_logprobs")?.map(|node| node.unsigned()).transpose()?
        && count > 0
    {
        shared.plain("logprobs", true).plain("top_logprobs", count);
    }
    for name in SHARED {
        if let Some(node) = object.optional(name)? {
            shared.raw(name, node.text());
        }
    }
    rest(&object, &mut own);
    let own = own.finish();
    if own != "{}" {
        shared.raw(DIALECT, &own);
    }
    request.extra = Some(shared.finish()).filter(|text| text != "{}");
    if compaction::is_asked(envelope)? {
        compaction::ask(&mut request);
    }
    Ok(request)
}

/// What stands at the vendor's, or is to be answered later, cannot be served by another.
fn refuse(object: &mut Object<'_>) -> Result<(), Invalid> {
    if let Some(node) = object.optional("previous_response_id")? {
        let message = "`previous_response_id`: the response is not kept here; send its items in `input`";
        let param = Some(node.path());
        return Err(Invalid { code: "previous_response_not_found", message: message.to_owned(), param });
    }
    for name in ELSEWHERE {
        if let Some(node) = object.optional(name)? {
            return Err(unsupported(&node, "it stands at the vendor's of this wire; send it in `input`"));
        }
    }
    match object.optional("background")? {
        Some(node) if node.boolean()? => Err(unsupported(&node, "answers are given at once")),
        Some(_) | None => Ok(()),
    }
}

/// What only this wire says.
fn rest(object: &Object<'_>, own: &mut Members) {
    let said = object.iter().filter(|(name, node)| match *name {
        // What vendors want back with a thought is always given.
        "include" => node.text().contains(',') || !node.text().contains("\"reasoning.encrypted_content\""),
        "truncation" => node.text() != "\"disabled\"",
        _ => true,
    });
    for (name, node) in said.filter(|(_, node)| !asks_nothing(node.text())) {
        own.raw(name, node.text());
    }
}

fn keep(name: &str, rest: Option<String>, own: &mut Members) {
    let said = rest.filter(|rest| {
        let object = Node::root(rest).object();
        object.is_ok_and(|object| object.iter().any(|(_, node)| !asks_nothing(node.text())))
    });
    if let Some(rest) = said {
        own.raw(name, &rest);
    }
}

fn output_format(node: &Node<'_>, shared: &mut Members) -> Result<OutputFormat, Invalid> {
    let mut object = node.object()?;
    match object.required("type")?.string()?.as_ref() {
        "text" => Ok(OutputFormat::Text),
        "json_object" => Ok(OutputFormat::JsonObject),
        "json_schema" => {
            let name = object.required("name")?.string()?.into_owned();
            let schema = object.required("schema")?.text().to_owned();
            let strict = object.optional("strict")?.map_or(Ok(false), |node| node.boolean())?;
            if let Some(rest) = object.rest() {
                let mut below = Members::new();
                below.raw("json_schema", &rest);
                shared.raw("response_format", &below.finish());
            }
            Ok(OutputFormat::JsonSchema(SchemaFormat { name, schema, strict }))
        }
        _ => Err(unsupported(node, "a form of answer that other wires do not have")),
    }
}

const fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, name: None, parts, extra: None }
}

/// A value that cannot be said on another wire.
fn unsupported(node: &Node<'_>, why: &str) -> Invalid {
    let message = format!("`{}` is not supported by the provider of this model: {why}", node.path());
    Invalid { code: UNSUPPORTED_PARAMETER, message, param: Some(node.path()) }
}
