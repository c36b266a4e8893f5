//! Event streams of AWS, cut out of whatever chunks arrive: messages of a prelude, typed headers, a payload and two checksums.
//! Does not look into the payloads. <https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html> and
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>, read on 2026-11-30.

#[cfg(test)]
mod tests;

use crate::sse::MAX_FRAME_BYTES;

/// Total length, length of the headers, and the checksum of the two.
const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
/// The most that a message's headers may have.
const MAX_HEADER_BYTES: usize = 128 << 10;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMessage {
    /// Names and values, as far as those are texts: the others mean nothing here.
    headers: Vec<(String, String)>,
    pub payload: Vec<u8>,
}

impl EventMessage {
    /// A header that is a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why a stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    #[error("the upstream's event stream has a message of an impossible length")]
    Length,
    #[error("the upstream's event stream has a message that is larger than {} MiB", MAX_FRAME_BYTES >> 20)]
    TooLong,
    #[error("the upstream's event stream has a message whose checksum is wrong")]
    Checksum,
    #[error("the upstream's event stream has a message whose headers cannot be read")]
    Headers,
}

/// Cuts a byte stream into messages.
#[derive(Debug, Default)]
pub struct EventMessages {
    pending: Vec<u8>,
}

impl EventMessages {
    /// Every message that the chunk completes, and what was wrong behind them: then nothing more can be read.
    pub fn push(&mut self, chunk: &[u8]) -> (Vec<EventMessage>, Option<BadMessage>) {
        self.pending.extend_from_slice(chunk);
        let (mut messages, mut at, mut wrong) = (Vec::new(), 0, None);
        loop {
            match message(self.pending.get(at..).unwrap_or_default()) {
                Ok(Some((message, bytes))) => {
                    messages.push(message);
                    at += bytes;
                }
                Ok(None) => break,
                Err(bad) => {
                    wrong = Some(bad);
                    break;
                }
            }
        }
        self.pending.drain(..at);
        (messages, wrong)
    }

    /// Whether nothing of a message waits for its rest.
    pub const fn is_between_messages(&self) -> bool {
        self.pending.is_empty()
    }
}

/// The message that the bytes begin with, and how many of them it has; `None` while it is not whole.
fn message(bytes: &[u8]) -> Result<Option<(EventMessage, usize)>, BadMessage> {
    let Some(prelude) = bytes.get(..PRELUDE_BYTES) else { return Ok(None) };
    let total = number(prelude, 0);
    let headers = number(prelude, 4);
    // Looked at before anything is waited for: what is no message says any length.
    if total > MAX_FRAME_BYTES {
        return Err(BadMessage::TooLong);
    }
    if crc32(prelude.get(..8).unwrap_or_default()) != checksum(prelude, 8) {
        return Err(BadMessage::Checksum);
    }
    let payload_at = PRELUDE_BYTES.saturating_add(headers);
    if headers > MAX_HEADER_BYTES || payload_at.saturating_add(CHECKSUM_BYTES) > total {
        return Err(BadMessage::Length);
    }
    let Some(whole) = bytes.get(..total) else { return Ok(None) };
    let (body, end) = whole.split_at(total - CHECKSUM_BYTES);
    if crc32(body) != checksum(end, 0) {
        return Err(BadMessage::Checksum);
    }
    let headers = headers_of(body.get(PRELUDE_BYTES..payload_at).unwrap_or_default())?;
    let payload = body.get(payload_at..).unwrap_or_default().to_vec();
    Ok(Some((EventMessage { headers, payload }, total)))
}

fn checksum(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_be_bytes).unwrap_or_default()
}

fn number(bytes: &[u8], at: usize) -> usize {
    usize::try_from(checksum(bytes, at)).unwrap_or(usize::MAX)
}

/// Headers one behind the other: length of the name, name, type, value.
fn headers_of(mut bytes: &[u8]) -> Result<Vec<(String, String)>, BadMessage> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let name_bytes = usize::from(*taken(&mut bytes, 1)?.first().unwrap_or(&0));
        let name = taken(&mut bytes, name_bytes)?;
        let kind = *taken(&mut bytes, 1)?.first().unwrap_or(&0);
        let value_bytes = match kind {
            // True and false.
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            // A number, and a time.
            5 | 8 => 8,
            // Bytes, and a text.
            6 | 7 => {
                let length = taken(&mut bytes, 2)?;
                usize::from(u16::from_be_bytes(length.try_into().map_err(|_| BadMessage::Headers)?))
            }
            // A UUID.
            9 => 16,
            _ => return Err(BadMessage::Headers),
        };
        let value = taken(&mut bytes, value_bytes)?;
        if kind == 7 {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| BadMessage::Headers);
            headers.push((text(name)?, text(value)?));
        }
    }
    Ok(headers)
}

fn taken<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], BadMessage> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(BadMessage::Headers)?;
    *bytes = rest;
    Ok(taken)
}

/// CRC-32 of ISO 3309, as in gzip.
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at: u32 = 0;
    while at < 256 {
        let mut value = at;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "fewer than 256")]
        {
            table[at as usize] = value;
        }
        at += 1;
    }
    table
}

fn crc32(bytes: &[u8]) -> u32 {
    let rest = bytes.iter().fold(u32::MAX, |rest, byte| {
        let [low, ..] = rest.to_le_bytes();
        (rest >> 8) ^ TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default()
    });
    !rest
}
