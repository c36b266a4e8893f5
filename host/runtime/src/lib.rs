//! Components: loads, grants, limits and calls them, and keeps the active set of configuration and instances.
//!
//! Architecture invariant: this is the only crate that knows wasmtime; no type of it leaves.
//! Architecture invariant: a component is handed values and answers with values. All that it can reach is a factor
//! (`factor/`), which answers from memory; no call waits for anything.
//! Architecture invariant: time, memory, output and handles of every call are bounded. What goes wrong costs that call.
//! Architecture invariant: nothing here performs an exchange, and nothing here knows the store, egress or a surface.

mod allowances;
mod bounds;
mod code_cache;
pub mod component;
mod context;
mod convert;
mod engine;
mod exchange;
mod factor;
mod fault;
mod grant;
mod guest;
mod guest_log;
mod instance;
mod limits;
mod load;
mod output_redaction;
mod placement;
mod runtime;
mod sign_in;
mod slots;
mod watchdog;
mod workers;
mod world;

pub(crate) use world::bindings;

pub use allowances::Standings;
pub use component::directory::{Look, Looked};
pub use component::{ActiveSet, Advice, ComponentPlaces, ComponentRegistry, Rollback, VersionEvent, bundle};
pub use engine::PoolProfile;
pub use exchange::Exchange;
pub use fault::{CallFault, Culprit, StartError};
pub use grant::GrantedOrigin;
pub use instance::{Instance, InstanceSpec};
pub use limits::CallLimits;
pub use load::compiler::{Pace, Program};
pub use load::{Component, Exports, LoadError, compile};
pub use runtime::{Runtime, RuntimeOptions, Stats};
pub use sign_in::SignIn;
pub use watchdog::Alarm;

pub(crate) use runtime::RuntimeShared;

#[cfg(test)]
mod tests;
