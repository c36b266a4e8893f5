//! The wire `ollama-chat`: lines of JSON, arguments as objects, calls without ids.

pub mod upstream;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "ollama-chat";
