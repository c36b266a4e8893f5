//! The components as people see them: which there are, where each stands and why, and its versions.

use std::sync::Arc;

use brains_core::config::Config;
use brains_core::plane::component::plan::VersionNote;
use brains_core::plane::component::reason::{NextStep, StandingReason};
use brains_core::plane::component::{ComponentRecord, ComponentStanding, ComponentState, ComponentVersion};

use super::active::ActiveSet;
use super::build::BuildFindings;
use super::directory::Offered;
use super::{ComponentParts, ComponentRegistry};
use crate::instance::Instance;

impl ComponentRegistry {
    /// Every component that is bundled, named or lies in the plugins directory, as it stands now.
    pub fn components(&self) -> Vec<ComponentRecord> {
        let snapshot = self.current();
        let mut records = snapshot.report.records.clone();
        for id in self.parts.catalog.directory.unsettled() {
            if !records.iter().any(|record| record.component.id == id) {
                records.push(blank(&id, ComponentStanding::Seen, "its file is still being written"));
            }
        }
        for (id, digest) in &self.active.status().checking {
            let version = version(digest, ComponentStanding::Checking, None);
            if let Some(record) = records.iter_mut().find(|record| record.component.id == *id) {
                record.versions.push(version);
            } else {
                let mut record = blank(id, ComponentStanding::Checking, "it is compiled and asked who it is");
                record.component.digest.clone_from(digest);
                records.push(record);
            }
        }
        for record in &mut records {
            let running = snapshot.instances().filter(|one| one.component_id() == record.component.id);
            let live = running.map(running_version).collect::<Vec<_>>();
            let notes =
                snapshot.report.notes.get(&record.component.id).map(Vec::as_slice).unwrap_or_default();
            let checked = std::mem::replace(&mut record.versions, live);
            record.versions.extend(checked);
            record.versions.extend(self.parts.kept_versions(&record.component.id, notes));
            let waiting = self.parts.history.of(&record.component.id).and_then(|history| history.waiting);
            if let Some(digest) =
                waiting.filter(|digest| !record.versions.iter().any(|v| v.digest == *digest))
            {
                let reason = StandingReason::then("it waits", NextStep::TakeWaiting);
                let reason = self.parts.reason_text(&record.component.id, &reason);
                record.versions.push(version(&digest, ComponentStanding::Pending, Some(&reason)));
            }
            record.versions.extend(self.drains.of(&record.component.id));
        }
        records.sort_by(|one, other| one.component.id.cmp(&other.component.id));
        records
    }
}

impl ComponentParts {
    /// The part of the list that only another snapshot changes.
    pub(super) fn records(
        &self,
        config: &Config,
        set: &ActiveSet,
        found: &BuildFindings,
    ) -> Vec<ComponentRecord> {
        let dropped = self.catalog.directory.dropped();
        let mut ids: Vec<&str> = self.catalog.bundled_ids().collect();
        ids.extend(config.components.keys().map(String::as_str));
        ids.extend(found.standings.keys().map(String::as_str));
        ids.extend(dropped.keys().map(String::as_str));
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| self.record(id, config, set, dropped.get(id), found)).collect()
    }

    fn record(
        &self,
        id: &str,
        config: &Config,
        set: &ActiveSet,
        dropped: Option<&Offered>,
        found: &BuildFindings,
    ) -> ComponentRecord {
        let running: Vec<&Arc<Instance>> =
            set.instances().filter(|instance| instance.component_id() == id).collect();
        let component = running.first().map(|instance| instance.component());
        let bundled = self.catalog.bundled(id);
        let named = config.components.get(id).and_then(|source| source.source.clone());
        let file = match &named {
            Some(_) => self.catalog.file(id, config).ok().flatten(),
            None if bundled.is_none() => dropped.cloned(),
            None => None,
        };
        let manifest = component
            .map(|component| component.manifest().clone())
            .or_else(|| bundled.and_then(|bundled| bundled.manifest.clone().ok()))
            .or_else(|| file.as_ref().and_then(|file| file.manifest.clone()?.ok()))
            .or_else(|| {
                let pinned = config.components.get(id)?.digest.as_deref()?;
                self.known_manifest(id, pinned)
            });
        let failure = found.standings.get(id);
        let notes = found.notes.get(id).map(Vec::as_slice).unwrap_or_default();
        let (state, reason) = match failure {
            _ if !running.is_empty() => (
                ComponentStanding::Live,
                notes.first().map(|note| format!("{}: {}", note.digest, self.reason_text(id, &note.reason))),
            ),
            Some((standing, reason)) => (*standing, Some(self.reason_text(id, reason))),
            None => (ComponentStanding::Off, Some("nothing in the configuration uses it".into())),
        };
        let digest = component
            .map(|component| component.digest().to_owned())
            .or_else(|| file.as_ref().map(|file| file.digest.clone()))
            .or_else(|| config.components.get(id).and_then(|source| source.digest.clone()))
            .or_else(|| bundled.map(|bundled| bundled.digest.clone()));
        let size_bytes = component
            .map(|component| component.size_bytes())
            .or_else(|| file.as_ref().map(|file| file.size_bytes))
            .or_else(|| bundled.map(|bundled| bundled.bundled.wasm.len() as u64));
        let digest = digest.unwrap_or_default();
        let source = match (named, file, bundled) {
            (Some(source), ..) => source,
            (None, Some(file), _) => {
                file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
            (None, None, Some(bundled)) if bundled.digest == digest => "bundle".into(),
            (None, None, _) => "store".into(),
        };
        ComponentRecord {
            component: ComponentState {
                id: id.to_owned(),
                digest,
                version: component.map(|component| component.version().to_owned()),
                plays: manifest.as_ref().map(|manifest| manifest.plays),
                state,
                reason,
            },
            source,
            size_bytes: size_bytes.unwrap_or(0),
            exports: component.map(|component| component.exports().names()).unwrap_or_default(),
            instances: running.iter().map(|instance| instance.name().to_owned()).collect(),
            flat_keys: manifest
                .and_then(|manifest| manifest.flat)
                .map(|flat| flat.keys.keys().cloned().collect())
                .unwrap_or_default(),
            versions: Vec::new(),
        }
    }

    /// What waits, was refused, or can be brought back.
    fn kept_versions(&self, id: &str, notes: &[VersionNote]) -> Vec<ComponentVersion> {
        let mut versions: Vec<ComponentVersion> = notes
            .iter()
            .map(|note| version(&note.digest, note.state, Some(&self.reason_text(id, &note.reason))))
            .collect();
        let Some(entry) = self.history.of(id) else { return versions };
        let past = entry.past.iter().filter(|digest| self.catalog.holds(digest));
        versions.extend(past.map(|digest| version(digest, ComponentStanding::Previous, None)));
        for (digest, reason) in &entry.quarantined {
            if !versions.iter().any(|known| known.digest == *digest) {
                versions.push(version(digest, ComponentStanding::Quarantined, Some(reason)));
            }
        }
        versions
    }
}

fn version(digest: &str, state: ComponentStanding, reason: Option<&str>) -> ComponentVersion {
    ComponentVersion {
        state,
        digest: digest.to_owned(),
        reason: reason.map(str::to_owned),
        instance: None,
        config_digest: None,
        grants_digest: None,
        exchanges: None,
    }
}

fn running_version(instance: &Arc<Instance>) -> ComponentVersion {
    let (config_digest, grants_digest) = instance.version_digests();
    ComponentVersion {
        instance: Some(instance.name().to_owned()),
        config_digest: Some(config_digest),
        grants_digest: Some(grants_digest),
        exchanges: Some(instance.exchanges()),
        ..version(instance.component().digest(), ComponentStanding::Live, None)
    }
}

fn blank(id: &str, state: ComponentStanding, reason: &str) -> ComponentRecord {
    ComponentRecord {
        component: ComponentState {
            id: id.to_owned(),
            digest: String::new(),
            version: None,
            plays: None,
            state,
            reason: Some(reason.to_owned()),
        },
        source: format!("{id}.wasm"),
        size_bytes: 0,
        exports: Vec::new(),
        instances: Vec::new(),
        flat_keys: Vec::new(),
        versions: Vec::new(),
    }
}
