//! The wires that clients speak, one file each: parse, call, render. What a request means is the gateway's business.

pub(crate) mod chat;
pub(crate) mod models;
