//! Newline-delimited JSON, cut out of whatever chunks arrive. Does not look into the lines.

#[cfg(test)]
mod tests;

use crate::canon::exchange::Frame;
use crate::sse::{FrameTooLong, without_mark};

/// Cuts a byte stream into lines; empty ones are left out.
#[derive(Debug)]
pub struct Lines {
    pending: Vec<u8>,
    scanned: usize,
    limit_bytes: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(crate::sse::MAX_FRAME_BYTES)
    }
}

impl Lines {
    pub const fn new(limit_bytes: usize) -> Self {
        Self { pending: Vec::new(), scanned: 0, limit_bytes }
    }

    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Frame>, FrameTooLong> {
        self.pending.extend_from_slice(chunk);
        let mut frames = Vec::new();
        let mut begin = 0;
        while let Some(hit) = self.pending.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let end = self.scanned + hit;
            let line = self.pending.get(begin..end).unwrap_or_default();
            self.within_limit(line.len())?;
            frames.extend(frame(line));
            begin = end + 1;
            self.scanned = begin;
        }
        self.pending.drain(..begin);
        self.scanned = self.pending.len();
        self.within_limit(self.pending.len())?;
        Ok(frames)
    }

    /// The last line, when it had no line end.
    pub fn finish(self) -> Vec<Frame> {
        frame(&self.pending).into_iter().collect()
    }

    const fn within_limit(&self, size_bytes: usize) -> Result<(), FrameTooLong> {
        if size_bytes > self.limit_bytes {
            return Err(FrameTooLong { limit_bytes: self.limit_bytes });
        }
        Ok(())
    }
}

fn frame(line: &[u8]) -> Option<Frame> {
    let line = without_mark(line).trim_ascii();
    (!line.is_empty()).then(|| Frame { name: None, data: String::from_utf8_lossy(line).into_owned() })
}
