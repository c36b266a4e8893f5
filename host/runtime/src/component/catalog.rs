//! What is offered: the components that came with the program, the files of the plugins directory and those that the
//! configuration names, and the versions in the blob store. Where a version's bytes come from is known here alone.

use std::path::{Path, PathBuf};

use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::config::{ComponentLimits, Config};
use brains_core::plane::component::plan::{DroppedFile, Offer, OfferedVersion, Offers};
use brains_files::Gate;

use super::blob_store::BlobStore;
use super::bundle::Bundled;
use super::configured_part::parts;
use super::directory::{Directory, Offered};
use super::reason_text;
use crate::load::inspect::admit;
use crate::load::{Bytes, LoadError, digest};

/// A component that came with the program, hashed once.
#[derive(Debug)]
pub(super) struct BundledVersion {
    pub(super) bundled: Bundled,
    pub(super) digest: String,
    pub(super) manifest: Result<Manifest, String>,
}

/// Everything that is offered.
#[derive(Debug)]
pub(super) struct Catalog {
    bundled: Vec<BundledVersion>,
    pub(super) directory: Directory,
    pub(super) blobs: BlobStore,
}

impl Catalog {
    pub(super) fn new(bundled: &'static [Bundled], plugins: PathBuf, components: &Path, gate: &Gate) -> Self {
        let bundled = bundled.iter().map(|bundled| BundledVersion {
            bundled: *bundled,
            digest: digest(bundled.wasm),
            manifest: Manifest::parse(bundled.manifest).map_err(|error| error.to_string()),
        });
        Self {
            bundled: bundled.collect(),
            directory: Directory::new(plugins, gate.clone()),
            blobs: BlobStore::new(components, gate.clone()),
        }
    }

    pub(super) fn bundled(&self, id: &str) -> Option<&BundledVersion> {
        self.bundled.iter().find(|known| known.bundled.id == id)
    }

    pub(super) fn bundled_ids(&self) -> impl Iterator<Item = &'static str> {
        self.bundled.iter().map(|known| known.bundled.id)
    }

    /// Whether the program itself brings this version.
    pub(super) fn is_bundled_version(&self, id: &str, digest: &str) -> bool {
        self.bundled(id).is_some_and(|known| known.digest == digest)
    }

    /// Whether a version can be had without its file, from whatever component it came.
    pub(super) fn holds(&self, digest: &str) -> bool {
        self.blobs.holds(digest) || self.bundled.iter().any(|known| known.digest == digest)
    }

    /// Whether a version of a component can be had without its file.
    pub(super) fn holds_for(&self, id: &str, digest: &str) -> bool {
        self.blobs.holds(digest) || self.is_bundled_version(id, digest)
    }

    /// What is offered to the components that a configuration uses, and to those that files are by themselves.
    pub(super) fn offers(&self, config: &Config) -> Offers {
        let dropped = self.directory.dropped();
        let used = parts(config).into_iter().map(|part| part.component.to_owned());
        let ids = used.chain(dropped.keys().cloned());
        let places = ids.map(|id| {
            let offer = self.offer(&id, config);
            (id, offer)
        });
        Offers {
            places: places.collect(),
            bundled: self
                .bundled
                .iter()
                .map(|known| (known.bundled.id.to_owned(), known.digest.clone()))
                .collect(),
            dropped: dropped
                .into_iter()
                .map(|(id, file)| {
                    let (plays, flaw) = (file.plays(), file.flaw());
                    let manifest = file.manifest().cloned();
                    (id, DroppedFile { digest: file.digest, plays, manifest, flaw })
                })
                .collect(),
        }
    }

    /// What a component's place offers: the file that the configuration names, else the bundled version, else the file
    /// of its name in the plugins directory.
    pub(super) fn offer(&self, id: &str, config: &Config) -> Offer {
        match self.bundled(id).filter(|_| source(id, config).is_none()) {
            Some(known) => match &known.manifest {
                Ok(manifest) => Offer::Version(OfferedVersion {
                    digest: known.digest.clone(),
                    manifest: manifest.clone(),
                    bundled: true,
                }),
                Err(reason) => Offer::Flawed {
                    digest: known.digest.clone(),
                    reason: reason_text(&LoadError::Interface { reason: reason.clone() }),
                },
            },
            None => self.offered_file(id, config),
        }
    }

    /// As the component's file offers it, whatever else the component is made of.
    pub(super) fn offered_file(&self, id: &str, config: &Config) -> Offer {
        let file = match self.file(id, config) {
            Ok(Some(file)) => file,
            Ok(None) => return Offer::Nothing,
            Err(error) => return Offer::Flawed { digest: String::new(), reason: reason_text(&error) },
        };
        if let Some(reason) = file.flaw() {
            return Offer::Flawed { digest: file.digest, reason };
        }
        let manifest = file.manifest().cloned().unwrap_or_else(|| guessed(id, config, file.plays()));
        Offer::Version(OfferedVersion { digest: file.digest, manifest, bundled: false })
    }

    /// The file of a component: the one that the configuration names, else the one of its name.
    pub(super) fn file(&self, id: &str, config: &Config) -> Result<Option<Offered>, LoadError> {
        match source(id, config) {
            Some(source) => {
                let path = self.directory.path(source);
                let offered = self.directory.offered(&path);
                offered.map(Some).map_err(|source| LoadError::Read { path, source })
            }
            None => Ok(self.directory.dropped().remove(id)),
        }
    }

    /// The bytes of a version: bundled, in the blob store, or in the component's file, from where they go to the store
    /// first when they are to be kept.
    pub(super) fn bytes(
        &self,
        id: &str,
        wanted: &str,
        config: &Config,
        keep: bool,
    ) -> Result<Bytes, LoadError> {
        if let Some(known) = self.bundled(id).filter(|known| known.digest == wanted) {
            return Ok(Bytes::Bundled(known.bundled.wasm));
        }
        if let Some(bytes) = self.blobs.get(wanted) {
            return Ok(Bytes::Read(bytes.into()));
        }
        let file = self.file(id, config).ok().flatten().filter(|file| file.digest == wanted);
        let Some(file) = file else { return Err(LoadError::Absent { digest: wanted.to_owned() }) };
        let bytes = self.read(&file.path)?;
        let found = digest(&bytes);
        if found != wanted {
            return Err(LoadError::Digest { wanted: wanted.to_owned(), found });
        }
        admit(&bytes)?;
        if keep {
            self.store(wanted, &bytes);
        }
        Ok(Bytes::Read(bytes.into()))
    }

    pub(super) fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        self.directory.read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
    }

    /// Keeps a version. Without a place for it, it serves all the same and cannot be brought back.
    pub(super) fn store(&self, digest: &str, bytes: &[u8]) {
        if let Err(error) = self.blobs.put(digest, bytes) {
            tracing::warn!(%error, component.digest = digest, "a component could not be kept");
        }
    }
}

fn source<'c>(id: &str, config: &'c Config) -> Option<&'c str> {
    config.components.get(id).and_then(|entry| entry.source.as_deref())
}

/// A file without a manifest asks for nothing and plays the part that the configuration gives it, else the one that
/// its exports say.
pub(super) fn guessed(id: &str, config: &Config, by_exports: Plays) -> Manifest {
    let part = parts(config).into_iter().filter(|part| part.component == id).map(|part| part.plays);
    // A classifier or a policy is one of its kind, so what it plays is settled by that.
    let plays = part.max_by_key(|plays| *plays != Plays::Provider).unwrap_or(by_exports);
    Manifest {
        component: id.to_owned(),
        plays,
        summary: None,
        asks: Asks::default(),
        flat: None,
        account: None,
        limits: ComponentLimits::default(),
        continues: false,
    }
}
