//! The ports of `brains_control` over the gateway, the runtime and the files of the state directory.

mod callers;
mod places;
mod processes;
mod routing;
mod settings;
mod versions;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use brains_control::ports::{AdminKey, AdminKeySource, Files, Service, ServiceFacts};
use brains_core::plane::audit::{Seal, SealingKey};
use brains_core::{Fault, Millis, Origin, Secret};
use brains_runtime::swap::Live;
use fs_err as fs;

use crate::admin_key::{self, Watched};
use crate::audit_key;
use crate::home::{self, Home};

pub(crate) use callers::Callers;
pub(crate) use places::Trees;
pub(crate) use processes::Processes;
pub(crate) use routing::Routes;
pub(crate) use settings::{InForce, blocking};
pub(crate) use versions::Versions;

/// Key files of the state directory.
#[derive(Debug)]
pub(crate) struct KeyFiles {
    pub(crate) home: Home,
    pub(crate) live: Arc<Live>,
    pub(crate) admin: Arc<Watched>,
}

impl KeyFiles {
    fn operator(&self, slug: &str) -> std::path::PathBuf {
        self.home.operator_keys().join(format!("{slug}.key"))
    }
}

impl Files for KeyFiles {
    fn write_operator_key(&self, slug: &str, key: &Secret) -> Result<(), Fault> {
        let path = self.operator(slug);
        home::ensure_dir(&self.home.operator_keys())
            .and_then(|()| home::write_atomically(&path, format!("{}\n", key.expose()).as_bytes()))
            .map_err(|error| unwritten("the operator's key", &error))
    }

    fn remove_operator_key(&self, slug: &str) -> Result<(), Fault> {
        match fs::remove_file(self.operator(slug)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unwritten("the operator's key", &error))
            }
            _ => Ok(()),
        }
    }

    fn admin_key(&self) -> Result<AdminKey, Fault> {
        if let Some(key) = &self.live.current().config.api_key {
            return Ok(AdminKey { source: AdminKeySource::Configuration, fingerprint: key.fingerprint() });
        }
        let key = admin_key::read(self.admin.path())?
            .ok_or_else(|| Fault::not_found("file", "admin-key").hint("`brains init` makes it"))?;
        Ok(AdminKey { source: AdminKeySource::File, fingerprint: key.fingerprint() })
    }

    fn write_admin_key(&self, key: &Secret) -> Result<(), Fault> {
        admin_key::write(self.admin.path(), key)
    }

    fn write_audit_key(&self, key: &SealingKey) -> Result<(), Fault> {
        audit_key::write(&self.home.audit_key(), key)
    }

    fn audit_anchors(&self) -> Result<Vec<Seal>, Fault> {
        audit_key::read_anchors(&self.home.audit_anchors())
    }

    fn keep_audit_anchors(&self, anchors: &[Seal]) -> Result<(), Fault> {
        audit_key::write_anchors(&self.home.audit_anchors(), anchors)
    }
}

fn unwritten(what: &str, error: &io::Error) -> Fault {
    // The path stays in the log: an answer may go to another machine.
    tracing::warn!(%error, "a key file could not be written");
    Fault::new(
        home::error_kind(error),
        Origin::Brains,
        format!("{what} could not be written: {}", error.kind()),
    )
    .hint("check the state directory: `brains doctor`")
}

/// What this process says about itself; the addresses are known once it listens.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    started_at: Option<Millis>,
    urls: Mutex<BTreeMap<String, String>>,
}

impl Facts {
    /// `started_at` is none for a command that works on the store directly.
    pub(crate) fn new(started_at: Option<Millis>) -> Self {
        Self { started_at, urls: Mutex::default() }
    }

    pub(crate) fn serves(&self, urls: BTreeMap<String, String>) {
        *self.urls.lock().unwrap_or_else(PoisonError::into_inner) = urls;
    }
}

impl Service for Facts {
    fn facts(&self) -> ServiceFacts {
        ServiceFacts {
            version: crate::VERSION.to_owned(),
            started_at: self.started_at,
            urls: self.urls.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
