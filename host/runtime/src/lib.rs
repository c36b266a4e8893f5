//! The only crate that knows wasmtime: loads components, grants, limits and calls them, and keeps the snapshot of
//! configuration and instances that serves. No type of wasmtime leaves it.

mod bindings;
mod bounds;
pub mod bundle;
mod cell;
mod convert;
mod engine;
mod exchange;
mod fault;
mod grant;
mod guest;
mod imports;
mod inspect;
mod instance;
mod limits;
mod load;
mod runtime;
pub mod swap;
mod wasi;

pub use engine::Profile;
pub use exchange::Exchange;
pub use fault::{CallFault, StartError};
pub use grant::Origin;
pub use instance::{Instance, InstanceSpec};
pub use limits::Limits;
pub use load::{Component, Exports, LoadError};
pub use runtime::{Options, Runtime, Stats};

pub(crate) use runtime::Shared;

#[cfg(test)]
mod tests;
