//! What is published of Messages.

pub(super) mod description;
