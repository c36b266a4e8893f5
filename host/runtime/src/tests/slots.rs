//! The ladder: the pool, memory on demand, a short wait, and a refusal that says to come again.

use std::sync::Arc;

use brains_core::FaultKind;
use brains_core::config::manifest::Plays;
use brains_dialect::canon::CallContext;

use super::{answer, doing, started};
use crate::{CallFault, PoolProfile};

#[tokio::test]
async fn beyond_the_pool_there_is_memory_on_demand_and_beyond_that_a_refusal() {
    let runtime = started(PoolProfile::Exactly(3));
    let instance = doing(&runtime, Plays::Provider, "ok");
    let mut held = Vec::new();
    for _ in 0..24 {
        held.push(instance.exchange().await.unwrap());
    }
    assert_eq!(runtime.stats().exchanges, 24);
    let refused = instance.exchange().await.unwrap_err();
    assert_eq!(refused, CallFault::Exhausted);
    let fault = refused.to_fault();
    assert_eq!((fault.kind, fault.retry_after_ms), (FaultKind::Unavailable, Some(1_000)));
    // All of them answer, in the pool and beyond it.
    for exchange in &mut held {
        let events = exchange.answer(super::asking("hello"), CallContext::default()).await.unwrap();
        assert_eq!(super::text_of(&events), "hello");
    }
    drop(held);
    assert_eq!(runtime.stats().exchanges, 0);
    assert_eq!(answer(&instance, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn whoever_waits_is_served_when_another_ends() {
    let runtime = started(PoolProfile::Exactly(1));
    let instance = doing(&runtime, Plays::Provider, "ok");
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(instance.exchange().await.unwrap());
    }
    let waiting = instance.exchange();
    tokio::pin!(waiting);
    // It does not come before one has ended.
    assert!(look(waiting.as_mut()).await.is_none());
    held.pop();
    waiting.await.unwrap();
}

/// One look at a future.
async fn look<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn a_full_pool_keeps_nobody_from_loading() {
    let runtime = started(PoolProfile::Exactly(2));
    let instance = doing(&runtime, Plays::Provider, "ok");
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(instance.exchange().await.unwrap());
    }
    let another = doing(&runtime, Plays::Provider, "ok");
    drop(held);
    assert_eq!(answer(&another, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_misdeed_beyond_the_pool_is_the_same_fault() {
    let runtime = started(PoolProfile::Exactly(1));
    let instance = doing(&runtime, Plays::Provider, "ok");
    let _held = instance.exchange().await.unwrap();
    for (deed, word) in [("spin", "deadline"), ("grow", "memory"), ("recurse", "stack"), ("trap", "trap")] {
        let hostile: Arc<_> = doing(&runtime, Plays::Provider, deed);
        assert_eq!(answer(&hostile, "hello").await.unwrap_err().word(), word, "{deed}");
    }
}
