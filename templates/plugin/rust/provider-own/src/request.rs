//! The canonical request on this wire, and what is lost on the way.

use brains_sdk::canon::{ChatRequest, Content, Fault, Message, ResultPart, Role, Tool, ToolChoice};
use brains_sdk::wire::{
    Disposition, Encoded, Losses, Members, arguments_object, array, disposition_in, strings, unsaid,
};

/// What the wire has no place for. What is not named here is lost, too.
const TABLE: &[(&str, Disposition)] = &[
    ("messages.content.media", Disposition::Refused("conversations are text")),
    ("n", Disposition::Refused("one answer per request")),
    ("response_format", Disposition::Refused("answers are text")),
];

/// The body, and the names of what could not be said.
pub(crate) fn write(req: &ChatRequest) -> Result<Encoded, Fault> {
    let mut losses = Losses::by(|member| disposition_in(TABLE, member));
    let (mut system, mut turns) = (Vec::new(), Vec::new());
    for message in &req.messages {
        let mut parts = write_parts(message, &mut losses)?;
        let mut turn = Members::new();
        match message.role {
            Role::System | Role::Developer => {
                system.append(&mut parts);
                continue;
            }
            Role::Assistant => turn.string("role", "model"),
            Role::User | Role::Tool => turn.string("role", "user"),
        };
        turn.raw("parts", &array(&parts));
        turns.push(turn.finish());
    }
    let tools: Vec<String> = req.tools.iter().filter_map(|tool| write_tool(tool, &mut losses)).collect();
    let mut body = Members::new();
    body.string("model", &req.model);
    body.raw("system", &array(&system)).raw("turns", &array(&turns)).raw("tools", &array(&tools));
    match &req.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::None => drop(body.string("toolMode", "never")),
        ToolChoice::Required => drop(body.string("toolMode", "always")),
        ToolChoice::Named(_) | ToolChoice::Other(_) => losses.cannot("tool_choice")?,
    }
    let sampling = &req.sampling;
    body.maybe_plain("temperature", sampling.temperature)
        .maybe_plain("maxTokens", sampling.max_output_tokens);
    body.raw("stop", &strings(&sampling.stop));
    unsaid(req, &["temperature", "max_completion_tokens", "stop"], &mut losses)?;
    Ok(Encoded { body: body.finish(), losses: losses.into_names() })
}

fn write_parts(message: &Message, losses: &mut Losses) -> Result<Vec<String>, Fault> {
    losses.leftovers("messages", message.extra.as_deref(), &[])?;
    let mut parts = Vec::new();
    for part in &message.parts {
        losses.leftovers("messages.content", part.extra.as_deref(), &[])?;
        let (mut out, mut inner) = (Members::new(), Members::new());
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => out.string("text", text),
            Content::ToolCall(call) => {
                losses.leftovers("messages.tool_calls", call.extra.as_deref(), &[])?;
                inner.string("id", &call.id).string("name", &call.name);
                inner.raw("args", &arguments_object(&call.arguments));
                out.raw("call", &inner.finish()).maybe_string("thoughtSignature", call.signature.as_deref())
            }
            Content::ToolResult(result) => {
                let mut said = String::new();
                for part in &result.content {
                    let ResultPart::Text(text) = part else {
                        losses.cannot("messages.content.media")?;
                        continue;
                    };
                    said.push_str(text);
                }
                inner.string("id", &result.call_id).string("output", &said);
                out.raw("result", &inner.finish())
            }
            other => {
                let is_thought = matches!(other, Content::Reasoning(_));
                losses.cannot(if is_thought {
                    "messages.reasoning_content"
                } else {
                    "messages.content.media"
                })?;
                continue;
            }
        };
        parts.push(out.finish());
    }
    Ok(parts)
}

fn write_tool(tool: &Tool, losses: &mut Losses) -> Option<String> {
    let Tool::Function(function) = tool else {
        losses.name("tools.hosted");
        return None;
    };
    let mut out = Members::new();
    out.string("name", &losses.qualified(function.namespace.as_deref(), &function.name));
    out.maybe_string("description", function.description.as_deref());
    out.raw("parameters", &function.parameters);
    Some(out.finish())
}
