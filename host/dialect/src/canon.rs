//! The one canonical form between wires. Mirrors `wit/brains-plugin.wit` one to one: same names, same shapes,
//! so that the host's and the guests' conversions are moves.

pub mod auth;
pub mod catalogue;
pub mod chat;
pub mod embeddings;
pub mod exchange;
mod lift;
pub mod relay;
pub mod task;

pub use chat::*;
