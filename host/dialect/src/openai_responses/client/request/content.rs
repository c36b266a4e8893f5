//! What a message or a result holds.

use super::unsupported;
use crate::canon::{Content, Media, MediaSource, Part, ResultPart};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, Object};
use crate::media::{PDF, from_url, kind};
use crate::openai_responses::DIALECT;
use crate::translation::asks_nothing;

/// Members that say nothing to a model.
const MARKS: [&str; 4] = ["type", "id", "status", "object"];

/// A string, or parts.
pub(super) fn parts(node: &Node<'_>) -> Result<Vec<Part>, Invalid> {
    match node.kind()? {
        JsonKind::String => Ok(vec![Part::plain(Content::Text(node.string()?.into_owned()))]),
        JsonKind::Array => node.array()?.iter().map(part).collect(),
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
            Err(node.expected("a string or an array of parts"))
        }
    }
}

/// The same, as what a tool gave.
pub(super) fn result(node: &Node<'_>) -> Result<Vec<ResultPart>, Invalid> {
    let result = |part: Part| match part.content {
        Content::Text(text) | Content::Refusal(text) => Ok(ResultPart::Text(text)),
        Content::Image(media) | Content::File(media) => Ok(ResultPart::Media(media)),
        _ => Err(unsupported(node, "a result is text, pictures and files")),
    };
    parts(node)?.into_iter().map(result).collect()
}

fn part(node: &Node<'_>) -> Result<Part, Invalid> {
    let mut object = node.object()?;
    let kind = object.required("type")?.string()?.into_owned();
    let content = match kind.as_str() {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            Content::Text(object.required("text")?.string()?.into_owned())
        }
        "refusal" => Content::Refusal(object.required("refusal")?.string()?.into_owned()),
        "input_image" => image(&mut object)?,
        "input_file" => file(&mut object)?,
        "input_audio" => {
            let mut audio = object.required("input_audio")?.object()?;
            let source = MediaSource::Base64(audio.required_string("data")?);
            let mime = format!("audio/{}", audio.required_string("format")?);
            Content::Audio(Media { mime, source, detail: None, extra: None })
        }
        _ => return Err(unsupported(node, "a kind of content that other wires do not have")),
    };
    Ok(Part { content, cache: None, extra: own(&object, &["annotations", "logprobs"]) })
}

fn image(object: &mut Object<'_>) -> Result<Content, Invalid> {
    let detail = object.string("detail")?.filter(|detail| detail != "auto");
    if let Some(id) = object.string("file_id")? {
        let source = MediaSource::FileId(id);
        return Ok(Content::Image(Media { mime: String::new(), source, detail, extra: None }));
    }
    let url = object.required("image_url")?;
    let (mime, source) = from_url(&url.string()?).map_err(|wrong| url.invalid(wrong))?;
    Ok(of_kind(Media { mime, source, detail, extra: None }))
}

fn file(object: &mut Object<'_>) -> Result<Content, Invalid> {
    let name = object.string("filename")?;
    let mut extra = Members::new();
    extra.maybe_string("filename", name.as_deref());
    let extra = name.map(|_| extra.finish());
    if let Some(id) = object.string("file_id")? {
        let source = MediaSource::FileId(id);
        return Ok(Content::File(Media { mime: String::new(), source, detail: None, extra }));
    }
    if let Some(url) = object.optional("file_url")? {
        // The kind that vendors take by an address.
        let source = MediaSource::Url(url.string()?.into_owned());
        return Ok(Content::File(Media { mime: PDF.to_owned(), source, detail: None, extra }));
    }
    let data = object.required("file_data")?;
    let (mime, source) = match from_url(&data.string()?).map_err(|wrong| data.invalid(wrong))? {
        (_, MediaSource::Url(bare)) => (kind(PDF, &bare), MediaSource::Base64(bare)),
        read => read,
    };
    Ok(of_kind(Media { mime, source, detail: None, extra }))
}

/// Pictures are sent as files and documents as pictures.
fn of_kind(media: Media) -> Content {
    match media.source {
        MediaSource::Base64(_) if !media.mime.starts_with("image/") => {
            Content::File(Media { detail: None, ..media })
        }
        _ => Content::Image(media),
    }
}

/// What is left of an object, below the name of this wire.
pub(super) fn own(object: &Object<'_>, except: &[&str]) -> Option<String> {
    let mut rest = Members::new();
    for (name, node) in object.iter() {
        if !MARKS.contains(&name) && !except.contains(&name) && !asks_nothing(node.text()) {
            rest.raw(name, node.text());
        }
    }
    let rest = rest.finish();
    (rest != "{}").then(|| {
        let mut out = Members::new();
        out.raw(DIALECT, &rest);
        out.finish()
    })
}
