//! How the configuration names what plays a part, and what that part may use.

use std::collections::BTreeMap;

use brains_core::Secret;
use brains_core::config::manifest::Plays;
use brains_core::config::{Config, Limits as Wanted};
use serde_json::Value;

use crate::limits::Limits;

/// One part as it is written in the configuration.
pub(super) struct Part<'a> {
    pub(super) path: String,
    pub(super) name: &'a str,
    pub(super) component: &'a str,
    pub(super) plays: Plays,
    pub(super) config: &'a Value,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) allow: &'a [String],
    pub(super) timeout_ms: u64,
    pub(super) aliases: &'a [String],
    /// Nobody wrote it: it is there because its file is.
    pub(super) implied: bool,
}

/// Longest silence of the upstream of a provider that nobody configured.
const IMPLIED_TIMEOUT_MS: u64 = 60_000;

impl<'a> Part<'a> {
    /// The provider that a file is by itself.
    pub(super) fn implied(id: &'a str, nothing: &'a Value) -> Self {
        Self {
            path: format!("components.{id}"),
            name: id,
            component: id,
            plays: Plays::Provider,
            config: nothing,
            secrets: BTreeMap::new(),
            allow: &[],
            timeout_ms: IMPLIED_TIMEOUT_MS,
            aliases: &[],
            implied: true,
        }
    }
}

/// Every part of the configuration, in its order.
pub(super) fn parts(config: &Config) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = config
        .providers
        .iter()
        .map(|(name, spec)| Part {
            path: format!("providers.{name}"),
            name,
            component: &spec.component,
            plays: Plays::Provider,
            config: &spec.config,
            secrets: spec.secrets.clone(),
            allow: &spec.allow.http,
            timeout_ms: milliseconds(spec.timeout_seconds),
            aliases: &spec.aliases,
            implied: false,
        })
        .collect();
    for (path, plays, part) in
        [("classifier", Plays::Classifier, &config.classifier), ("policy", Plays::Policy, &config.policy)]
    {
        if let Some(part) = part {
            parts.push(Part {
                path: path.to_owned(),
                name: path,
                component: &part.component,
                plays,
                config: &part.config,
                secrets: BTreeMap::new(),
                allow: &[],
                timeout_ms: 0,
                aliases: &[],
                implied: false,
            });
        }
    }
    parts
}

pub(super) fn limits(plays: Plays, wanted: Wanted) -> Limits {
    let mut limits = if plays == Plays::Provider { Limits::PROVIDER } else { Limits::JUDGE };
    if let Some(mib) = wanted.memory_mib {
        limits.memory_bytes = (mib as usize) << 20;
    }
    if let Some(ms) = wanted.call_ms {
        limits.call_ms = ms;
    }
    if let Some(kib) = wanted.output_kib {
        limits.output_bytes = (kib as usize) << 10;
    }
    limits
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive by schema; the cast saturates"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}
