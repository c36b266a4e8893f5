//! The configuration as one type. Its doc comments are the descriptions in `brains config schema`; its defaults are
//! the lowest layer. Sections stand in a file each, by room. Keys of components (`<provider>_base_url` and the like) are
//! not here: their manifests name them. Marks in the schema: `x-overlay: false` where commands may not write,
//! `x-hot: false` where a value counts from the next start on, `x-served: false` and `x-safety: true` as `served.rs` says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::affinity::Affinity;
use super::budgets::Budgets;
use super::components::{ComponentSource, ComponentSpec};
use super::layers::Provenance;
use super::locks::Locks;
use super::path;
use super::providers::{ProviderPolicy, ProviderSpec};
use super::responses::KeptResponses;
use super::routing::Tier;
use super::spending::Spending;
use super::stand_in::TierLead;
use super::subsystems::Subsystems;
use super::traces::Traces;
use super::unserved::{Approvals, Bridge, Hook};
use crate::Secret;
use crate::price::OwnPrices;

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
    /// Seconds of silence after which the client of a streamed answer gets its head and keep-alives, so that nothing on
    /// the way gives it up. 0 switches them off.
    #[schemars(range(min = 0.0))]
    pub keepalive_seconds: f64,
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
    /// How long conversations stay where their prompt is cached.
    pub affinity: Affinity,
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
    /// What models cost, by provider or vendor and then by model, `*` for every other; goes before what a provider lists
    /// and before the table that the program carries. US dollars per million tokens.
    pub prices: OwnPrices,
    /// Budgets: what may be spent on models, by name.
    pub spending: Spending,

    /// What is kept of requests.
    pub traces: Traces,
    /// Answers that clients go on from by their id.
    pub responses: KeptResponses,
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
    /// How locks are granted.
    pub locks: Locks,
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
    /// Tiers without a model of their own; in `models` they have what answers for them.
    #[serde(skip)]
    #[schemars(skip)]
    pub tier_leads: Vec<TierLead>,
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

    /// How a provider is treated; an entry under its own name goes before one under an alias.
    pub fn provider_policy(&self, name: &str, aliases: &[String]) -> ProviderPolicy {
        let mut names = std::iter::once(name).chain(aliases.iter().map(String::as_str));
        names.find_map(|name| self.provider_policies.get(name)).copied().unwrap_or_default()
    }

    /// How much silence the client of a streamed answer bears, under a provider's policy if there is one; none when it
    /// gets no keep-alives.
    pub fn keepalive(&self, policy: Option<&ProviderPolicy>) -> Option<Duration> {
        let own = policy.and_then(|policy| policy.keepalive_seconds);
        let silence = Duration::try_from_secs_f64(own.unwrap_or(self.keepalive_seconds)).ok()?;
        (!silence.is_zero()).then_some(silence)
    }
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
            keepalive_seconds: 15.0,
            max_body_bytes: 32 * 1024 * 1024,
            budgets: Budgets::default(),
            default_tier: "default".into(),
            models: IndexMap::new(),
            affinity: Affinity::default(),
            routes: BTreeMap::new(),
            providers: IndexMap::new(),
            classifier: None,
            policy: None,
            bridges: IndexMap::new(),
            hooks: Vec::new(),
            components: BTreeMap::new(),
            component_drain_seconds: 600.0,
            provider_policies: BTreeMap::new(),
            prices: OwnPrices::new(),
            spending: Spending::new(),
            traces: Traces::default(),
            responses: KeptResponses::default(),
            source_allowlist: Vec::new(),
            embed_model: String::new(),
            control: Approvals::default(),
            subsystems: Subsystems::default(),
            workspace: None,
            locks: Locks::default(),
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
            tier_leads: Vec::new(),
        }
    }
}

const LOOPBACK: &str = "127.0.0.1";
