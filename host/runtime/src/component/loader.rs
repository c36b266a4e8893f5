//! From a version of a component to code that may run: what is loaded already, what failed a check that no configuration
//! changes, and how the rest is read, linked and asked who it is. What must be compiled first is said to be so.

use std::collections::HashMap;
use std::sync::Arc;

use brains_core::config::Config;
use brains_core::config::manifest::{Manifest, Plays};
use brains_core::plane::component::plan::Offer;

use super::active::ActiveSet;
use super::configured_part::ConfiguredPart;
use super::{ComponentParts, reason_text};
use crate::component::catalog::guessed;
use crate::grant::GrantedOrigin;
use crate::instance::{Instance, InstanceSpec};
use crate::load::{Bytes, Component, LoadError};
use crate::runtime::named_origins;

/// A version of a component: id and digest.
pub(super) type VersionKey = (String, String);

/// What a version is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To serve: what is read is kept.
    Serve,
    /// To be looked at: nothing is kept or remembered.
    Check,
}

/// Versions of this process. The changes own it.
#[derive(Debug, Default)]
pub(super) struct VersionCache {
    /// What serves and what could at once. Anything else is let go of.
    loaded: HashMap<VersionKey, Arc<Component>>,
    /// Versions that failed a check that no configuration changes, and why.
    refused: HashMap<VersionKey, String>,
}

impl VersionCache {
    pub(super) fn len(&self) -> usize {
        self.loaded.len()
    }

    pub(super) fn is_known(&self, key: &VersionKey) -> bool {
        self.loaded.contains_key(key) || self.refused.contains_key(key)
    }

    /// A version that came some other way; whatever was held against it is forgotten.
    pub(super) fn insert(&mut self, key: VersionKey, component: Arc<Component>) {
        self.refused.remove(&key);
        self.loaded.insert(key, component);
    }

    /// Files changed: what was refused may be something else by now.
    pub(super) fn forget_refusals(&mut self) {
        self.refused.clear();
    }

    pub(super) fn keep_only(&mut self, needed: impl Fn(&str, &str) -> bool) {
        self.loaded.retain(|(id, digest), _| needed(id, digest));
    }

    /// A version, ready to be used. One that was loaded before is not loaded again; one that must be compiled first is
    /// [`LoadError::Checking`].
    pub(super) fn load(
        &mut self,
        parts: &ComponentParts,
        key: VersionKey,
        config: &Config,
        purpose: Purpose,
    ) -> Result<Arc<Component>, LoadError> {
        let manifest = parts.manifest(&key, config);
        if let Some(known) = self.known(&key, &manifest) {
            return known;
        }
        let loaded = parts
            .read(&key, &manifest, config, purpose)
            .and_then(|bytes| parts.runtime.load_ready(&key.0, &key.1, &bytes, manifest).map(Arc::new));
        self.keep(key, loaded, false)
    }

    /// What is known of a version without looking at it.
    pub(super) fn known(
        &self,
        key: &VersionKey,
        manifest: &Manifest,
    ) -> Option<Result<Arc<Component>, LoadError>> {
        if let Some(component) = self.loaded.get(key).filter(|known| known.manifest() == manifest) {
            return Some(Ok(Arc::clone(component)));
        }
        let reason = self.refused.get(key)?;
        Some(Err(LoadError::Refused { reason: reason.clone() }))
    }

    /// Remembers how loading a version went; `compiled` when it was compiled for that.
    pub(super) fn keep(
        &mut self,
        key: VersionKey,
        loaded: Result<Arc<Component>, LoadError>,
        compiled: bool,
    ) -> Result<Arc<Component>, LoadError> {
        match &loaded {
            Ok(component) => {
                self.loaded.insert(key, Arc::clone(component));
            }
            // What could not be compiled for a reason of the host's is tried again when something changes.
            Err(error) if is_final(error) || compiled && matches!(error, LoadError::Compiler { .. }) => {
                self.refused.insert(key, reason_text(error));
            }
            Err(_) => {}
        }
        loaded
    }
}

/// Whether the same version would fail the same way again.
const fn is_final(error: &LoadError) -> bool {
    !matches!(
        error,
        LoadError::Checking
            | LoadError::Busy
            | LoadError::Stopping
            | LoadError::Compiler { .. }
            | LoadError::Absent { .. }
            | LoadError::Read { .. }
            | LoadError::Digest { .. }
            | LoadError::Probe(crate::CallFault::Exhausted | crate::CallFault::Crowded { .. })
    )
}

impl ComponentParts {
    /// What a version came with: as its place offers it now, else as it is remembered, else as its use says.
    pub(super) fn manifest(&self, (id, digest): &VersionKey, config: &Config) -> Manifest {
        match self.catalog.offer(id, config) {
            Offer::Version(version) if version.digest == *digest => version.manifest,
            Offer::Nothing | Offer::Version(_) | Offer::Flawed { .. } => {
                self.known_manifest(id, digest).unwrap_or_else(|| guessed(id, config, Plays::Provider))
            }
        }
    }

    /// The manifest of a version without its file.
    pub(super) fn known_manifest(&self, id: &str, digest: &str) -> Option<Manifest> {
        let remembered = self.history.of(id).and_then(|history| history.manifests.get(digest).cloned());
        remembered.or_else(|| {
            let known = self.catalog.bundled(id).filter(|known| known.digest == digest)?;
            known.manifest.clone().ok()
        })
    }

    /// The bytes of a version.
    pub(super) fn read(
        &self,
        (id, digest): &VersionKey,
        manifest: &Manifest,
        config: &Config,
        purpose: Purpose,
    ) -> Result<Bytes, LoadError> {
        let serves = purpose == Purpose::Serve;
        let bytes = self.catalog.bytes(id, digest, config, serves)?;
        if serves {
            self.history.update(id, |history| {
                history.manifests.insert(digest.clone(), manifest.clone());
            });
        }
        Ok(bytes)
    }

    /// The running instance when nothing about it changed, else another one.
    pub(super) fn instance(
        &self,
        part: &ConfiguredPart<'_>,
        component: &Arc<Component>,
        config: &Config,
        old: &ActiveSet,
    ) -> Result<Arc<Instance>, LoadError> {
        if component.manifest().plays != part.plays {
            return Err(LoadError::NoPart { plays: part.plays.name() });
        }
        let settings = &part.settings;
        let mut grants = named_origins(component.schema(), settings.config);
        grants.extend(settings.allow.iter().map(|url| GrantedOrigin { url: url.clone(), operator: true }));
        let asked = component.manifest().asks.http.iter();
        let missing: Vec<String> =
            asked.filter(|asked| !grants.iter().any(|grant| grant.includes(asked))).cloned().collect();
        if !missing.is_empty() {
            return Err(LoadError::Pending(missing));
        }
        self.approved(component, config)?;
        // What somebody dropped in could name any command.
        let bundled = self.catalog.is_bundled_version(component.id(), component.digest());
        let commands = component.manifest().asks.commands.iter();
        let commands = commands.filter(|(name, _)| bundled && settings.commands.contains(&name.as_str()));
        let operator = config.components.get(part.component).map(|entry| entry.limits).unwrap_or_default();
        let spec = InstanceSpec {
            name: part.name.to_owned(),
            aliases: settings.aliases.to_vec(),
            config: settings.config.clone(),
            secrets: settings.secrets.clone(),
            commands: commands.map(|(name, command)| (name.clone(), command.clone())).collect(),
            grants,
            timeout_ms: settings.timeout_ms,
            limits: crate::CallLimits::of(part.plays, component.manifest().limits, operator),
        };
        let before = old.instances().find(|running| running.name() == spec.name);
        match before {
            Some(running) if Arc::ptr_eq(running.component(), component) && running.spec().same(&spec) => {
                Ok(Arc::clone(running))
            }
            _ => self.runtime.instantiate(Arc::clone(component), spec).map(Arc::new),
        }
    }

    /// Whether its limits are the usual ones, or were approved: with the program, by a pin, by the operator's own limits,
    /// or because it served before.
    fn approved(&self, component: &Component, config: &Config) -> Result<(), LoadError> {
        let (id, digest, manifest) = (component.id(), component.digest(), component.manifest());
        let entry = config.components.get(id);
        let operator = entry.map(|entry| entry.limits).unwrap_or_default();
        let more = manifest.limits_beyond(None, operator);
        let pinned = entry.is_some_and(|entry| entry.digest.as_deref() == Some(digest));
        if more.is_empty() || pinned || self.catalog.is_bundled_version(id, digest) {
            return Ok(());
        }
        let served = self.history.of(id).is_some_and(|history| history.served(digest));
        if served { Ok(()) } else { Err(LoadError::Limits { more, asks: manifest.asks.clone() }) }
    }
}
