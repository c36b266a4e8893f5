//! Parts of messages and of results, as this wire takes them.

use super::{own, own_json};
use crate::canon::{Content, Fault, Media, MediaSource, Part, ResultPart};
use crate::json::{Members, Node, member};
use crate::media::{PDF, base64, is_document, kind};
use crate::openai_responses::DIALECT;
use crate::translation::Losses;

/// A part of what somebody but the model said; `None` when there is no place for it.
pub(super) fn input_part(part: &Part, losses: &mut Losses) -> Result<Option<String>, Fault> {
    let mut out = Members::new();
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => {
            out.string("type", "input_text").string("text", text);
        }
        Content::Image(media) => image(media, losses, &mut out)?,
        Content::File(media) => file(media, losses, &mut out)?,
        Content::Audio(_) => {
            losses.cannot("messages.content.input_audio")?;
            return Ok(None);
        }
        Content::Other(json) => return other(json, losses),
        // Items of their own.
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => return Ok(None),
    }
    finished(part, losses, out).map(Some)
}

/// A part of what the model said.
pub(super) fn output_part(part: &Part, losses: &mut Losses) -> Result<Option<String>, Fault> {
    let mut out = Members::new();
    match &part.content {
        Content::Text(text) if text.is_empty() => return Ok(None),
        Content::Text(text) => out.string("type", "output_text").string("text", text),
        Content::Refusal(text) => out.string("type", "refusal").string("refusal", text),
        Content::Other(json) => return other(json, losses),
        Content::Image(_) | Content::Audio(_) | Content::File(_) => {
            losses.cannot("messages.content.other")?;
            return Ok(None);
        }
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => return Ok(None),
    };
    finished(part, losses, out).map(Some)
}

fn finished(part: &Part, losses: &mut Losses, mut out: Members) -> Result<String, Fault> {
    cache(part.cache.as_deref(), losses)?;
    let extra = part.extra.as_deref();
    losses.leftovers("messages.content", extra, &["type", DIALECT])?;
    out.extra(own(extra).as_deref(), &["type"]);
    Ok(out.finish())
}

/// Prompts are cached without being told.
pub(super) fn cache(mark: Option<&str>, losses: &mut Losses) -> Result<(), Fault> {
    if mark.is_some() { losses.cannot("cache_control") } else { Ok(()) }
}

fn other(json: &str, losses: &mut Losses) -> Result<Option<String>, Fault> {
    let own = own_json(json);
    if own.is_none() {
        losses.cannot("messages.content.other")?;
    }
    Ok(own)
}

/// A part of a tool's result; `None` when there is no place for it.
pub(super) fn result_part(part: &ResultPart, losses: &mut Losses) -> Result<Option<String>, Fault> {
    let mut out = Members::new();
    match part {
        ResultPart::Text(text) => {
            out.string("type", "input_text").string("text", text);
        }
        ResultPart::Media(media) if is_document(media) => file(media, losses, &mut out)?,
        ResultPart::Media(media) => image(media, losses, &mut out)?,
        ResultPart::Other(json) => {
            if let Some(own) = own_json(json) {
                return Ok(Some(own));
            }
            // A text that carries more than itself.
            let Some(text) = member(Some(json), "text").filter(|text| Node::root(text).string().is_ok())
            else {
                return losses.cannot("messages.content.other").map(|()| None);
            };
            if member(Some(json), "cache_control").is_some() {
                losses.cannot("cache_control")?;
            }
            out.string("type", "input_text").raw("text", &text);
        }
    }
    Ok(Some(out.finish()))
}

fn image(media: &Media, losses: &mut Losses, out: &mut Members) -> Result<(), Fault> {
    out.string("type", "input_image");
    match &media.source {
        MediaSource::FileId(id) => out.string("file_id", id),
        MediaSource::Url(url) => out.string("image_url", url),
        source @ (MediaSource::Base64(_) | MediaSource::Bytes(_)) => {
            out.string("image_url", &data_url(&media.mime, source))
        }
    };
    out.maybe_string("detail", media.detail.as_deref());
    let extra = media.extra.as_deref();
    losses.leftovers("messages.content.image_url", extra, &[DIALECT])?;
    out.extra(own(extra).as_deref(), &["type", "file_id", "image_url", "detail"]);
    Ok(())
}

fn file(media: &Media, losses: &mut Losses, out: &mut Members) -> Result<(), Fault> {
    let extra = media.extra.as_deref();
    let name = member(extra, "filename").or_else(|| member(own(extra).as_deref(), "filename"));
    out.string("type", "input_file");
    match &media.source {
        MediaSource::FileId(id) => out.string("file_id", id),
        MediaSource::Url(url) => out.string("file_url", url),
        source @ (MediaSource::Base64(_) | MediaSource::Bytes(_)) => {
            let declared = kind(&media.mime, &base64(source).unwrap_or_default());
            // The vendor takes data only under a name, and reads from it what it is when nothing else says so.
            match &name {
                Some(name) => out.raw("filename", name),
                None => out.string("filename", if declared == PDF { "document.pdf" } else { "document" }),
            };
            let declared = if declared.is_empty() { "application/octet-stream" } else { &declared };
            out.string("file_data", &data_url(declared, source))
        }
    };
    losses.leftovers("messages.content.file", extra, &["filename", DIALECT])?;
    out.extra(own(extra).as_deref(), &["type", "filename", "file_id", "file_url", "file_data"]);
    Ok(())
}

fn data_url(mime: &str, source: &MediaSource) -> String {
    format!("data:{mime};base64,{}", base64(source).unwrap_or_default())
}
