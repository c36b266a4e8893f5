//! Several processes on one database. A child is this test binary, told by its environment to run one worker.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::bed::{Bed, TestAmbient, count, counter, increment, on_both, spawn, verified};
use crate::{Actor, Scope, Store, StoreOptions};

const JOB: &str = "BRAINS_TEST_STORE_JOB";

on_both! { writers_of_many_processes_lose_nothing killed_writers_lose_nothing_acknowledged }

/// `url writers writes`; says a line for every write that was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the child process of the tests beside it"]
async fn child() {
    let job = std::env::var_os(JOB).unwrap().into_string().unwrap();
    let [url, writers, writes] = job.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let (writers, writes): (usize, usize) = (writers.parse().unwrap(), writes.parse().unwrap());
    let mut options = StoreOptions::new(Arc::new(TestAmbient::new()), super::bed::sealing_key());
    options.patience = std::time::Duration::from_mins(2);
    let store = Store::open(url, options).await.unwrap();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let store = store.clone();
            spawn(async move {
                for _ in 0..writes {
                    let value = store
                        .write(Scope::global(), Actor::system(), |tx| {
                            Box::pin(async move { increment(tx).await })
                        })
                        .await
                        .unwrap();
                    // The harness would keep `println!` back.
                    writeln!(std::io::stdout(), "ack {value}").unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    store.close().await;
}

pub(super) fn start(url: &str, writers: usize, writes: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["tests::processes::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(JOB, format!("{url} {writers} {writes}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads acknowledged values until there are `enough` or the child ended.
pub(super) fn acknowledged(
    child: &mut Child,
    enough: usize,
) -> (Vec<i64>, impl FnOnce() -> Vec<i64> + use<>) {
    fn value(line: &str) -> Option<i64> {
        line.split_once("ack ")?.1.trim().parse().ok()
    }
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut values = Vec::new();
    while values.len() < enough {
        let Some(Ok(line)) = lines.next() else { break };
        values.extend(value(&line));
    }
    (values, move || lines.map_while(Result::ok).filter_map(|line| value(&line)).collect())
}

async fn state(store: &Store) -> (i64, i64) {
    let mut view = store.read().await.unwrap();
    let found = verified(&mut view, &Scope::global()).await;
    assert_eq!(found.broken, None);
    (counter(&mut view).await.unwrap(), found.entries)
}

async fn writers_of_many_processes_lose_nothing(bed: &Bed) {
    let store = bed.with_counter().await;
    let writes = count(4, 40);
    let url = bed.url.clone();
    let mut values = tokio::task::spawn_blocking(move || {
        let children: Vec<_> = (0..4).map(|_| start(&url, 16, writes)).collect();
        let mut values = Vec::new();
        for mut child in children {
            values.extend(acknowledged(&mut child, usize::MAX).0);
            assert!(child.wait().unwrap().success());
        }
        values
    })
    .await
    .unwrap();
    let expected = i64::try_from(64 * writes).unwrap();
    assert_eq!(state(&store).await, (expected, expected));
    values.sort_unstable();
    assert_eq!(values, (1..=expected).collect::<Vec<_>>(), "no two writers were told the same");
    store.close().await;
}

async fn killed_writers_lose_nothing_acknowledged(bed: &Bed) {
    let store = bed.with_counter().await;
    let mut before = 0;
    for round in 0..count(5, 200) {
        let url = bed.url.clone();
        let mut values = tokio::task::spawn_blocking(move || {
            let mut child = start(&url, 8, 100_000);
            let (mut values, rest) = acknowledged(&mut child, 1 + round % 23);
            child.kill().unwrap();
            child.wait().unwrap();
            values.extend(rest());
            values
        })
        .await
        .unwrap();
        values.sort_unstable();
        let (value, entries) = state(&store).await;
        assert_eq!(value, entries, "what was kept was kept whole");
        let last = *values.last().unwrap();
        assert!(last <= value, "acknowledged {last}, found {value}");
        assert!(values.iter().all(|value| *value > before), "nothing was handed out twice");
        before = value;
        // The next writer is not kept waiting by the dead one.
        let next = store
            .write(Scope::global(), Actor::system(), |tx| Box::pin(async move { increment(tx).await }))
            .await
            .unwrap();
        assert!(next > value);
        before = before.max(next);
    }
    store.close().await;
}
