//! The wire `openai-responses`: responses, one to one with what its clients and upstreams send.

pub mod client;
pub mod upstream;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "openai-responses";
