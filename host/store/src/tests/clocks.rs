//! Two processes on one database whose machines' clocks are apart: their leases are of the database's time.

use std::sync::Arc;

use brains_core::{Ambient, Millis};

use super::bed::{Bed, TestAmbient, on_both, sealing_key};
use crate::{DatabaseClock, Store, StoreOptions};

const HOUR_MS: i64 = 3_600_000;

on_both! { a_lease_is_held_against_a_clock_that_is_ahead }

/// A process whose machine's clock is so far ahead.
async fn process(bed: &Bed, ahead_ms: i64) -> (Store, Arc<DatabaseClock>) {
    let own = TestAmbient::new();
    own.advance(ahead_ms);
    let clock = Arc::new(DatabaseClock::new(Arc::new(own)));
    let store = Store::open(&bed.url, StoreOptions::shared(Arc::clone(&clock), sealing_key())).await.unwrap();
    (store, clock)
}

async fn take(store: &Store, holder: &'static str, until: Millis) -> bool {
    store
        .touch(move |tx| Box::pin(async move { Ok(tx.take_duty("reaper", holder, until).await?) }))
        .await
        .unwrap()
}

async fn a_lease_is_held_against_a_clock_that_is_ahead(bed: &Bed) {
    // A file is shared on one machine, which has one clock.
    let ahead_ms = if bed.is_postgres() { HOUR_MS } else { 0 };
    let (slow, slow_clock) = process(bed, 0).await;
    let (fast, fast_clock) = process(bed, ahead_ms).await;
    let apart_ms = fast_clock.now().since(slow_clock.now());
    assert!(apart_ms.abs() < 5_000, "{apart_ms} ms apart");
    assert!(take(&slow, "slow", slow_clock.now().plus_ms(60_000)).await);
    assert!(!take(&fast, "fast", fast_clock.now().plus_ms(60_000)).await, "the lease of the other goes on");
    assert!(take(&slow, "slow", slow_clock.now().plus_ms(60_000)).await);
    slow.close().await;
    fast.close().await;
}
