//! What a client of this wire sends and gets: its request read and changed, its answer written, our errors.

pub mod answer;
pub mod error;
pub mod features;
pub mod request;
pub mod stream;
pub mod tee;

/// What is the same on every chunk of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `chatcmpl-…`
    pub id: String,
    /// Seconds since the epoch.
    pub created: i64,
    pub model: String,
}

/// A comment that clients ignore and that keeps the connection alive.
pub const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// The frame that ends a stream.
pub const DONE_FRAME: &str = "data: [DONE]\n\n";

/// What a stream that fails after its head ends with. `envelope` comes from [`error::render`].
pub fn error_frames(envelope: &str) -> String {
    format!("data: {envelope}\n\n{DONE_FRAME}")
}
