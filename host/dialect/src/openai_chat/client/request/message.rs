//! Messages and their parts.

use crate::canon::{Content, Message, Part, Reasoning, ResultPart, Role, ToolCall, ToolResult};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, Object};
use crate::openai_chat::{media, reasoning, signature};

pub(super) fn all(node: &Node<'_>) -> Result<Vec<Message>, Invalid> {
    node.array()?.iter().map(message).collect()
}

fn message(node: &Node<'_>) -> Result<Message, Invalid> {
    let mut object = node.object()?;
    let role_node = object.required("role")?;
    let word = role_node.string()?;
    let role = match word.as_ref() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => {
            return Err(role_node.invalid(
                "expected one of `system`, `developer`, `user`, `assistant`, `tool` and `function`",
            ));
        }
    };
    let name = object.string("name")?;
    let mut extra = Members::new();
    let mut parts = match role {
        Role::Assistant => assistant(&mut object)?,
        Role::Tool if word == "function" => {
            // The legacy form has no call id: it stays what it was by its role.
            extra.string("role", "function");
            let content = object.optional("content")?;
            content.map_or(Ok(Vec::new()), |node| content_parts(&node))?
        }
        Role::Tool => vec![tool_result(&mut object)?],
        Role::System | Role::Developer | Role::User => content_parts(&object.required("content")?)?,
    };
    // A mark on the message is one on its last part.
    let mark = object.take(CACHE)?;
    if let Some(node) = mark {
        match (parts.last_mut().filter(|part| part.cache.is_none()), cache_mark(&node)) {
            (Some(last), Some(ttl)) => last.cache = Some(ttl),
            _ => object.put_back(CACHE, node),
        }
    }
    extra.extra(object.rest().as_deref(), &[]);
    let extra = Some(extra.finish()).filter(|text| text != "{}");
    Ok(Message { role, name, parts, extra })
}

/// An assistant turn may lack content altogether when it calls tools.
fn assistant(object: &mut Object<'_>) -> Result<Vec<Part>, Invalid> {
    let mut parts = thoughts(object)?;
    if let Some(node) = object.optional("content")? {
        parts.extend(content_parts(&node)?);
    }
    if let Some(refusal) = object.string("refusal")? {
        parts.push(Part::plain(Content::Refusal(refusal)));
    }
    if let Some(calls) = object.optional("tool_calls")? {
        for call in calls.array()? {
            parts.push(Part::plain(Content::ToolCall(tool_call(&call)?)));
        }
    }
    Ok(parts)
}

/// The thoughts of a turn. Entries with signatures repeat the plain text; where the two disagree, or an entry is of
/// a kind that is not known, the text counts and the entries stay among the leftovers.
fn thoughts(object: &mut Object<'_>) -> Result<Vec<Part>, Invalid> {
    let plain = object.string("reasoning_content")?;
    if let Some(node) = object.optional(reasoning::MEMBER)? {
        let texts = |thoughts: &[Reasoning]| thoughts.iter().map(|it| it.text.as_str()).collect::<String>();
        match reasoning::read(&node) {
            Some(read) if plain.as_ref().is_none_or(|plain| *plain == texts(&read)) => {
                return Ok(read.into_iter().map(|it| Part::plain(Content::Reasoning(it))).collect());
            }
            Some(_) | None => object.put_back(reasoning::MEMBER, node),
        }
    }
    let thought = plain.map(|text| Reasoning { text, ..Reasoning::default() });
    Ok(thought.into_iter().map(|it| Part::plain(Content::Reasoning(it))).collect())
}

fn tool_call(node: &Node<'_>) -> Result<ToolCall, Invalid> {
    let mut outer = node.object()?;
    let id = outer.required("id")?.string()?.into_owned();
    let kind = outer.string("type")?.unwrap_or_else(|| "function".to_owned());
    let (member, input) = match kind.as_str() {
        "function" => ("function", "arguments"),
        "custom" => ("custom", "input"),
        _ => return Err(node.invalid("expected a call of type `function` or `custom`")),
    };
    let mut inner = outer.required(member)?.object()?;
    let name = inner.required("name")?.string()?.into_owned();
    let arguments = inner.required(input)?.string()?.into_owned();
    let (signature, origin) =
        signature::take(&mut outer)?.map_or((None, None), |it| (Some(it.text), Some(it.origin)));
    let mut extra = Members::new();
    if kind == "custom" {
        extra.string("type", "custom");
    }
    if let Some(rest) = inner.rest() {
        extra.raw(member, &rest);
    }
    extra.extra(outer.rest().as_deref(), &[]);
    let extra = Some(extra.finish()).filter(|text| text != "{}");
    Ok(ToolCall { id, name, namespace: None, arguments, signature, origin, extra })
}

/// A mark on a picture of the result is one on the result, which is where wires have a place for it.
fn tool_result(object: &mut Object<'_>) -> Result<Part, Invalid> {
    let call_id = object.required("tool_call_id")?.string()?.into_owned();
    let node = object.required("content")?;
    let mut cache = None;
    let content = match node.kind()? {
        JsonKind::String => vec![ResultPart::Text(node.string()?.into_owned())],
        JsonKind::Array => {
            node.array()?.iter().map(|node| result_part(node, &mut cache)).collect::<Result<_, _>>()?
        }
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
            return Err(node.expected("a string or an array of parts"));
        }
    };
    let result = ToolResult { call_id, is_error: false, content, extra: None };
    Ok(Part { content: Content::ToolResult(result), cache, extra: None })
}

fn result_part(node: &Node<'_>, cache: &mut Option<String>) -> Result<ResultPart, Invalid> {
    let part = part(node)?;
    match part {
        Part { content: Content::Text(text), cache: None, extra: None } => Ok(ResultPart::Text(text)),
        Part { content: Content::Image(mut media) | Content::File(mut media), cache: mark, extra } => {
            *cache = mark.or(cache.take());
            if extra.is_some() {
                let mut members = Members::new();
                members.extra(media.extra.as_deref(), &[]).extra(extra.as_deref(), &[]);
                media.extra = Some(members.finish());
            }
            Ok(ResultPart::Media(media))
        }
        Part { .. } => Ok(ResultPart::Other(node.text().to_owned())),
    }
}

fn content_parts(node: &Node<'_>) -> Result<Vec<Part>, Invalid> {
    match node.kind()? {
        JsonKind::String => Ok(vec![Part::plain(Content::Text(node.string()?.into_owned()))]),
        JsonKind::Array => node.array()?.iter().map(part).collect(),
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
            Err(node.expected("a string or an array of parts"))
        }
    }
}

/// Where the first part stands that no other wire has.
pub(super) fn unknown(message: &Node<'_>) -> Option<String> {
    let content = message.object().ok()?.optional("content").ok()??.array().ok()?;
    let strange = |node: &&Node<'_>| part(node).is_ok_and(|part| matches!(part.content, Content::Other(_)));
    content.iter().find(strange).map(Node::path)
}

fn part(node: &Node<'_>) -> Result<Part, Invalid> {
    let mut object = node.object()?;
    let kind = object.required("type")?.string()?.into_owned();
    let other = || Content::Other(node.text().to_owned());
    let content = match kind.as_str() {
        "text" => Content::Text(object.required("text")?.string()?.into_owned()),
        "refusal" => Content::Refusal(object.required("refusal")?.string()?.into_owned()),
        "image_url" => media::image(&object.required("image_url")?)?,
        "input_audio" => Content::Audio(media::audio(&object.required("input_audio")?)?),
        "file" => match media::file(&object.required("file")?)? {
            Some(content) => content,
            None => return Ok(Part::plain(other())),
        },
        _ => return Ok(Part::plain(other())),
    };
    let cache = cache(&mut object)?;
    Ok(Part { content, cache, extra: object.rest() })
}

/// `cache_control: {"type": "ephemeral", "ttl": "5m"}`, which several upstreams of this wire know. What it
/// cannot be read as stays among the leftovers.
pub(super) fn cache(object: &mut Object<'_>) -> Result<Option<String>, Invalid> {
    let Some(node) = object.take(CACHE)? else { return Ok(None) };
    let mark = cache_mark(&node);
    if mark.is_none() {
        object.put_back(CACHE, node);
    }
    Ok(mark)
}

const CACHE: &str = "cache_control";

fn cache_mark(node: &Node<'_>) -> Option<String> {
    let mut mark = node.object().ok()?;
    let ephemeral = mark.string("type").ok()?? == "ephemeral";
    let ttl = mark.string("ttl").ok()?.unwrap_or_else(|| "5m".to_owned());
    (ephemeral && mark.is_empty()).then_some(ttl)
}
