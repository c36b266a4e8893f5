//! What the suite stands on: the real program started on free ports in a folder of its own, a scripted
//! upstream that can drip, cut, hang and lie, and a small client.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a harness fails the test at the first surprise"
)]

pub mod bedrock;
pub mod caller;
pub mod client;
pub mod components;
pub mod copilot;
pub mod counts;
pub mod dead;
pub mod disk;
pub mod door;
pub mod fuzz;
pub mod guide;
pub mod line;
pub mod mcp;
pub mod messages;
pub mod model;
pub mod postgres;
pub mod replay;
pub mod secure;
pub mod service;
pub mod team;
pub mod upstream;
pub mod wire;

pub use caller::Caller;
pub use client::{Answer, Client};
pub use service::{Brains, Memory, Setup};
pub use upstream::{Reply, Seen, Upstream};
pub use wire::Wire;

use std::time::Duration;

/// How long any single event may take before the test calls it a hang (contract 1). No time decides a test.
pub const HANG: Duration = Duration::from_secs(30);

/// The same for the start of a service (contract 1).
pub const START: Duration = Duration::from_mins(2);

/// Waits for `event`, and fails the test with `what` when it does not come.
pub fn within<T>(what: &str, event: impl Future<Output = T>) -> impl Future<Output = T> {
    within_limit(HANG, what, event)
}

async fn within_limit<T>(limit: Duration, what: &str, event: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(limit, event).await.ok();
    ended.unwrap_or_else(|| panic!("{what} did not happen within {} s", limit.as_secs()))
}

/// Asks `ready` again and again until it says yes.
pub fn until(what: &str, ready: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    until_limit(HANG, what, ready)
}

/// The same of a service that is being started.
pub fn until_started(what: &str, ready: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    until_limit(START, what, ready)
}

async fn until_limit(limit: Duration, what: &str, mut ready: impl AsyncFnMut() -> bool) {
    within_limit(limit, what, async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
