//! The three places that keys come from: configuration, the admin key's file, the store. Each tells cheaply
//! whether it changed, so that a rotated or revoked key counts at once.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use brains_core::Principal;
use brains_core::plane::key::KeyState;
use brains_core::principal::{ADMIN, KeyScope, LOCAL, Role};
use brains_core::{Ambient, Secret};
use brains_http::{KeyCredential, KeyRing, KeySource, Loading};
use brains_runtime::ComponentRegistry;
use brains_store::{Generation, KeyLastUsed, Store};
use tokio::sync::watch;

use crate::admin_key::AdminKeyFile;

/// All keys that this service accepts.
pub(crate) fn ring(
    live: Arc<ComponentRegistry>,
    file: Arc<AdminKeyFile>,
    store: Store,
    ambient: Arc<dyn Ambient>,
) -> KeyRing {
    let changes = store.generations();
    let sources: Vec<Arc<dyn KeySource>> = vec![
        Arc::new(Configured { live: live.clone() }),
        Arc::new(AdminFile { live, file }),
        Arc::new(Stored { uses: store.key_last_used(), store, changes, ambient: ambient.clone() }),
    ];
    KeyRing::new(sources, ambient)
}

fn admin(key: &Secret) -> KeyCredential {
    KeyCredential {
        sha256_hex: key.sha256_hex(),
        principal: Principal::admin(key.fingerprint()),
        expires_at: None,
    }
}

/// `api_key` and `api_keys`.
#[derive(Debug)]
struct Configured {
    live: Arc<ComponentRegistry>,
}

impl KeySource for Configured {
    fn generation(&self) -> u64 {
        let config = &self.live.current().config;
        hash(config.api_key.iter().chain(&config.api_keys))
    }

    fn load(&self) -> Loading<'_> {
        let config = Arc::clone(&self.live.current().config);
        Box::pin(async move {
            let further = config.api_keys.iter().map(|key| KeyCredential {
                sha256_hex: key.sha256_hex(),
                principal: Principal {
                    operator: ADMIN.into(),
                    role: Role::Member,
                    key: None,
                    fingerprint: key.fingerprint(),
                    scopes: vec![KeyScope::Gateway],
                    agent: false,
                },
                expires_at: None,
            });
            Ok(config.api_key.iter().map(admin).chain(further).collect())
        })
    }
}

/// The file `admin-key`, which counts while configuration names no admin key.
#[derive(Debug)]
struct AdminFile {
    live: Arc<ComponentRegistry>,
    file: Arc<AdminKeyFile>,
}

impl AdminFile {
    fn counts(&self) -> bool {
        self.live.current().config.api_key.is_none()
    }
}

impl KeySource for AdminFile {
    fn generation(&self) -> u64 {
        if self.counts() { self.file.generation() + 1 } else { 0 }
    }

    fn load(&self) -> Loading<'_> {
        Box::pin(async {
            let key = if self.counts() { self.file.current().await? } else { None };
            Ok(key.iter().map(admin).collect())
        })
    }
}

/// Stays in this process's memory only: it tells whether the keys are the same, not which they are.
fn hash<'a>(keys: impl Iterator<Item = &'a Secret>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for key in keys {
        key.expose().hash(&mut hasher);
    }
    hasher.finish()
}

/// Named keys.
#[derive(Debug)]
struct Stored {
    store: Store,
    changes: watch::Receiver<Generation>,
    uses: KeyLastUsed,
    ambient: Arc<dyn Ambient>,
}

impl KeySource for Stored {
    fn used(&self, principal: &Principal) {
        if let Some(key) = &principal.key {
            self.uses.note(key);
        }
    }

    fn generation(&self) -> u64 {
        self.changes.borrow().credentials.cast_unsigned()
    }

    fn load(&self) -> Loading<'_> {
        Box::pin(async {
            let mut snapshot = self.store.read().await?;
            let operators = snapshot.operators().await?;
            let keys = snapshot.keys(None).await?;
            let now = self.ambient.now();
            let role = |slug: &str| match operators.iter().find(|operator| operator.slug == slug) {
                Some(operator) => operator.revoked_at.is_none().then_some(operator.role),
                None => [ADMIN, LOCAL].contains(&slug).then_some(Role::Admin),
            };
            let working = keys.into_iter().filter(|key| key.state(now) == KeyState::Active);
            let credentials = working.filter_map(|key| {
                let role = key.role_of(role(&key.operator)?);
                Some(KeyCredential {
                    sha256_hex: key.hash,
                    expires_at: key.expires_at,
                    principal: Principal {
                        role,
                        operator: key.operator,
                        key: Some(key.id),
                        fingerprint: key.fingerprint,
                        scopes: key.scopes,
                        agent: key.agent,
                    },
                })
            });
            Ok(credentials.collect())
        })
    }
}
