//! The only crate that knows SQL: one store over SQLite and Postgres. Reads are snapshots, writes are closures
//! that the store begins, audits and commits. It decides nothing: rules live in `brains_core`.
//!
//! Architecture invariant: SQL and database drivers stand here only, and no type of a driver leaves this crate.
//! Architecture invariant: a row changes through [`Store::write`], which audits it, or [`Store::touch`], which does not.
//! Architecture invariant: no rule of the product stands here, and the time that rows carry is the [`brains_core::Ambient`]'s.
//! Architecture invariant: modules point one way, from `store.rs`, which nothing here knows, to `engine.rs` and the rows below it.

mod audit;
mod batch_writer;
mod births;
mod bounds;
mod clock;
mod database_url;
mod duty;
mod engine;
mod error;
mod generation;
mod generation_watcher;
mod idempotency;
mod identity;
mod key_last_used;
mod list;
mod migrate;
mod notifier;
mod open;
mod options;
mod plane;
mod readers;
mod responses;
mod round_trips;
mod rows;
mod server;
mod spending;
mod sqlite_file;
mod store;
mod text;
mod trace_queue;
mod usage_ledger;
mod warm_places;
mod write;

pub use audit::{SealedHead, StoredEvent, Verification, VerifyFrom};
pub use clock::DatabaseClock;
pub use error::StoreError;
pub use generation::Generation;
pub use idempotency::{IdempotencyClaim, IdempotencyKey, KEPT_MS};
pub use key_last_used::KeyLastUsed;
pub use list::event::EventFilter;
pub use list::task::{ReadyFilter, ReadyTask, SeenBy, TaskFilter};
pub use list::trace::TraceFilter;
pub use list::usage::UsageFilter;
pub use notifier::{CommitListener, LOOK_EVERY};
pub use options::{ResponseOptions, StoreOptions, TraceOptions};
pub use plane::component::ComponentChange;
pub use plane::key::StoredCredential;
pub use plane::mail::mailbox;
pub use plane::session::{Holdings, Presence, SessionFilter, SessionStart};
pub use plane::task::{NewTask, TaskCount, TaskPlace};
pub use plane::trace::Retention;
pub use plane::workspace::{SessionContext, SessionSelector, TaskContext, WorkspaceContext};
pub use responses::{
    ResponseCounts, ResponseOwner, ResponseRetention, Responses, StoredConversation, StoredResponse,
};
pub use rows::{ReadSnapshot, Rows};
pub use spending::{SpendingAnswer, SpendingAsk, SpendingBook};
pub use store::{Scan, Store};
pub use trace_queue::{TraceCounts, TraceQueue};
pub use usage_ledger::{UsageLedger, UsageLedgerCounts, UsageSlot};
pub use warm_places::{SharedPlaces, SharedPlacesCounts};
pub use write::{Actor, Scope, Scopes, Tx, Work};

#[cfg(test)]
mod tests;
