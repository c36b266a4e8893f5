//! A text that must not be shown: `Debug` and `Display` print `***`, memory is wiped on drop.

mod set;
mod spellings;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::time::Ambient;

pub use set::{SecretSet, Sight};

/// Shorter ones are told from ordinary text by nothing.
const SHORTEST: usize = 8;

/// A credential in memory. It has no `Serialize`: nothing can write it by accident.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// A fresh one: `prefix` and 256 random bits as URL-safe text.
    pub fn generate(prefix: &str, ambient: &dyn Ambient) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        ambient.fill_random(&mut *bytes);
        Self::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// The text itself. Callers hand it to a wire or a hash, never to a log.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// The first 16 hex digits of SHA-256: names a key without telling it.
    pub fn fingerprint(&self) -> String {
        self.sha256_hex().chars().take(16).collect()
    }

    /// The full SHA-256 in hex: what the store keeps of a key.
    pub fn sha256_hex(&self) -> String {
        sha256_hex(self.expose().as_bytes())
    }

    /// Compares in constant time, whatever the lengths.
    pub fn matches(&self, presented: &[u8]) -> bool {
        Sha256::digest(self.expose().as_bytes()).ct_eq(&Sha256::digest(presented)).into()
    }
}

/// SHA-256 of `bytes` as 64 lower-case hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose().as_bytes())
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl schemars::JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "secret" })
    }
}

#[cfg(test)]
mod tests;
