//! A control over a fresh SQLite file and ports that keep everything in memory.

mod fakes;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use brains_core::plane::audit::SealingKey;
use brains_core::principal::{KeyScope, Role};
use brains_core::{Ambient, Fault, Millis, Principal};
use brains_store::{Store, StoreOptions};
use serde_json::Value;

use crate::ControlPlane;
use crate::ports::Ports;

pub(crate) use fakes::Fakes;

pub(crate) const NOW: Millis = Millis(1_790_000_000_000);

/// A clock that moves when told, and bytes that never repeat.
#[derive(Debug)]
pub(crate) struct Manual {
    now: AtomicI64,
    drawn: AtomicU64,
}

impl Ambient for Manual {
    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }
    fn monotonic_us(&self) -> u64 {
        0
    }
    fn fill_random(&self, bytes: &mut [u8]) {
        let mut state = self.drawn.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
    }
}

/// A control, what stands around it, and the directory that it lives in.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) control: ControlPlane,
    pub(crate) fakes: Arc<Fakes>,
    ambient: Arc<Manual>,
    url: String,
    pub(crate) directory: tempfile::TempDir,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("brains.db").display());
        Self::on(&url, directory).await
    }

    /// The same over a database of its own on the cluster that the runner started.
    pub(crate) async fn postgres() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        #[expect(clippy::disallowed_methods, reason = "the runner names its cluster by environment")]
        let admin = std::env::var("BRAINS_TEST_POSTGRES")
            .expect("BRAINS_TEST_POSTGRES names a Postgres: `cargo xtask test` starts one");
        let name = format!("control_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let made = Command::new("psql").args([&admin, "-qc", &format!("CREATE DATABASE {name}")]).status();
        assert!(made.unwrap().success());
        let (cluster, _) = admin.rsplit_once('/').unwrap();
        Self::on(&format!("{cluster}/{name}"), tempfile::tempdir().unwrap()).await
    }

    async fn on(url: &str, directory: tempfile::TempDir) -> Self {
        let ambient = Arc::new(Manual { now: AtomicI64::new(NOW.0), drawn: AtomicU64::new(1) });
        let store = Store::open(url, StoreOptions::new(ambient.clone(), SealingKey::from_seed(&[7; 32])))
            .await
            .unwrap();
        let fakes = Arc::new(Fakes::default());
        *fakes.admin_key.lock().unwrap() = "first-admin-key".into();
        let ports = Ports {
            routing: fakes.clone(),
            prices: fakes.clone(),
            settings: fakes.clone(),
            files: fakes.clone(),
            directories: fakes.clone(),
            processes: fakes.clone(),
            service: fakes.clone(),
            components: fakes.clone(),
            callers: fakes.clone(),
            file_events: fakes.clone(),
            version_events: fakes.clone(),
        };
        let control = ControlPlane::new(store, ports, ambient.clone());
        Self { control, fakes, ambient, url: url.to_owned(), directory }
    }

    /// A second control over the same database and files.
    pub(crate) async fn sibling(&self) -> ControlPlane {
        let options = StoreOptions::new(self.ambient.clone(), SealingKey::from_seed(&[7; 32]));
        let store = Store::open(&self.url, options).await.unwrap();
        ControlPlane::new(store, self.control.ports.clone(), self.ambient.clone())
    }

    /// The operator behind the admin key calls.
    pub(crate) async fn admin(&self, name: &str, input: Value) -> Result<Value, Fault> {
        self.control.call(name, input, &Principal::admin("fingerprint")).await
    }

    pub(crate) async fn call_as(
        &self,
        principal: &Principal,
        name: &str,
        input: Value,
    ) -> Result<Value, Fault> {
        self.control.call(name, input, principal).await
    }

    pub(crate) fn advance_ms(&self, ms: i64) {
        self.ambient.now.fetch_add(ms, Ordering::SeqCst);
    }

    /// Every byte that the database has on disk.
    pub(crate) async fn close_and_read(self) -> Vec<u8> {
        self.control.store.close().await;
        let mut bytes = Vec::new();
        for entry in fs_err::read_dir(self.directory.path()).unwrap() {
            bytes.extend(fs_err::read(entry.unwrap().path()).unwrap());
        }
        bytes
    }
}

pub(crate) fn principal(operator: &str, role: Role, scopes: &[KeyScope]) -> Principal {
    Principal {
        operator: operator.into(),
        role,
        key: None,
        fingerprint: "fp".into(),
        scopes: scopes.to_vec(),
        agent: false,
    }
}

/// Whether `needle` occurs in `haystack`.
pub(crate) fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}
