//! The host's side of the world: everything is answered from memory, nothing waits. What was not granted is
//! refused with a value, because scripted guests import their whole world and could not link otherwise.

pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod secrets;
pub(crate) mod wasi;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{
    clock, config, http, kv as wire_kv, log as wire_log, random, secrets as wire_secrets, task, types,
};
use crate::guest::state::{GuestState, InstanceContext};
use crate::output_redaction::SecretHistory;

/// Links all of `brains:plugin`'s imports.
pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wire_log::add_to_linker::<_, HasSelf<GuestState>>(linker, |guest| guest)?;
    config::add_to_linker::<_, HasSelf<GuestState>>(linker, |guest| guest)?;
    wire_secrets::add_to_linker::<_, HasSelf<GuestState>>(linker, |guest| guest)?;
    wire_kv::add_to_linker::<_, HasSelf<GuestState>>(linker, |guest| guest)?;
    clock::add_to_linker::<_, HasSelf<GuestState>>(linker, |guest| guest)?;
    random::add_to_linker::<_, HasSelf<GuestState>>(linker, |guest| guest)
}

// Types only: nothing to answer.
impl types::Host for GuestState {}
impl http::Host for GuestState {}
impl task::Host for GuestState {}

/// What an instance keeps from one version of it to the next, while the program runs.
#[derive(Debug, Default)]
pub(crate) struct RetainedState {
    pub(crate) kv: kv::KvStore,
    pub(crate) log: log::LogRate,
    pub(crate) guesses: secrets::Guesses,
    pub(crate) earlier: SecretHistory,
}

impl config::Host for GuestState {
    fn get(&mut self) -> String {
        self.settings.config.clone()
    }
}

impl clock::Host for GuestState {
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

impl random::Host for GuestState {
    /// Nothing when randomness is not granted, and at most so much at once.
    fn bytes(&mut self, n: u32) -> Vec<u8> {
        self.settings.random(n)
    }
}

impl InstanceContext {
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
