//! Canonical events as this wire's answers: one completion, or a stream of chunks (spec/gateway.md 16.1, 16.2).

mod chunks;
#[cfg(test)]
mod tests;
mod whole;

pub use chunks::Chunks;
pub use whole::completion;

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

/// What a stream that fails after its head ends with. `envelope` comes from [`super::error::render`].
pub fn error_frames(envelope: &str) -> String {
    format!("data: {envelope}\n\n{DONE_FRAME}")
}
