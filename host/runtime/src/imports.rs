//! The host's side of the world: everything is answered from memory, nothing waits. What was not granted is
//! refused with a value, because scripted guests import their whole world and could not link otherwise.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use brains_core::Millis;
use brains_core::redact::redact;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{clock, config, http, kv, log, random, secrets, task, types};
use crate::guest::{Guest, Settings};

/// Links all of `brains:plugin`'s imports.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    config::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    secrets::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    kv::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    random::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

// Types only: nothing to answer.
impl types::Host for Guest {}
impl http::Host for Guest {}
impl task::Host for Guest {}

const LINES_PER_SECOND: u32 = 64;
const LINE_BYTES: usize = 4 * 1024;

/// Lets through so many lines in a second and counts the rest.
#[derive(Debug, Default)]
pub(crate) struct LogGate(Mutex<Second>);

#[derive(Debug, Default)]
struct Second {
    began_us: u64,
    lines: u32,
    dropped: u64,
}

/// May a line pass, and how many before it did not.
#[derive(Debug, PartialEq, Eq)]
enum Passage {
    Passes { dropped: u64 },
    Stays,
}

impl LogGate {
    fn ask(&self, now_us: u64) -> Passage {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if second.lines == 0 || now_us.saturating_sub(second.began_us) >= 1_000_000 {
            second.began_us = now_us;
            second.lines = 0;
        }
        if second.lines >= LINES_PER_SECOND {
            second.dropped += 1;
            return Passage::Stays;
        }
        second.lines += 1;
        Passage::Passes { dropped: std::mem::take(&mut second.dropped) }
    }
}

impl Settings {
    /// Writes one line of a component's log: limited, cut and redacted.
    pub(crate) fn log(&self, level: tracing::Level, message: &str, fields: &[(String, String)]) {
        let Passage::Passes { dropped } = self.log.ask(self.ambient.monotonic_us()) else { return };
        if dropped > 0 {
            tracing::warn!(
                component.id = %self.component, instance = %self.name, dropped,
                "a component logs more than it may"
            );
        }
        let message = clean(message);
        let fields =
            fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
        let fields = clean(&fields);
        let (id, name) = (&self.component, &self.name);
        self.journal.keep(self, level, &message, &fields);
        match level {
            tracing::Level::ERROR => {
                tracing::error!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::WARN => {
                tracing::warn!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::INFO => {
                tracing::info!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::DEBUG => {
                tracing::debug!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
            tracing::Level::TRACE => {
                tracing::trace!(component.id = %id, instance = %name, %fields, said = %message, "component");
            }
        }
    }
}

fn clean(text: &str) -> String {
    let cut = text.char_indices().map(|(at, _)| at).find(|at| *at >= LINE_BYTES).unwrap_or(text.len());
    redact(text.get(..cut).unwrap_or_default()).into_owned()
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) {
        let level = match level {
            log::Level::Trace => tracing::Level::TRACE,
            log::Level::Debug => tracing::Level::DEBUG,
            log::Level::Info => tracing::Level::INFO,
            log::Level::Warn => tracing::Level::WARN,
            log::Level::Error => tracing::Level::ERROR,
        };
        self.settings.log(level, &message, &fields);
    }
}

impl config::Host for Guest {
    fn get(&mut self) -> String {
        self.settings.config.clone()
    }
}

impl secrets::Host for Guest {
    fn has(&mut self, name: String) -> bool {
        self.settings.secret(&name).is_some()
    }

    fn sign(&mut self, name: String, _: String, _: String, _: Vec<u8>) -> Result<Vec<u8>, secrets::Refusal> {
        match self.refusal(&name) {
            Some(refusal) => Err(refusal),
            None => Err(secrets::Refusal::Unsupported),
        }
    }

    fn matches(&mut self, name: String, presented: String) -> Result<bool, secrets::Refusal> {
        if let Some(refusal) = self.refusal(&name) {
            return Err(refusal);
        }
        Ok(self.settings.secret(&name).is_some_and(|secret| secret.matches(presented.as_bytes())))
    }
}

impl Guest {
    fn refusal(&self, name: &str) -> Option<secrets::Refusal> {
        if !self.settings.grants.secrets.contains(name) {
            return Some(secrets::Refusal::NotGranted);
        }
        self.settings.secret(name).is_none().then_some(secrets::Refusal::NotSet)
    }
}

/// A small store of one instance, in memory.
#[derive(Debug, Default)]
pub(crate) struct Kv(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    held_bytes: usize,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    ends: Option<Millis>,
}

const VALUE_BYTES: u32 = 64 * 1024;
const KEY_BYTES: usize = 512;
/// What an entry costs beside its key and value.
const ENTRY_BYTES: usize = 64;

impl Shelf {
    fn live(&mut self, key: &str, now: Millis) -> Option<&Entry> {
        if self.entries.get(key).is_some_and(|entry| entry.ends.is_some_and(|ends| ends <= now)) {
            self.remove(key);
        }
        self.entries.get(key)
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.held_bytes -= key.len() + entry.value.len() + ENTRY_BYTES;
        }
    }

    fn put(&mut self, key: String, entry: Entry, quota: usize, now: Millis) -> Result<(), kv::KvError> {
        if key.len() > KEY_BYTES || entry.value.len() > VALUE_BYTES as usize {
            return Err(kv::KvError::TooLarge(VALUE_BYTES));
        }
        self.remove(&key);
        let wanted = key.len() + entry.value.len() + ENTRY_BYTES;
        if self.held_bytes + wanted > quota {
            let over: Vec<_> = self
                .entries
                .iter()
                .filter(|(_, entry)| entry.ends.is_some_and(|ends| ends <= now))
                .map(|(key, _)| key.clone())
                .collect();
            for key in over {
                self.remove(&key);
            }
        }
        if self.held_bytes + wanted > quota {
            return Err(kv::KvError::Quota);
        }
        self.held_bytes += wanted;
        self.entries.insert(key, entry);
        Ok(())
    }
}

impl Kv {
    fn open(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &str, now: Millis) -> Option<Vec<u8>> {
        self.open().live(key, now).map(|entry| entry.value.clone())
    }

    fn set(
        &self,
        key: String,
        value: Vec<u8>,
        ends: Option<Millis>,
        quota: usize,
        now: Millis,
    ) -> Result<(), kv::KvError> {
        self.open().put(key, Entry { value, ends }, quota, now)
    }

    /// A counter is kept as its decimal text; anything else counts as zero.
    fn add(&self, key: String, delta: i64, quota: usize, now: Millis) -> Result<i64, kv::KvError> {
        let mut shelf = self.open();
        let (held, ends) = shelf.live(&key, now).map_or((0, None), |entry| {
            let held = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse::<i64>().ok());
            (held.unwrap_or(0), entry.ends)
        });
        let sum = held.saturating_add(delta);
        shelf.put(key, Entry { value: sum.to_string().into_bytes(), ends }, quota, now)?;
        Ok(sum)
    }
}

impl kv::Host for Guest {
    fn get(&mut self, key: String) -> Option<Vec<u8>> {
        let settings = &self.settings;
        if settings.grants.kv_bytes == 0 {
            return None;
        }
        settings.kv.get(&key, settings.ambient.now())
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<(), kv::KvError> {
        let settings = &self.settings;
        if settings.grants.kv_bytes == 0 {
            return Err(kv::KvError::NotGranted);
        }
        let now = settings.ambient.now();
        let ends = ttl_ms.map(|ms| now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX)));
        settings.kv.set(key, value, ends, settings.grants.kv_bytes, now)
    }

    fn add(&mut self, key: String, delta: i64) -> Result<i64, kv::KvError> {
        let settings = &self.settings;
        if settings.grants.kv_bytes == 0 {
            return Err(kv::KvError::NotGranted);
        }
        settings.kv.add(key, delta, settings.grants.kv_bytes, settings.ambient.now())
    }

    fn remove(&mut self, key: String) {
        self.settings.kv.open().remove(&key);
    }
}

impl clock::Host for Guest {
    /// Zero when the clock is not granted.
    fn now_ms(&mut self) -> u64 {
        if !self.settings.grants.clock {
            return 0;
        }
        u64::try_from(self.settings.ambient.now().0).unwrap_or(0)
    }

    /// Zero when the clock is not granted.
    fn monotonic_us(&mut self) -> u64 {
        if self.settings.grants.clock { self.settings.ambient.monotonic_us() } else { 0 }
    }
}

const RANDOM_BYTES: u32 = 64 * 1024;

impl random::Host for Guest {
    /// Nothing when randomness is not granted.
    fn bytes(&mut self, n: u32) -> Vec<u8> {
        self.settings.random(n)
    }
}

impl Settings {
    pub(crate) fn random(&self, count: u32) -> Vec<u8> {
        if !self.grants.random {
            return Vec::new();
        }
        let mut bytes = vec![0; count.min(RANDOM_BYTES) as usize];
        self.ambient.fill_random(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests;
