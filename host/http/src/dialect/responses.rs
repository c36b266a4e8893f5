//! What is published of Responses.

pub(super) mod description;
