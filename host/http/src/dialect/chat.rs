//! What is published of chat completions.

pub(super) mod description;
