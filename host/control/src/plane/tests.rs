//! The verbs, over a real store.

mod access;
mod costs;
mod edits;
mod locks;
mod orders;
mod prices;
mod reads;
mod sessions;
