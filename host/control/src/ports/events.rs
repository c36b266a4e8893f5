//! What happens around the operations while the service runs: edits of files, alarms and events of component versions.
//! The program tells that something happened; what follows from it is decided in the planes.

use std::fmt::Debug;

use brains_core::Fault;
use brains_core::plane::component::{ComponentRecord, ComponentStanding};

use super::BoxedFuture;

/// The files that people edit: the configuration, its overlay, and the plugins directory.
pub trait FileEventsPort: Debug + Send + Sync {
    /// Returns when the files may have changed, or code of a component is compiled. Dropping it loses nothing.
    fn changed(&self) -> BoxedFuture<'_, ()>;
    /// Whether the configuration's files differ from what was read last.
    fn config_is_stale(&self) -> BoxedFuture<'_, bool>;
    /// Looks at the plugins directory and puts in force what it offers. The fault says why something is not.
    fn refresh_components(&self) -> BoxedFuture<'_, Result<(), Fault>>;
}

/// Versions of components while they serve.
pub trait VersionEventsPort: Debug + Send + Sync {
    /// Returns when an alarm was raised, something became of a version, or drains are to be looked at.
    fn changed(&self) -> BoxedFuture<'_, ()>;
    /// Takes each version whose faults have risen out of service, in favour of the best earlier one.
    fn quarantine_risen(&self) -> BoxedFuture<'_, Vec<Quarantine>>;
    /// Cuts what outlasts the limit of drains.
    fn cut_drains(&self) -> BoxedFuture<'_, ()>;
    /// Takes what became of versions since the last time.
    fn take_events(&self) -> Vec<VersionNews>;
    /// Every component as it stands.
    fn components(&self) -> Vec<ComponentRecord>;
    /// Removes kept code that nothing needs any more.
    fn remove_unneeded(&self) -> BoxedFuture<'_, ()>;
}

/// A version whose faults have risen, and what was done about it.
#[derive(Debug, Clone)]
pub struct Quarantine {
    pub id: String,
    pub digest: String,
    /// How the faults have risen.
    pub cause: String,
    /// None when there is no earlier version to go back to.
    pub outcome: Result<Option<BroughtBack>, Fault>,
}

/// The earlier version that serves again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroughtBack {
    pub digest: String,
    /// The configuration names the bad version.
    pub pinned: bool,
}

/// What became of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionNews {
    pub id: String,
    pub digest: String,
    pub state: ComponentStanding,
    pub reason: Option<String>,
}
