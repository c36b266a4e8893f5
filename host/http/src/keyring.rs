//! Every key that counts now, in memory by hash. Sources tell when they changed; a change is read before the next
//! request is judged, so a rotated, revoked or new key counts at once. Files and rows are the sources' business.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use brains_core::secret::sha256_hex;
use brains_core::{Ambient, Fault, Millis, Principal};
use tokio::sync::Mutex;

/// A boxed future: sources of several kinds stand in one list, where an `async fn` cannot.
pub type Loading<'a> = Pin<Box<dyn Future<Output = Result<Vec<KeyCredential>, Fault>> + Send + 'a>>;

/// One key, known by its hash alone, and whom it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCredential {
    /// SHA-256 of the key in lower-case hex.
    pub sha256_hex: String,
    pub principal: Principal,
    pub expires_at: Option<Millis>,
}

/// Where keys come from: a file, the configuration, the store.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// Differs from the last answer whenever a key came, went or changed. Asked on every request: cheap.
    fn generation(&self) -> u64;
    /// The keys that count now; revoked ones are left out.
    fn load(&self) -> Loading<'_>;
    /// One of its keys was presented. Called on every request: cheap, and nothing waits for it.
    fn used(&self, _principal: &Principal) {}
}

/// The keys of all sources. An earlier source wins when two know the same key.
pub struct KeyRing {
    sources: Vec<CachedSource>,
    ambient: Arc<dyn Ambient>,
}

#[derive(Debug)]
struct CachedSource {
    source: Arc<dyn KeySource>,
    keys: ArcSwapOption<LoadedKeys>,
    /// One reader of a changed source at a time; the others wait for what it read.
    loading: Mutex<()>,
}

#[derive(Debug)]
struct LoadedKeys {
    generation: u64,
    by_hash: HashMap<String, KeyCredential>,
    /// The hash of the key that has this fingerprint.
    by_fingerprint: HashMap<String, String>,
}

impl LoadedKeys {
    fn credential(&self, hash: &str, now: Millis) -> Option<&KeyCredential> {
        let found = self.by_hash.get(hash);
        found.filter(|credential| credential.expires_at.is_none_or(|at| at > now))
    }
}

impl KeyRing {
    pub fn new(sources: Vec<Arc<dyn KeySource>>, ambient: Arc<dyn Ambient>) -> Self {
        let sources = sources
            .into_iter()
            .map(|source| CachedSource { source, keys: ArcSwapOption::empty(), loading: Mutex::new(()) })
            .collect();
        Self { sources, ambient }
    }

    /// Whom the key stands for; `None` when no source knows it. It is looked up by hash: how long that takes tells
    /// nothing about a key, for nobody can aim at a prefix of a hash. A source that cannot be read hides its own
    /// keys only, and a key that no other knows is then a fault rather than a wrong key.
    pub async fn find(&self, presented: &[u8]) -> Result<Option<Principal>, Fault> {
        let hash = sha256_hex(presented);
        let mut trouble = None;
        for cached in &self.sources {
            match cached.keys().await {
                Ok(keys) => {
                    if let Some(credential) = keys.credential(&hash, self.ambient.now()) {
                        cached.source.used(&credential.principal);
                        return Ok(Some(credential.principal.clone()));
                    }
                }
                Err(fault) => trouble = Some(fault),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// Whom a key that was found before stands for now, by its fingerprint; `None` when it counts no more.
    pub async fn find_by_fingerprint(&self, fingerprint: &str) -> Result<Option<Principal>, Fault> {
        let mut trouble = None;
        for cached in &self.sources {
            match cached.keys().await {
                Ok(keys) => {
                    let hash = keys.by_fingerprint.get(fingerprint);
                    if let Some(found) = hash.and_then(|hash| keys.credential(hash, self.ambient.now())) {
                        return Ok(Some(found.principal.clone()));
                    }
                }
                Err(fault) => trouble = Some(fault),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// Reads every source again before the next request is judged, whatever generation it claims.
    pub fn forget(&self) {
        for cached in &self.sources {
            cached.keys.store(None);
        }
    }
}

impl CachedSource {
    async fn keys(&self) -> Result<Arc<LoadedKeys>, Fault> {
        if let Some(keys) = self.current() {
            return Ok(keys);
        }
        let _loading = self.loading.lock().await;
        if let Some(keys) = self.current() {
            return Ok(keys);
        }
        // Asked before the read: what changes during it is read again.
        let generation = self.source.generation();
        let credentials = self.source.load().await.map_err(|fault| {
            let unavailable = Fault::unavailable("keys cannot be checked just now").retry_after_ms(1_000);
            let unavailable = unavailable.cause(fault);
            tracing::warn!(fault = %unavailable.chain(), "keys could not be read");
            unavailable
        })?;
        let by_fingerprint = credentials
            .iter()
            .map(|credential| (credential.principal.fingerprint.clone(), credential.sha256_hex.clone()))
            .collect();
        let by_hash =
            credentials.into_iter().map(|credential| (credential.sha256_hex.clone(), credential)).collect();
        let keys = Arc::new(LoadedKeys { generation, by_hash, by_fingerprint });
        self.keys.store(Some(Arc::clone(&keys)));
        Ok(keys)
    }

    fn current(&self) -> Option<Arc<LoadedKeys>> {
        self.keys.load_full().filter(|keys| keys.generation == self.source.generation())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
