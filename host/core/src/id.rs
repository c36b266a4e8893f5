//! Typed ids: a noun's prefix, an underscore and a `UUIDv7` in 26 characters of Crockford base 32
//! (the `TypeID` text form, <https://github.com/jetify-com/typeid>). They sort by time of birth.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::{Ambient, Millis};

/// A kind of thing that has ids.
pub trait Noun: 'static {
    /// Lower-case letters only.
    const PREFIX: &'static str;
}

macro_rules! nouns {
    ($($name:ident = $prefix:literal),+ $(,)?) => {$(
        #[doc = concat!("The noun behind ids that begin with `", $prefix, "_`.")]
        #[derive(Debug)]
        pub enum $name {}
        impl Noun for $name {
            const PREFIX: &'static str = $prefix;
        }
    )+};
}

nouns! {
    Key = "key", Operator = "op", Trace = "trace", Request = "req", Revision = "rev", AuditEntry = "aud", Completion = "cmpl",
    Workspace = "ws", Session = "ses", Checkpoint = "cp", Lock = "lock", LockWait = "wait", Connection = "con",
    Task = "task", Handoff = "hand", Message = "msg", Comment = "com",
}

/// An id of one noun; ids of two nouns do not mix.
pub struct Id<N> {
    text: Box<str>,
    noun: PhantomData<fn() -> N>,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl<N: Noun> Id<N> {
    /// A fresh id, born now.
    pub fn mint(ambient: &dyn Ambient) -> Self {
        Self::mint_at(ambient, ambient.now())
    }

    /// A fresh id, born at a time of the caller's.
    pub fn mint_at(ambient: &dyn Ambient, born: Millis) -> Self {
        let mut entropy = [0; 10];
        ambient.fill_random(&mut entropy);
        let born_ms = u64::try_from(born.0).unwrap_or(0);
        let bits = uuid::Builder::from_unix_timestamp_millis(born_ms, &entropy).into_uuid().as_u128();
        let mut text = String::with_capacity(N::PREFIX.len() + 27);
        text.push_str(N::PREFIX);
        text.push('_');
        for place in (0..26).rev() {
            let digit = usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0);
            text.push(char::from(*ALPHABET.get(digit).unwrap_or(&b'0')));
        }
        Self { text: text.into(), noun: PhantomData }
    }

    /// Reads an id; `None` when the prefix, the length or a character is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(N::PREFIX)?.strip_prefix('_')?;
        let sound = rest.len() == 26
            && rest.bytes().all(|byte| ALPHABET.contains(&byte))
            && rest.as_bytes().first().is_some_and(|first| *first <= b'7');
        sound.then(|| Self { text: text.into(), noun: PhantomData })
    }
}

impl<N> Id<N> {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands behind the prefix, for ids whose shape somebody else's wire prescribes.
    pub fn unique(&self) -> &str {
        self.text.split_once('_').map_or(&self.text, |(_, unique)| unique)
    }
}

impl<N> Clone for Id<N> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), noun: PhantomData }
    }
}

impl<N> PartialEq for Id<N> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<N> Eq for Id<N> {}

impl<N> PartialOrd for Id<N> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<N> Ord for Id<N> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<N> Hash for Id<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<N> fmt::Debug for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<N> fmt::Display for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<N> Serialize for Id<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, N: Noun> Deserialize<'de> for Id<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is not an id that begins with `{}_`", N::PREFIX))
        })
    }
}

impl<N: Noun> schemars::JsonSchema for Id<N> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}_id", N::PREFIX).into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", N::PREFIX) })
    }
}

#[cfg(test)]
mod tests;
