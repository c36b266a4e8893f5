//! Configuration as values: one typed schema, layers that are merged, and where each value came from. The caller
//! reads files and the environment; nothing here does.

mod budgets;
mod check;
mod cover;
mod difference;
pub mod document;
mod environment;
mod layers;
pub mod manifest;
mod model;
mod path;
mod reference;
mod resolve;
mod schema;
mod served;

pub use budgets::Budgets;
pub use check::Findings;
pub use cover::is_covered;
pub use difference::{Difference, differences};
pub use environment::variable;
pub use layers::{Layer, Layers, Place, Provenance, Source};
pub use model::{
    Allow, Approvals, Backend, Bridge, BridgeSwitch, ComponentLimits, ComponentSource, ComponentSpec, Config,
    Exporter, Hook, HookFailure, ProviderPolicy, ProviderSpec, Storage, Subsystems, Target, Tier, Traces,
};
pub use path::{set, unset};
pub use reference::{RefError, RefSource};
pub use resolve::{Problem, Resolved, examine, resolve};
pub use schema::Schema;

#[cfg(test)]
mod tests;
