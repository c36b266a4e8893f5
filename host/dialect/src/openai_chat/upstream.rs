//! What an upstream of this wire is sent and answers.

pub mod decode;
pub mod embeddings;
pub mod encode;
pub mod prefill;
pub mod relayed;
mod strict;
