//! Configuration as values: one typed schema, layers that are merged, and where each value came from. The caller
//! reads files and the environment; nothing here does.

mod affinity;
mod budgets;
mod check;
mod components;
mod cover;
mod difference;
pub mod document;
mod environment;
mod layers;
mod located;
mod locks;
pub mod manifest;
mod model;
mod path;
mod providers;
mod reference;
mod resolve;
mod responses;
mod routing;
mod schema;
mod served;
mod spending;
mod stand_in;
mod subsystems;
mod traces;
mod unserved;
mod vendors;

pub use affinity::Affinity;
pub use budgets::Budgets;
pub use check::Findings;
pub use components::{ComponentLimits, ComponentSource, ComponentSpec};
pub use cover::is_covered;
pub use difference::{Difference, differences};
pub use environment::variable;
pub use layers::{Layer, Layers, Place, Provenance, Source};
pub use locks::{Locks, SiblingLocks};
pub use model::Config;
pub use path::{set, unset};
pub use providers::{Allow, ProviderPolicy, ProviderSpec};
pub use reference::{RefError, RefSource};
pub use resolve::{Problem, Resolved, examine, resolve};
pub use responses::KeptResponses;
pub use routing::{Target, Tier};
pub use schema::Schema;
pub use spending::{AtLimit, CheaperTier, Spending, SpendingBudget, UnpricedUse};
pub use stand_in::TierLead;
pub use subsystems::{Backend, BridgeSwitch, Exporter, Storage, Subsystems};
pub use traces::Traces;
pub use unserved::{Approvals, Bridge, Hook, HookFailure};
pub use vendors::{Serves, VendorRow, Vendors};

#[cfg(test)]
mod tests;
