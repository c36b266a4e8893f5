//! Images and documents, as this wire takes them.

use super::turns::{TurnsReader, cached, typed};
use crate::canon::{Fault, Media, MediaSource};
use crate::fault::unsupported;
use crate::json::{Members, member};
use crate::media::{PDF, base64, kind};

/// The kinds of images. <https://docs.claude.com/en/docs/build-with-claude/vision>, read on 2026-11-29.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

impl TurnsReader<'_> {
    pub(super) fn image(&mut self, media: &Media, cache: Option<&str>) -> Result<String, Fault> {
        if media.detail.is_some() {
            self.losses.cannot("messages.content.image_url.detail")?;
        }
        self.leftovers("messages.content.image_url", media.extra.as_deref())?;
        let mut source = Members::new();
        match (&media.source, base64(&media.source)) {
            (MediaSource::FileId(id), _) => source.string("type", "file").string("file_id", id),
            (MediaSource::Url(url), _) => source.string("type", "url").string("url", url),
            (MediaSource::Base64(_) | MediaSource::Bytes(_), data) => {
                let data = data.unwrap_or_default();
                let kind = kind(&media.mime, &data);
                if !IMAGES.contains(&kind.as_str()) {
                    let why = format!("images are JPEG, PNG, GIF or WebP, not `{kind}`");
                    return Err(unsupported("messages.content.image_url", &why));
                }
                source.string("type", "base64").string("media_type", &kind).string("data", &data)
            }
        };
        Ok(typed("image", "source", &source.finish(), cache))
    }

    /// `None` when it was a loss.
    pub(super) fn document(&mut self, media: &Media, cache: Option<&str>) -> Result<Option<String>, Fault> {
        if !self.documents {
            return Err(unsupported("messages.content.file", "it reads no documents"));
        }
        let name = member(media.extra.as_deref(), "filename");
        let mut source = Members::new();
        match (&media.source, base64(&media.source)) {
            (MediaSource::FileId(id), _) => source.string("type", "file").string("file_id", id),
            (MediaSource::Url(url), _) => source.string("type", "url").string("url", url),
            (MediaSource::Base64(_) | MediaSource::Bytes(_), data) => {
                let data = data.unwrap_or_default();
                // The client's own wire does not always say what a file is.
                let named = name.as_deref().is_some_and(|name| name.to_ascii_lowercase().ends_with(".pdf\""));
                let declared = if media.mime.is_empty() && named { PDF } else { &media.mime };
                if kind(declared, &data) != PDF {
                    self.losses.cannot("messages.content.other")?;
                    return Ok(None);
                }
                source.string("type", "base64").string("media_type", PDF).string("data", &data)
            }
        };
        let mut out = Members::new();
        out.string("type", "document").raw("source", &source.finish());
        if let Some(name) = name {
            out.raw("title", &name);
        }
        cached(cache, &mut out);
        Ok(Some(out.finish()))
    }
}
