//! Text as the databases take it: nothing that one of the two refuses.

use std::borrow::Cow;

use brains_core::Id;
use brains_core::id::Noun;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::StoreError;

/// Text without NUL, which Postgres refuses in a TEXT column.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// The stored word of an enum's value, e.g. `live`.
pub(crate) fn enum_name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

/// The enum's value behind a stored word.
pub(crate) fn from_enum_name<T: DeserializeOwned>(column: &str, word: &str) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(word.to_owned())).map_err(|_| unreadable(column))
}

/// A list as JSON text.
pub(crate) fn list(items: &impl Serialize) -> String {
    serde_json::to_string(items).unwrap_or_else(|_| "[]".into())
}

pub(crate) fn from_json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| unreadable(column))
}

/// An id read back.
pub(crate) fn id<N: Noun>(column: &str, text: &str) -> Result<Id<N>, StoreError> {
    Id::parse(text).ok_or_else(|| unreadable(column))
}

fn unreadable(column: &str) -> StoreError {
    StoreError::Value { column: column.to_owned() }
}

/// Counts as the databases keep them.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
