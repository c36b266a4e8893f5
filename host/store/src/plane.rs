//! The rows of each noun: reading verbs are methods of `Rows`, changing verbs of `Tx`. One file per noun.

pub(crate) mod component;
pub(crate) mod config;
pub(crate) mod key;
pub(crate) mod operator;
pub(crate) mod trace;
pub(crate) mod usage;
