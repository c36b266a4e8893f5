//! Media as wires carry them inline: in base64.

use crate::canon::MediaSource;

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
