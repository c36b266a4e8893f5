//! Images and documents, as this wire takes them: inline, each with the word for what it is.

use super::turns::ConverseReader;
use crate::canon::{Fault, Json, Media, MediaSource};
use crate::fault::unsupported;
use crate::json::{Members, Node, member, quote};
use crate::media::{base64, kind};

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html>, read on 2026-11-30.
const IMAGES: [(&str, &str); 4] =
    [("image/jpeg", "jpeg"), ("image/png", "png"), ("image/gif", "gif"), ("image/webp", "webp")];

/// Words for documents, each with its media type and the ends of such a file's name.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html>, read on 2026-11-30.
const DOCUMENTS: [(&str, &str, &[&str]); 9] = [
    ("application/pdf", "pdf", &["pdf"]),
    ("text/csv", "csv", &["csv"]),
    ("application/msword", "doc", &["doc"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", &["docx"]),
    ("application/vnd.ms-excel", "xls", &["xls"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", &["xlsx"]),
    ("text/html", "html", &["html", "htm"]),
    ("text/plain", "txt", &["txt", "log"]),
    ("text/markdown", "md", &["md", "markdown"]),
];

/// The longest name of a document.
const NAME_CHARACTERS: usize = 200;

/// A document as it goes out.
pub(super) struct Document {
    pub(super) json: Json,
    pub(super) is_pdf: bool,
}

/// The names of the documents so far: two of one name are refused.
#[derive(Debug, Default)]
pub(super) struct DocumentNames(Vec<String>);

impl DocumentNames {
    /// A name in the characters that the wire takes, which no other document has.
    fn name(&mut self, filename: &str) -> String {
        let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
        let plain = |character: char| character.is_ascii_alphanumeric() || "-()[]".contains(character);
        let text: String =
            stem.chars().map(|character| if plain(character) { character } else { ' ' }).collect();
        let words: Vec<&str> = text.split_whitespace().collect();
        let base: String = words.join(" ").chars().take(NAME_CHARACTERS - 5).collect();
        let base = if base.trim().is_empty() { "document".to_owned() } else { base.trim_end().to_owned() };
        let mut name = base.clone();
        let mut count = 1;
        while self.0.contains(&name) {
            count += 1;
            name = format!("{base} {count}");
        }
        self.0.push(name.clone());
        name
    }
}

impl ConverseReader<'_> {
    pub(super) fn image(&mut self, media: &Media) -> Result<Json, Fault> {
        if media.detail.is_some() {
            self.losses.cannot("messages.content.image_url.detail")?;
        }
        self.leftovers("messages.content.image_url", media.extra.as_deref())?;
        let Some(data) = base64(&media.source) else {
            return Err(unsupported(
                "messages.content.image_url.remote",
                "images must be inline, as a `data:` URL in base64",
            ));
        };
        let kind = kind(&media.mime, &data);
        let Some((_, format)) = IMAGES.iter().find(|(known, _)| *known == kind) else {
            // A PDF that came as a picture is one all the same.
            if kind == crate::media::PDF {
                return Ok(self.document(media)?.json);
            }
            let why = format!("images are JPEG, PNG, GIF or WebP, not `{kind}`");
            return Err(unsupported("messages.content.image_url", &why));
        };
        Ok(format!(r#"{{"image":{{"format":"{format}","source":{{"bytes":{}}}}}}}"#, quote(&data)))
    }

    pub(super) fn document(&mut self, media: &Media) -> Result<Document, Fault> {
        let refused = |why: &str| Err(unsupported("messages.content.file", why));
        if !self.options.documents {
            return refused("it reads no documents");
        }
        let data = match (&media.source, base64(&media.source)) {
            (_, Some(data)) => data,
            (MediaSource::Url(_), None) => {
                return Err(unsupported("messages.content.file.remote", "documents must be inline"));
            }
            (_, None) => return refused("files are sent inline, not by an id"),
        };
        let filename = member(media.extra.as_deref(), "filename");
        let filename = filename.and_then(|name| Some(Node::root(&name).string().ok()?.into_owned()));
        let filename = filename.unwrap_or_default();
        let end = filename.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
        let kind = kind(&media.mime, &data);
        let named = || DOCUMENTS.iter().find(|(_, _, ends)| ends.contains(&end.as_str()));
        let found = DOCUMENTS.iter().find(|(known, ..)| *known == kind);
        // Clients do not always say what a file is, and call what is text in one way or another just that.
        let found = match found {
            Some((_, "txt", _)) => named().or(found),
            Some(_) => found,
            None => named(),
        };
        let Some((_, format, _)) = found else {
            return refused("documents are PDF, Word, Excel, CSV, HTML, Markdown or plain text");
        };
        let mut out = Members::new();
        out.string("format", format).string("name", &self.names.name(&filename));
        out.raw("source", &format!(r#"{{"bytes":{}}}"#, quote(&data)));
        Ok(Document { json: format!(r#"{{"document":{}}}"#, out.finish()), is_pdf: *format == "pdf" })
    }
}

#[cfg(test)]
mod tests {
    use super::{DocumentNames, NAME_CHARACTERS};

    /// vercel/ai#20365, anomalyco/opencode#37191, aws-samples/generative-ai-use-cases#1671, strands-agents/harness-sdk#3019.
    #[test]
    fn documents_have_names_that_are_taken() {
        let mut names = DocumentNames::default();
        for (filename, name) in [
            ("report.pdf", "report"),
            ("report.txt", "report 2"),
            ("John's  report #3, final.pdf", "John s report 3 final"),
            ("slack-file://F0XX", "slack-file F0XX"),
            ("分기\u{3000}보고서.pdf", "document"),
            ("", "document 2"),
            (".pdf", "document 3"),
            ("a_b (1)[2]-c.md", "a b (1)[2]-c"),
        ] {
            assert_eq!(names.name(filename), name, "{filename}");
        }
        let long = names.name(&"x".repeat(999));
        assert!(names.name(&"x".repeat(999)).len() <= NAME_CHARACTERS && long.len() <= NAME_CHARACTERS);
    }
}
