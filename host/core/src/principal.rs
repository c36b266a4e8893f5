//! Who is asking, resolved once per request from its credential.

use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::id::{Id, Key};

/// The slug of the built-in operator behind the admin key.
pub const ADMIN: &str = "admin";
/// The operator of a command that opened the store itself: whoever can read the 0600 key file.
pub const LOCAL: &str = "local";

/// The program itself: what it does in the background.
pub const SYSTEM: &str = "system";

/// What an operator is allowed to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May run every operation.
    Admin,
    /// May use the gateway and read what is theirs.
    Member,
}

/// What one key may be used for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// `/v1/*`: models.
    Gateway,
    /// Reading operations.
    Read,
    /// Every operation that the operator's role allows.
    Write,
}

/// What a caller may do. Built once per request by the surface, never by an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Slug of the operator.
    pub operator: String,
    pub role: Role,
    /// The key that was presented; none for the admin key and for local commands.
    pub key: Option<Id<Key>>,
    /// Names the credential in limits and traces without telling it: first 16 hex digits of its SHA-256.
    pub fingerprint: String,
    pub scopes: Vec<KeyScope>,
    /// The key belongs to an agent: whatever its role, it may not do what a person must.
    pub agent: bool,
}

impl Principal {
    /// The operator behind the admin key.
    pub fn admin(fingerprint: impl Into<String>) -> Self {
        Self {
            operator: ADMIN.into(),
            role: Role::Admin,
            key: None,
            fingerprint: fingerprint.into(),
            scopes: all_scopes(),
            agent: false,
        }
    }

    /// The operator of a command that works on the store directly.
    pub fn local() -> Self {
        Self {
            operator: LOCAL.into(),
            role: Role::Admin,
            key: None,
            fingerprint: LOCAL.into(),
            scopes: all_scopes(),
            agent: false,
        }
    }

    /// The program itself.
    pub fn system() -> Self {
        Self { operator: SYSTEM.into(), fingerprint: SYSTEM.into(), ..Self::local() }
    }

    /// Whose things it owns: a command that opens the store itself is the same person as the admin key.
    pub fn owner(&self) -> &str {
        if self.operator == LOCAL { ADMIN } else { &self.operator }
    }

    /// Whether it is a person who administers, by a key that is for that: who is told why something was refused.
    pub fn administers(&self) -> bool {
        self.role == Role::Admin && !self.agent && self.may(KeyScope::Write)
    }

    pub fn may(&self, scope: KeyScope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// The refusal of a key that stands for nobody: wrong, revoked or expired.
pub fn unknown_key() -> Fault {
    Fault::unauthorized("the API key is not valid")
        .hint("`brains admin-key show --reveal` shows the admin key, `brains key create` makes another")
}

fn all_scopes() -> Vec<KeyScope> {
    vec![KeyScope::Gateway, KeyScope::Read, KeyScope::Write]
}
