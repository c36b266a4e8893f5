//! What an upstream of this wire is sent and answers.

pub mod decode;
pub mod encode;
pub mod refusal;
