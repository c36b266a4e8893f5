//! Media as wires carry them inline: in base64, and what kind each is. One reading of `data:` URLs for every wire: clients
//! spell them in many ways, vendors take one.

#[cfg(test)]
mod tests;

use crate::canon::{Media, MediaSource};

/// What is wrong with a URL that carries its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnreadableMedia {
    #[error("a `data:` URL must be in base64, as in `data:image/png;base64,…`")]
    NotBase64,
    #[error("the data is not base64")]
    BadData,
    #[error("the data is empty")]
    Empty,
}

/// Other names that are in use for a kind.
const ALIASES: [(&str, &str); 8] = [
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/jfif", "image/jpeg"),
    ("image/x-png", "image/png"),
    ("image/x-citrix-png", "image/png"),
    ("image/x-webp", "image/webp"),
    ("application/x-pdf", PDF),
    ("text/pdf", PDF),
];

pub(crate) const PDF: &str = "application/pdf";

/// How data of a kind begins, from its offset.
const MAGIC: [(usize, &[u8], &str); 12] = [
    (0, b"\x89PNG\r\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF", PDF),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (0, b"<svg", "image/svg+xml"),
];

/// A URL as a kind and a source: one that carries its data is taken apart, any other stays one, of a kind that nobody said.
pub(crate) fn from_url(url: &str) -> Result<(String, MediaSource), UnreadableMedia> {
    let url = url.trim();
    let Some(rest) = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).and(url.get(5..))
    else {
        return Ok((String::new(), MediaSource::Url(url.to_owned())));
    };
    let (head, data) = rest.split_once(',').ok_or(UnreadableMedia::NotBase64)?;
    let mut parameters = head.split(';').map(str::trim);
    let declared = parameters.next().unwrap_or_default();
    if !parameters.any(|parameter| parameter.eq_ignore_ascii_case("base64")) {
        return Err(UnreadableMedia::NotBase64);
    }
    let data = clean(data)?;
    Ok((kind(declared, &data), MediaSource::Base64(data)))
}

/// What the data is: as it begins, else as was said, in the one spelling of it.
pub(crate) fn kind(declared: &str, base64: &str) -> String {
    sniffed(base64).map_or_else(|| canonical(declared), str::to_owned)
}

/// A media type in the one spelling of it: without parameters, in small letters, by its usual name.
fn canonical(declared: &str) -> String {
    let bare = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let usual = ALIASES.iter().find(|(alias, _)| *alias == bare);
    usual.map_or(bare, |(_, usual)| (*usual).to_owned())
}

/// What the data begins like.
fn sniffed(base64: &str) -> Option<&'static str> {
    let begin = decode_begin(base64);
    let found =
        MAGIC.iter().find(|(offset, magic, _)| begin.get(*offset..).is_some_and(|it| it.starts_with(magic)));
    found.map(|(_, _, kind)| *kind)
}

/// The first bytes, as far as whole groups of characters give them.
fn decode_begin(base64: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(18);
    for group in base64.as_bytes().chunks_exact(4).take(6) {
        let mut bits = 0_u32;
        let mut known = 0_usize;
        for &character in group {
            let Some(value) = digit(character) else { break };
            bits = bits << 6 | value;
            known += 1;
        }
        bits <<= 6 * (4 - known);
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(..(known * 6) / 8).unwrap_or_default());
        if known < 4 {
            break;
        }
    }
    out
}

fn digit(character: u8) -> Option<u32> {
    Some(u32::from(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Base64 in the standard alphabet without space in it.
fn clean(data: &str) -> Result<String, UnreadableMedia> {
    let mut out = String::with_capacity(data.len());
    let mut bytes = data.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            _ if byte.is_ascii_whitespace() => {}
            b'-' => out.push('+'),
            b'_' => out.push('/'),
            // As URLs write what means something to them.
            b'%' => {
                let escaped = [bytes.next(), bytes.next()];
                let text = escaped.iter().flatten().map(|&byte| char::from(byte)).collect::<String>();
                match u8::from_str_radix(&text, 16) {
                    Ok(byte) if byte.is_ascii_whitespace() => {}
                    Ok(byte) if digit(byte).is_some() || byte == b'=' => out.push(char::from(byte)),
                    Ok(_) | Err(_) => return Err(UnreadableMedia::BadData),
                }
            }
            _ if digit(byte).is_some() || byte == b'=' => out.push(char::from(byte)),
            _ => return Err(UnreadableMedia::BadData),
        }
    }
    let bare = out.trim_end_matches('=').len();
    if bare == 0 {
        return Err(UnreadableMedia::Empty);
    }
    if bare % 4 == 1 || out.as_bytes().iter().take(bare).any(|&byte| byte == b'=') {
        return Err(UnreadableMedia::BadData);
    }
    // Vendors want it padded, and not every client does.
    out.truncate(bare);
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    Ok(out)
}

/// Whether it is no picture. Where nothing but a URL is known, pictures are what is meant.
pub(crate) fn is_document(media: &Media) -> bool {
    match media.source {
        MediaSource::Base64(_) | MediaSource::Bytes(_) => !media.mime.starts_with("image/"),
        MediaSource::FileId(_) => true,
        MediaSource::Url(_) => !media.mime.is_empty() && !media.mime.starts_with("image/"),
    }
}

/// The data, when it is there; a URL and a file's id are not inline.
pub(crate) fn base64(source: &MediaSource) -> Option<String> {
    match source {
        MediaSource::Base64(data) => Some(data.clone()),
        MediaSource::Bytes(bytes) => Some(encode_base64(bytes)),
        MediaSource::Url(_) | MediaSource::FileId(_) => None,
    }
}

/// Standard alphabet, padded.
fn encode_base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > group.len() {
                out.push('=');
                continue;
            }
            let index = (bits >> (18 - 6 * place)) & 63;
            let digit = usize::try_from(index).ok().and_then(|index| ALPHABET.get(index));
            out.push(char::from(*digit.unwrap_or(&b'=')));
        }
    }
    out
}
