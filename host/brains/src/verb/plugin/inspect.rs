//! Says in words what a component is and what it asks for, as a service would find it.

use std::path::Path;

use brains_core::Fault;
use brains_core::config::manifest::{Manifest, Plays};
use brains_core::secret::sha256_hex;
use brains_runtime::{Component, Exports, LoadError};
use serde_json::{Value, json};

use super::artifact::{Artifact, COMPONENT_BYTES, runtime};
use crate::home;
use crate::output;
use crate::shell::Shell;

/// What a file that loads nowhere is told with: the same members, as far as they are known.
pub(super) fn check(shell: &Shell, path: &Path) -> Result<(), anyhow::Error> {
    let mut artifact = Artifact::find(path)?;
    let loaded = artifact.load(&runtime(shell)?);
    let answer = describe(&artifact, loaded.as_deref());
    output::answer(&answer, shell.form, None)?;
    match loaded {
        Ok(_) => Ok(()),
        Err(error) => Err(unusable_component(&error).into()),
    }
}

fn describe(artifact: &Artifact, loaded: Result<&Component, &LoadError>) -> Value {
    let Artifact { path, manifest, bytes, .. } = artifact;
    let mut answer = json!({
        "component": manifest.component,
        "file": path.display().to_string(),
        "digest": format!("sha256:{}", sha256_hex(bytes)),
        "size_bytes": bytes.len(),
        "plays": manifest.plays.name(),
        "asks": asks(manifest, artifact.described),
    });
    let Some(members) = answer.as_object_mut() else { return answer };
    match loaded {
        Ok(component) => {
            members.insert("version".into(), component.version().into());
            members.insert("world".into(), world(component.exports(), manifest.plays).into());
            members.insert("exports".into(), component.exports().names().into());
            members.insert("imports".into(), component.imports().into());
            members.insert("would_trap".into(), component.unanswered().into());
            members.insert("settings".into(), settings(component.schema()).into());
            let flat = manifest.flat.iter().flat_map(|flat| flat.keys.keys().cloned());
            members.insert("flat_keys".into(), flat.collect());
            members.insert("ok".into(), true.into());
        }
        Err(error) => {
            members.insert("ok".into(), false.into());
            members.insert("problem".into(), chain(error).into());
        }
    }
    answer
}

/// What it asks for, a sentence each.
fn asks(manifest: &Manifest, described: bool) -> Vec<String> {
    let asks = &manifest.asks;
    let mut words = Vec::new();
    if !described {
        words.push("nothing: no manifest lies beside it".to_owned());
        return words;
    }
    words.extend(asks.http.iter().map(|origin| format!("to call {origin}, which the operator must allow")));
    words.extend(asks.secrets.iter().map(|name| format!("to send the secret `{name}`, when it is set")));
    if asks.clock {
        words.push("to know the time".to_owned());
    }
    if asks.random {
        words.push("to draw random bytes".to_owned());
    }
    if asks.kv.trim() != "0" {
        words.push(format!("to keep {} between calls", asks.kv));
    }
    let limits = &manifest.limits;
    words.extend(limits.memory_mib.map(|mib| format!("to use {mib} MiB of memory")));
    words.extend(limits.call_ms.map(|ms| format!("to compute {ms} ms in one call")));
    if words.is_empty() {
        words.push("nothing".to_owned());
    }
    words
}

/// The world of `wit/brains-plugin.wit` whose exports these are.
fn world(exports: Exports, plays: Plays) -> &'static str {
    match plays {
        Plays::Classifier if exports.classifier => "classifier-component",
        Plays::Policy if exports.policy => "policy-component",
        _ if exports.relay && exports.chat => "standard-provider",
        _ if exports.relay => "relay-provider",
        _ if exports.chat => "chat-provider",
        _ if exports.standalone => "standalone-provider",
        _ if exports.embeddings => "embeddings-provider",
        _ => "none that is called",
    }
}

/// The settings, a line each.
fn settings(schema: &Value) -> Vec<String> {
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    members
        .map(|(name, member)| {
            let words = member.get("description").and_then(Value::as_str).unwrap_or("no description");
            match member.get("default") {
                Some(default) => format!("{name}: {words} [default: {default}]"),
                None => format!("{name}: {words}"),
            }
        })
        .collect()
}

/// A component that cannot be used.
pub(super) fn unusable_component(error: &LoadError) -> Fault {
    Fault::invalid(format!("a service would refuse this component: {}", chain(error)))
        .code("component_refused")
        .hint("`docs/guides/write-a-plugin.md` says what a component exports and may import")
}

fn chain(error: &LoadError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// The digest by which a component is pinned.
pub(super) fn digest(path: &Path) -> Result<String, Fault> {
    let bytes = home::read_named(path, COMPONENT_BYTES)?;
    Ok(format!("sha256:{}", sha256_hex(&bytes)))
}
