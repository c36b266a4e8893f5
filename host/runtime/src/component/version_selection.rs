//! From a component's id to the content that serves: what its place offers, what may be used of that, and what
//! stands behind it when it cannot.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::config::{ComponentLimits, Config};
use brains_core::plane::component::ComponentStanding;
use brains_core::plane::is_slug;

use super::configured_part::ConfiguredPart;
use super::{ActiveSet, ComponentRegistry, Standings, chain, lock};
use crate::component::directory::Offered;
use crate::component::selection_rule::{Choice, Grounds, Newest, Note, approval, choose};
use crate::instance::Instance;
use crate::load::compiler::Pace;
use crate::load::inspect::admit;
use crate::load::{Bytes, Component, LoadError, digest};

/// What a component's place offers now.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) digest: String,
    pub(super) manifest: Manifest,
    /// None for a bundled one.
    pub(super) file: Option<Offered>,
}

/// One part of those asked for, by its number, and what became of it.
type Made = (usize, Result<Arc<Instance>, LoadError>);

impl ComponentRegistry {
    /// Files of the plugins directory that are providers by themselves. Why another one is not is noted.
    pub(super) fn implied(
        &self,
        config: &Config,
        dropped: &BTreeMap<String, Offered>,
        standings: &mut Standings,
    ) -> Vec<String> {
        let mut implied = Vec::new();
        for (id, file) in dropped {
            let entry = config.components.get(id);
            let source = entry.and_then(|entry| entry.source.as_ref());
            let used = super::parts(config).iter().any(|part| part.component == id);
            if source.is_some() || used && !self.is_bundled(id) {
                continue;
            }
            if self.is_bundled(id) {
                if self.bundled.iter().all(|bundled| bundled.digest != file.digest) {
                    standings.notes.entry(id.clone()).or_default().push(Note {
                        digest: file.digest.clone(),
                        state: ComponentStanding::Pending,
                        reason: format!(
                            "it would replace the bundled one: `brains plugin upgrade {id}` takes it"
                        ),
                    });
                }
                continue;
            }
            match self.judge(id, file, config) {
                Ok(()) => implied.push(id.clone()),
                Err(failure) => {
                    standings.failures.insert(id.clone(), failure);
                }
            }
        }
        for (id, entry) in &config.components {
            let used = super::parts(config).iter().any(|part| part.component == id);
            let Some(pin) =
                entry.digest.as_deref().filter(|_| entry.enabled && entry.source.is_none() && !used)
            else {
                continue;
            };
            if self.is_bundled(id) || implied.contains(id) || !self.holds(pin) {
                continue;
            }
            let manifest = self.known_manifest(id, pin);
            let more = manifest.as_ref().map(|told| told.beyond(None, entry.limits)).unwrap_or_default();
            let asks = manifest.map(|manifest| manifest.asks).unwrap_or_default();
            let what = if more.is_empty() { "nothing".to_owned() } else { more.join(", ") };
            let reason =
                format!("it asks for {what} and nothing uses it yet: `{}` does", approval(id, &asks));
            standings.failures.insert(id.clone(), (ComponentStanding::Pending, reason));
        }
        implied
    }

    /// Whether a file that nobody named may serve by itself.
    fn judge(&self, id: &str, file: &Offered, config: &Config) -> Result<(), (ComponentStanding, String)> {
        let no = |state: ComponentStanding, reason: String| Err((state, reason));
        if !is_slug(id) {
            return no(
                ComponentStanding::Rejected,
                "its file's name is no id: lower-case letters, digits, `_` and `-`, a letter or digit first"
                    .into(),
            );
        }
        // What served before is tried again when the newest content is no good.
        let serves = self.history().of(id).and_then(|entry| entry.live.clone());
        let serves = serves.is_some_and(|live| self.holds_for(id, &live));
        if let Some(flaw) = file.flaw() {
            return if serves { Ok(()) } else { no(ComponentStanding::Rejected, flaw) };
        }
        if let Some((owner, _)) = config.provider(id) {
            return no(
                ComponentStanding::Pending,
                format!(
                    "its name means the provider `{owner}` already: `brains plugin enable {id} --instance NAME` \
                     gives it another"
                ),
            );
        }
        let plays = file.plays();
        if plays != Plays::Provider {
            return no(
                ComponentStanding::Pending,
                format!(
                    "it plays the {}, of which there is one: `brains plugin enable {id}` puts it in place",
                    plays.name()
                ),
            );
        }
        let pinned = config.components.get(id).is_some_and(|entry| entry.digest.is_some());
        let Some(manifest) = file.told().filter(|_| !pinned && !serves) else { return Ok(()) };
        let more = manifest.beyond(None, operators(id, config));
        if more.is_empty() {
            return Ok(());
        }
        no(
            ComponentStanding::Pending,
            format!("it asks for {}: `{}` approves it", more.join(", "), approval(id, &manifest.asks)),
        )
    }

    /// Instances of one component, all of the same content: the best that works for all of them.
    pub(super) fn make(
        &self,
        id: &str,
        parts: &[(usize, &ConfiguredPart<'_>)],
        config: &Config,
        old: &ActiveSet,
        standings: &mut Standings,
    ) -> Vec<Made> {
        if config.components.get(id).is_some_and(|entry| !entry.enabled) {
            let reason = format!("it is switched off: `brains plugin enable {id}`");
            standings.failures.insert(id.to_owned(), (ComponentStanding::Off, reason));
            return Vec::new();
        }
        let allowed: Vec<String> = parts.iter().flat_map(|(_, part)| part.allow.iter().cloned()).collect();
        let (choice, offer) = match self.choice(id, config, &allowed) {
            Ok(chosen) => chosen,
            Err(error) => return failed(parts, error),
        };
        let notes = standings.notes.entry(id.to_owned()).or_default();
        notes.extend(choice.notes);
        let mut tries = choice.tries.iter().peekable();
        while let Some(digest) = tries.next() {
            let last = tries.peek().is_none();
            let made: Vec<Made> = match self.ready(id, digest, offer.as_ref(), config) {
                Ok(component) => parts
                    .iter()
                    .map(|(at, part)| (*at, self.instance(part, &component, config, old)))
                    .collect(),
                Err(error) => failed(parts, error),
            };
            let error = made.iter().find_map(|(_, result)| result.as_ref().err());
            match error {
                Some(error) if !last => notes.push(Note {
                    digest: digest.clone(),
                    state: match error {
                        LoadError::Checking => ComponentStanding::Checking,
                        LoadError::Pending(_) | LoadError::Limits { .. } | LoadError::Settings { .. } => {
                            ComponentStanding::Pending
                        }
                        _ => ComponentStanding::Rejected,
                    },
                    reason: match error {
                        LoadError::Pending(asked) => {
                            let asks = Asks { http: asked.clone(), ..Asks::default() };
                            format!("{}; `{}` approves it", chain(error), approval(id, &asks))
                        }
                        _ => chain(error),
                    },
                }),
                _ => return made,
            }
        }
        Vec::new()
    }

    /// What should serve, best first, and what the component's place offers.
    fn choice(
        &self,
        id: &str,
        config: &Config,
        allowed: &[String],
    ) -> Result<(Choice, Option<Offer>), LoadError> {
        let pin = config.components.get(id).and_then(|entry| entry.digest.as_deref());
        let mut flawed = None;
        let offer = match self.offer(id, config) {
            Ok(offer) => offer,
            Err(error) => {
                flawed = Some(error);
                None
            }
        };
        let newest = offer.as_ref().map(|offer| Newest {
            digest: &offer.digest,
            // What is bundled was approved with the program.
            manifest: offer.file.is_some().then_some(&offer.manifest),
        });
        let held = |digest: &str| self.holds_for(id, digest);
        if let Some(pin) = pin
            && !held(pin)
            && newest.is_none_or(|newest| newest.digest != pin)
        {
            return Err(match (newest, flawed) {
                (Some(newest), _) => {
                    LoadError::Digest { wanted: pin.to_owned(), found: newest.digest.to_owned() }
                }
                (None, Some(flaw)) => flaw,
                (None, None) => LoadError::Absent { digest: pin.to_owned() },
            });
        }
        let mut choice = {
            let history = self.history();
            choose(
                Grounds { id, pin, newest, entry: history.of(id), allowed, limits: operators(id, config) },
                held,
            )
        };
        if choice.tries.is_empty() {
            return Err(flawed.unwrap_or_else(|| LoadError::Unknown { id: id.to_owned() }));
        }
        if let Some(flaw) = flawed {
            let digest = self.flawed_digest(id, config);
            choice.notes.push(Note { digest, state: ComponentStanding::Rejected, reason: chain(&flaw) });
        }
        Ok((choice, offer))
    }

    /// The component that would be tried first.
    pub(super) fn first_choice(&self, id: &str, config: &Config) -> Result<Arc<Component>, LoadError> {
        let (choice, offer) = self.choice(id, config, &[])?;
        let first = choice.tries.first().ok_or_else(|| LoadError::Unknown { id: id.to_owned() })?;
        self.load(id, first, offer.as_ref(), config)
    }

    /// What a component's place offers: the file that the configuration names, else the bundled one, else the file
    /// of its name in the plugins directory.
    pub(super) fn offer(&self, id: &str, config: &Config) -> Result<Option<Offer>, LoadError> {
        let named = config.components.get(id).and_then(|entry| entry.source.as_deref());
        if named.is_none()
            && let Some(known) = self.bundled.iter().find(|known| known.bundled.id == id)
        {
            let manifest = known.manifest.clone().map_err(|reason| LoadError::Interface { reason })?;
            return Ok(Some(Offer { digest: known.digest.clone(), manifest, file: None }));
        }
        self.offered_file(id, config)
    }

    /// As the component's file offers it, whatever else the component is made of.
    pub(super) fn offered_file(&self, id: &str, config: &Config) -> Result<Option<Offer>, LoadError> {
        let named = config.components.get(id).and_then(|entry| entry.source.as_deref());
        let file = match named {
            Some(source) => {
                let path = self.directory.path(source);
                Some(self.directory.offered(&path).map_err(|source| LoadError::Read { path, source })?)
            }
            None => self.directory.dropped().remove(id),
        };
        let Some(file) = file else { return Ok(None) };
        if let Some(reason) = file.flaw() {
            return Err(LoadError::Refused { reason });
        }
        let manifest = match &file.manifest {
            Some(Ok(manifest)) => manifest.clone(),
            _ => guessed(id, config, file.plays()),
        };
        Ok(Some(Offer { digest: file.digest.clone(), manifest, file: Some(file) }))
    }

    fn flawed_digest(&self, id: &str, config: &Config) -> String {
        let named = config.components.get(id).and_then(|entry| entry.source.as_deref());
        let file = match named {
            Some(source) => self.directory.offered(&self.directory.path(source)).ok(),
            None => self.directory.dropped().remove(id),
        };
        file.map(|file| file.digest).unwrap_or_default()
    }

    /// As [`ComponentRegistry::load`], without waiting for a content that is being prepared already.
    fn ready(
        &self,
        id: &str,
        wanted: &str,
        offer: Option<&Offer>,
        config: &Config,
    ) -> Result<Arc<Component>, LoadError> {
        let key = (id.to_owned(), wanted.to_owned());
        let prepared = lock(&self.loaded).contains_key(&key) || lock(&self.refused).contains_key(&key);
        if !prepared && self.checking().get(id).is_some_and(|checked| checked == wanted) {
            return Err(LoadError::Checking);
        }
        self.load(id, wanted, offer, config)
    }

    /// A content of a component, ready to be used. One that was loaded before is not loaded again; one that must be
    /// compiled first is [`LoadError::Checking`], and is prepared meanwhile.
    pub(super) fn load(
        &self,
        id: &str,
        wanted: &str,
        offer: Option<&Offer>,
        config: &Config,
    ) -> Result<Arc<Component>, LoadError> {
        self.load_at(id, wanted, offer, config, None).inspect_err(|error| {
            if matches!(error, LoadError::Checking) {
                self.queue(id, wanted);
            }
        })
    }

    /// As [`ComponentRegistry::load`]; at a pace what must be compiled is compiled here.
    pub(super) fn load_at(
        &self,
        id: &str,
        wanted: &str,
        offer: Option<&Offer>,
        config: &Config,
        pace: Option<Pace>,
    ) -> Result<Arc<Component>, LoadError> {
        let offer = offer.filter(|offer| offer.digest == wanted);
        let manifest = match offer {
            Some(offer) => offer.manifest.clone(),
            None => self.known_manifest(id, wanted).unwrap_or_else(|| guessed(id, config, Plays::Provider)),
        };
        let key = (id.to_owned(), wanted.to_owned());
        let known = lock(&self.loaded).get(&key).cloned();
        if let Some(component) = known.filter(|component| *component.manifest() == manifest) {
            return Ok(component);
        }
        if let Some(reason) = lock(&self.refused).get(&key) {
            return Err(LoadError::Refused { reason: reason.clone() });
        }
        let bytes = self.content(id, wanted, offer)?;
        self.history().came_with(id, wanted, &manifest);
        let compiled = pace.map_or(Ok(()), |pace| {
            self.runtime.compile(wanted, &bytes, manifest.plays, pace, &AtomicBool::new(true))
        });
        match compiled.and_then(|()| self.runtime.load_ready(id, wanted, &bytes, manifest)) {
            Ok(component) => {
                let component = Arc::new(component);
                lock(&self.loaded).insert(key, Arc::clone(&component));
                Ok(component)
            }
            Err(error) => {
                // What could not be compiled for a reason of the host's is tried again when something changes.
                if is_final(&error) || pace.is_some() && matches!(error, LoadError::Compiler { .. }) {
                    lock(&self.refused).insert(key, chain(&error));
                }
                Err(error)
            }
        }
    }

    /// The bytes of a content: bundled, kept in the store, or in its file, from where they go to the store first.
    fn content(&self, id: &str, wanted: &str, offer: Option<&Offer>) -> Result<Bytes, LoadError> {
        if let Some(known) =
            self.bundled.iter().find(|known| known.bundled.id == id && known.digest == wanted)
        {
            return Ok(Bytes::Bundled(known.bundled.wasm));
        }
        if let Some(bytes) = self.blob_store.get(wanted) {
            return Ok(Bytes::Read(bytes.into()));
        }
        let Some(file) = offer.and_then(|offer| offer.file.as_ref()) else {
            return Err(LoadError::Absent { digest: wanted.to_owned() });
        };
        let bytes = self.read(&file.path)?;
        let found = digest(&bytes);
        if found != wanted {
            return Err(LoadError::Digest { wanted: wanted.to_owned(), found });
        }
        admit(&bytes)?;
        self.store(wanted, &bytes);
        Ok(Bytes::Read(bytes.into()))
    }

    pub(super) fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        self.directory.read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
    }

    /// Keeps a content. Without a place for it, it serves all the same and cannot be brought back.
    pub(super) fn store(&self, digest: &str, bytes: &[u8]) {
        if let Err(error) = self.blob_store.put(digest, bytes) {
            tracing::warn!(%error, component.digest = digest, "a component could not be kept");
        }
    }

    pub(super) fn known_manifest(&self, id: &str, wanted: &str) -> Option<Manifest> {
        let remembered = self.history().of(id).and_then(|entry| entry.manifests.get(wanted).cloned());
        remembered.or_else(|| {
            let known = self.bundled.iter().find(|known| known.bundled.id == id && known.digest == wanted)?;
            known.manifest.clone().ok()
        })
    }

    pub(super) fn is_bundled(&self, id: &str) -> bool {
        self.bundled.iter().any(|known| known.bundled.id == id)
    }

    pub(super) fn holds(&self, digest: &str) -> bool {
        self.blob_store.holds(digest) || self.bundled.iter().any(|known| known.digest == digest)
    }

    /// Whether a content of a component can be had without its file.
    pub(super) fn holds_for(&self, id: &str, digest: &str) -> bool {
        self.blob_store.holds(digest)
            || self.bundled.iter().any(|known| known.bundled.id == id && known.digest == digest)
    }
}

/// Whether the same content would fail the same way again.
const fn is_final(error: &LoadError) -> bool {
    !matches!(
        error,
        LoadError::Checking
            | LoadError::Busy
            | LoadError::Stopping
            | LoadError::Compiler { .. }
            | LoadError::Probe(crate::CallFault::Exhausted | crate::CallFault::Crowded { .. })
    )
}

/// The same error for every part.
fn failed(parts: &[(usize, &ConfiguredPart<'_>)], error: LoadError) -> Vec<Made> {
    let reason = chain(&error);
    let mut first = Some(error);
    parts
        .iter()
        .map(|(at, _)| {
            let checking = matches!(first, Some(LoadError::Checking));
            let error = if checking { Some(LoadError::Checking) } else { first.take() };
            let error = error.unwrap_or_else(|| LoadError::Refused { reason: reason.clone() });
            (*at, Err(error))
        })
        .collect()
}

/// The limits that the configuration sets for a component.
pub(super) fn operators(id: &str, config: &Config) -> ComponentLimits {
    config.components.get(id).map(|entry| entry.limits).unwrap_or_default()
}

/// A file without a manifest asks for nothing and plays the part that the configuration gives it, else the one that
/// its exports say.
pub(super) fn guessed(id: &str, config: &Config, by_exports: Plays) -> Manifest {
    let of =
        |part: Option<&brains_core::config::ComponentSpec>| part.is_some_and(|part| part.component == id);
    let plays = if of(config.classifier.as_ref()) {
        Plays::Classifier
    } else if of(config.policy.as_ref()) {
        Plays::Policy
    } else if config.providers.values().any(|spec| spec.component == id) {
        Plays::Provider
    } else {
        by_exports
    };
    Manifest {
        component: id.to_owned(),
        plays,
        summary: None,
        asks: Asks::default(),
        flat: None,
        limits: ComponentLimits::default(),
    }
}
