use std::time::Duration;

use brains_core::plane::trace::TraceUsage;
use brains_core::plane::usage::{UsageGroup, UsageOutcome, UsageRecord, UsageSum};
use brains_core::{Ambient as _, Id};

use super::bed::{Aside, Bed, on_both};
use crate::{Store, UsageFilter, UsageLedger, UsageLedgerCounts};

on_both! { a_row_comes_back_whole rows_add_up_by_whatever_they_have_in_common absurd_counts_break_no_sum
nothing_is_lost_while_the_database_is_away a_place_that_is_not_used_is_free_again
a_key_is_noted_once_a_minute }

fn row(bed: &Bed, provider: &str, outcome: UsageOutcome) -> UsageRecord {
    bed.ambient.advance(1);
    UsageRecord {
        trace: Id::mint(&*bed.ambient),
        at: bed.ambient.now(),
        operator: "admin".into(),
        key: Some(Id::mint(&*bed.ambient)),
        provider: provider.into(),
        model: "small".into(),
        tier: Some("cheap".into()),
        outcome,
        usage: TraceUsage {
            input_tokens: 10,
            output_tokens: 5,
            cached_tokens: 3,
            reasoning_tokens: 1,
            estimated: outcome == UsageOutcome::Cancelled,
        },
        cost_usd: Some(0.25),
    }
}

async fn put(ledger: &UsageLedger, rows: &[UsageRecord]) {
    let before = ledger.counts().written;
    for row in rows {
        ledger.place().await.unwrap().put(row.clone());
    }
    settled(ledger, |counts| counts.written == before + rows.len() as u64).await;
}

async fn settled(ledger: &UsageLedger, done: impl Fn(UsageLedgerCounts) -> bool) {
    let wait = async {
        while !done(ledger.counts()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{:?}", ledger.counts());
}

async fn sums(store: &Store, filter: &UsageFilter, by: Option<UsageGroup>) -> Vec<UsageSum> {
    store.read().await.unwrap().usage(filter, by, 100).await.unwrap()
}

async fn a_row_comes_back_whole(bed: &Bed) {
    let store = bed.open().await;
    let sent = UsageRecord { key: None, tier: None, cost_usd: None, ..row(bed, "one", UsageOutcome::Failed) };
    put(&store.ledger(), std::slice::from_ref(&sent)).await;
    put(&store.ledger(), &[UsageRecord { provider: "other".into(), ..sent.clone() }]).await;
    let kept = store.read().await.unwrap().usage_of(&sent.trace).await.unwrap();
    assert_eq!(kept, Some(sent), "and a second row of the same request changes nothing");
    store.close().await;
}

async fn rows_add_up_by_whatever_they_have_in_common(bed: &Bed) {
    let store = bed.open().await;
    assert_eq!(sums(&store, &UsageFilter::default(), None).await, [UsageSum::default()]);
    assert_eq!(sums(&store, &UsageFilter::default(), Some(UsageGroup::Model)).await, []);
    let mut rows = vec![
        row(bed, "one", UsageOutcome::Ok),
        row(bed, "one", UsageOutcome::Failed),
        row(bed, "two", UsageOutcome::Cancelled),
    ];
    bed.ambient.advance(86_400_000);
    rows.push(UsageRecord {
        operator: "ann".into(),
        key: None,
        cost_usd: None,
        ..row(bed, "two", UsageOutcome::Ok)
    });
    rows.push(row(bed, "one", UsageOutcome::Ok));
    put(&store.ledger(), &rows).await;

    let total = sums(&store, &UsageFilter::default(), None).await.remove(0);
    let expected = UsageSum {
        group: String::new(),
        requests: 5,
        failed: 1,
        cancelled: 1,
        input_tokens: 50,
        output_tokens: 25,
        cached_tokens: 15,
        reasoning_tokens: 5,
        estimated: 1,
        cost_usd: 1.0,
        unpriced: 1,
    };
    assert_eq!(total, expected);
    let by = async |group| {
        let sums = sums(&store, &UsageFilter::default(), Some(group)).await;
        sums.into_iter().map(|sum| (sum.group, sum.requests)).collect::<Vec<_>>()
    };
    let said = |pairs: &[(&str, u64)]| {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>()
    };
    assert_eq!(by(UsageGroup::Model).await, said(&[("one/small", 3), ("two/small", 2)]));
    assert_eq!(by(UsageGroup::Provider).await, said(&[("one", 3), ("two", 2)]));
    assert_eq!(by(UsageGroup::Tier).await, said(&[("cheap", 5)]));
    assert_eq!(by(UsageGroup::Operator).await, said(&[("admin", 4), ("ann", 1)]));
    assert_eq!(by(UsageGroup::Day).await, said(&[("2026-09-22", 2), ("2026-09-21", 3)]));
    assert_eq!(by(UsageGroup::Key).await.len(), 5);

    let only = UsageFilter {
        operator: Some("admin".into()),
        provider: Some("one".into()),
        since: Some(rows[1].at),
        ..UsageFilter::default()
    };
    assert_eq!(sums(&store, &only, None).await[0].requests, 2);
    let only = UsageFilter {
        key: rows[0].key.clone(),
        until: Some(rows[0].at.plus_ms(1)),
        ..UsageFilter::default()
    };
    assert_eq!(sums(&store, &only, None).await[0].requests, 1);
    store.close().await;
}

async fn absurd_counts_break_no_sum(bed: &Bed) {
    let store = bed.open().await;
    let absurd = TraceUsage { input_tokens: u64::MAX, output_tokens: u64::MAX, ..TraceUsage::default() };
    let rows: Vec<_> = (0..3)
        .map(|_| UsageRecord {
            usage: absurd,
            cost_usd: Some(f64::INFINITY),
            ..row(bed, "one", UsageOutcome::Ok)
        })
        .collect();
    put(&store.ledger(), &rows).await;
    let total = sums(&store, &UsageFilter::default(), None).await.remove(0);
    assert_eq!((total.input_tokens, total.unpriced), (3_000_000_000_000, 3));
    store.close().await;
}

async fn nothing_is_lost_while_the_database_is_away(bed: &Bed) {
    let mut options = bed.options();
    options.patience = Duration::from_millis(200);
    let store = Store::open(&bed.url, options).await.unwrap();
    let ledger = store.ledger();
    let mut other = Aside::open(&bed.url).await.unwrap();
    let lock = if bed.is_postgres() {
        "BEGIN; LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE"
    } else {
        "BEGIN IMMEDIATE"
    };
    other.run(lock).await.unwrap();
    for _ in 0..600 {
        ledger.place().await.unwrap().put(row(bed, "one", UsageOutcome::Ok));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(ledger.counts(), UsageLedgerCounts { queued: 600, written: 0, lost: 0 });
    other.run("ROLLBACK").await.unwrap();
    settled(&ledger, |counts| counts.written == 600).await;
    assert_eq!(sums(&store, &UsageFilter::default(), None).await[0].requests, 600);
    other.close().await;
    store.close().await;
}

async fn a_place_that_is_not_used_is_free_again(bed: &Bed) {
    let store = bed.open().await;
    let ledger = store.ledger();
    for _ in 0..200_000 {
        drop(ledger.place().await.unwrap());
    }
    let held = ledger.place().await.unwrap();
    held.put(row(bed, "one", UsageOutcome::Ok));
    store.close().await;
    assert_eq!(
        ledger.counts(),
        UsageLedgerCounts { queued: 0, written: 1, lost: 0 },
        "closing writes what waits"
    );
    assert!(ledger.place().await.is_err());
}

async fn a_key_is_noted_once_a_minute(bed: &Bed) {
    let store = bed.open().await;
    let key = super::planes::key(bed, "admin", "worker", "cc");
    let made = key.clone();
    let scope = crate::Scope::global();
    store
        .write(scope, crate::Actor::system(), move |tx| {
            Box::pin(async move { Ok(tx.insert_key(&made).await?) })
        })
        .await
        .unwrap();
    let uses = store.key_last_used();
    let used = async || store.read().await.unwrap().key(&key.id).await.unwrap().unwrap().last_used_at;
    let noted = async |at| {
        let wait = async {
            while used().await != at {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{:?}", used().await);
    };
    let first = bed.ambient.now();
    uses.note(&key.id);
    noted(Some(first)).await;
    bed.ambient.advance(59_999);
    uses.note(&key.id);
    bed.ambient.advance(1);
    let second = bed.ambient.now();
    uses.note(&key.id);
    noted(Some(second)).await;
    store.close().await;
}
