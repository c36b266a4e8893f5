//! How an operation touches the world.

use brains_core::principal::KeyScope;
use serde::Serialize;

/// How an operation touches the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Reads a snapshot, changes nothing.
    Read,
    /// Changes state in one transaction, with an event and an audit entry.
    Write,
    /// Keeps something alive; not audited.
    Touch,
    /// Waits or does I/O, holds no transaction over it, and composes the others.
    Flow,
}

impl OperationKind {
    /// The scope that a key needs for operations of this kind.
    pub const fn scope(self) -> KeyScope {
        match self {
            Self::Read => KeyScope::Read,
            Self::Write | Self::Touch | Self::Flow => KeyScope::Write,
        }
    }

    /// The word that documents use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Touch => "touch",
            Self::Flow => "flow",
        }
    }
}
