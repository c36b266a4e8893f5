//! Server-sent events, cut out of whatever chunks arrive: as raw byte ranges for the lane that forwards
//! them untouched ([`RawFrames`]), or parsed ([`Frames`]). Follows the WHATWG parsing rules.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use crate::canon::exchange::Frame;

/// A single frame may be this large unless said otherwise.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of the stream is larger than {limit_bytes} bytes")]
pub struct FrameTooLong {
    pub limit_bytes: usize,
}

/// Cuts a byte stream into whole frames and keeps every byte.
#[derive(Debug)]
pub struct RawFrames {
    pending: Vec<u8>,
    /// Where the current line begins.
    line: usize,
    /// How far line ends have been looked for.
    scanned: usize,
    /// The last byte was a CR that ended a line: a LF that follows belongs to it.
    after_cr: bool,
    limit_bytes: usize,
    started: bool,
}

/// Frames that are complete. The ranges cover `bytes` without a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub bytes: Vec<u8>,
    pub frames: Vec<Range<usize>>,
}

impl Batch {
    /// Each frame's bytes with what they say.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], SseMessage<'_>)> {
        self.frames.iter().map(|range| {
            let bytes = self.bytes.get(range.clone()).unwrap_or_default();
            (bytes, SseMessage::parse(bytes))
        })
    }

    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

impl Default for RawFrames {
    fn default() -> Self {
        Self::new(MAX_FRAME_BYTES)
    }
}

impl RawFrames {
    pub const fn new(limit_bytes: usize) -> Self {
        Self { pending: Vec::new(), line: 0, scanned: 0, after_cr: false, limit_bytes, started: false }
    }

    /// Adds a chunk and gives the frames that it completes. A frame that ends in a CR at the end of a chunk
    /// is given at once; the LF that may follow opens the next frame's bytes.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Batch, FrameTooLong> {
        if chunk.is_empty() {
            return Ok(Batch::default());
        }
        self.pending.extend_from_slice(chunk);
        if std::mem::take(&mut self.after_cr) && self.pending.get(self.scanned) == Some(&b'\n') {
            self.line += 1;
            self.scanned += 1;
        }
        let mut frames = Vec::new();
        let mut begin = 0;
        while let Some(rest) = self.pending.get(self.scanned..) {
            let Some(hit) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.scanned = self.pending.len();
                break;
            };
            let end = self.scanned + hit;
            let mut next = end + 1;
            if rest.get(hit) == Some(&b'\r') {
                match rest.get(hit + 1) {
                    Some(b'\n') => next += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            let line = self.pending.get(self.line..end).unwrap_or_default();
            let blank = line.is_empty() || (!self.started && line == BOM);
            self.started = true;
            self.line = next;
            self.scanned = next;
            if blank {
                self.within_limit(next - begin)?;
                frames.push(begin..next);
                begin = next;
            }
        }
        self.within_limit(self.pending.len() - begin)?;
        let rest = self.pending.split_off(begin);
        self.line -= begin;
        self.scanned -= begin;
        Ok(Batch { bytes: std::mem::replace(&mut self.pending, rest), frames })
    }

    /// What is left when the stream ends: at most one frame whose blank line never came. Readers that hold
    /// to the rules ignore it; `[DONE]` without its blank line is common enough to be read.
    pub fn finish(self) -> Option<Batch> {
        if self.pending.is_empty() {
            return None;
        }
        let whole = 0..self.pending.len();
        Some(Batch { bytes: self.pending, frames: vec![whole] })
    }

    const fn within_limit(&self, size_bytes: usize) -> Result<(), FrameTooLong> {
        if size_bytes > self.limit_bytes {
            return Err(FrameTooLong { limit_bytes: self.limit_bytes });
        }
        Ok(())
    }
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Bytes without the byte order mark in front, which readers of JSON and many of events do not bear.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// What a frame says. Fields that did not occur are `None`; a frame of comments only has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseMessage<'a> {
    pub event: Option<Cow<'a, str>>,
    pub data: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    pub retry_ms: Option<u64>,
}

impl<'a> SseMessage<'a> {
    /// Reads one frame's lines. Bytes that are not UTF-8 become U+FFFD.
    pub fn parse(frame: &'a [u8]) -> Self {
        let mut message = Self::default();
        let mut rest = without_mark(frame);
        while !rest.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            rest = after.get(1..).unwrap_or_default();
            message.line(line);
        }
        message
    }

    fn line(&mut self, line: &'a [u8]) {
        let colon = memchr::memchr(b':', line);
        let (name, value) = match colon.and_then(|at| line.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => (line, &[][..]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match name {
            b"data" => match &mut self.data {
                Some(data) => {
                    let data = data.to_mut();
                    data.push('\n');
                    data.push_str(&value);
                }
                none => *none = Some(value),
            },
            b"event" => self.event = Some(value),
            b"id" if !value.contains('\0') => self.id = Some(value),
            b"retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry_ms = value.parse().ok();
            }
            // A comment, a blank line, or a field that nobody defined.
            _ => {}
        }
    }
}

/// Cuts a byte stream into parsed frames; those without data are left out.
#[derive(Debug, Default)]
pub struct Frames(RawFrames);

impl Frames {
    pub const fn new(limit_bytes: usize) -> Self {
        Self(RawFrames::new(limit_bytes))
    }

    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Frame>, FrameTooLong> {
        self.0.push(chunk).map(|batch| parsed(&batch))
    }

    /// The frame whose blank line never came, if it has data.
    pub fn finish(self) -> Vec<Frame> {
        self.0.finish().map(|batch| parsed(&batch)).unwrap_or_default()
    }
}

fn parsed(batch: &Batch) -> Vec<Frame> {
    let frame = |message: SseMessage<'_>| {
        let name = message.event.map(Cow::into_owned);
        message.data.map(|data| Frame { name, data: data.into_owned() })
    };
    batch.iter().filter_map(|(_, message)| frame(message)).collect()
}
