//! The wire `ollama-chat`: lines of JSON, arguments as objects, calls without ids.

pub mod error;
pub mod request_encode;
pub mod upstream;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "ollama-chat";
