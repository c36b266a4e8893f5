//! The verbs, over a real store.

mod access;
mod edits;
mod reads;
mod sessions;
