use std::time::Duration;

use brains_core::{Fault, FaultKind};
use serde_json::json;

use super::bed::{Bed, counter, increment, on_both, spawn, verified};
use crate::rows::execute;
use crate::{Actor, Scope, Scopes, Store};

on_both! { answers_after_commit one_failure_stands_alone panic_costs_its_own_write swallowed_refusal_is_no_success
abandoned_callers_change_nothing many_scopes_in_any_order snapshot_sees_no_later_write touch_is_not_audited
closing_finishes_what_waits changes_reach_other_stores }

async fn count(store: &Store) -> i64 {
    counter(&mut store.read().await.unwrap()).await.unwrap()
}

async fn recorded(store: &Store) -> i64 {
    let found = verified(&mut store.read().await.unwrap(), &Scope::global()).await;
    assert_eq!(found.broken, None);
    found.entries
}

async fn add(store: &Store) -> Result<i64, Fault> {
    store.write(Scope::global(), Actor::system(), |tx| Box::pin(async move { increment(tx).await })).await
}

async fn answers_after_commit(bed: &Bed) {
    let store = bed.with_counter().await;
    assert_eq!(add(&store).await.unwrap(), 1);
    let other = bed.open().await;
    assert_eq!(add(&other).await.unwrap(), 2);
    assert_eq!(count(&store).await, 2);
    assert_eq!(recorded(&store).await, 2);
    let events = store.read().await.unwrap().events(&Scope::global(), 1, 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].seq, events[0].kind.as_str()), (2, "counter.increment"));
    store.close().await;
    other.close().await;
    let fault = add(&store).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unavailable);
}

async fn one_failure_stands_alone(bed: &Bed) {
    let store = bed.with_counter().await;
    let writes: Vec<_> = (0..60)
        .map(|index| {
            let store = store.clone();
            spawn(async move {
                store
                    .write(Scope::global(), Actor::system(), move |tx| {
                        Box::pin(async move {
                            increment(tx).await?;
                            if index % 3 == 0 { Err(Fault::conflict("not this one")) } else { Ok(index) }
                        })
                    })
                    .await
            })
        })
        .collect();
    let mut kept = 0;
    for (index, write) in writes.into_iter().enumerate() {
        let answer = write.await.unwrap();
        assert_eq!(answer.is_ok(), index % 3 != 0, "{answer:?}");
        kept += i64::from(answer.is_ok());
    }
    assert_eq!((count(&store).await, recorded(&store).await), (kept, kept));
    store.close().await;
}

async fn panic_costs_its_own_write(bed: &Bed) {
    let store = bed.with_counter().await;
    let panicking = store.write(Scope::global(), Actor::system(), |tx| {
        Box::pin(async move {
            increment(tx).await?;
            assert_eq!(tx.now().0, 0, "on purpose");
            Ok(())
        })
    });
    let (fault, sound) = tokio::join!(panicking, add(&store));
    assert_eq!(fault.unwrap_err().kind, FaultKind::Internal);
    assert_eq!(sound.unwrap(), 1);
    assert_eq!(add(&store).await.unwrap(), 2);
    assert_eq!(recorded(&store).await, 2);
    store.close().await;
}

async fn swallowed_refusal_is_no_success(bed: &Bed) {
    let store = bed.with_counter().await;
    let answer = store
        .write(Scope::global(), Actor::system(), |tx| {
            Box::pin(async move {
                increment(tx).await?;
                let twice = execute!(&mut tx.rows, "INSERT INTO counter (name, value) VALUES ('a', 0)");
                assert!(twice.is_err());
                Ok(())
            })
        })
        .await;
    assert_eq!(answer.unwrap_err().kind, FaultKind::Internal);
    assert_eq!((count(&store).await, recorded(&store).await), (0, 0));
    assert_eq!(add(&store).await.unwrap(), 1);
    store.close().await;
}

async fn abandoned_callers_change_nothing(bed: &Bed) {
    let store = bed.with_counter().await;
    for wait_us in [0, 50, 200, 1_000, 3_000] {
        for _ in 0..10 {
            drop(tokio::time::timeout(Duration::from_micros(wait_us), add(&store)).await);
        }
    }
    let before = add(&store).await.unwrap();
    assert!(add(&store).await.unwrap() > before);
    store.close().await;
    let store = bed.open().await;
    // Whatever was kept was kept whole: the counter and its records agree.
    let after = count(&store).await;
    assert_eq!(recorded(&store).await, after);
    store.close().await;
}

async fn many_scopes_in_any_order(bed: &Bed) {
    let store = bed.with_counter().await;
    let (a, b) = (Scope::workspace("a"), Scope::workspace("b"));
    let writes: Vec<_> = (0..40)
        .map(|index| {
            let store = store.clone();
            let (first, other) = if index % 2 == 0 { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) };
            spawn(async move {
                let scopes = Scopes::new(first, vec![other.clone()]);
                store
                    .write(scopes, Actor::system(), move |tx| {
                        Box::pin(async move {
                            increment(tx).await?;
                            tx.record_in(&other, "counter.seen", json!({})).await?;
                            Ok(())
                        })
                    })
                    .await
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let mut view = store.read().await.unwrap();
    for scope in [&a, &b] {
        let found = verified(&mut view, scope).await;
        assert_eq!((found.entries, found.broken), (40, None));
    }
    assert_eq!(counter(&mut view).await.unwrap(), 40);
    drop(view);
    let foreign = store
        .write(a, Actor::system(), |tx| {
            Box::pin(async move { Ok(tx.record_in(&Scope::global(), "x", json!({})).await?) })
        })
        .await;
    assert_eq!(foreign.unwrap_err().kind, FaultKind::Internal);
    store.close().await;
}

async fn snapshot_sees_no_later_write(bed: &Bed) {
    let store = bed.with_counter().await;
    let mut view = store.read().await.unwrap();
    assert_eq!(counter(&mut view).await.unwrap(), 0);
    add(&store).await.unwrap();
    assert_eq!(counter(&mut view).await.unwrap(), 0);
    assert!(execute!(&mut view, "UPDATE counter SET value = 7").is_err(), "a snapshot cannot write");
    drop(view);
    assert_eq!(count(&store).await, 1);
    store.close().await;
}

async fn touch_is_not_audited(bed: &Bed) {
    let store = bed.with_counter().await;
    let touched = store
        .touch(|tx| Box::pin(async move { Ok(execute!(&mut tx.rows, "UPDATE counter SET value = 5")?) }))
        .await;
    assert_eq!(touched.unwrap(), 1);
    let recording = store.touch(|tx| Box::pin(async move { Ok(tx.record("x", json!({})).await?) })).await;
    assert_eq!(recording.unwrap_err().kind, FaultKind::Internal);
    assert_eq!((count(&store).await, recorded_or_none(&store).await), (5, 0));
    store.close().await;
}

async fn recorded_or_none(store: &Store) -> usize {
    store.read().await.unwrap().audit_scopes().await.unwrap().len()
}

async fn closing_finishes_what_waits(bed: &Bed) {
    let store = bed.with_counter().await;
    let writes: Vec<_> = (0..30)
        .map(|_| {
            let store = store.clone();
            spawn(async move { add(&store).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    let mut kept = 0;
    for write in writes {
        kept += i64::from(write.await.unwrap().is_ok());
    }
    let store = bed.open().await;
    assert_eq!((count(&store).await, recorded(&store).await), (kept, kept));
    store.close().await;
}

async fn changes_reach_other_stores(bed: &Bed) {
    let (store, other) = (bed.open().await, bed.open().await);
    let (mut here, mut there) = (store.generations(), other.generations());
    let operator = super::planes::operator(bed, "ann");
    store
        .write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move { Ok(tx.insert_operator(&operator).await?) })
        })
        .await
        .unwrap();
    for changes in [&mut here, &mut there] {
        let seen = changes.wait_for(|generation| generation.credentials == 1);
        assert_eq!(tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap().unwrap().config, 0);
    }
    store.close().await;
    other.close().await;
}
