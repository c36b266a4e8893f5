//! Tools, and which of them is to be called. Where names are flat a namespace stands in front of them, and free text is the one
//! member of an object.

use super::unsupported;
use crate::canon::{FunctionTool, Tool, ToolChoice};
use crate::ingress::ToolAlias;
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, Object};
use crate::openai_responses::DIALECT;
use crate::translation::asks_nothing;

/// What a function without `parameters` takes.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;
/// What goes upstream instead of free text.
const FREE_TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// The tools, as far as they may be called, and the choice between them.
pub(super) fn read(
    tools: Option<&Node<'_>>,
    choice: Option<&Node<'_>>,
) -> Result<(Vec<Tool>, ToolChoice), Invalid> {
    let mut read = Vec::new();
    for node in tools.map_or(Ok(Vec::new()), Node::array)? {
        tool(&node, None, &mut read)?;
    }
    let Some(choice) = choice else { return Ok((read, ToolChoice::Auto)) };
    if choice.kind()? == JsonKind::String {
        return Ok((read, mode_of_choice(choice)?));
    }
    let mut object = choice.object().map_err(|_| choice.expected("a string or an object"))?;
    let kind = object.required("type")?.string()?;
    match kind.as_ref() {
        "function" | "custom" => Ok((read, ToolChoice::Named(sent(&mut object)?))),
        "allowed_tools" => {
            let mode = object.optional("mode")?.map_or(Ok(ToolChoice::Auto), |node| mode_of_choice(&node))?;
            let mut allowed = Vec::new();
            for node in object.required("tools")?.array()? {
                let mut object = node.object()?;
                if object.required("type")?.string()? == "function"
                    || object.iter().any(|(name, _)| name == "name")
                {
                    allowed.push(sent(&mut object)?);
                }
            }
            read.retain(|tool| match tool {
                Tool::Function(function) => {
                    allowed.contains(&sent_name(function.namespace.as_deref(), &function.name))
                }
                Tool::Other(_) => false,
            });
            Ok((read, mode))
        }
        _ => Err(unsupported(choice, "`auto`, `none`, `required`, one function, or those that are allowed")),
    }
}

/// What the tools of a request are called upstream, where that is something else.
pub(in crate::openai_responses::client) fn aliases(
    tools: Option<&Node<'_>>,
) -> Result<Vec<ToolAlias>, Invalid> {
    let mut aliases = Vec::new();
    for node in tools.map_or(Ok(Vec::new()), Node::array)? {
        alias(&node, None, &mut aliases)?;
    }
    Ok(aliases)
}

fn alias(node: &Node<'_>, namespace: Option<&str>, aliases: &mut Vec<ToolAlias>) -> Result<(), Invalid> {
    let mut object = node.object()?;
    let kind = object.string("type")?;
    match (kind.as_deref(), object.string("name")?) {
        (Some("namespace"), Some(name)) => {
            for child in object.array("tools")? {
                alias(&child, Some(&name), aliases)?;
            }
        }
        (Some(kind @ ("function" | "custom")), Some(name)) => {
            let free_form = kind == "custom";
            if free_form || namespace.is_some() {
                let sent = sent_name(namespace, &name);
                aliases.push(ToolAlias { sent, namespace: namespace.map(str::to_owned), name, free_form });
            }
        }
        _ => {}
    }
    Ok(())
}

fn tool(node: &Node<'_>, namespace: Option<&str>, tools: &mut Vec<Tool>) -> Result<(), Invalid> {
    let mut object = node.object()?;
    let kind = object.required("type")?.string()?;
    match kind.as_ref() {
        "function" => tools.push(Tool::Function(function(&mut object, namespace)?)),
        "custom" => tools.push(Tool::Function(free_form(&mut object, namespace)?)),
        "namespace" if namespace.is_none() => {
            let name = object.required("name")?.string()?.into_owned();
            for child in object.array("tools")? {
                tool(&child, Some(&name), tools)?;
            }
        }
        _ => {
            let mut hosted = Members::new();
            hosted.raw(DIALECT, node.text());
            tools.push(Tool::Other(hosted.finish()));
        }
    }
    Ok(())
}

fn function(object: &mut Object<'_>, namespace: Option<&str>) -> Result<FunctionTool, Invalid> {
    let name = object.required("name")?.string()?.into_owned();
    let description = object.string("description")?;
    let parameters = match object.optional("parameters")? {
        Some(schema) => {
            schema.object()?;
            schema.text().to_owned()
        }
        None => NO_PARAMETERS.to_owned(),
    };
    let strict = object.optional("strict")?.map(|node| node.boolean()).transpose()?;
    let mut rest = Members::new();
    for (name, node) in object.iter().filter(|(name, node)| *name != "type" && !asks_nothing(node.text())) {
        rest.raw(name, node.text());
    }
    let namespace = namespace.map(str::to_owned);
    Ok(FunctionTool { name, namespace, description, parameters, strict, cache: None, extra: below(rest) })
}

/// What takes free text takes an object with one member; a grammar is told in words, and not enforced.
fn free_form(object: &mut Object<'_>, namespace: Option<&str>) -> Result<FunctionTool, Invalid> {
    let name = object.required("name")?.string()?.into_owned();
    let mut description = object.string("description")?.unwrap_or_default();
    let mut rest = Members::new();
    if let Some(node) = object.optional("format")? {
        let mut format = node.object()?;
        if format.required("type")?.string()? == "grammar" {
            let syntax = format.string("syntax")?.unwrap_or_default();
            let definition = format.required_string("definition")?;
            if !description.is_empty() {
                description.push_str("\n\n");
            }
            description.push_str("`input` is text of this grammar (");
            description.push_str(&syntax);
            description.push_str("):\n");
            description.push_str(&definition);
            rest.raw("format", node.text());
        }
    }
    Ok(FunctionTool {
        name,
        namespace: namespace.map(str::to_owned),
        description: Some(description).filter(|text| !text.is_empty()),
        parameters: FREE_TEXT.to_owned(),
        strict: None,
        cache: None,
        extra: below(rest),
    })
}

fn below(rest: Members) -> Option<String> {
    let rest = rest.finish();
    (rest != "{}").then(|| {
        let mut out = Members::new();
        out.raw(DIALECT, &rest);
        out.finish()
    })
}

fn mode_of_choice(node: &Node<'_>) -> Result<ToolChoice, Invalid> {
    match node.string()?.as_ref() {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(node.invalid("expected `auto`, `none`, `required` or an object")),
    }
}

/// What the tool that an object names is called upstream.
fn sent(object: &mut Object<'_>) -> Result<String, Invalid> {
    let namespace = object.string("namespace")?;
    Ok(sent_name(namespace.as_deref(), &object.required_string("name")?))
}

/// As [`Losses::qualified`](crate::translation::Losses::qualified) makes it.
fn sent_name(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}__{name}"))
}
