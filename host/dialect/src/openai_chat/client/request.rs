//! A client's chat request into the canonical form. Strict about types, and every error names its member;
//! members that the canonical form has no place for are kept as the text they came with.

mod message;
#[cfg(test)]
mod tests;

use crate::calls;
use crate::canon::{ChatRequest, FunctionTool, OutputFormat, Sampling, SchemaFormat, Tool, ToolChoice};
use crate::envelope::Envelope;
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, Object};

/// Reads a body that has been scanned.
pub(super) fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
    let mut object = Node::root(envelope.text()).object()?;
    let mut request =
        ChatRequest { model: object.required("model")?.string()?.into_owned(), ..ChatRequest::default() };
    request.messages = message::all(&object.required("messages")?)?;
    calls::make_unique(&mut request.messages);
    request.tools = match object.optional("tools")? {
        Some(tools) => tools.array()?.iter().map(tool).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    request.tool_choice =
        object.optional("tool_choice")?.map_or(Ok(ToolChoice::Auto), |node| tool_choice(&node))?;
    request.parallel_tools = boolean(&mut object, "parallel_tool_calls")?;
    request.sampling = sampling(&mut object)?;
    request.effort = object.string("reasoning_effort")?;
    request.stream = boolean(&mut object, "stream")?.unwrap_or(false);
    request.user = object.string("user")?;
    let mut kept = Members::new();
    if let Some(node) = object.optional("response_format")? {
        let (format, rest) = output_format(&node)?;
        request.output = format;
        if let Some(rest) = rest {
            kept.raw("response_format", &format!("{{\"json_schema\":{rest}}}"));
        }
    }
    if let Some(node) = object.optional("stream_options")? {
        let mut options = node.object()?;
        // The head has it: it concerns only the wire to the client.
        boolean(&mut options, "include_usage")?;
        if let Some(rest) = options.rest() {
            kept.raw("stream_options", &rest);
        }
    }
    kept.extra(object.rest().as_deref(), &[]);
    let kept = kept.finish();
    request.extra = (kept != "{}").then_some(kept);
    Ok(request)
}

/// Where the first part stands that no other wire has.
pub(super) fn unknown_part(envelope: &Envelope<'_>) -> Option<String> {
    envelope.node("messages").ok()??.array().ok()?.iter().find_map(message::unknown)
}

fn sampling(object: &mut Object<'_>) -> Result<Sampling, Invalid> {
    let legacy = unsigned(object, "max_tokens")?;
    Ok(Sampling {
        temperature: float(object, "temperature")?,
        top_p: float(object, "top_p")?,
        top_k: unsigned(object, "top_k")?,
        max_output_tokens: unsigned(object, "max_completion_tokens")?.or(legacy),
        stop: object.optional("stop")?.map_or(Ok(Vec::new()), |node| stop(&node))?,
        seed: object.optional("seed")?.map(|node| node.integer()).transpose()?,
        frequency_penalty: float(object, "frequency_penalty")?,
        presence_penalty: float(object, "presence_penalty")?,
        choices: unsigned(object, "n")?,
    })
}

fn stop(node: &Node<'_>) -> Result<Vec<String>, Invalid> {
    match node.kind()? {
        JsonKind::String => Ok(vec![node.string()?.into_owned()]),
        JsonKind::Array => node.array()?.iter().map(|item| Ok(item.string()?.into_owned())).collect(),
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
            Err(node.expected("a string or an array of strings"))
        }
    }
}

fn tool(node: &Node<'_>) -> Result<Tool, Invalid> {
    let mut outer = node.object()?;
    let kind = outer.required("type")?.string()?;
    if kind != "function" {
        return Ok(Tool::Other(node.text().to_owned()));
    }
    let mut function = outer.required("function")?.object()?;
    let name = function.required("name")?.string()?.into_owned();
    let description = function.string("description")?;
    let parameters = match function.optional("parameters")? {
        Some(schema) => {
            schema.object()?;
            schema.text().to_owned()
        }
        None => NO_PARAMETERS.to_owned(),
    };
    let strict = boolean(&mut function, "strict")?;
    let cache = message::cache(&mut outer)?;
    let mut extra = Members::new();
    if let Some(rest) = function.rest() {
        extra.raw("function", &rest);
    }
    extra.extra(outer.rest().as_deref(), &[]);
    let extra = Some(extra.finish()).filter(|text| text != "{}");
    Ok(Tool::Function(FunctionTool { name, namespace: None, description, parameters, strict, cache, extra }))
}

/// What a function without `parameters` takes.
pub(super) const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

fn tool_choice(node: &Node<'_>) -> Result<ToolChoice, Invalid> {
    if node.kind()? == JsonKind::String {
        return match node.string()?.as_ref() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            _ => Err(node.invalid("expected `auto`, `none`, `required` or an object")),
        };
    }
    let mut object = node.object().map_err(|_| node.expected("a string or an object"))?;
    if object.required("type")?.string()? != "function" {
        return Ok(ToolChoice::Other(node.text().to_owned()));
    }
    let mut function = object.required("function")?.object()?;
    let name = function.required("name")?.string()?.into_owned();
    if function.is_empty() && object.is_empty() {
        Ok(ToolChoice::Named(name))
    } else {
        Ok(ToolChoice::Other(node.text().to_owned()))
    }
}

/// The format, and the members of its `json_schema` that have no place in it.
fn output_format(node: &Node<'_>) -> Result<(OutputFormat, Option<String>), Invalid> {
    let mut object = node.object()?;
    let kind = object.required("type")?.string()?;
    let format = match kind.as_ref() {
        "text" if object.is_empty() => OutputFormat::Text,
        "json_object" if object.is_empty() => OutputFormat::JsonObject,
        "json_schema" => {
            let mut schema = object.required("json_schema")?.object()?;
            let name = schema.required("name")?.string()?.into_owned();
            let strict = boolean(&mut schema, "strict")?.unwrap_or(false);
            let text = schema.optional("schema")?.map(|node| node.text().to_owned());
            match text {
                Some(text) if object.is_empty() => {
                    let format = SchemaFormat { name, schema: text, strict };
                    return Ok((OutputFormat::JsonSchema(format), schema.rest()));
                }
                Some(_) | None => OutputFormat::Other(node.text().to_owned()),
            }
        }
        _ => OutputFormat::Other(node.text().to_owned()),
    };
    Ok((format, None))
}

fn boolean(object: &mut Object<'_>, name: &str) -> Result<Option<bool>, Invalid> {
    object.optional(name)?.map(|node| node.boolean()).transpose()
}

fn float(object: &mut Object<'_>, name: &str) -> Result<Option<f32>, Invalid> {
    object.optional(name)?.map(|node| node.float()).transpose()
}

fn unsigned(object: &mut Object<'_>, name: &str) -> Result<Option<u32>, Invalid> {
    object.optional(name)?.map(|node| node.unsigned()).transpose()
}
