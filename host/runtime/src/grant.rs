//! What an instance is granted: what its component asks for and the operator allows. Asking alone gives nothing
//! that leads outside.

use std::collections::BTreeSet;

use brains_core::OriginPattern;
use brains_core::config::manifest::Asks;

/// An origin that an instance may reach, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedOrigin {
    /// A URL of the origin.
    pub url: String,
    /// The operator wrote it, so it may lead to a private address.
    pub operator: bool,
}

impl GrantedOrigin {
    /// Whether what a component asks to reach lies within.
    pub(crate) fn includes(&self, asked: &str) -> bool {
        match (OriginPattern::parse(&self.url), OriginPattern::parse(asked)) {
            (Ok(own), Ok(asked)) => own.includes(&asked),
            _ => false,
        }
    }
}

/// Everything that an instance may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Grants {
    pub(crate) secrets: BTreeSet<String>,
    pub(crate) kv_bytes: usize,
    pub(crate) clock: bool,
    pub(crate) random: bool,
}

/// The most that any instance may keep.
const KV_CEILING: usize = 1 << 20;

impl Grants {
    /// What stays inside the process is granted when it is asked for.
    pub(crate) fn of(asks: &Asks) -> Self {
        Self {
            secrets: asks.secrets.iter().cloned().collect(),
            kv_bytes: asks.kv_bytes().min(KV_CEILING),
            clock: asks.clock,
            random: asks.random,
        }
    }
}
