//! The integration suite: the real program, real components, real HTTP on loopback, real clients.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails at the first surprise"
)]

mod admission;
mod auth;
mod cancellation;
mod chat;
mod cli;
mod clients;
mod components;
mod config;
mod docs;
mod explain;
mod failover;
mod failover_bench;
mod failures;
mod hostile;
mod operations;
mod overlay_file;
mod plugins;
mod relay;
mod secrets;
mod soak;
mod startup;
mod swap;
mod tidy;
mod translate;
mod upgrade;
