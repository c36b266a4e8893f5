//! Parts of the service that can be switched: the database, bridges, the export of spans.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parts of the service that can be switched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Subsystems {
    /// The database; `db_url` names it, and must agree.
    pub storage: Storage,
    /// Bridges by name.
    #[schemars(extend("x-served" = false))]
    pub bridges: BTreeMap<String, BridgeSwitch>,
    /// OpenTelemetry export.
    #[schemars(extend("x-served" = false))]
    pub otel: Exporter,
}

/// The database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Its kind. Unset: as `db_url` says.
    pub backend: Option<Backend>,
}

/// The database's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

/// Whether a bridge runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BridgeSwitch {
    /// Whether it runs.
    pub enabled: bool,
}

/// OpenTelemetry export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Exporter {
    /// Whether spans are exported.
    pub enabled: bool,
    /// The collector's base URL; unset: the standard variable decides.
    #[schemars(url)]
    pub endpoint: Option<String>,
    /// `service.name` of the exported spans.
    pub service_name: String,
}

impl Default for Exporter {
    fn default() -> Self {
        Self { enabled: false, endpoint: None, service_name: "brains".into() }
    }
}
