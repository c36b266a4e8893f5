use std::time::Duration;

use brains_core::id::{Key, Task};
use brains_core::plane::session::{CONNECTION, LinkRecord, LinkedBy, SessionKey, SessionRecord};
use brains_core::plane::task::moves::Mover;
use brains_core::plane::trace::TraceUsage;
use brains_core::plane::usage::{UsageGroup, UsageOutcome, UsageRecord, UsageSum, UsageWork};
use brains_core::price::{ModelPrice, NanoDollars, PriceOrigin, TokenRate};
use brains_core::{Ambient as _, Id};

use super::bed::{Aside, Bed, on_both};
use super::work;
use crate::{Store, UsageFilter, UsageLedger, UsageLedgerCounts};

on_both! { a_row_comes_back_whole rows_add_up_by_whatever_they_have_in_common absurd_counts_break_no_sum
nothing_is_lost_while_the_database_is_away a_place_that_is_not_used_is_free_again
a_key_is_noted_once_a_minute
a_row_finds_the_session_workspace_and_task_that_it_was_for }

fn row(bed: &Bed, provider: &str, outcome: UsageOutcome) -> UsageRecord {
    bed.ambient.advance(1);
    UsageRecord {
        trace: Id::mint(&*bed.ambient),
        part_of: None,
        at: bed.ambient.now(),
        operator: "admin".into(),
        key: Some(Id::mint(&*bed.ambient)),
        provider: provider.into(),
        model: "small".into(),
        tier: Some("cheap".into()),
        label: Some("code_fix".into()),
        client: Some("claude-code".into()),
        request_class: Some("main".into()),
        api: "openai-chat".into(),
        native_session: Some("native-1".into()),
        work: UsageWork::default(),
        outcome,
        usage: TraceUsage {
            input_tokens: 10,
            output_tokens: 5,
            cached_tokens: 3,
            cache_write_5m_tokens: 2,
            cache_write_1h_tokens: 1,
            reasoning_tokens: 1,
            estimated: outcome == UsageOutcome::Cancelled,
        },
        price: Some(price().in_force(PriceOrigin::Operator, 10)),
    }
}

/// A row costs 4 × 3,000 + 3 × 300 + 2 × 3,750 + 1 × 6,000 + 5 × 15,000.5 nano-dollars, of which the half is rounded up.
fn price() -> ModelPrice {
    let rate = |rate| Some(TokenRate(rate));
    ModelPrice {
        input: rate(3_000_000),
        cached_input: rate(300_000),
        cache_write_5m: rate(3_750_000),
        cache_write_1h: rate(6_000_000),
        output: rate(15_000_100),
        ..ModelPrice::default()
    }
}

const COST: i64 = 12_000 + 900 + 7_500 + 6_000 + 75_001;

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
    let sent = UsageRecord { key: None, tier: None, price: None, ..row(bed, "one", UsageOutcome::Failed) };
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
        price: None,
        ..row(bed, "two", UsageOutcome::Ok)
    });
    rows.push(row(bed, "one", UsageOutcome::Ok));
    let part_of = Some(rows[0].trace.clone());
    rows.push(UsageRecord { part_of, ..row(bed, "one", UsageOutcome::Cancelled) });
    put(&store.ledger(), &rows).await;

    let total = sums(&store, &UsageFilter::default(), None).await.remove(0);
    let expected = UsageSum {
        group: String::new(),
        requests: 5,
        failed: 1,
        cancelled: 1,
        parts: 1,
        input_tokens: 60,
        output_tokens: 30,
        cached_tokens: 18,
        cache_write_5m_tokens: 12,
        cache_write_1h_tokens: 6,
        reasoning_tokens: 6,
        estimated: 2,
        cost_usd: NanoDollars(5 * COST),
        saved_usd: NanoDollars(5 * 3 * 2_700),
        cache_write_usd: NanoDollars(5 * 13_500),
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
    assert_eq!(by(UsageGroup::Key).await.len(), 6);
    assert_eq!(by(UsageGroup::Session).await, said(&[("native-1", 5)]));
    assert_eq!(by(UsageGroup::Client).await, said(&[("claude-code", 5)]));
    assert_eq!(by(UsageGroup::RequestClass).await, said(&[("main", 5)]));
    assert_eq!(by(UsageGroup::Workspace).await, said(&[("", 5)]));
    assert_eq!(by(UsageGroup::Task).await, said(&[("", 5)]));

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
    let rows: Vec<_> =
        (0..3).map(|_| UsageRecord { usage: absurd, ..row(bed, "one", UsageOutcome::Ok) }).collect();
    put(&store.ledger(), &rows).await;
    let total = sums(&store, &UsageFilter::default(), None).await.remove(0);
    assert_eq!((total.input_tokens, total.cost_usd), (3_000_000_000_000, NanoDollars(30_000_000_000_000)));
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

async fn a_row_finds_the_session_workspace_and_task_that_it_was_for(bed: &Bed) {
    let store = bed.open().await;
    let (workspace, [ann, other]) = work::office(bed, &store).await;
    let key: Id<Key> = Id::mint(&*bed.ambient);
    let keyed = SessionRecord {
        id: Id::mint(&*bed.ambient),
        token_hash: "another".into(),
        key: Some(SessionKey { id: key.clone(), name: "worker".into() }),
        ..other.clone()
    };
    let task = work::add(&store, &workspace, work::new("held")).await.unwrap();
    let (inside, before, holder, started) = (workspace.clone(), task.clone(), ann.id.clone(), keyed.clone());
    let at = bed.ambient.now();
    let made = work::write(&store, &workspace, move |tx| {
        Box::pin(async move {
            tx.insert_session(&started).await?;
            for (session, kind, value) in [
                (&holder, "claude-code", "native-1"),
                (&holder, CONNECTION, "not-native"),
                (&started.id, "codex", "of-nobody-else"),
            ] {
                let (session, kind, value) = (session.clone(), kind.to_owned(), value.to_owned());
                let linked_by = LinkedBy::Auto;
                tx.link_session(&LinkRecord { session, kind, value, linked_at: at, linked_by }).await?;
            }
            let mover = Mover { operator: "ann", session: Some(&holder), authority: false };
            let (after, _) = before.clone().claim(mover, tx.now(), None)?;
            Ok(tx.save_task(&inside, &before, after, "claimed", None).await?)
        })
    });
    made.await.unwrap();

    let of = |session: &SessionRecord, task: Option<&Id<Task>>| UsageWork {
        session: Some(session.id.clone()),
        workspace: Some(workspace.clone()),
        task: task.cloned(),
    };
    let cases = [
        ("ann", Some("native-1"), None, of(&ann, Some(&task.id))),
        ("bob", Some("native-1"), None, UsageWork::default()),
        ("ann", Some("not-native"), None, UsageWork::default()),
        ("ann", Some("unknown"), Some(&key), UsageWork::default()),
        ("ann", None, Some(&key), of(&keyed, None)),
        ("bob", None, Some(&key), UsageWork::default()),
        ("ann", None, None, UsageWork::default()),
    ];
    let sent: Vec<UsageRecord> = cases
        .iter()
        .map(|(operator, native, key, _)| UsageRecord {
            operator: (*operator).into(),
            native_session: native.map(str::to_owned),
            key: key.cloned(),
            ..row(bed, "one", UsageOutcome::Ok)
        })
        .collect();
    put(&store.ledger(), &sent).await;
    for (sent, (operator, native, key, work)) in sent.iter().zip(&cases) {
        let kept = store.read().await.unwrap().usage_of(&sent.trace).await.unwrap();
        let expected = UsageRecord { work: work.clone(), ..sent.clone() };
        assert_eq!(kept, Some(expected), "{operator} {native:?} {key:?}");
    }
    let only = UsageFilter { session: Some(ann.id.as_str().into()), ..UsageFilter::default() };
    assert_eq!(sums(&store, &only, None).await[0].requests, 1);
    let only = UsageFilter { session: Some("unknown".into()), ..UsageFilter::default() };
    assert_eq!(sums(&store, &only, None).await[0].requests, 1);
    let only = UsageFilter {
        task: Some(task.id.clone()),
        workspace: Some(workspace.clone()),
        ..UsageFilter::default()
    };
    assert_eq!(sums(&store, &only, Some(UsageGroup::Task)).await[0].group, task.id.as_str());
    store.close().await;
}
