//! The wires that models are spoken to on: how each is scanned, decoded and encoded. Shared by the host and
//! by components, so it does no I/O, reads no clock and depends on little.

pub mod anthropic_messages;
pub mod blocks;
pub mod canon;
pub mod decoder;
pub mod envelope;
pub mod fault;
pub mod features;
pub mod ingress;
pub mod invalid;
pub mod json;
mod media;
pub mod ndjson;
pub mod ollama_chat;
pub mod openai_chat;
pub mod sanitise;
pub mod sse;
pub mod translation;
