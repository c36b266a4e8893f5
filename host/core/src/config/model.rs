//! The configuration as one type. Its doc comments are the descriptions in `brains config schema`; its defaults are
//! the lowest layer. Keys of components (`<provider>_base_url` and the like) are not here: their manifests name them.
//! Marks in the schema: `x-overlay: false` where commands may not write, `x-hot: false` where a value counts from the
//! next start on, `x-served: false` and `x-safety: true` as `served.rs` says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::budgets::Budgets;
use super::layers::Provenance;
use super::path;
use crate::Secret;
use crate::traffic::attempt::Retries;
use crate::traffic::backoff::BackoffSettings;
use crate::traffic::breaker::BreakerSettings;

/// Everything that an operator may set.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept: `sqlite:///path/to/brains.db` or `postgres://…`. Unset: `brains.db` in the state directory.
    #[schemars(extend("x-overlay" = false, "x-hot" = false, "format" = "database-url"))]
    pub db_url: Option<String>,
    /// The admin key. Unset: the one in the state directory's `admin-key`, made at the first start.
    #[schemars(extend("x-overlay" = false))]
    pub api_key: Option<Secret>,
    /// Further keys that may use the gateway.
    #[schemars(extend("x-overlay" = false))]
    pub api_keys: Vec<Secret>,
    /// Answer without any key. Every guard that needs to know the caller is off then.
    #[schemars(extend("x-overlay" = false))]
    pub allow_unauthenticated_api: bool,

    /// Address that the gateway listens on.
    #[schemars(extend("x-overlay" = false, "x-hot" = false))]
    pub gateway_host: String,
    /// Port that the gateway listens on.
    #[schemars(extend("x-overlay" = false, "x-hot" = false))]
    pub gateway_port: u16,
    /// Address that the dashboard listens on.
    #[schemars(extend("x-overlay" = false, "x-hot" = false, "x-served" = false))]
    pub dashboard_host: String,
    /// Port that the dashboard listens on.
    #[schemars(extend("x-overlay" = false, "x-hot" = false, "x-served" = false))]
    pub dashboard_port: u16,
    /// Address that the MCP server listens on.
    #[schemars(extend("x-overlay" = false, "x-hot" = false))]
    pub mcp_host: String,
    /// Port that the MCP server listens on.
    #[schemars(extend("x-overlay" = false, "x-hot" = false))]
    pub mcp_port: u16,
    /// Upper bound of the scheduler's sleep, in seconds.
    #[schemars(extend("exclusiveMinimum" = 0, "x-served" = false))]
    pub scheduler_interval: f64,
    /// `Host` names accepted beside the loopback ones.
    #[schemars(extend("x-overlay" = false))]
    pub allowed_hosts: Vec<String>,
    /// Browser origins accepted beside our own, e.g. `https://console.example.com`.
    #[schemars(extend("x-overlay" = false))]
    pub allowed_origins: Vec<String>,

    /// First instruction of every request; a client cannot take it out. Empty: none.
    pub gateway_preamble: String,
    /// Requests that one key may make in any 60 seconds; 0 is no limit.
    pub rate_limit_per_minute: u32,
    /// Model requests that may be under way at once; more are told to come back. 0 is no limit.
    pub max_concurrent_requests: u32,
    /// Longest time that a whole request may take, in seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub total_timeout_seconds: f64,
    /// Largest request body, after decompression.
    #[schemars(range(min = 1024))]
    pub max_body_bytes: u64,
    /// How much of the machine callers, files and components may take together.
    pub budgets: Budgets,

    /// The tier that answers when classifier and routes name none.
    pub default_tier: String,
    /// Tiers by name: which model answers, and which ones after it.
    #[schemars(with = "BTreeMap<String, Tier>")]
    pub models: IndexMap<String, Tier>,
    /// Task label to tier.
    pub routes: BTreeMap<String, String>,
    /// Provider instances by name.
    #[schemars(with = "BTreeMap<String, ProviderSpec>")]
    pub providers: IndexMap<String, ProviderSpec>,
    /// The component that labels requests.
    pub classifier: Option<ComponentSpec>,
    /// The component that orders the candidates.
    pub policy: Option<ComponentSpec>,
    /// Bridges to the outside by name.
    #[schemars(with = "BTreeMap<String, Bridge>", extend("x-served" = false))]
    pub bridges: IndexMap<String, Bridge>,
    /// Components that see every request and answer, in this order.
    #[schemars(extend("x-served" = false, "x-safety" = true, "x-harmless" = { "fail": "open" }))]
    pub hooks: Vec<Hook>,
    /// Where components come from, by id.
    pub components: BTreeMap<String, ComponentSource>,
    /// How long exchanges may go on with a version of a component that a later one took the place of, in seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub component_drain_seconds: f64,
    /// Retries, circuit breaker and cap, by provider.
    pub provider_policies: BTreeMap<String, ProviderPolicy>,

    /// What is kept of requests.
    pub traces: Traces,
    /// Hosts whose documents count as trusted sources.
    #[schemars(extend("x-served" = false, "x-safety" = true))]
    pub source_allowlist: Vec<String>,
    /// Model for semantic search, `<provider>/<model>`. Empty: off.
    #[schemars(extend("x-served" = false))]
    pub embed_model: String,
    /// What needs a person's approval.
    pub control: Approvals,
    /// Parts of the service that can be switched.
    pub subsystems: Subsystems,

    /// Workspace of requests that name none.
    #[schemars(extend("x-overlay" = false, "x-served" = false))]
    pub workspace: Option<String>,
    /// Hours after which a handoff that nobody picked up counts as stale.
    #[schemars(range(min = 1))]
    pub handoff_stale_hours: u32,
    /// Age in days from which an indexed document counts as stale.
    #[schemars(extend("x-served" = false))]
    pub docs_stale_days: u32,
    /// Largest file that the repository index reads, in bytes.
    #[schemars(extend("x-served" = false))]
    pub repo_index_max_file_size: u64,
    /// Longest wait for a freshness check, in seconds.
    #[schemars(extend("exclusiveMinimum" = 0, "x-served" = false))]
    pub freshness_timeout_seconds: f64,
    /// Values under keys that contain one of these words are never kept.
    #[schemars(extend("x-overlay" = false, "x-hot" = false))]
    pub redaction_sensitive_key_parts: Vec<String>,

    /// The whole document as it may be shown: references unresolved, raw secrets covered.
    #[serde(skip)]
    #[schemars(skip)]
    pub document: Arc<Value>,
}

/// One tier: a model and what answers when it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Name or alias of a provider instance.
    pub provider: String,
    /// Model id as that provider knows it.
    pub model: String,
    /// Tried in this order after the first.
    #[serde(default)]
    pub fallbacks: Vec<Target>,
}

/// One model of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name or alias of a provider instance.
    pub provider: String,
    /// Model id as that provider knows it.
    pub model: String,
}

/// One provider instance: a component with its settings, secrets and grants.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSpec {
    /// Id of the component.
    pub component: String,
    /// Settings, checked by the component's own schema.
    #[serde(default = "empty_object")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub config: Value,
    /// Secrets by the name that the component asks for.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// What the instance may reach beside its own base URL.
    #[serde(default)]
    pub allow: Allow,
    /// Longest silence of the upstream, in seconds.
    #[serde(default = "provider_timeout")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: f64,
    /// Other names that mean this instance.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// What an instance is granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// Origins it may call: scheme, host and port.
    pub http: Vec<String>,
}

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

/// Where a component comes from, and its pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ComponentSource {
    /// Whether it may be used at all.
    pub enabled: bool,
    /// A file, relative to the plugins directory or absolute. Unset: the one that was added, else the bundled one,
    /// else the file of this name in the plugins directory.
    pub source: Option<String>,
    /// `sha256:` and 64 hex digits: no other content is used, and this one is approved with all that it asks for
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

/// Retries, circuit breaker and cap of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderPolicy {
    /// Attempts in all; 1 is no retry.
    #[schemars(range(min = 1, max = 10))]
    pub retry_max_attempts: u32,
    /// Wait before the second attempt, in seconds.
    #[schemars(range(min = 0.0))]
    pub retry_initial_backoff_seconds: f64,
    /// Longest wait between attempts, in seconds.
    #[schemars(range(min = 0.0))]
    pub retry_max_backoff_seconds: f64,
    /// Growth of the wait from one attempt to the next.
    #[schemars(range(min = 1.0))]
    pub retry_backoff_multiplier: f64,
    /// Failures in a row that open the breaker; 0 switches it off.
    pub circuit_failure_threshold: u32,
    /// How long the breaker stays open, in seconds.
    #[schemars(range(min = 0.0))]
    pub circuit_cooldown_seconds: f64,
    /// Requests that may be under way at this provider at once; more go to the next candidate. 0 is no limit.
    pub max_concurrent_requests: u32,
}

/// What is kept of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// Rows kept at most; 0 is no limit.
    pub retention_rows: u64,
    /// Days kept at most; 0 is no limit.
    pub retention_days: u32,
    /// Keep bodies too, redacted.
    pub bodies: bool,
    /// Bytes kept of each body.
    pub body_max_bytes: u32,
    /// Traces that may wait for the store; more are dropped and counted. Counts from the next start on.
    #[schemars(range(min = 1), extend("x-hot" = false))]
    pub queue: u32,
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

impl Config {
    /// The value at a dotted path of the document that may be shown.
    pub fn get(&self, path: &str) -> Option<&Value> {
        path::get(&self.document, path)
    }

    /// Every leaf by its dotted path, with the layer that it came from; secrets are covered.
    pub fn show(&self, provenance: &Provenance) -> Value {
        let mut shown = serde_json::Map::new();
        path::leaves(&self.document, &mut |path, value| {
            let dotted = path::dotted(path);
            let place = provenance.of(&dotted);
            let mut entry = serde_json::Map::new();
            entry.insert("value".into(), value.clone());
            entry.insert("layer".into(), Value::from(place.layer.name()));
            if let Some(source) = &place.source {
                entry.insert("source".into(), Value::from(source.as_str()));
            }
            shown.insert(dotted, Value::Object(entry));
        });
        Value::Object(shown)
    }

    /// The instance behind a provider's name or alias.
    pub fn provider(&self, name: &str) -> Option<(&str, &ProviderSpec)> {
        self.providers
            .get_key_value(name)
            .or_else(|| {
                self.providers.iter().find(|(_, spec)| spec.aliases.iter().any(|alias| alias == name))
            })
            .map(|(name, spec)| (name.as_str(), spec))
    }
}

impl Config {
    /// How a provider is treated; an entry under its own name goes before one under an alias.
    pub fn provider_policy(&self, name: &str, aliases: &[String]) -> ProviderPolicy {
        let mut names = std::iter::once(name).chain(aliases.iter().map(String::as_str));
        names.find_map(|name| self.provider_policies.get(name)).copied().unwrap_or_default()
    }
}

impl ProviderPolicy {
    pub fn retries(&self) -> Retries {
        Retries {
            max_attempts: self.retry_max_attempts,
            backoff: BackoffSettings {
                initial_ms: whole_ms(self.retry_initial_backoff_seconds),
                max_ms: whole_ms(self.retry_max_backoff_seconds),
                multiplier: self.retry_backoff_multiplier,
            },
        }
    }

    pub fn breaker(&self) -> BreakerSettings {
        BreakerSettings {
            threshold: self.circuit_failure_threshold,
            cooldown_ms: whole_ms(self.circuit_cooldown_seconds),
        }
    }
}

fn whole_ms(seconds: f64) -> u64 {
    u64::try_from(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).as_millis())
        .unwrap_or(u64::MAX)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            db_url: None,
            api_key: None,
            api_keys: Vec::new(),
            allow_unauthenticated_api: false,
            gateway_host: LOOPBACK.into(),
            gateway_port: 8787,
            dashboard_host: LOOPBACK.into(),
            dashboard_port: 9876,
            mcp_host: LOOPBACK.into(),
            mcp_port: 9877,
            scheduler_interval: 60.0,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            gateway_preamble: String::new(),
            rate_limit_per_minute: 0,
            max_concurrent_requests: 1024,
            total_timeout_seconds: 600.0,
            max_body_bytes: 32 * 1024 * 1024,
            budgets: Budgets::default(),
            default_tier: "default".into(),
            models: IndexMap::new(),
            routes: BTreeMap::new(),
            providers: IndexMap::new(),
            classifier: None,
            policy: None,
            bridges: IndexMap::new(),
            hooks: Vec::new(),
            components: BTreeMap::new(),
            component_drain_seconds: 600.0,
            provider_policies: BTreeMap::new(),
            traces: Traces::default(),
            source_allowlist: Vec::new(),
            embed_model: String::new(),
            control: Approvals::default(),
            subsystems: Subsystems::default(),
            workspace: None,
            handoff_stale_hours: crate::plane::handoff::STALE_AFTER_HOURS,
            docs_stale_days: 45,
            repo_index_max_file_size: 512_000,
            freshness_timeout_seconds: 5.0,
            redaction_sensitive_key_parts: [
                "api_key",
                "apikey",
                "token",
                "secret",
                "password",
                "authorization",
            ]
            .map(String::from)
            .to_vec(),
            document: Arc::default(),
        }
    }
}

impl Default for ComponentSource {
    fn default() -> Self {
        Self { enabled: true, source: None, digest: None, limits: ComponentLimits::default() }
    }
}

impl Default for ProviderPolicy {
    fn default() -> Self {
        Self {
            retry_max_attempts: 1,
            retry_initial_backoff_seconds: 0.5,
            retry_max_backoff_seconds: 8.0,
            retry_backoff_multiplier: 2.0,
            circuit_failure_threshold: 0,
            circuit_cooldown_seconds: 30.0,
            max_concurrent_requests: 0,
        }
    }
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            retention_rows: 100_000,
            retention_days: 30,
            bodies: false,
            body_max_bytes: 64 * 1024,
            queue: 4096,
        }
    }
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

impl Default for Exporter {
    fn default() -> Self {
        Self { enabled: false, endpoint: None, service_name: "brains".into() }
    }
}

const LOOPBACK: &str = "127.0.0.1";

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

fn provider_timeout() -> f64 {
    60.0
}

fn yes() -> bool {
    true
}
