//! Tools, and which of them is to be called.

use super::own;
use crate::canon::{ChatRequest, Fault, FunctionTool, Tool, ToolChoice};
use crate::json::{Members, Node, array, member};
use crate::openai_responses::DIALECT;
use crate::translation::Losses;

/// Writes them.
pub(super) fn write(request: &ChatRequest, losses: &mut Losses, body: &mut Members) -> Result<(), Fault> {
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        match tool {
            Tool::Function(function) => tools.push(function_tool(function, losses)?),
            Tool::Other(json) => tools.extend(other(json, losses)),
        }
    }
    if !tools.is_empty() {
        body.raw("tools", &array(&tools));
    }
    match &request.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::None => {
            body.string("tool_choice", "none");
        }
        ToolChoice::Required => {
            body.string("tool_choice", "required");
        }
        ToolChoice::Named(name) => {
            let mut choice = Members::new();
            choice.string("type", "function").string("name", name);
            body.raw("tool_choice", &choice.finish());
        }
        ToolChoice::Other(json) => {
            body.raw("tool_choice", &choice(json));
        }
    }
    body.maybe_plain("parallel_tool_calls", request.parallel_tools);
    Ok(())
}

fn function_tool(function: &FunctionTool, losses: &mut Losses) -> Result<String, Fault> {
    let FunctionTool { name, namespace, description, parameters, strict, cache, extra } = function;
    super::content::cache(cache.as_deref(), losses)?;
    let mut out = Members::new();
    out.string("type", "function").string("name", &losses.qualified(namespace.as_deref(), name));
    out.maybe_string("description", description.as_deref());
    // Unsaid means yes here, and no on the other wires.
    out.raw("parameters", parameters).plain("strict", strict.unwrap_or(false));
    let extra = extra.as_deref();
    losses.leftovers("tools", extra, &["type", "function", DIALECT])?;
    losses.leftovers("tools.function", member(extra, "function").as_deref(), &[])?;
    let own = own(extra);
    if member(own.as_deref(), "format").is_some() {
        // What takes free text goes as a function, whose description tells the grammar.
        losses.cannot("tools.format")?;
    }
    out.extra(own.as_deref(), &["type", "name", "description", "parameters", "strict", "format"]);
    Ok(out.finish())
}

/// A tool with free text, or one that the vendor runs. Those of the vendor of Messages bear their date: `bash_20250124`.
fn other(json: &str, losses: &mut Losses) -> Option<String> {
    if let Some(own) = own(Some(json)) {
        return Some(own);
    }
    let kind = member(Some(json), "type").unwrap_or_default();
    let dated = kind
        .trim_matches('"')
        .rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()));
    if dated {
        losses.name("tools.hosted");
        return None;
    }
    Some(flat(json))
}

/// A choice between tools that only this vendor's wires have.
fn choice(json: &str) -> String {
    own(Some(json)).unwrap_or_else(|| flat(json))
}

/// What stands inside of the member that is named like the type in chat completions, and beside the type here.
fn flat(json: &str) -> String {
    let Ok(mut object) = Node::root(json).object() else { return json.to_owned() };
    let Some(kind) = object.string("type").ok().flatten() else { return json.to_owned() };
    let Some(inner) = member(Some(json), &kind).filter(|text| text.starts_with('{')) else {
        return json.to_owned();
    };
    let mut out = Members::new();
    out.string("type", &kind);
    for (name, node) in Node::root(&inner).object().iter().flat_map(crate::json::Object::iter) {
        match name {
            "tools" => {
                let tools = node.array().unwrap_or_default();
                out.raw(name, &array(&tools.iter().map(|tool| flat(tool.text())).collect::<Vec<_>>()));
            }
            // The grammar of a tool with free text.
            "format" => {
                out.raw(name, &flat(node.text()));
            }
            _ => {
                out.raw(name, node.text());
            }
        }
    }
    out.extra(Some(json), &["type", &kind]);
    out.finish()
}
