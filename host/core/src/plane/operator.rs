//! People and teams that own keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_slug;
use crate::id::{Id, Operator};
use crate::principal::{ADMIN, LOCAL, Role};
use crate::{Fault, Millis};

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorRecord {
    pub id: Id<Operator>,
    /// Unique name, in commands and traces.
    pub slug: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub role: Role,
    pub created_at: Millis,
    /// When all its keys stopped working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Millis>,
}

impl OperatorRecord {
    pub const fn is_active(&self) -> bool {
        self.revoked_at.is_none()
    }
}

/// Checks the slug of a new operator. It is never mended silently.
pub fn check_slug(slug: &str) -> Result<(), Fault> {
    if !is_slug(slug) {
        return Err(Fault::invalid(format!("`{slug}` is not a name for an operator"))
            .param("slug")
            .hint("lower-case letters, digits, `_` and `-`, at most 63, a letter or digit first"));
    }
    if [ADMIN, LOCAL].contains(&slug) {
        return Err(Fault::conflict(format!("`{slug}` is the name of a built-in operator")).param("slug"));
    }
    Ok(())
}
