//! Sections that the contract names and this build does not serve yet: bridges, hooks and approvals. Each key of them carries
//! `x-served: false` (`served.rs`); who serves one moves its section to a file of its own and takes the mark away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::components::empty_object;
use super::providers::Allow;
use crate::Secret;

/// One bridge instance.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Id of the component.
    pub component: String,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Names of events that it carries; `*` at the end stands for anything.
    #[serde(default)]
    pub events: Vec<String>,
    /// Settings, checked by the component's own schema.
    #[serde(default = "empty_object")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub config: Value,
    /// Secrets by the name that the component asks for.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// What the instance may reach.
    #[serde(default)]
    pub allow: Allow,
}

/// One hook instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Id of the component.
    pub component: String,
    /// What its failure means for the request.
    #[serde(default)]
    pub fail: HookFailure,
    /// Settings, checked by the component's own schema.
    #[serde(default = "empty_object")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub config: Value,
}

/// What a failing hook means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookFailure {
    /// The request goes on without it.
    Open,
    /// The request is refused.
    #[default]
    Closed,
}

/// What needs a person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Approvals {
    /// A request for the deep tier waits for approval.
    #[schemars(extend("x-served" = false, "x-safety" = true))]
    pub require_approval_for_deep: bool,
    /// A request that needs external documents waits for approval.
    #[schemars(extend("x-served" = false, "x-safety" = true))]
    pub require_approval_for_external_docs: bool,
    /// A request that would scan a whole repository waits for approval.
    #[schemars(extend("x-served" = false, "x-safety" = true))]
    pub require_approval_for_large_scans: bool,
    /// Directory of generated views, relative to the workspace.
    #[schemars(extend("x-served" = false))]
    pub generated_views_dir: String,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            require_approval_for_deep: false,
            require_approval_for_external_docs: false,
            require_approval_for_large_scans: false,
            generated_views_dir: ".brains/views".into(),
        }
    }
}

fn yes() -> bool {
    true
}
