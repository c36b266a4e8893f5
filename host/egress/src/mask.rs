//! What an upstream sends back never shows the secrets that went to it. An upstream that repeats a credential would
//! otherwise hand it to the component, and through an error's text to clients and logs.

use std::borrow::Cow;
use std::fmt;

use brains_core::Secret;
use brains_core::redact::COVER;
use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// Shorter ones are told from ordinary text by nothing.
const SHORTEST: usize = 8;

/// The secrets of one exchange, in every form in which they were sent, and the end of the last piece when it may be
/// the beginning of one.
#[derive(Default)]
pub(crate) struct Mask {
    secrets: Vec<Secret>,
    /// One for each of them: a stream is looked through piece by piece.
    finders: Vec<memmem::Finder<'static>>,
    held: Bytes,
}

impl fmt::Debug for Mask {
    /// Without the secrets, which stand in what finds them too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Mask {
    /// Something that was filled in.
    pub(crate) fn add(&mut self, secret: Secret) {
        if secret.expose().len() >= SHORTEST && !self.secrets.contains(&secret) {
            self.finders.push(memmem::Finder::new(secret.expose()).into_owned());
            self.secrets.push(secret);
        }
    }

    /// The text without them.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                text = Cow::Owned(text.replace(secret.expose(), COVER));
            }
        }
        text
    }

    /// What of the stream may go on, now that `chunk` has come. An untouched piece is passed as it is.
    pub(crate) fn pass(&mut self, chunk: Bytes) -> Bytes {
        if self.secrets.is_empty() {
            return chunk;
        }
        let mut bytes = if self.held.is_empty() {
            chunk
        } else {
            let held = std::mem::take(&mut self.held);
            let mut joined = BytesMut::with_capacity(held.len() + chunk.len());
            joined.extend_from_slice(&held);
            joined.extend_from_slice(&chunk);
            joined.freeze()
        };
        let mut covered = BytesMut::new();
        while let Some((at, length)) = self.first(&bytes) {
            covered.extend_from_slice(&bytes.split_to(at));
            covered.extend_from_slice(COVER.as_bytes());
            drop(bytes.split_to(length));
        }
        self.held = bytes.split_off(bytes.len() - self.beginning(&bytes));
        if covered.is_empty() {
            return bytes;
        }
        covered.extend_from_slice(&bytes);
        covered.freeze()
    }

    /// What is still held when the stream ends: it was no secret.
    pub(crate) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held)
    }

    /// The first secret in `bytes`, the longest of those that begin together.
    fn first(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let found =
            self.finders.iter().filter_map(|finder| finder.find(bytes).map(|at| (at, finder.needle().len())));
        found.min_by_key(|(at, length)| (*at, usize::MAX - length))
    }

    /// How many bytes at the end may be the beginning of a secret.
    fn beginning(&self, bytes: &[u8]) -> usize {
        let of = |secret: &Secret| {
            let secret = secret.expose().as_bytes();
            (1..secret.len())
                .rev()
                .find(|length| secret.get(..*length).is_some_and(|head| bytes.ends_with(head)))
        };
        self.secrets.iter().filter_map(of).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
