//! Everything of a request but its conversation: tools, limits, sampling, thinking, the form of the answer.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{boolean, cache, own};
use crate::anthropic_messages::DIALECT;
use crate::canon::{ChatRequest, FunctionTool, Json, OutputFormat, Sampling, SchemaFormat, Tool, ToolChoice};
use crate::invalid::Invalid;
use crate::json::{Members, Node, Object};

/// How hard a model thinks that is told to think as it sees fit, unless it is told.
/// <https://docs.claude.com/en/docs/build-with-claude/effort>, read on 2026-11-29.
const USUAL_EFFORT: &str = "high";

/// The longest id of a user that every vendor takes.
const MOST_USER_BYTES: usize = 64;

/// A tool of the client's. One that the vendor runs stays as it was sent: it has a type of its own.
pub(super) fn tool(node: &Node<'_>) -> Result<Tool, Invalid> {
    let mut object = node.object()?;
    let kind = object.string("type")?;
    if kind.is_some_and(|kind| kind != "custom") {
        return Ok(Tool::Other(node.text().to_owned()));
    }
    let name = object.required_string("name")?;
    let description = object.string("description")?;
    let schema = object.required("input_schema")?;
    schema.object()?;
    let strict = boolean(&mut object, "strict")?;
    let cache = cache(&mut object)?;
    Ok(Tool::Function(FunctionTool {
        name,
        namespace: None,
        description,
        parameters: schema.text().to_owned(),
        strict,
        cache,
        extra: own(object),
    }))
}

/// Takes the settings out of a request. What is left of one goes into `kept`; `shared` is for what other wires know by
/// another word.
pub(super) fn read(
    object: &mut Object<'_>,
    request: &mut ChatRequest,
    kept: &mut Members,
    shared: &mut Members,
) -> Result<(), Invalid> {
    request.stream = boolean(object, "stream")?.unwrap_or(false);
    request.sampling = sampling(object)?;
    if let Some(node) = object.optional("tool_choice")? {
        tool_choice(&node, request)?;
    }
    let mut config = object.optional("output_config")?.map(|node| node.object()).transpose()?;
    if let Some(config) = &mut config {
        request.effort = config.string("effort")?;
    }
    if let Some(node) = object.optional("thinking")? {
        let mut thinking = node.object()?;
        let kind = thinking.required("type")?;
        match kind.string()?.as_ref() {
            "enabled" => request.thinking_budget = Some(thinking.required("budget_tokens")?.unsigned()?),
            "adaptive" if request.effort.is_none() => request.effort = Some(USUAL_EFFORT.to_owned()),
            // To say nothing is to say no.
            "adaptive" | "disabled" => {}
            _ => return Err(kind.invalid("expected `enabled`, `adaptive` or `disabled`")),
        }
        keep("thinking", thinking, kept);
    }
    let format = match &mut config {
        Some(config) => config.optional("format")?,
        None => None,
    };
    // As it was called before it stood in `output_config`.
    let format = match format {
        Some(format) => Some(format),
        None => object.optional("output_format")?,
    };
    if let Some(node) = format {
        request.output = output(&node)?;
    }
    if let Some(config) = config {
        keep("output_config", config, kept);
    }
    if let Some(node) = object.optional("metadata")? {
        let mut metadata = node.object()?;
        request.user = metadata.string("user_id")?.map(user);
        keep("metadata", metadata, kept);
    }
    if let Some(node) = object.optional("service_tier")? {
        let word = node.string()?;
        shared.string("service_tier", if word == "standard_only" { "default" } else { word.as_ref() });
    }
    Ok(())
}

fn keep(name: &str, object: Object<'_>, kept: &mut Members) {
    if let Some(rest) = object.rest() {
        kept.raw(name, &rest);
    }
}

fn sampling(object: &mut Object<'_>) -> Result<Sampling, Invalid> {
    let float =
        |object: &mut Object<'_>, name: &str| object.optional(name)?.map(|node| node.float()).transpose();
    let stop = object.array("stop_sequences")?;
    Ok(Sampling {
        temperature: float(object, "temperature")?,
        top_p: float(object, "top_p")?,
        top_k: object.optional("top_k")?.map(|node| node.unsigned()).transpose()?,
        max_output_tokens: object.optional("max_tokens")?.map(|node| node.unsigned()).transpose()?,
        stop: stop.iter().map(|node| Ok(node.string()?.into_owned())).collect::<Result<_, Invalid>>()?,
        ..Sampling::default()
    })
}

fn tool_choice(node: &Node<'_>, request: &mut ChatRequest) -> Result<(), Invalid> {
    let mut object = node.object()?;
    let kind = object.required_string("type")?;
    if let Some(alone) = boolean(&mut object, "disable_parallel_tool_use")? {
        request.parallel_tools = Some(!alone);
    }
    request.tool_choice = match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(object.required_string("name")?),
        _ => {
            let mut out = Members::new();
            out.raw(DIALECT, node.text());
            ToolChoice::Other(out.finish())
        }
    };
    Ok(())
}

fn output(node: &Node<'_>) -> Result<OutputFormat, Invalid> {
    let mut object = node.object()?;
    if object.required_string("type")? != "json_schema" {
        let mut out = Members::new();
        out.raw(DIALECT, node.text());
        return Ok(OutputFormat::Other(out.finish()));
    }
    let schema = object.required("schema")?;
    schema.object()?;
    let schema: Json = schema.text().to_owned();
    let strict = serde_json::from_str(&schema).is_ok_and(|schema| is_strict(&schema));
    let name = "answer".to_owned();
    Ok(OutputFormat::JsonSchema(SchemaFormat { name, schema, strict }))
}

/// Whether every object of a schema is closed and asks for all of its members, which is what other vendors want before they
/// hold an answer to it.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().all(is_strict),
        Value::Object(members) => {
            let closed = members.get("properties").and_then(Value::as_object).is_none_or(|properties| {
                let required = members.get("required").and_then(Value::as_array);
                let asked = |name: &String| {
                    required.is_some_and(|required| required.iter().any(|it| it.as_str() == Some(name)))
                };
                members.get("additionalProperties") == Some(&Value::Bool(false))
                    && properties.keys().all(asked)
            });
            closed && members.values().all(is_strict)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// An id that is longer than others take becomes one that is made of it and is always the same.
fn user(id: String) -> String {
    if id.len() <= MOST_USER_BYTES {
        return id;
    }
    let digest = Sha256::digest(id.as_bytes());
    let mut short = digest.iter().fold("user_".to_owned(), |mut short, byte| {
        let _written = write!(short, "{byte:02x}");
        short
    });
    short.truncate(MOST_USER_BYTES);
    short
}
