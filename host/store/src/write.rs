//! Writes. A mutation is one closure over a [`Tx`]; the store begins, locks the audit head of its scopes,
//! commits, and answers after the commit. Inside, only `tx` is awaited. Closures that wait together share a transaction
//! (`write/group.rs`); where they wait is in `write/sqlite.rs` (one queue) and `write/postgres.rs` (one per workspace).

pub(crate) mod actor;
pub(crate) mod context;
pub(crate) mod group;
pub(crate) mod postgres;
pub(crate) mod queued;
pub(crate) mod scope;
pub(crate) mod sqlite;
pub(crate) mod tx;

pub(crate) use actor::Cause;
pub(crate) use context::WriteContext;
pub(crate) use queued::{QueuedWrite, WriteRequest};

pub use actor::Actor;
pub use queued::Work;
pub use scope::{Scope, Scopes};
pub use tx::Tx;
