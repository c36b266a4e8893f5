//! People and teams that own keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_slug;
use crate::id::{Id, Operator};
use crate::principal::{ADMIN, LOCAL, Role, SYSTEM};
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
    if let Some(taken) = stands_for(slug) {
        let what = if taken == slug {
            format!("`{slug}` is a name that the program uses itself")
        } else {
            format!("`{slug}` reads as `{taken}`, a name that the program uses itself")
        };
        return Err(Fault::conflict(what).param("slug").hint("take another name"));
    }
    Ok(())
}

/// Names under which the program does things itself, or by which it tells where a call came from.
const RESERVED: [&str; 11] =
    [ADMIN, LOCAL, SYSTEM, "file", "anonymous", "agent", "cli", "http", "mcp", "stdio", "console"];

/// The name of the program's own that a reader would take `slug` for.
pub fn stands_for(slug: &str) -> Option<&'static str> {
    let seen = skeleton(slug);
    RESERVED.into_iter().find(|name| skeleton(name) == seen)
}

/// How a name looks at a glance: without case and separators, with letters for the digits and pairs that pass for them.
fn skeleton(name: &str) -> String {
    let letters: String = name
        .chars()
        .filter(|symbol| !matches!(symbol, '-' | '_'))
        .map(|symbol| match symbol.to_ascii_lowercase() {
            '0' => 'o',
            '1' | 'i' => 'l',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            other => other,
        })
        .collect();
    letters.replace("rn", "m").replace("vv", "w")
}
