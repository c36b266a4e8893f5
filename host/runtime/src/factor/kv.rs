//! A small key-value store of one instance, in memory. It outlives versions, settings and grants of the instance, and ends
//! with the instance or the program: a component keeps there what it can do without.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use brains_core::sync::Unpoisoned as _;
use brains_core::traffic::budget::Draw;
use brains_core::{Ambient, Millis};
use wasmtime::component::Linker;

use super::{ComponentImports, Factor, FactorView, InstanceDefinition, RetainedState};
use crate::allowances::Allowances;
use crate::bindings::kv::{self, KvError};
use crate::guest::state::GuestState;

/// The most that any instance may keep.
const QUOTA_BYTES: usize = 1 << 20;
const VALUE_BYTES: u32 = 64 * 1024;
const KEY_BYTES: usize = 512;
/// What an entry costs beside its key and value.
const ENTRY_BYTES: usize = 64;

/// The store of one instance, with what it may keep there; nothing when it asks for no space.
pub(crate) struct KvFactor {
    quota: usize,
    retained: Arc<RetainedState>,
    allowances: Arc<Allowances>,
    ambient: Arc<dyn Ambient>,
}

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct KvStore(Mutex<KvEntries>);

#[derive(Debug, Default)]
struct KvEntries {
    held_bytes: usize,
    /// Its part of what all stores have together; as many bytes as it holds.
    drawn: Option<Draw>,
    entries: BTreeMap<String, KvEntry>,
}

/// What an instance may keep: by its own grant, and together with all others.
#[derive(Clone, Copy)]
pub(super) struct KvRoom<'a> {
    pub(super) quota: usize,
    pub(super) allowances: &'a Allowances,
}

#[derive(Debug)]
struct KvEntry {
    value: Vec<u8>,
    ends: Option<Millis>,
}

impl KvEntry {
    fn weight(&self, key: &str) -> usize {
        key.len() + self.value.len() + ENTRY_BYTES
    }

    fn is_over(&self, now: Millis) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

impl KvEntries {
    fn live(&mut self, key: &str, now: Millis) -> Option<&KvEntry> {
        if self.entries.get(key).is_some_and(|entry| entry.is_over(now)) {
            self.remove(key);
        }
        self.entries.get(key)
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.lose(entry.weight(key));
        }
    }

    fn lose(&mut self, weight: usize) {
        self.held_bytes -= weight;
        if let Some(drawn) = &mut self.drawn {
            drawn.shrink(weight as u64);
        }
    }

    /// Puts an entry, or leaves everything as it is.
    fn put(&mut self, key: String, entry: KvEntry, room: KvRoom<'_>, now: Millis) -> Result<(), KvError> {
        if key.len() > KEY_BYTES || entry.value.len() > VALUE_BYTES as usize {
            return Err(KvError::TooLarge(VALUE_BYTES));
        }
        let wanted = entry.weight(&key);
        let freed = |held: &Self| held.entries.get(&key).map_or(0, |old| old.weight(&key));
        if self.held_bytes + wanted - freed(self) > room.quota {
            self.sweep(now);
        }
        let freed = freed(self);
        if self.held_bytes + wanted - freed > room.quota {
            return Err(KvError::Quota);
        }
        let more = wanted.saturating_sub(freed) as u64;
        if more > 0 && room.allowances.kept(&mut self.drawn, more).is_err() {
            return Err(KvError::Quota);
        }
        if let (Some(drawn), Some(less)) = (&mut self.drawn, freed.checked_sub(wanted)) {
            drawn.shrink(less as u64);
        }
        self.held_bytes = self.held_bytes + wanted - freed;
        self.entries.insert(key, entry);
        Ok(())
    }

    /// What has ended makes room.
    fn sweep(&mut self, now: Millis) {
        let mut lost = 0;
        self.entries.retain(|key, entry| {
            let stays = !entry.is_over(now);
            if !stays {
                lost += entry.weight(key);
            }
            stays
        });
        self.lose(lost);
    }
}

impl KvStore {
    fn open(&self) -> MutexGuard<'_, KvEntries> {
        self.0.lock_unpoisoned()
    }

    pub(super) fn get(&self, key: &str, now: Millis) -> Option<Vec<u8>> {
        self.open().live(key, now).map(|entry| entry.value.clone())
    }

    pub(super) fn set(
        &self,
        key: String,
        value: Vec<u8>,
        ends: Option<Millis>,
        room: KvRoom<'_>,
        now: Millis,
    ) -> Result<(), KvError> {
        self.open().put(key, KvEntry { value, ends }, room, now)
    }

    /// A counter is kept as its decimal text; anything else counts as zero.
    pub(super) fn add(&self, key: String, delta: i64, room: KvRoom<'_>, now: Millis) -> Result<i64, KvError> {
        let mut entries = self.open();
        let (held, ends) = entries.live(&key, now).map_or((0, None), |entry| {
            let held = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse::<i64>().ok());
            (held.unwrap_or(0), entry.ends)
        });
        let sum = held.saturating_add(delta);
        entries.put(key, KvEntry { value: sum.to_string().into_bytes(), ends }, room, now)?;
        Ok(sum)
    }
}

impl KvFactor {
    fn room(&self) -> KvRoom<'_> {
        KvRoom { quota: self.quota, allowances: &self.allowances }
    }

    fn store(&self) -> &KvStore {
        &self.retained.kv
    }
}

impl Factor for KvFactor {
    type State = ();

    fn link(linker: &mut Linker<GuestState>, _: &ComponentImports<'_>) -> wasmtime::Result<()> {
        kv::add_to_linker::<_, Self>(linker, Self::view)
    }

    fn configure(definition: &InstanceDefinition<'_>) -> Self {
        Self {
            quota: definition.asks.kv_bytes().min(QUOTA_BYTES),
            retained: Arc::clone(definition.retained),
            allowances: Arc::clone(&definition.services.allowances),
            ambient: Arc::clone(&definition.services.ambient),
        }
    }
}

impl kv::Host for FactorView<'_, KvFactor> {
    fn get(&mut self, key: String) -> Option<Vec<u8>> {
        let kv = self.factor;
        if kv.quota == 0 {
            return None;
        }
        kv.store().get(&key, kv.ambient.now())
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<(), KvError> {
        let kv = self.factor;
        if kv.quota == 0 {
            return Err(KvError::NotGranted);
        }
        let now = kv.ambient.now();
        let ends = ttl_ms.map(|ms| now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX)));
        kv.store().set(key, value, ends, kv.room(), now)
    }

    fn add(&mut self, key: String, delta: i64) -> Result<i64, KvError> {
        let kv = self.factor;
        if kv.quota == 0 {
            return Err(KvError::NotGranted);
        }
        kv.store().add(key, delta, kv.room(), kv.ambient.now())
    }

    fn remove(&mut self, key: String) {
        if self.factor.quota > 0 {
            self.factor.store().open().remove(&key);
        }
    }
}
