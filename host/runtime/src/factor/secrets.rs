//! What a component may do with secrets that it never sees: ask whether one is set, compare, and have the host sign.
//! Whoever compares may be wrong a few times; then it is guessing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_core::sync::Unpoisoned as _;
use brains_core::{Ambient, Secret};
use ring::digest::{self, SHA256};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use wasmtime::component::Linker;

use super::{ComponentImports, Factor, FactorView, InstanceDefinition, RetainedState};
use crate::bindings::secrets::{self, Refusal};
use crate::guest::state::GuestState;

/// More than any signed request has: signing is the host's time, not the component's.
const DATA_BYTES: usize = 1 << 20;

/// The secrets of one instance, by name.
pub(crate) struct SecretsFactor {
    /// Those that the component asks for.
    granted: BTreeSet<String>,
    set: BTreeMap<String, Secret>,
    retained: Arc<RetainedState>,
    ambient: Arc<dyn Ambient>,
}

/// How often a guest presented something that is not the secret.
#[derive(Default)]
pub(crate) struct Misses(u32);

impl SecretsFactor {
    /// One that is granted and set.
    pub(crate) fn get(&self, name: &str) -> Option<&Secret> {
        self.granted(name).ok()
    }

    fn granted(&self, name: &str) -> Result<&Secret, Refusal> {
        if !self.granted.contains(name) {
            return Err(Refusal::NotGranted);
        }
        self.set.get(name).filter(|secret| !secret.is_empty()).ok_or(Refusal::NotSet)
    }
}

impl Factor for SecretsFactor {
    type State = Misses;

    fn link(linker: &mut Linker<GuestState>, _: &ComponentImports<'_>) -> wasmtime::Result<()> {
        secrets::add_to_linker::<_, Self>(linker, Self::view)
    }

    fn configure(definition: &InstanceDefinition<'_>) -> Self {
        Self {
            granted: definition.asks.secrets.iter().cloned().collect(),
            set: definition.secrets.clone(),
            retained: Arc::clone(definition.retained),
            ambient: Arc::clone(&definition.services.ambient),
        }
    }
}

impl secrets::Host for FactorView<'_, SecretsFactor> {
    fn has(&mut self, name: String) -> bool {
        self.factor.get(&name).is_some()
    }

    fn sign(
        &mut self,
        name: String,
        algorithm: String,
        key_prefix: String,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, Refusal> {
        sign(self.factor.granted(&name)?, &algorithm, &key_prefix, &data).ok_or(Refusal::Unsupported)
    }

    fn matches(&mut self, name: String, presented: String) -> wasmtime::Result<Result<bool, Refusal>> {
        let secrets = self.factor;
        let secret = match secrets.granted(&name) {
            Ok(secret) => secret,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let guesses = &secrets.retained.guesses;
        if self.state.0 >= MISSES_PER_EXCHANGE || guesses.are_spent(secrets.ambient.monotonic_us()) {
            return Err(wasmtime::Error::new(Guessing));
        }
        if presented.len() <= PRESENTED_BYTES && secret.matches(presented.as_bytes()) {
            return Ok(Ok(true));
        }
        self.state.0 += 1;
        guesses.missed(secrets.ambient.monotonic_us());
        Ok(Ok(false))
    }
}

/// Wrong answers that a live instance may get; one that is right costs nothing.
pub(crate) const MISSES_PER_EXCHANGE: u32 = 8;
/// Wrong answers that all exchanges of an instance may get in a minute.
const MISSES_PER_MINUTE: u32 = 120;
const MINUTE_US: u64 = 60_000_000;
/// No secret that is presented is longer.
const PRESENTED_BYTES: usize = 64 << 10;

/// It has asked too often whether it guessed a secret; the call ends with this.
#[derive(Debug, thiserror::Error)]
#[error("it presented too many texts that are not the secret")]
pub(crate) struct Guessing;

/// Wrong answers of the current minute, over all versions of an instance.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    began_us: u64,
    misses: u32,
}

impl Guesses {
    fn are_spent(&self, now_us: u64) -> bool {
        self.minute(now_us, |minute| minute.misses >= MISSES_PER_MINUTE)
    }

    fn missed(&self, now_us: u64) {
        self.minute(now_us, |minute| minute.misses = minute.misses.saturating_add(1));
    }

    fn minute<R>(&self, now_us: u64, look: impl FnOnce(&mut Minute) -> R) -> R {
        let mut minute = self.0.lock_unpoisoned();
        if now_us.saturating_sub(minute.began_us) >= MINUTE_US {
            *minute = Minute { began_us: now_us, misses: 0 };
        }
        look(&mut minute)
    }
}

/// A signature of `data`; none when the algorithm is unknown, the secret is no key for it, or the data is too long.
/// A prefix of the key is for the hash-based ones, where some vendors put a fixed text before the secret. With `sha256` it is the
/// digest of all three, one behind the other: what is signed elsewhere may hold a secret.
fn sign(secret: &Secret, algorithm: &str, key_prefix: &str, data: &[u8]) -> Option<Vec<u8>> {
    if data.len().saturating_add(key_prefix.len()) > DATA_BYTES {
        return None;
    }
    match (algorithm, key_prefix) {
        ("hmac-sha256", _) => Some(hash(hmac::HMAC_SHA256, secret, key_prefix, data)),
        ("hmac-sha512", _) => Some(hash(hmac::HMAC_SHA512, secret, key_prefix, data)),
        ("sha256", _) => {
            let text = [key_prefix.as_bytes(), secret.expose().as_bytes(), data].concat();
            Some(digest::digest(&SHA256, &text).as_ref().to_vec())
        }
        ("rsa-sha256", "") => rsa(secret, data),
        ("ed25519", "") => {
            let (_, der) = pem(secret)?;
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()?;
            Some(pair.sign(data).as_ref().to_vec())
        }
        _ => None,
    }
}

fn hash(algorithm: hmac::Algorithm, secret: &Secret, key_prefix: &str, data: &[u8]) -> Vec<u8> {
    let key = [key_prefix.as_bytes(), secret.expose().as_bytes()].concat();
    hmac::sign(&hmac::Key::new(algorithm, &key), data).as_ref().to_vec()
}

fn rsa(secret: &Secret, data: &[u8]) -> Option<Vec<u8>> {
    let (label, der) = pem(secret)?;
    let pair =
        if label == "RSA PRIVATE KEY" { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
    let pair = pair.ok()?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature).ok()?;
    Some(signature)
}

/// The label and the bytes of a key in PEM. Keys that come by environment often have their line breaks written as `\n`.
fn pem(secret: &Secret) -> Option<(String, Vec<u8>)> {
    let text = secret.expose().replace("\\n", "\n");
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.split_whitespace().collect();
    Some((label.to_owned(), STANDARD.decode(body).ok()?))
}

#[cfg(test)]
mod tests;
