//! How an operation looks to an agent. It stands beside the operation, so that no surface has to know names to tell
//! what an agent may do.

use brains_core::principal::Role;

use crate::operation_kind::OperationKind;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// People and agents.
    Everyone,
    /// People only: agents neither see it nor may call it, whatever key they hold.
    People,
}

/// What an agent's client is told about an operation, besides its name and its schemas.
#[expect(clippy::struct_excessive_bools, reason = "they are the protocol's hints, each on its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolShape {
    pub audience: Audience,
    /// What others read as somebody's words: an agent says it as its session, so that they can ask and answer it.
    pub spoken: bool,
    /// Stands in the list of tools. What agents seldom need does not, and may be called all the same.
    pub listed: bool,
    /// Belongs to the small set that a client with little room asks for; of its optional members these are shown there.
    pub core: Option<&'static [&'static str]>,
    pub read_only: bool,
    /// Takes something away that calling it again does not bring back.
    pub destructive: bool,
    /// Calling it twice with the same input does no more than calling it once.
    pub idempotent: bool,
    /// Reaches beyond this service.
    pub open_world: bool,
}

impl ToolShape {
    /// The careful default: what takes an admin is for people.
    pub const fn of(role: Role, kind: OperationKind) -> Self {
        let read_only = matches!(kind, OperationKind::Read);
        Self {
            audience: if matches!(role, Role::Admin) { Audience::People } else { Audience::Everyone },
            spoken: false,
            listed: true,
            core: None,
            read_only,
            destructive: false,
            idempotent: read_only || matches!(kind, OperationKind::Touch),
            open_world: false,
        }
    }

    /// Whether agents may, in the words of the reference.
    pub const fn agents(&self) -> &'static str {
        match (self.audience, self.spoken) {
            (Audience::People, _) => "no",
            (Audience::Everyone, true) => "as their session",
            (Audience::Everyone, false) => "yes",
        }
    }

    #[must_use]
    pub const fn people(mut self) -> Self {
        self.audience = Audience::People;
        self
    }

    #[must_use]
    pub const fn spoken(mut self) -> Self {
        self.spoken = true;
        self
    }

    #[must_use]
    pub const fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    #[must_use]
    pub const fn core(mut self, shown: &'static [&'static str]) -> Self {
        self.core = Some(shown);
        self
    }

    /// A flow that only waits.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self.idempotent = true;
        self
    }

    #[must_use]
    pub const fn destructive(mut self) -> Self {
        self.destructive = true;
        self
    }

    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    #[must_use]
    pub const fn open_world(mut self) -> Self {
        self.open_world = true;
        self
    }
}
