//! Signatures over the audit log: what is signed, by which key, and why that key counts.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::canonical::canonical;
use crate::secret::Secret;
use crate::time::Ambient;

/// Bytes of a key's seed.
const SEED_BYTES: usize = 32;

/// Where a chain stood, signed. It vouches for every entry up to there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Seal {
    pub scope: String,
    /// Position of the last entry that it covers.
    pub seq: i64,
    /// Hash of that entry.
    pub hash: String,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The public key, base64url.
    pub key: String,
    /// ed25519, base64url.
    pub signature: String,
}

impl Seal {
    /// What is signed: the canonical JSON of everything but the signature.
    fn statement(scope: &str, seq: i64, hash: &str, at: i64, key: &str) -> String {
        canonical(&json!({
            "at": at, "hash": hash, "key": key, "scope": scope, "seq": seq, "type": "brains.audit.seal",
        }))
    }

    /// Whether the signature fits, whoever's it is.
    pub fn is_signed(&self) -> bool {
        let statement = Self::statement(&self.scope, self.seq, &self.hash, self.at, &self.key);
        signed(&self.key, statement.as_bytes(), &self.signature)
    }
}

/// One key names the next. Both sign it, so trust in either is trust in the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// The public key that sealed until now.
    pub from: String,
    /// The one that seals from now on.
    pub to: String,
    /// Milliseconds since 1970.
    pub at: i64,
    pub from_signature: String,
    pub to_signature: String,
}

impl HandOver {
    pub fn new(from: &SealingKey, to: &SealingKey, at: i64) -> Self {
        let statement = Self::statement(from.public(), to.public(), at);
        Self {
            from: from.public().to_owned(),
            to: to.public().to_owned(),
            at,
            from_signature: from.sign(statement.as_bytes()),
            to_signature: to.sign(statement.as_bytes()),
        }
    }

    fn statement(from: &str, to: &str, at: i64) -> String {
        canonical(&json!({ "at": at, "from": from, "to": to, "type": "brains.audit.hand_over" }))
    }

    /// Whether both signatures fit.
    pub fn is_signed(&self) -> bool {
        let statement = Self::statement(&self.from, &self.to, self.at);
        signed(&self.from, statement.as_bytes(), &self.from_signature)
            && signed(&self.to, statement.as_bytes(), &self.to_signature)
    }
}

/// The public keys whose seals count: one that is known, and all that hand-overs tie to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trusted(BTreeSet<String>);

impl Trusted {
    pub fn new(roots: impl IntoIterator<Item = String>, hand_overs: &[HandOver]) -> Self {
        let mut keys: BTreeSet<String> = roots.into_iter().collect();
        let sound: Vec<&HandOver> = hand_overs.iter().filter(|hand_over| hand_over.is_signed()).collect();
        loop {
            let before = keys.len();
            for hand_over in &sound {
                if keys.contains(&hand_over.from) || keys.contains(&hand_over.to) {
                    keys.insert(hand_over.from.clone());
                    keys.insert(hand_over.to.clone());
                }
            }
            if keys.len() == before {
                return Self(keys);
            }
        }
    }

    pub fn holds(&self, key: &str) -> bool {
        self.0.contains(key)
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// A key that seals. `Debug` shows its public half.
#[derive(Clone)]
pub struct SealingKey {
    signing: SigningKey,
    public: String,
}

impl SealingKey {
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = URL_SAFE_NO_PAD.encode(signing.verifying_key().as_bytes());
        Self { signing, public }
    }

    /// A new key that nobody has.
    pub fn mint(ambient: &dyn Ambient) -> Self {
        let mut seed = zeroize::Zeroizing::new([0; SEED_BYTES]);
        ambient.fill_random(&mut *seed);
        Self::from_seed(&seed)
    }

    /// Reads the text of a key file: 64 hex digits, with whatever space around them an editor left.
    pub fn parse(text: &str) -> Option<Self> {
        let mut seed = zeroize::Zeroizing::new([0; SEED_BYTES]);
        hex::decode_to_slice(text.trim(), &mut *seed).ok()?;
        Some(Self::from_seed(&seed))
    }

    /// The text of a key file.
    pub fn text(&self) -> Secret {
        Secret::new(hex::encode(self.signing.to_bytes()))
    }

    /// The public key, base64url.
    pub fn public(&self) -> &str {
        &self.public
    }

    pub fn seal(&self, scope: &str, seq: i64, hash: &str, at: i64) -> Seal {
        let statement = Seal::statement(scope, seq, hash, at, &self.public);
        Seal {
            scope: scope.to_owned(),
            seq,
            hash: hash.to_owned(),
            at,
            key: self.public.clone(),
            signature: self.sign(statement.as_bytes()),
        }
    }

    fn sign(&self, statement: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.signing.sign(statement).to_bytes())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("public", &self.public).finish_non_exhaustive()
    }
}

fn signed(key: &str, statement: &[u8], signature: &str) -> bool {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let key = bytes(key).and_then(|key| VerifyingKey::from_bytes(&key.try_into().ok()?).ok());
    let signature = bytes(signature).and_then(|signature| Signature::from_slice(&signature).ok());
    match (key, signature) {
        (Some(key), Some(signature)) => key.verify_strict(statement, &signature).is_ok(),
        (None, _) | (_, None) => false,
    }
}
