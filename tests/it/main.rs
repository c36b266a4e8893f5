//! The integration suite: the real program, real components, real HTTP on loopback, real clients.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::type_complexity,
    reason = "a test fails at the first surprise"
)]

mod admission;
mod adoption;
mod affinity;
mod answers;
mod attacks;
mod audit;
mod auth;
mod bedrock;
mod budgets;
mod cache_touch;
mod cancellation;
mod chat;
mod claude_code;
mod cli;
mod client_facts;
mod clients;
mod codex;
mod compaction;
mod completions;
mod components;
mod config;
mod continuation;
mod conversations;
mod coordination;
mod copilot;
mod costs;
mod crash;
mod database_faults;
mod docs;
mod effects;
mod embeddings;
mod examples;
mod explain;
mod failover;
mod failover_bench;
mod failures;
mod first_hour;
mod fuzz;
mod gemini;
mod guide;
mod guides;
mod handoffs;
mod hedging;
mod hostile;
mod housekeeping;
mod instances;
mod keepalive;
mod ledger;
mod litellm;
mod locks;
mod mail;
mod mcp;
mod mcp_clients;
mod mcp_sessions;
mod messages;
mod model;
mod model_list;
mod named_vendors;
mod odd_http;
mod operations;
mod outage;
mod overlay;
mod overlay_file;
mod plugins;
mod progress;
mod races;
mod relay;
mod replay;
mod resources;
mod responses;
mod secrets;
mod secure;
mod sent;
mod sessions;
mod siblings;
mod soak;
mod startup;
mod state;
mod swap;
mod taken;
mod tasks;
mod tidy;
mod tiers;
mod token_count;
mod translate;
mod upgrade;
mod vendors;
mod visibility;
mod workspaces;
