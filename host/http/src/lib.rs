//! The HTTP surface: names, keys, limits and bodies are checked here, then a request goes to the gateway or to an
//! operation, and what comes back is rendered for the caller. No rule of routing and no operation lives here.

mod accompanied;
mod api;
mod app;
mod auth;
mod body;
mod circumstances;
mod counters;
mod dialect;
mod health;
mod keyring;
mod limits;
mod origin;
mod party;
mod port;
mod refusal;
mod request_id;
mod router;
mod serve;
#[cfg(test)]
mod testing;
mod unread;

pub use app::{App, Parts};
pub use auth::ANONYMOUS;
pub use counters::Counters;
pub use keyring::{Credential, KeyRing, KeySource, Loading};
pub use port::{Admitted, Models, Operations, Readiness, Site};
pub use router::{gateway, tools};
pub use serve::{Lanes, Listening, Service, serve};
