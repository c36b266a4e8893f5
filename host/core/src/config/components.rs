//! Components: which one serves in a place of which there is one, where its file comes from, and its limits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The component that plays a part of which there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentSpec {
    /// Id of the component.
    pub component: String,
    /// Settings, checked by the component's own schema.
    #[serde(default = "empty_object")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub config: Value,
}

/// Where a component comes from, and its pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ComponentSource {
    /// Whether it may be used at all.
    pub enabled: bool,
    /// A file, relative to the plugins directory or absolute. Unset: the one that was added, else the bundled one,
    /// else the file of this name in the plugins directory.
    pub source: Option<String>,
    /// `sha256:` and 64 hex digits: no other version is used, and this one is approved with all that it asks for
    /// within the process.
    pub digest: Option<String>,
    /// Tighter or wider limits than the host's.
    pub limits: ComponentLimits,
}

/// Limits of one component; what is unset stays the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ComponentLimits {
    /// Memory of one instance, in mebibytes.
    #[schemars(range(min = 1, max = 4096))]
    pub memory_mib: Option<u32>,
    /// Computing time of one call, in milliseconds.
    #[schemars(range(min = 1, max = 60000))]
    pub call_ms: Option<u32>,
    /// Largest result of one call, in kibibytes.
    #[schemars(range(min = 1))]
    pub output_kib: Option<u32>,
}

impl Default for ComponentSource {
    fn default() -> Self {
        Self { enabled: true, source: None, digest: None, limits: ComponentLimits::default() }
    }
}

pub(super) fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}
