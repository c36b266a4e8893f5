//! The HTTP surface: names, keys, limits and bodies are checked here, then a request goes to the gateway or to an
//! operation, and what comes back is rendered for the caller.
//!
//! Architecture invariant: no rule of routing and no operation lives here; both are reached through the traits of `port`.
//! Architecture invariant: a request's area, configuration and principal are found once, and every layer asks those.
//! Architecture invariant: this room does not know `mcp`; a listener of another crate's routes is let in by [`admitted`].

mod admission;
mod api;
mod app;
mod area;
mod auth;
mod body;
mod body_progress;
mod caller_headers;
mod consumers;
mod counters;
mod cross_origin;
mod dialect;
mod guarded_body;
mod health;
mod keyring;
mod limits;
mod openapi;
mod origin;
mod port;
mod refusal;
mod request_context;
mod request_id;
mod route_advice;
mod router;
mod serve;
#[cfg(test)]
mod testing;

pub use app::{App, AppParts};
pub use area::Area;
pub use auth::ANONYMOUS;
pub use axum::Router;
pub use counters::TrafficCounters;
pub use keyring::{KeyCredential, KeyRing, KeySource, Loading};
pub use port::{Models, Operations, ProcessInfo, Readiness};
pub use router::{admitted, gateway};
pub use serve::{ConnectionThreads, ListenerService, ListenerState, serve};
