//! Blocks of content as parts. Documents whose text is at hand are text: every other wire can say that.

use super::{boolean, cache, own, wrapped};
use crate::anthropic_messages::signature::{self, SignedCall};
use crate::canon::{Content, Media, MediaSource, Part, ResultPart, ToolCall, ToolResult};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, Object};
use crate::media;

/// A text, or a list of blocks.
pub(super) fn parts(node: &Node<'_>) -> Result<Vec<Part>, Invalid> {
    match node.kind()? {
        JsonKind::String => Ok(vec![Part::plain(Content::Text(node.string()?.into_owned()))]),
        JsonKind::Array => {
            let (mut parts, mut signed) = (Vec::new(), Vec::new());
            for block in node.array()? {
                match signed_call(&block) {
                    Some(call) => signed.push(call),
                    None => parts.extend(part(&block)?),
                }
            }
            sign(&mut parts, signed);
            Ok(parts)
        }
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
            Err(node.expected("a string or an array of blocks"))
        }
    }
}

/// Where the first block stands that no other wire has, also inside of a result.
pub(super) fn unknown(content: &Node<'_>) -> Option<String> {
    content.array().ok()?.iter().find_map(|block| {
        let parts = part(block).ok()?;
        let strange = |part: &Part| match &part.content {
            Content::Other(_) => Some(block.path()),
            Content::ToolResult(result) => {
                let inside = result.content.iter().any(|part| matches!(part, ResultPart::Other(_)));
                let content = || block.object().ok()?.optional("content").ok()?;
                inside.then(|| content().as_ref().and_then(unknown).unwrap_or_else(|| block.path()))
            }
            _ => None,
        };
        parts.iter().find_map(strange)
    })
}

/// A block that carries nothing but the signature of a call.
fn signed_call(block: &Node<'_>) -> Option<SignedCall> {
    let mut object = block.object().ok().filter(|_| block.text().contains(signature::MARK))?;
    object.string("type").ok().flatten().filter(|kind| kind == "redacted_thinking")?;
    signature::call(&object.string("data").ok().flatten()?)
}

/// Gives calls the signatures that came for them.
fn sign(parts: &mut [Part], signed: Vec<SignedCall>) {
    for SignedCall { id, signature, origin } in signed {
        let mut calls = parts.iter_mut().filter_map(|part| match &mut part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        });
        if let Some(call) = calls.find(|call| call.id == id) {
            (call.signature, call.origin) = (Some(signature), origin);
        }
    }
}

/// What a block is: mostly one part, of a document several.
fn part(node: &Node<'_>) -> Result<Vec<Part>, Invalid> {
    let mut object = node.object()?;
    let kind = object.required_string("type")?;
    let other = || Ok(vec![Part::plain(Content::Other(wrapped(node.text())))]);
    let content = match kind.as_str() {
        "text" => Content::Text(object.required_string("text")?),
        "image" => match source(&object.required("source")?)? {
            Some((mime, source)) => Content::Image(Media { mime, source, detail: None, extra: None }),
            None => return other(),
        },
        "document" => return document(node, object),
        "search_result" => return search_result(object),
        "tool_use" => Content::ToolCall(call(&mut object)?),
        "tool_result" => return result(object),
        "thinking" => {
            let signature = object.string("signature")?.unwrap_or_default();
            let text = object.string("thinking")?.unwrap_or_default();
            Content::Reasoning(signature::thought(text, &signature))
        }
        "redacted_thinking" => Content::Reasoning(signature::redacted(&object.required_string("data")?)),
        _ => return other(),
    };
    let cache = cache(&mut object)?;
    Ok(vec![Part { content, cache, extra: own(object) }])
}

fn call(object: &mut Object<'_>) -> Result<ToolCall, Invalid> {
    let id = object.required_string("id")?;
    let name = object.required_string("name")?;
    let input = object.required("input")?;
    input.object()?;
    Ok(ToolCall { id, name, arguments: input.text().to_owned(), ..ToolCall::default() })
}

/// The kind and the place of what is not text; none when it is of a sort that is not known.
fn source(node: &Node<'_>) -> Result<Option<(String, MediaSource)>, Invalid> {
    let mut source = node.object()?;
    let kind = source.required_string("type")?;
    Ok(Some(match kind.as_str() {
        "base64" => {
            let data = source.required_string("data")?;
            let declared = source.string("media_type")?.unwrap_or_default();
            (media::kind(&declared, &data), MediaSource::Base64(data))
        }
        "url" => (String::new(), MediaSource::Url(source.required_string("url")?)),
        "file" => (String::new(), MediaSource::FileId(source.required_string("file_id")?)),
        _ => return Ok(None),
    }))
}

fn document(node: &Node<'_>, mut object: Object<'_>) -> Result<Vec<Part>, Invalid> {
    let from = object.required("source")?;
    let (title, context) = (object.string("title")?, object.string("context")?);
    let kind = from.object()?.required_string("type")?;
    let mut contents = Vec::new();
    // What it is called stands before its text.
    let head = [title.as_deref(), context.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("\n");
    match kind.as_str() {
        "text" => contents.push(Content::Text(from.object()?.required_string("data")?)),
        "content" => {
            let inside = parts(&from.object()?.required("content")?)?;
            contents.extend(inside.into_iter().map(|part| part.content));
        }
        _ => match source(&from)? {
            Some((mime, source)) => {
                let extra = title.map(|title| {
                    let mut extra = Members::new();
                    extra.string("filename", &title);
                    extra.finish()
                });
                if let Some(context) = context {
                    contents.push(Content::Text(context));
                }
                // The kind that the vendor takes by an address.
                let remote = mime.is_empty() && matches!(source, MediaSource::Url(_));
                let mime = if remote { media::PDF.to_owned() } else { mime };
                let media = Media { mime, source, detail: None, extra };
                let picture = media.mime.starts_with("image/");
                contents.push(if picture { Content::Image(media) } else { Content::File(media) });
            }
            None => contents.push(Content::Other(wrapped(node.text()))),
        },
    }
    if matches!(kind.as_str(), "text" | "content") && !head.is_empty() {
        match contents.first_mut() {
            Some(Content::Text(text)) => text.insert_str(0, &format!("{head}\n\n")),
            _ => contents.insert(0, Content::Text(head)),
        }
    }
    marked(contents, object)
}

/// What a search found is text: what it is called, where it stands, what it says.
fn search_result(mut object: Object<'_>) -> Result<Vec<Part>, Invalid> {
    let mut text =
        [object.string("title")?, object.string("source")?].into_iter().flatten().collect::<Vec<_>>();
    for part in parts(&object.required("content")?)? {
        if let Content::Text(said) = part.content {
            text.push(said);
        }
    }
    marked(vec![Content::Text(text.join("\n"))], object)
}

/// Parts of one block: its mark and its leftovers are those of the last.
fn marked(contents: Vec<Content>, mut object: Object<'_>) -> Result<Vec<Part>, Invalid> {
    let mut parts: Vec<Part> = contents.into_iter().map(Part::plain).collect();
    let cache = cache(&mut object)?;
    if let Some(last) = parts.last_mut() {
        last.cache = cache;
        last.extra = own(object);
    }
    Ok(parts)
}

fn result(mut object: Object<'_>) -> Result<Vec<Part>, Invalid> {
    let call_id = object.required_string("tool_use_id")?;
    let is_error = boolean(&mut object, "is_error")?.unwrap_or(false);
    let mut cache = cache(&mut object)?;
    let mut content = Vec::new();
    if let Some(node) = object.optional("content")? {
        match node.kind()? {
            JsonKind::Array => {
                for block in node.array()? {
                    content.extend(result_parts(&block, &mut cache)?);
                }
            }
            _ => content.extend(parts(&node)?.into_iter().map(result_part)),
        }
    }
    if content.is_empty() {
        // A tool that had nothing to say has answered nevertheless.
        content.push(ResultPart::Text(String::new()));
    }
    let result = ToolResult { call_id, is_error, content, extra: own(object) };
    Ok(vec![Part { content: Content::ToolResult(result), cache, extra: None }])
}

/// A mark inside of a result is one on the result, which is where wires have a place for it.
fn result_parts(block: &Node<'_>, cache: &mut Option<String>) -> Result<Vec<ResultPart>, Invalid> {
    let mut object = block.object()?;
    if object.required_string("type")? == "tool_reference" {
        // Tools that are looked up are all there on other wires: it is enough to name the one that was found.
        let name = object.required_string("tool_name")?;
        return Ok(vec![ResultPart::Text(format!("The tool `{name}` is there to be called."))]);
    }
    Ok(part(block)?
        .into_iter()
        .map(|part| {
            *cache = part.cache.clone().or(cache.take());
            result_part(part)
        })
        .collect())
}

fn result_part(part: Part) -> ResultPart {
    match part.content {
        Content::Text(text) => ResultPart::Text(text),
        Content::Image(media) | Content::File(media) => ResultPart::Media(media),
        Content::Other(json) => ResultPart::Other(json),
        Content::Reasoning(_)
        | Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::Audio(_)
        | Content::Refusal(_) => ResultPart::Other(wrapped("{}")),
    }
}
