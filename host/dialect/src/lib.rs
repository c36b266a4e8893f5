//! The wires that models are spoken to on: how each is scanned, decoded and encoded. Shared by the host and
//! by components, so it does no I/O, reads no clock and depends on little.

pub mod canon;
pub mod chat;
pub mod envelope;
pub mod features;
pub mod invalid;
pub mod json;
pub mod ndjson;
pub mod sse;
