//! How the configuration names what plays a part, and what that part may use.

use std::collections::BTreeMap;

use brains_core::Secret;
use brains_core::config::Config;
use brains_core::config::manifest::Plays;
use serde_json::Value;

/// One part as it is written in the configuration.
pub(super) struct ConfiguredPart<'a> {
    pub(super) path: String,
    pub(super) name: &'a str,
    pub(super) component: &'a str,
    pub(super) plays: Plays,
    pub(super) settings: PartSettings<'a>,
    /// Nobody wrote it: it is there because its file is.
    pub(super) implied: bool,
}

/// What a part is given.
pub(super) struct PartSettings<'a> {
    pub(super) config: &'a Value,
    pub(super) secrets: BTreeMap<String, Secret>,
    /// Names of the commands that may be run.
    pub(super) commands: Vec<&'a str>,
    pub(super) allow: &'a [String],
    pub(super) timeout_ms: u64,
    pub(super) aliases: &'a [String],
}

/// Longest silence of the upstream of a provider that nobody configured.
const IMPLIED_TIMEOUT_MS: u64 = 60_000;

impl<'a> PartSettings<'a> {
    /// Nothing but settings.
    const fn only(config: &'a Value, timeout_ms: u64) -> Self {
        Self { config, secrets: BTreeMap::new(), commands: Vec::new(), allow: &[], timeout_ms, aliases: &[] }
    }
}

impl<'a> ConfiguredPart<'a> {
    /// The provider that a file is by itself.
    pub(super) fn implied(id: &'a str, nothing: &'a Value) -> Self {
        Self {
            path: format!("components.{id}"),
            name: id,
            component: id,
            plays: Plays::Provider,
            settings: PartSettings::only(nothing, IMPLIED_TIMEOUT_MS),
            implied: true,
        }
    }
}

/// Every part of the configuration, in its order.
pub(super) fn parts(config: &Config) -> Vec<ConfiguredPart<'_>> {
    let mut parts: Vec<ConfiguredPart<'_>> = config
        .providers
        .iter()
        .map(|(name, spec)| ConfiguredPart {
            path: format!("providers.{name}"),
            name,
            component: &spec.component,
            plays: Plays::Provider,
            settings: PartSettings {
                config: &spec.config,
                secrets: spec.secrets.clone(),
                commands: spec
                    .commands
                    .iter()
                    .filter(|(_, may)| **may)
                    .map(|(name, _)| name.as_str())
                    .collect(),
                allow: &spec.allow.http,
                timeout_ms: milliseconds(spec.timeout_seconds),
                aliases: &spec.aliases,
            },
            implied: false,
        })
        .collect();
    for (path, plays, part) in
        [("classifier", Plays::Classifier, &config.classifier), ("policy", Plays::Policy, &config.policy)]
    {
        if let Some(part) = part {
            parts.push(ConfiguredPart {
                path: path.to_owned(),
                name: path,
                component: &part.component,
                plays,
                settings: PartSettings::only(&part.config, 0),
                implied: false,
            });
        }
    }
    parts
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive by schema; the cast saturates"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}
