//! The only crate that knows SQL: one store over SQLite and Postgres. Reads are snapshots, writes are closures
//! that the store begins, audits and commits. It decides nothing: rules live in `brains_core`.

mod audit;
mod bounds;
mod changes;
mod drain;
mod duty;
mod error;
mod idempotency;
mod identity;
mod ledger;
mod list;
mod migrate;
mod notices;
mod open;
mod plane;
mod readers;
mod rows;
mod server;
mod sink;
mod store;
mod text;
mod uses;
mod write;

pub use audit::{Checked, Event, SealedHead, Verification};
pub use changes::Generation;
pub use error::StoreError;
pub use idempotency::{Begun, KEPT_MS, KeptUnder};
pub use ledger::{Ledger, LedgerCounts, Place};
pub use list::event::EventFilter;
pub use list::task::{ReadyFilter, TaskFilter};
pub use list::trace::TraceFilter;
pub use list::usage::UsageFilter;
pub use notices::{LOOK_EVERY, Listener};
pub use plane::component::ComponentChange;
pub use plane::key::Credential;
pub use plane::mail::mailbox;
pub use plane::session::{Holdings, Presence, SessionFilter, SessionStart};
pub use plane::task::{NewTask, TaskCount, TaskPlace};
pub use plane::trace::Retention;
pub use plane::workspace::{Called, Entering, Standing, StandingOfTask};
pub use rows::{Rows, Snapshot};
pub use sink::{TraceCounts, TraceOptions, TraceSink};
pub use store::{Options, Scan, Store};
pub use uses::KeyUses;
pub use write::{Actor, Scope, Scopes, Tx, Work};

#[cfg(test)]
mod tests;
