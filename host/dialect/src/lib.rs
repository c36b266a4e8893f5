//! The wires that models are spoken to on: how each is scanned, decoded and encoded. Shared by the host and
//! by components, so it does no I/O, reads no clock and depends on little.

mod blocks;
pub mod canon;
pub mod chat;
pub mod envelope;
pub mod fault;
pub mod features;
pub mod invalid;
pub mod json;
pub mod messages;
pub mod ndjson;
pub mod ollama;
pub mod sse;
pub mod translation;
