//! Keys: named, scoped, expiring, revocable. The store keeps a hash; the key itself is shown once, when it is made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Id, Key};
use crate::principal::{KeyScope, Role};
use crate::{Ambient, Millis, Secret};

/// What every key that we make begins with.
pub const PREFIX: &str = "brk_";

/// One key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyRecord {
    pub id: Id<Key>,
    /// Name for people; unique among an operator's active keys.
    pub name: String,
    /// Slug of the operator that it acts as.
    pub operator: String,
    pub scopes: Vec<KeyScope>,
    /// The most that whoever presents it may be: never more than its operator, whatever it says here.
    pub role: Role,
    /// Whoever presents it acts as an agent: it may not do what a person must.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
    /// First 16 hex digits of its SHA-256: tells keys apart without telling them.
    pub fingerprint: String,
    /// Its SHA-256; never leaves the store.
    #[serde(skip)]
    #[schemars(skip)]
    pub hash: String,
    pub created_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Millis>,
    /// When it was last presented, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Millis>,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody took it back.
    Revoked,
}

impl KeyRecord {
    /// What whoever presents it may be, while its operator may be `operator`.
    pub const fn role_of(&self, operator: Role) -> Role {
        match (self.role, operator) {
            (Role::Admin, Role::Admin) => Role::Admin,
            (Role::Member, _) | (_, Role::Member) => Role::Member,
        }
    }

    /// Whether it works at `now`. Revoked tells more than expired, so it wins.
    pub fn state(&self, now: Millis) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }
}

/// A fresh key: the prefix and 32 random bytes.
pub fn generate(ambient: &dyn Ambient) -> Secret {
    Secret::generate(PREFIX, ambient)
}
