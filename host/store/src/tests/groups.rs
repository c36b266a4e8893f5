//! Writes that wait together share a transaction, and nothing else.

use brains_core::{Fault, FaultKind};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::bed::{Bed, counter, increment, on_both, spawn, verified};
use super::outages::{Disk, fill};
use crate::rows::execute;
use crate::{Actor, Scope, Store};

on_both! { a_commit_is_shared_and_a_failure_is_not what_the_commit_refuses_is_acknowledged_to_none
a_write_meets_what_it_wrote_itself }

const WRITES: usize = 30;

fn scope() -> Scope {
    Scope::workspace("a")
}

/// A write that holds up its scope until it is let go.
async fn held_up(store: &Store) -> (oneshot::Sender<()>, JoinHandle<Result<i64, Fault>>) {
    let (go, wait) = oneshot::channel();
    let (begun, begins) = oneshot::channel();
    let store = store.clone();
    let first = spawn(async move {
        let work = store.write(scope(), Actor::system(), move |tx| {
            Box::pin(async move {
                begun.send(()).unwrap();
                wait.await.unwrap();
                increment(tx).await
            })
        });
        work.await
    });
    begins.await.unwrap();
    (go, first)
}

/// Writes that stand in the queue, in this order, when this returns.
async fn queued<F>(store: &Store, deed: F) -> Vec<JoinHandle<Result<i64, Fault>>>
where
    F: Fn(usize) -> Deed,
{
    let mut writes = Vec::with_capacity(WRITES);
    for index in 0..WRITES {
        let (own, deed) = (store.clone(), deed(index));
        writes.push(spawn(async move {
            let work = own.write(scope(), Actor::system(), move |tx| {
                Box::pin(async move {
                    let value = increment(tx).await?;
                    match deed {
                        Deed::Keep => Ok(value),
                        Deed::Record(text) => {
                            tx.record("big", serde_json::json!({ "words": text.split_at(3).1 })).await?;
                            Ok(value)
                        }
                        Deed::Fail => Err(Fault::conflict("not this one")),
                        Deed::Panic => panic!("on purpose"),
                        Deed::Run(text) => {
                            execute!(&mut tx.rows, text)?;
                            Ok(value)
                        }
                    }
                })
            });
            work.await
        }));
        while store.waiting() <= index {
            tokio::task::yield_now().await;
        }
    }
    writes
}

enum Deed {
    Keep,
    Record(String),
    Fail,
    Panic,
    Run(&'static str),
}

async fn state(store: &Store) -> (i64, i64) {
    let mut view = store.read().await.unwrap();
    let found = verified(&mut view, &scope()).await;
    assert_eq!(found.broken, None);
    (counter(&mut view).await.unwrap(), found.entries)
}

async fn a_commit_is_shared_and_a_failure_is_not(bed: &Bed) {
    let store = bed.with_counter().await;
    let (go, first) = held_up(&store).await;
    let writes = queued(&store, |index| match index % 5 {
        1 => Deed::Fail,
        3 => Deed::Panic,
        4 => Deed::Run("INSERT INTO counter (name, value) VALUES ('a', 0)"),
        _ => Deed::Keep,
    })
    .await;
    let before = store.round_trips();
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), 1);
    let mut values = Vec::new();
    for (index, write) in writes.into_iter().enumerate() {
        let answer = write.await.unwrap();
        let kind = answer.as_ref().err().map(|fault| fault.kind);
        let expected = match index % 5 {
            1 => Some(FaultKind::Conflict),
            3 | 4 => Some(FaultKind::Internal),
            _ => None,
        };
        assert_eq!(kind, expected, "{index}: {answer:?}");
        values.extend(answer.ok());
    }
    let kept = i64::try_from(WRITES * 2 / 5).unwrap();
    values.sort_unstable();
    assert_eq!(values, (2..=kept + 1).collect::<Vec<_>>(), "each met what those before it kept");
    assert_eq!(state(&store).await, (kept + 1, kept + 1));
    // A closure asks twice, adds the rest, which on Postgres travels together, and its savepoint is moved on or rolled
    // back to; by itself it would also begin, lock, and commit.
    let each = if bed.is_postgres() { 4 } else { 6 };
    let most = u64::try_from(WRITES * each + 12).unwrap();
    let round_trips = store.round_trips() - before;
    assert!(round_trips <= most, "{round_trips} round_trips for {WRITES} writes");
    store.close().await;
}

async fn what_the_commit_refuses_is_acknowledged_to_none(bed: &Bed) {
    let store = bed.with_counter().await;
    let disk = if bed.is_postgres() { None } else { Disk::mount(bed.dir.path()) };
    let store = if disk.is_some() {
        // The file is to lie on the small disk.
        store.close().await;
        bed.with_counter().await
    } else {
        store
    };
    let (go, first) = held_up(&store).await;
    let writes = queued(&store, |_| Deed::Record("x".repeat(20_000))).await;
    let ballast = bed.dir.path().join("ballast");
    let deferred = "
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$;
        CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON audit_entry DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION fail()";
    match (bed.is_postgres(), &disk) {
        (true, _) => bed.statement(deferred).await,
        (false, Some(_)) => fill(&ballast),
        // Without the right to mount there is no disk to fill.
        (false, None) => return,
    }
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap_err().code, "database_full");
    for write in writes {
        assert_eq!(write.await.unwrap().unwrap_err().code, "database_full");
    }
    if bed.is_postgres() {
        bed.statement("DROP TRIGGER fail ON audit_entry").await;
    } else {
        fs_err::remove_file(&ballast).unwrap();
    }
    assert_eq!(state(&store).await, (0, 0));
    let (go, first) = held_up(&store).await;
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), 1);
    store.close().await;
    drop(disk);
}

async fn a_write_meets_what_it_wrote_itself(bed: &Bed) {
    let store = bed.open().await;
    let kinds = store
        .write(scope(), Actor::system(), |tx| {
            Box::pin(async move {
                for number in 0..40 {
                    tx.record("noted", serde_json::json!({ "number": number })).await?;
                }
                let events = tx.events(&scope(), 38, 10).await?;
                Ok(events.into_iter().map(|event| event.seq).collect::<Vec<_>>())
            })
        })
        .await
        .unwrap();
    assert_eq!(kinds, [39, 40]);
    let mut view = store.read().await.unwrap();
    let found = verified(&mut view, &scope()).await;
    assert_eq!((found.entries, found.broken), (40, None));
    drop(view);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_costs_the_group_and_no_more() {
    let bed = Bed::postgres().await;
    let store = bed.with_counter().await;
    let (go, first) = held_up(&store).await;
    let writes = queued(&store, |index| match index {
        7 => Deed::Run("SELECT pg_terminate_backend(pg_backend_pid())"),
        _ => Deed::Keep,
    })
    .await;
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), 1);
    for write in writes {
        assert_eq!(write.await.unwrap().unwrap_err().code, "database_unreachable");
    }
    assert_eq!(state(&store).await, (1, 1));
    let (go, next) = held_up(&store).await;
    go.send(()).unwrap();
    assert_eq!(next.await.unwrap().unwrap(), 2);
    store.close().await;
    bed.drop_database().await;
}
