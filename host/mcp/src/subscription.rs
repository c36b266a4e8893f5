//! Subscriptions: a client is told when what stands under an address of [`crate::resource`] has changed. Whoever follows
//! waits for events of the address's workspace, reads again as the subscriber may, and tells a difference; so nobody
//! learns more by following than by asking again and again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use brains_core::caller::CallSurface;
use brains_core::secret::sha256_hex;
use brains_core::sync::Unpoisoned as _;
use brains_core::{Caller, Fault, Principal};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::port::{ToolInvocation, Tools};
use crate::resource;

/// Addresses that one connection, or one request to listen, may follow.
pub(crate) const MOST: usize = 64;
/// Changes that come together are told once.
const GATHER: Duration = Duration::from_millis(50);
/// The pause behind a wait that brought nothing: it ends early when the service does.
const PAUSE: Duration = Duration::from_millis(200);
const WAIT_MS: u64 = 60_000;

/// Who follows an address.
#[derive(Debug, Clone)]
pub(crate) struct Follower {
    pub(crate) uri: String,
    pub(crate) principal: Principal,
}

/// An address as it was when it was read, and up to which event of its workspace that is known.
#[derive(Debug)]
pub(crate) struct SeenResource {
    slug: String,
    after: String,
    digest: String,
}

impl Follower {
    /// Looks for the first time. A fault says that there is nothing to follow.
    pub(crate) async fn begin(&self, tools: &dyn Tools) -> Result<SeenResource, Fault> {
        let slug = resource::workspace(&self.uri)?.to_owned();
        // The position first: what happens between the two is met again.
        let (after, _) = self.events(tools, &slug, None, 0).await?;
        let digest = self.digest(tools).await?;
        Ok(SeenResource { slug, after, digest })
    }

    /// Returns when what stands there is no longer as it was seen.
    pub(crate) async fn changed(&self, tools: &dyn Tools, seen: &mut SeenResource) -> Result<(), Fault> {
        loop {
            let (after, happened) = self.events(tools, &seen.slug, Some(&seen.after), WAIT_MS).await?;
            if !happened {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            tokio::time::sleep(GATHER).await;
            seen.after = after;
            let digest = self.digest(tools).await?;
            if digest != seen.digest && tools.counts(&self.principal).await {
                seen.digest = digest;
                return Ok(());
            }
        }
    }

    /// Where the workspace's events end, and whether there are any after `after`.
    async fn events(
        &self,
        tools: &dyn Tools,
        slug: &str,
        after: Option<&str>,
        timeout_ms: u64,
    ) -> Result<(String, bool), Fault> {
        let mut input = json!({ "workspace": slug, "timeout_ms": timeout_ms, "limit": 1000 });
        if let (Some(after), Some(input)) = (after, input.as_object_mut()) {
            input.insert("after".into(), after.into());
        }
        let (principal, caller) = (&self.principal, &observer());
        let entry = resource::named(tools, "wait_events")?;
        let heard = tools.call(ToolInvocation { entry, input, principal, caller }).await?.value;
        let happened = heard.get("events").and_then(Value::as_array).is_some_and(|events| !events.is_empty());
        let after = heard.get("after").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((after, happened))
    }

    async fn digest(&self, tools: &dyn Tools) -> Result<String, Fault> {
        let text = resource::read(tools, &self.uri, &self.principal, &observer()).await?;
        Ok(sha256_hex(text.as_bytes()))
    }
}

/// Nobody's session: one whose agent is gone must not live on because its subscriptions do.
fn observer() -> Caller {
    Caller { surface: CallSurface::Mcp, agent: true, ..Caller::default() }
}

/// What one connection follows, in the era that subscribes by single requests. Dropped with it, all ends.
#[derive(Debug, Default)]
pub(crate) struct Followed(Mutex<HashMap<String, DropGuard>>);

impl Followed {
    /// Room for one more; none when there are as many as may be. Following an address twice is following it once.
    pub(crate) fn add(&self, uri: &str) -> Option<CancellationToken> {
        let mut followed = self.held();
        if followed.len() >= MOST && !followed.contains_key(uri) {
            return None;
        }
        let end = CancellationToken::new();
        followed.insert(uri.to_owned(), end.clone().drop_guard());
        Some(end)
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.held().remove(uri);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, DropGuard>> {
        self.0.lock_unpoisoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_follows_so_many_and_each_once() {
        let followed = Followed::default();
        let first = followed.add("brains://workspace/app/state").unwrap();
        let again = followed.add("brains://workspace/app/state").unwrap();
        assert!(first.is_cancelled() && !again.is_cancelled());
        for number in 1..MOST {
            assert!(followed.add(&format!("brains://workspace/app/task/APP-{number}")).is_some());
        }
        assert!(followed.add("brains://workspace/app/handoff").is_none());
        followed.remove("brains://workspace/app/state");
        assert!(again.is_cancelled());
        let last = followed.add("brains://workspace/app/handoff").unwrap();
        drop(followed);
        assert!(last.is_cancelled());
    }
}
