//! The integration suite: the real program, real components, real HTTP on loopback, real clients.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails at the first surprise"
)]

mod auth;
mod chat;
mod cli;
mod clients;
mod components;
mod config;
mod docs;
mod explain;
mod locks;
mod operations;
mod relay;
mod secrets;
mod sessions;
mod startup;
mod tidy;
mod visibility;
mod workspaces;
