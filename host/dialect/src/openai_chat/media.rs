//! Images, audio and files as this wire writes them, and back.

use crate::canon::{Content, Media, MediaSource};
use crate::invalid::Invalid;
use crate::json::{Members, Node};
use crate::media::{PDF, base64, from_url};

/// `{"url": …, "detail": …}`. Clients send documents this way too.
pub(super) fn image(node: &Node<'_>) -> Result<Content, Invalid> {
    let mut object = node.object()?;
    let url = object.required("url")?;
    let detail = object.string("detail")?;
    let (mime, source) = from_url(&url.string()?).map_err(|wrong| url.invalid(wrong))?;
    let media = Media { mime, source, detail, extra: object.rest() };
    match (&media.source, media.mime.as_str()) {
        (MediaSource::Base64(_), PDF) => Ok(Content::File(Media { detail: None, ..media })),
        (MediaSource::Base64(_), mime) if !mime.starts_with("image/") => {
            Err(url.invalid("expected an image or a PDF"))
        }
        _ => Ok(Content::Image(media)),
    }
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

/// `{"file_data": …, "filename": …}` or `{"file_id": …}`; `None` when it has neither or both. Clients send images this way too.
pub(super) fn file(node: &Node<'_>) -> Result<Option<Content>, Invalid> {
    let mut object = node.object()?;
    let data = object.optional("file_data")?;
    let (mime, source) = match (data, object.string("file_id")?) {
        (Some(data), None) => {
            let text = data.string()?;
            match from_url(&text).map_err(|wrong| data.invalid(wrong))? {
                (_, MediaSource::Url(bare)) => (String::new(), MediaSource::Base64(bare)),
                read => read,
            }
        }
        (None, Some(id)) => (String::new(), MediaSource::FileId(id)),
        (None, None) | (Some(_), Some(_)) => return Ok(None),
    };
    let is_image = mime.starts_with("image/");
    let media = Media { mime, source, detail: None, extra: object.rest() };
    Ok(Some(if is_image { Content::Image(media) } else { Content::File(media) }))
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

fn to_url(media: &Media) -> String {
    match (&media.source, base64(&media.source)) {
        (MediaSource::Url(url) | MediaSource::FileId(url), _) => url.clone(),
        (MediaSource::Base64(_) | MediaSource::Bytes(_), data) => {
            format!("data:{};base64,{}", media.mime, data.unwrap_or_default())
        }
    }
}
