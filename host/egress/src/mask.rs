//! Masks the secrets of an instance in a stream of bytes. An upstream that repeats a credential would otherwise hand it to
//! the component, and through an error's text to clients and logs.

use std::sync::Arc;

use brains_core::SecretSet;
use brains_core::redact::COVER;
use bytes::{Bytes, BytesMut};

/// More than any spelling of a secret takes; what is held back beyond it is covered.
const HELD_BYTES: usize = 64 << 10;

/// The secrets, and the end of the last piece when it may be the beginning of one.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    secrets: Arc<SecretSet>,
    held: Bytes,
    /// So many of the bytes that are held belong to a secret that was covered already.
    covered: usize,
}

impl Mask {
    pub(crate) fn new(secrets: Arc<SecretSet>) -> Self {
        Self { secrets, ..Self::default() }
    }

    pub(crate) fn secrets(&self) -> &SecretSet {
        &self.secrets
    }

    /// What of the stream may go on, now that `chunk` has come. An untouched piece is passed as it is.
    pub(crate) fn pass(&mut self, chunk: Bytes) -> Bytes {
        if self.secrets.is_empty() {
            return chunk;
        }
        let bytes = if self.held.is_empty() {
            chunk
        } else {
            let held = std::mem::take(&mut self.held);
            let mut joined = BytesMut::with_capacity(held.len() + chunk.len());
            joined.extend_from_slice(&held);
            joined.extend_from_slice(&chunk);
            joined.freeze()
        };
        let sight = self.secrets.look(&bytes);
        if bytes.len() - sight.open > HELD_BYTES {
            self.covered = 0;
            return Bytes::from_static(COVER.as_bytes());
        }
        self.emit(bytes, &sight.spans, sight.open)
    }

    /// What is still held when the stream ends: it was no secret.
    pub(crate) fn finish(&mut self) -> Bytes {
        let bytes = std::mem::take(&mut self.held);
        let sight = self.secrets.look(&bytes);
        let end = bytes.len();
        self.emit(bytes, &sight.spans, end)
    }

    /// The bytes up to `open` without what stands in `spans`; the others are held.
    fn emit(&mut self, mut bytes: Bytes, spans: &[std::ops::Range<usize>], open: usize) -> Bytes {
        let mut done = std::mem::take(&mut self.covered);
        let mut out = BytesMut::new();
        let mut touched = done > 0;
        for span in spans {
            if span.start >= open.max(done) {
                break;
            }
            touched = true;
            if span.start >= done {
                out.extend_from_slice(bytes.get(done..span.start).unwrap_or_default());
                out.extend_from_slice(COVER.as_bytes());
            }
            done = done.max(span.end);
        }
        self.held = bytes.split_off(open);
        self.covered = done.saturating_sub(open);
        if !touched {
            return bytes;
        }
        out.extend_from_slice(bytes.get(done..).unwrap_or_default());
        out.freeze()
    }
}

#[cfg(test)]
mod tests;
