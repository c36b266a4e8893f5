//! The wires that models are spoken to on: how each is scanned, decoded and encoded. Shared by the host and
//! by components, so it does no I/O, reads no clock and depends on little.
//!
//! Architecture invariant: no I/O, no clock, no randomness and no async: bytes and values go in and come out.
//! Architecture invariant: nothing here knows another crate of the product, for it is compiled into components.
//! Architecture invariant: what a client's wire must say stands in [`ingress`]; a wire's `client` is reached through it
//! alone (but for the words of `error.type`, which operations borrow), and no wire knows another.
//! Architecture invariant: no encoder leaves a member out in silence: the table of [`translation`] says what becomes of it.

pub mod anthropic_messages;
pub mod bedrock_converse;
pub mod blocks;
mod calls;
pub mod canon;
pub mod continuing;
pub mod decoder;
mod effort;
pub mod embeddings;
pub mod envelope;
pub mod event_stream;
pub mod fault;
pub mod features;
mod finish;
pub mod forwarded;
pub mod gemini_generate;
pub mod ingress;
pub mod invalid;
pub mod json;
mod media;
pub mod ndjson;
pub mod ollama_chat;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_responses;
pub mod refusal;
pub mod refused_member;
pub mod said;
pub mod sanitise;
mod schema;
pub mod sse;
pub mod translation;
pub mod turn;
