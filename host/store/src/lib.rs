//! The only crate that knows SQL: one store over SQLite and Postgres. Reads are snapshots, writes are closures
//! that the store begins, audits and commits. It decides nothing: rules live in `brains_core`.

mod audit;
mod changes;
mod error;
mod ledger;
mod list;
mod migrate;
mod plane;
mod rows;
mod sink;
mod store;
mod text;
mod uses;
mod write;

pub use audit::{Break, Entry, Event, Reason, Verification};
pub use changes::Generation;
pub use error::StoreError;
pub use ledger::{Ledger, LedgerCounts, Place};
pub use list::{TraceFilter, UsageFilter};
pub use plane::component::ComponentChange;
pub use plane::key::Credential;
pub use plane::trace::Retention;
pub use rows::{Rows, Snapshot};
pub use sink::{TraceCounts, TraceOptions, TraceSink};
pub use store::{Options, Store};
pub use uses::KeyUses;
pub use write::{Actor, Scope, Scopes, Tx, Work};

#[cfg(test)]
mod tests;
