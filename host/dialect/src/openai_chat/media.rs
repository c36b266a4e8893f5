//! Images, audio and files as this wire writes them, and back.

use crate::canon::{Media, MediaSource};
use crate::invalid::Invalid;
use crate::json::{Members, Node};
use crate::media::base64;

/// `{"url": …, "detail": …}`
pub(super) fn image(node: &Node<'_>) -> Result<Media, Invalid> {
    let mut object = node.object()?;
    let url = object.required("url")?.string()?;
    let detail = object.string("detail")?;
    let (mime, source) = from_url(&url);
    Ok(Media { mime, source, detail, extra: object.rest() })
}

pub(super) fn image_json(media: &Media) -> String {
    let mut members = Members::new();
    members.string("url", &to_url(media));
    members.maybe_string("detail", media.detail.as_deref());
    members.extra(media.extra.as_deref(), &[]);
    members.finish()
}

/// `{"data": …, "format": "wav"}`
pub(super) fn audio(node: &Node<'_>) -> Result<Media, Invalid> {
    let mut object = node.object()?;
    let data = object.required("data")?.string()?.into_owned();
    let format = object.required("format")?.string()?;
    let mime = format!("audio/{format}");
    Ok(Media { mime, source: MediaSource::Base64(data), detail: None, extra: object.rest() })
}

/// `None` when the sound is not inline, which this wire cannot say.
pub(super) fn audio_json(media: &Media) -> Option<String> {
    let data = base64(&media.source)?;
    let format = media.mime.strip_prefix("audio/").unwrap_or(&media.mime);
    let mut members = Members::new();
    members.string("data", &data).string("format", format).extra(media.extra.as_deref(), &[]);
    Some(members.finish())
}

/// `{"file_data": …, "filename": …}` or `{"file_id": …}`; `None` when it has neither or both.
pub(super) fn file(node: &Node<'_>) -> Result<Option<Media>, Invalid> {
    let mut object = node.object()?;
    let (mime, source) = match (object.string("file_data")?, object.string("file_id")?) {
        (Some(data), None) if data.starts_with("data:") => from_url(&data),
        (Some(data), None) => (String::new(), MediaSource::Base64(data)),
        (None, Some(id)) => (String::new(), MediaSource::FileId(id)),
        (None, None) | (Some(_), Some(_)) => return Ok(None),
    };
    Ok(Some(Media { mime, source, detail: None, extra: object.rest() }))
}

pub(super) fn file_json(media: &Media) -> String {
    let mut members = Members::new();
    match &media.source {
        MediaSource::FileId(id) => members.string("file_id", id),
        MediaSource::Base64(data) if media.mime.is_empty() => members.string("file_data", data),
        MediaSource::Url(_) | MediaSource::Base64(_) | MediaSource::Bytes(_) => {
            members.string("file_data", &to_url(media))
        }
    };
    members.extra(media.extra.as_deref(), &[]);
    members.finish()
}

/// Takes `data:<mime>;base64,<data>` apart; any other URL stays one.
pub(super) fn from_url(url: &str) -> (String, MediaSource) {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((mime, data)) if !mime.contains(',') => (mime.to_owned(), MediaSource::Base64(data.to_owned())),
        Some(_) | None => (String::new(), MediaSource::Url(url.to_owned())),
    }
}

fn to_url(media: &Media) -> String {
    match (&media.source, base64(&media.source)) {
        (MediaSource::Url(url) | MediaSource::FileId(url), _) => url.clone(),
        (MediaSource::Base64(_) | MediaSource::Bytes(_), data) => {
            format!("data:{};base64,{}", media.mime, data.unwrap_or_default())
        }
    }
}
