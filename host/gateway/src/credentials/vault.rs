//! The vault: what instances were given when they signed in, one file each, closed to everybody else and replaced whole. A
//! lock beside it keeps processes that share the state directory from exchanging the same thing twice.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use brains_core::plane::is_slug;
use brains_core::secret::sha256_hex;
use brains_core::{Fault, FaultKind, Millis, Origin, Secret};
use brains_files::{FileLock, Gate, GateTarget, Links, ensure_private};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

/// Layout of the files.
const VERSION: u32 = 1;
const FILE_BYTES: u64 = 1 << 20;
/// How names of files begin that are not finished.
const UNFINISHED: &str = ".vault-";
/// How long another process may take for its exchange.
const LOCK_WAIT: Duration = Duration::from_secs(45);
const LOCK_LOOK: Duration = Duration::from_millis(25);

/// What one flow gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SignInGrant {
    pub(crate) credentials: BTreeMap<String, Secret>,
    /// What the component wants to know again; no secret is in it.
    pub(crate) attributes: Map<String, Value>,
    pub(crate) at: Millis,
    pub(crate) expires_at: Option<Millis>,
    pub(crate) refresh_at: Option<Millis>,
    /// The fingerprint of what it was exchanged for; empty for what a person signed in with.
    pub(crate) source: String,
}

/// What is kept of one instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct VaultEntry {
    /// What a person signed in with.
    pub(crate) login: Option<SignInGrant>,
    /// What that, or a configured secret, was exchanged for.
    pub(crate) session: Option<SignInGrant>,
}

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    dir: PathBuf,
    gate: Gate,
}

/// A file as it is written; texts are secrets, so nothing here may be shown.
#[derive(Serialize, Deserialize)]
struct StoredEntry {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<StoredGrant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<StoredGrant>,
}

#[derive(Serialize, Deserialize)]
struct StoredGrant {
    credentials: BTreeMap<String, String>,
    attributes: Map<String, Value>,
    at_ms: i64,
    expires_at_ms: Option<i64>,
    refresh_at_ms: Option<i64>,
    source: String,
}

impl Vault {
    pub(crate) const fn new(dir: PathBuf, gate: Gate) -> Self {
        Self { dir, gate }
    }

    /// What is kept of an instance; nothing when there is no file.
    pub(crate) async fn read(&self, instance: &str) -> Result<VaultEntry, Fault> {
        let path = self.file(instance, "json");
        let read = self.gate.run(GateTarget::of(&path), move |visit| {
            brains_files::read_text(visit, &path, Links::Refused, FILE_BYTES)
        });
        match read.await? {
            Ok(text) => parsed(&text),
            Err(error) if error.is_absent() => Ok(VaultEntry::default()),
            Err(error) => Err(Fault::new(FaultKind::Internal, Origin::Brains, "the vault cannot be read")
                .code("vault_unreadable")
                .hint("`brains doctor` checks the state directory")
                .cause(error)),
        }
    }

    /// Keeps this instead of what was kept.
    pub(crate) async fn write(&self, instance: &str, entry: &VaultEntry) -> Result<(), Fault> {
        let stored = StoredEntry {
            v: VERSION,
            login: entry.login.as_ref().map(SignInGrant::stored),
            session: entry.session.as_ref().map(SignInGrant::stored),
        };
        let bytes = serde_json::to_vec(&stored).map_err(|error| unkept(error.into()))?;
        let (dir, path) = (self.dir.clone(), self.file(instance, "json"));
        let written = self.gate.write(GateTarget::of(&path), move |visit| {
            visit.check_time()?;
            ensure_private(&dir)?;
            brains_files::write_atomically(&path, UNFINISHED, &bytes)
        });
        written.await?.map_err(unkept)
    }

    /// Forgets everything of an instance.
    pub(crate) async fn remove(&self, instance: &str) -> Result<(), Fault> {
        let path = self.file(instance, "json");
        let removed = self.gate.write(GateTarget::of(&path), move |visit| {
            visit.check_time()?;
            brains_files::remove(&path)
        });
        removed.await?.map_err(unkept)
    }

    /// The right to exchange for an instance. Waits while another process has it.
    pub(crate) async fn lock(&self, instance: &str) -> Result<FileLock, Fault> {
        let until = Instant::now() + LOCK_WAIT;
        loop {
            let (dir, path) = (self.dir.clone(), self.file(instance, "lock"));
            let locked = self.gate.write(GateTarget::of(&path), move |visit| {
                visit.check_time()?;
                ensure_private(&dir)?;
                FileLock::take(&path)
            });
            if let Some(lock) = locked.await?.map_err(unkept)? {
                return Ok(lock);
            }
            if Instant::now() > until {
                return Err(Fault::unavailable("another process has been signing in for too long").failover());
            }
            tokio::time::sleep(LOCK_LOOK).await;
        }
    }

    /// A name that is no slug could leave the folder.
    fn file(&self, instance: &str, ending: &str) -> PathBuf {
        let name = if is_slug(instance) { instance.to_owned() } else { sha256_hex(instance.as_bytes()) };
        self.dir.join(format!("{name}.{ending}"))
    }
}

impl SignInGrant {
    fn stored(&self) -> StoredGrant {
        let text = |(name, secret): (&String, &Secret)| (name.clone(), secret.expose().to_owned());
        StoredGrant {
            credentials: self.credentials.iter().map(text).collect(),
            attributes: self.attributes.clone(),
            at_ms: self.at.0,
            expires_at_ms: self.expires_at.map(|at| at.0),
            refresh_at_ms: self.refresh_at.map(|at| at.0),
            source: self.source.clone(),
        }
    }

    /// Whether it was exchanged for what there is now, and is not to be renewed yet.
    pub(crate) fn is_current(&self, source: &str, now: Millis) -> bool {
        self.is_valid(source, now) && self.refresh_at.is_none_or(|at| now < at)
    }

    /// Whether it was exchanged for what there is now, and still counts.
    pub(crate) fn is_valid(&self, source: &str, now: Millis) -> bool {
        self.source == source && self.expires_at.is_none_or(|at| now < at)
    }
}

impl From<StoredGrant> for SignInGrant {
    fn from(stored: StoredGrant) -> Self {
        let StoredGrant { credentials, attributes, at_ms, expires_at_ms, refresh_at_ms, source } = stored;
        Self {
            credentials: credentials.into_iter().map(|(name, text)| (name, Secret::new(text))).collect(),
            attributes,
            at: Millis(at_ms),
            expires_at: expires_at_ms.map(Millis),
            refresh_at: refresh_at_ms.map(Millis),
            source,
        }
    }
}

fn parsed(text: &str) -> Result<VaultEntry, Fault> {
    match serde_json::from_str::<StoredEntry>(text) {
        Ok(StoredEntry { v: VERSION, login, session }) => {
            Ok(VaultEntry { login: login.map(Into::into), session: session.map(Into::into) })
        }
        // The error of the reader may quote what stands there.
        Ok(_) | Err(_) => Err(Fault::internal("the vault holds a file that this version cannot read")
            .code("vault_unreadable")
            .hint("sign in again")),
    }
}

fn unkept(error: io::Error) -> Fault {
    Fault::internal("what was signed in with could not be kept").code("vault_unwritable").cause(error)
}
