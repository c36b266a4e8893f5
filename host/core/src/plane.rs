//! The values that the planes keep and show, and the rules on them. Rows are the store's, verbs are control's.

pub mod audit;
pub mod component;
pub mod config;
pub mod focus;
pub mod handoff;
pub mod key;
pub mod lock;
pub mod mail;
pub mod operator;
pub mod session;
pub mod task;
pub mod trace;
pub mod usage;
pub mod workspace;

/// Longest name.
const SLUG_MAX: usize = 63;

/// Whether `text` may name something: `^[a-z0-9][a-z0-9_-]{0,62}$`.
pub fn is_slug(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= SLUG_MAX
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests;
