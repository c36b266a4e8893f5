//! Pictures, sounds and documents: inline, or by an address that the vendor fetches
//! (<https://ai.google.dev/gemini-api/docs/file-input-methods>, read on 2026-11-30).

use crate::canon::{Fault, Media, MediaSource};
use crate::fault::unsupported;
use crate::json::Members;
use crate::media::{base64, is_document};
use crate::translation::Losses;

/// Kinds by the end of an address, for those whose kind nobody said.
const KINDS: [(&str, &str); 8] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".webp", "image/webp"),
    (".heic", "image/heic"),
    (".heif", "image/heif"),
    (".pdf", crate::media::PDF),
    (".txt", "text/plain"),
];

pub(super) struct MediaWriter<'l> {
    pub(super) losses: &'l mut Losses,
}

impl MediaWriter<'_> {
    pub(super) fn image(&mut self, media: &Media) -> Result<String, Fault> {
        if media.detail.is_some() {
            self.losses.cannot("messages.content.image_url.detail")?;
        }
        self.part(media, "messages.content.image_url")
    }

    pub(super) fn sound(&mut self, media: &Media) -> Result<String, Fault> {
        self.part(media, "messages.content.input_audio")
    }

    pub(super) fn file(&mut self, media: &Media) -> Result<String, Fault> {
        self.part(media, "messages.content.file")
    }

    pub(super) fn in_result(&mut self, media: &Media) -> Result<String, Fault> {
        if is_document(media) { self.file(media) } else { self.image(media) }
    }

    fn part(&mut self, media: &Media, member: &str) -> Result<String, Fault> {
        self.losses.leftovers(member, media.extra.as_deref(), &["filename"])?;
        let (mut inner, mut out) = (Members::new(), Members::new());
        if let Some(data) = base64(&media.source) {
            inner.string("mimeType", &media.mime).string("data", &data);
            out.raw("inlineData", &inner.finish());
            return Ok(out.finish());
        }
        match &media.source {
            MediaSource::FileId(id) if !id.starts_with("https://") => {
                let why =
                    "a file's id is good for the vendor that gave it; send the file inline, or by an address";
                return Err(unsupported(member, why));
            }
            MediaSource::Url(url) | MediaSource::FileId(url) => {
                let kind = Some(media.mime.as_str()).filter(|kind| !kind.is_empty()).or_else(|| kind(url));
                inner.maybe_string("mimeType", kind).string("fileUri", url);
            }
            MediaSource::Base64(_) | MediaSource::Bytes(_) => {}
        }
        out.raw("fileData", &inner.finish());
        Ok(out.finish())
    }
}

fn kind(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url).to_ascii_lowercase();
    KINDS.iter().find(|(end, _)| path.ends_with(end)).map(|(_, kind)| *kind)
}
