//! The ports of `brains_control` over the gateway, the runtime and the files of the state directory.

mod callers;
mod places;
mod prices;
mod processes;
mod routing;
mod settings;
mod version_events;
mod versions;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use brains_control::BoxedFuture;
use brains_control::ports::{ActiveAdminKey, AdminKeySource, KeyFilesPort, ServiceFacts, ServicePort};
use brains_core::plane::audit::{Seal, SealingKey};
use brains_core::sync::Unpoisoned as _;
use brains_core::{Fault, Millis, Secret};
use brains_files::{Gate, GateTarget};
use brains_runtime::ComponentRegistry;
use fs_err as fs;

use crate::admin_key::{self, AdminKeyFile};
use crate::audit_key;
use crate::home::{self, Home, unwritten};

pub(crate) use callers::KeyRingCallers;
pub(crate) use places::Trees;
pub(crate) use prices::Prices;
pub(crate) use processes::LocalProcesses;
pub(crate) use routing::Routes;
pub(crate) use settings::{InForce, SETTLING, blocking};
pub(crate) use version_events::LiveVersions;
pub(crate) use versions::Versions;

/// Key files of the state directory.
#[derive(Debug)]
pub(crate) struct KeyFiles {
    pub(crate) home: Home,
    pub(crate) live: Arc<ComponentRegistry>,
    pub(crate) admin: Arc<AdminKeyFile>,
    pub(crate) gate: Gate,
}

impl KeyFiles {
    fn operator(&self, slug: &str) -> std::path::PathBuf {
        self.home.operator_keys().join(format!("{slug}.key"))
    }

    /// Changes a file at the gate; a change that nobody waits for any more is not made.
    fn change(
        &self,
        path: std::path::PathBuf,
        work: impl FnOnce(&std::path::Path) -> Result<(), Fault> + Send + 'static,
    ) -> BoxedFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let changed = self.gate.write(GateTarget::of(&path), move |visit| {
                visit.check_time().map_err(|error| unwritten("a key file", error))?;
                work(&path)
            });
            changed.await?
        })
    }
}

impl KeyFilesPort for KeyFiles {
    fn write_operator_key(&self, slug: String, key: Secret) -> BoxedFuture<'_, Result<(), Fault>> {
        let folder = self.home.operator_keys();
        self.change(self.operator(&slug), move |path| {
            home::ensure_dir(&folder)
                .and_then(|()| home::write_atomically(path, format!("{}\n", key.expose()).as_bytes()))
                .map_err(|error| unwritten("the operator's key", error))
        })
    }

    fn remove_operator_key(&self, slug: String) -> BoxedFuture<'_, Result<(), Fault>> {
        self.change(self.operator(&slug), |path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unwritten("the operator's key", error))
            }
            _ => Ok(()),
        })
    }

    fn admin_key(&self) -> BoxedFuture<'_, Result<ActiveAdminKey, Fault>> {
        Box::pin(async {
            if let Some(key) = &self.live.current().config.api_key {
                let source = AdminKeySource::Configuration;
                return Ok(ActiveAdminKey { source, fingerprint: key.fingerprint() });
            }
            let key = self.admin.current().await?;
            let key =
                key.ok_or_else(|| Fault::not_found("file", "admin-key").hint("`brains init` makes it"))?;
            Ok(ActiveAdminKey { source: AdminKeySource::File, fingerprint: key.fingerprint() })
        })
    }

    fn write_admin_key(&self, key: Secret) -> BoxedFuture<'_, Result<(), Fault>> {
        self.change(self.admin.path().to_owned(), move |path| admin_key::write(path, &key))
    }

    fn write_audit_key(&self, key: SealingKey) -> BoxedFuture<'_, Result<(), Fault>> {
        self.change(self.home.audit_key(), move |path| audit_key::write(path, &key))
    }

    fn audit_anchors(&self) -> BoxedFuture<'_, Result<Vec<Seal>, Fault>> {
        let path = self.home.audit_anchors();
        Box::pin(async move {
            self.gate.run(GateTarget::of(&path), move |visit| audit_key::read_anchors(visit, &path)).await?
        })
    }

    fn keep_audit_anchors(&self, anchors: Vec<Seal>) -> BoxedFuture<'_, Result<(), Fault>> {
        self.change(self.home.audit_anchors(), move |path| audit_key::write_anchors(path, &anchors))
    }
}

/// What this process says about itself; the addresses are known once it listens.
#[derive(Debug, Default)]
pub(crate) struct ServiceInfo {
    started_at: Option<Millis>,
    urls: Mutex<BTreeMap<String, String>>,
}

impl ServiceInfo {
    /// `started_at` is none for a command that works on the store directly.
    pub(crate) fn new(started_at: Option<Millis>) -> Self {
        Self { started_at, urls: Mutex::default() }
    }

    pub(crate) fn serves(&self, urls: BTreeMap<String, String>) {
        *self.urls.lock_unpoisoned() = urls;
    }
}

impl ServicePort for ServiceInfo {
    fn facts(&self) -> ServiceFacts {
        ServiceFacts {
            version: crate::VERSION.to_owned(),
            started_at: self.started_at,
            urls: self.urls.lock_unpoisoned().clone(),
        }
    }
}
