//! The configuration: what is in force and where it comes from, and edits of the overlay. An edit is
//! validated as a whole, kept as a revision with its author, written and put in force; when it cannot be put
//! in force, the state before it is written back and kept as a revision too.

mod change;
mod history;
mod watch;

use brains_core::config::{Findings, Place, Problem, TierLead};
use brains_core::principal::{KeyScope, Role};
use brains_core::{Fault, Millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::ports::{FileReading, Overlay, OverlayEdit, Proposal};

pub(super) use history::{DiffConfig, ListConfigRevisions, RollbackConfig};
pub(crate) use watch::follow_files;

const NOUN: &str = "config";

/// Shows the configuration in force: every value, and the layer that it comes from. Secrets are covered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowConfig {
    /// Only what stands under this dotted path.
    key: Option<String>,
}

/// One value of the configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ValueShown {
    /// Dotted path.
    key: String,
    /// The value; a secret is covered or stands as its reference.
    value: Value,
    /// Where it comes from.
    from: Place,
}

/// The configuration in force.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigShown {
    values: Vec<ValueShown>,
    warnings: Vec<Problem>,
    /// Why the newest files are not in force; empty when they are.
    problems: Vec<Problem>,
}

impl Operation for ShowConfig {
    const NAME: &'static str = "show_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "show"])
        .positional(&["key"])
        .table("values", &["key", "value", "from.layer", "from.source"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Show everything", command: "config show", input: "{}" },
        Example { title: "Show the tiers", command: "config show models", input: r#"{"key": "models"}"# },
    ];
    type Output = ConfigShown;

    async fn run(self, cx: &Cx<'_>) -> Result<ConfigShown, Fault> {
        let shown = cx.control.ports.settings.active();
        let within = |path: &str| match self.key.as_deref() {
            None => true,
            Some(key) => path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        };
        let leaves = shown.config.show(&shown.provenance);
        let values: Vec<ValueShown> = leaves
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(path, _)| within(path))
            .map(|(path, leaf)| ValueShown {
                key: path.clone(),
                value: leaf.get("value").cloned().unwrap_or_default(),
                from: shown.provenance.of(path).clone(),
            })
            .collect();
        match self.key {
            Some(key) if values.is_empty() => Err(unknown_key(&key)),
            _ => Ok(ConfigShown { values, warnings: shown.warnings, problems: shown.problems }),
        }
    }
}

/// Shows one value of the configuration in force. A secret is covered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetConfig {
    /// Dotted path, e.g. `models.cheap.model`.
    key: String,
}

impl Operation for GetConfig {
    const NAME: &'static str = "get_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "get"])
        .positional(&["key"])
        .table("", &["key", "value", "from.layer", "from.source"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Get the rate limit",
        command: "config get rate_limit_per_minute",
        input: r#"{"key": "rate_limit_per_minute"}"#,
    }];
    type Output = ValueShown;

    async fn run(self, cx: &Cx<'_>) -> Result<ValueShown, Fault> {
        shown_value(cx, self.key)
    }
}

fn shown_value(cx: &Cx<'_>, key: String) -> Result<ValueShown, Fault> {
    let shown = cx.control.ports.settings.active();
    let value = shown.config.get(&key).cloned().ok_or_else(|| unknown_key(&key))?;
    let from = shown.provenance.of(&key).clone();
    Ok(ValueShown { key, value, from })
}

fn unknown_key(key: &str) -> Fault {
    let key = key.chars().take(128).collect::<String>();
    Fault::not_found("configuration key", key)
        .param("key")
        .hint("`brains config show` lists what is set, `brains config schema` what may be")
}

/// An edit that is in force.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigChanged {
    /// Dotted path.
    key: String,
    /// Number of the revision that holds the edit.
    revision: u64,
    /// What is in force at the key now; none when nothing stands there.
    value: Option<Value>,
    /// Where that comes from. Not the overlay when a higher layer says otherwise.
    from: Option<Place>,
    warnings: Vec<Problem>,
}

/// Makes edits for another plane, as one change; gives the number of its revision.
pub(super) async fn put(cx: &Cx<'_>, edits: Vec<OverlayEdit>, action: &'static str) -> Result<u64, Fault> {
    change::apply(cx, edits, action).await.map(|change| change.revision)
}

/// As [`put`], with a proposal that depends on the overlay as it stands.
pub(super) async fn propose(
    cx: &Cx<'_>,
    propose: impl Fn(&Overlay) -> Result<Proposal, Fault>,
    action: &'static str,
) -> Result<u64, Fault> {
    change::settle(cx, action, propose).await.map(|change| change.revision)
}

async fn edit(cx: &Cx<'_>, edit: OverlayEdit, action: &'static str) -> Result<ConfigChanged, Fault> {
    let key = edit.key.clone();
    let change = change::apply(cx, vec![edit], action).await?;
    let (value, from) = match shown_value(cx, key.clone()) {
        Ok(shown) => (Some(shown.value), Some(shown.from)),
        Err(_) => (None, None),
    };
    Ok(ConfigChanged { key, revision: change.revision, value, from, warnings: change.warnings })
}

/// Sets a value in the overlay. The whole configuration is validated with it first, and it is in force when
/// this answers; no request is lost. A secret is given as a reference, `${ENV:NAME}` or `${FILE:path}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetConfig {
    /// Dotted path, e.g. `models.cheap.model`.
    key: String,
    /// The value.
    value: Value,
}

impl Operation for SetConfig {
    const NAME: &'static str = "set_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "set"])
        .positional(&["key", "value"])
        .table("", &["key", "value", "from.layer", "revision"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Limit every key to 60 requests a minute",
            command: "config set rate_limit_per_minute 60",
            input: r#"{"key": "rate_limit_per_minute", "value": 60}"#,
        },
        Example {
            title: "Give a tier another model",
            command: "config set models.cheap '{provider: acme, model: small}'",
            input: r#"{"key": "models.cheap", "value": {"provider": "acme", "model": "small"}}"#,
        },
        Example {
            title: "Name the variable that holds a secret",
            command: "config set providers.acme.secrets.api_key '${ENV:ACME_KEY}'",
            input: r#"{"key": "providers.acme.secrets.api_key", "value": "${ENV:ACME_KEY}"}"#,
        },
    ];
    type Output = ConfigChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ConfigChanged, Fault> {
        if self.value.is_null() {
            return Err(Fault::invalid("`value` is null")
                .param("value")
                .hint("`unset_config` removes a value"));
        }
        edit(cx, OverlayEdit { key: self.key, value: Some(self.value) }, "config.set").await
    }
}

/// Removes a value from the overlay, so that a lower layer's is in force again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnsetConfig {
    /// Dotted path, e.g. `models.cheap`.
    key: String,
}

impl Operation for UnsetConfig {
    const NAME: &'static str = "unset_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "unset"])
        .positional(&["key"])
        .table("", &["key", "value", "from.layer", "revision"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Take a limit away again",
        command: "config unset rate_limit_per_minute",
        input: r#"{"key": "rate_limit_per_minute"}"#,
    }];
    type Output = ConfigChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ConfigChanged, Fault> {
        edit(cx, OverlayEdit { key: self.key, value: None }, "config.unset").await
    }
}

/// Checks the text of a configuration file without using it. What references name is read for that.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckConfig {
    /// The document, YAML or JSON.
    #[schemars(extend("contentMediaType" = "application/yaml"))]
    document: String,
}

/// What the check of a document found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigChecked {
    /// Whether it could be put in force.
    ok: bool,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Tiers without a model of their own, and where they lead.
    tier_leads: Vec<TierLead>,
}

impl Operation for CheckConfig {
    const NAME: &'static str = "check_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    // It changes nothing, but it costs what a document may cost, and it reads what references name.
    const SCOPE: KeyScope = KeyScope::Write;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "check"])
        .positional(&["document"])
        .table("problems", &["path", "place.layer", "message", "hint"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Check a file",
        command: "config check brains.yaml",
        input: r#"{"document": "rate_limit_per_minute: 60\n"}"#,
    }];
    type Output = ConfigChecked;

    async fn run(self, cx: &Cx<'_>) -> Result<ConfigChecked, Fault> {
        let Findings { problems, warnings, tier_leads } =
            cx.control.ports.settings.check(self.document).await?;
        Ok(ConfigChecked { ok: problems.is_empty(), problems, warnings, tier_leads })
    }
}

/// Reads all configuration files again and puts them in force. What is not sound changes nothing: the last
/// good state keeps serving. An edit of the overlay by hand becomes a numbered revision.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReloadConfig {}

/// A reload.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigReloaded {
    /// Whether anything differs from before. An edit of a file comes into force by itself, so it may have before this.
    changed: bool,
    /// Since when what is in force is.
    in_force_since: Millis,
    /// Number of the revision that an edit by hand became; none when there was none.
    revision: Option<u64>,
    warnings: Vec<Problem>,
}

impl Operation for ReloadConfig {
    const NAME: &'static str = "reload_config";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "reload"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Put an edit by hand in force", command: "config reload", input: "{}" }];
    type Output = ConfigReloaded;

    async fn run(self, cx: &Cx<'_>) -> Result<ConfigReloaded, Fault> {
        let (reloaded, revision) = change::reload(cx, FileReading::AtOnce).await?;
        Ok(ConfigReloaded {
            changed: reloaded.changed,
            in_force_since: reloaded.since,
            revision,
            warnings: reloaded.warnings,
        })
    }
}

/// Prints the JSON Schema of the whole configuration, the keys of the loaded components included.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigSchema {}

/// The schema of the configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SchemaShown {
    /// JSON Schema, draft 2020-12.
    schema: Value,
}

impl Operation for ConfigSchema {
    const NAME: &'static str = "config_schema";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["config", "schema"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "For an editor's completion", command: "config schema", input: "{}" }];
    type Output = SchemaShown;

    async fn run(self, cx: &Cx<'_>) -> Result<SchemaShown, Fault> {
        Ok(SchemaShown { schema: cx.control.ports.settings.schema() })
    }
}
