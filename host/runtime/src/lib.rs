//! The only crate that knows wasmtime: loads components, grants, limits and calls them, and keeps the snapshot of
//! configuration and instances that serves. No type of wasmtime leaves it.

mod allowances;
mod bindings;
mod bounds;
pub mod bundle;
mod cell;
mod choice;
pub mod compile;
mod compiler;
mod convert;
mod depot;
mod directory;
mod drain;
mod engine;
mod exchange;
mod fault;
mod grant;
mod guest;
mod imports;
mod inspect;
mod instance;
mod journal;
mod ledger;
mod limits;
mod load;
mod runtime;
mod said;
mod shape;
mod shelf;
mod slots;
pub mod swap;
mod verdicts;
mod wasi;
mod watchdog;
mod workers;

pub use allowances::Standings;
pub use compiler::{Pace, Program};
pub use directory::{Look, Looked};
pub use engine::Profile;
pub use exchange::Exchange;
pub use fault::{CallFault, Culprit, StartError};
pub use grant::Origin;
pub use instance::{Instance, InstanceSpec};
pub use limits::Limits;
pub use load::{Component, Exports, LoadError};
pub use runtime::{Options, Runtime, Stats};
pub use watchdog::Alarm;

pub(crate) use runtime::Shared;

#[cfg(test)]
mod tests;
