//! The integration suite: the real program, real components, real HTTP on loopback, real clients.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails at the first surprise"
)]

mod audit;
mod auth;
mod chat;
mod claude_code;
mod cli;
mod clients;
mod components;
mod config;
mod crash;
mod docs;
mod explain;
mod handoffs;
mod locks;
mod mail;
mod mcp;
mod mcp_clients;
mod model;
mod operations;
mod races;
mod relay;
mod secrets;
mod sessions;
mod startup;
mod tasks;
mod tidy;
mod visibility;
mod workspaces;
