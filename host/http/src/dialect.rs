//! The wires that clients speak, one file each over one way to an answer. What a wire says is `dialect`'s, what a request
//! means the gateway's.

mod answer;
pub(crate) mod chat;
mod headers;
pub(crate) mod models;
