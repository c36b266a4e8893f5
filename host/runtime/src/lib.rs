//! The only crate that knows wasmtime: loads components, grants, limits and calls them, and keeps the snapshot of
//! configuration and instances that serves. No type of wasmtime leaves it.

mod allowances;
mod bindings;
mod bounds;
pub mod bundle;
mod choice;
mod code_cache;
pub mod compile;
mod compiler;
mod convert;
mod depot;
mod directory;
mod drain;
mod engine;
mod exchange;
mod factor;
mod fault;
mod grant;
mod guest;
mod guest_log;
mod inspect;
mod instance;
mod ledger;
mod limits;
mod load;
mod output_redaction;
mod runtime;
mod shape;
mod slots;
pub mod swap;
mod verdicts;
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
