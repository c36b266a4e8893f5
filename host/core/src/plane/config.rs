//! Revisions of the configuration: who changed what, and what it was then.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Millis;
use crate::id::{Id, Revision};

/// One revision of the overlay. Numbers rise by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigRevision {
    pub id: Id<Revision>,
    pub number: u64,
    pub created_at: Millis,
    /// Slug of the operator, `local`, or `file` for an edit by hand.
    pub author: String,
    /// What made it: an operation's name, or that a file was found changed.
    pub cause: String,
    /// Dotted paths that differ from the revision before; no values.
    pub changed: Vec<String>,
    /// SHA-256 of the overlay's text, in hex.
    pub digest: String,
    /// The overlay itself, secrets covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Value>,
    /// Its text, comments and all; none when it held a raw secret. Never told, only written back.
    #[serde(skip)]
    #[schemars(skip)]
    pub text: Option<String>,
}
