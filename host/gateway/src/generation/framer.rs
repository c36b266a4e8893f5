//! Cuts a body into the frames that a component's decoder takes.

use brains_dialect::canon::exchange::Frame;
use brains_dialect::{ndjson, sse};

/// What the pieces of a body are cut into.
#[derive(Debug)]
pub(super) enum Framer {
    Raw,
    Sse(sse::Frames),
    Ndjson(ndjson::Lines),
}

impl Framer {
    /// The frames that end in this piece; none when the component cuts for itself.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Option<Vec<Frame>>, sse::FrameTooLong> {
        match self {
            Self::Raw => Ok(None),
            Self::Sse(frames) => frames.push(chunk).map(Some),
            Self::Ndjson(lines) => lines.push(chunk).map(Some),
        }
    }

    pub(super) fn finish(&mut self) -> Vec<Frame> {
        match std::mem::replace(self, Self::Raw) {
            Self::Raw => Vec::new(),
            Self::Sse(frames) => frames.finish(),
            Self::Ndjson(lines) => lines.finish(),
        }
    }
}
