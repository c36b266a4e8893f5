//! The host's side of the world: everything is answered from memory, nothing waits. What was not granted is
//! refused with a value, because scripted guests import their whole world and could not link otherwise.

pub(crate) mod keys;
pub(crate) mod kv;
pub(crate) mod log;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{clock, config, http, kv as wire_kv, log as wire_log, random, secrets, task, types};
use crate::guest::{Guest, Settings};
use crate::said::Earlier;

/// Links all of `brains:plugin`'s imports.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wire_log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    config::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    secrets::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wire_kv::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    random::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

// Types only: nothing to answer.
impl types::Host for Guest {}
impl http::Host for Guest {}
impl task::Host for Guest {}

/// What an instance keeps from one version of it to the next, while the program runs.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) kv: kv::Kv,
    pub(crate) log: log::LogGate,
    pub(crate) guesses: keys::Guesses,
    pub(crate) earlier: Earlier,
}

impl config::Host for Guest {
    fn get(&mut self) -> String {
        self.settings.config.clone()
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
    /// Nothing when randomness is not granted, and at most so much at once.
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
