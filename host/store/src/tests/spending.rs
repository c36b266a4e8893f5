//! Budgets against a model: whoever asks through whichever process, at whatever moment one of them dies, what is settled and what
//! is reserved never come to more than the limit, and nothing is reserved for the dead.

mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use brains_core::config::{AtLimit, SpendingBudget, UnpricedUse};
use brains_core::id::{Key, Trace};
use brains_core::plane::trace::TraceUsage;
use brains_core::plane::usage::{UsageOutcome, UsageRecord, UsageWork};
use brains_core::price::{ModelPrice, NanoDollars, PriceOrigin, TokenRate};
use brains_core::spending::{
    SpendingAmount, SpendingCount, SpendingCounter, SpendingPeriod, SpendingScope, SpendingVerdict,
    SpendingWish, time_zone, window_at,
};
use brains_core::{Ambient as _, Id, Millis};

use self::process::{Dice, Process};
use super::bed::{Bed, count, on_both, spawn};
use crate::rows::fetch_optional;
use crate::{SpendingAsk, Store};

on_both! { random_deeds_leave_what_the_model_says processes_that_die_under_load_break_no_limit
a_budget_begins_with_what_the_ledger_has a_row_counts_once_however_often_it_is_written
who_goes_away_leaves_nothing_reserved without_room_the_dead_are_looked_for }

const LIMIT: i64 = 1_000;
const LEASE_MS: i64 = 15_000;

fn budget(period: SpendingPeriod) -> SpendingBudget {
    SpendingBudget {
        per: SpendingScope::Operator,
        only: None,
        window: period,
        zone: "Europe/Berlin".into(),
        limit_usd: Some(NanoDollars(LIMIT)),
        limit_tokens: None,
        warn_at_percent: 80,
        cheaper: None,
        at_limit: AtLimit::Stop,
        unpriced: UnpricedUse::Refuse,
    }
}

fn ask(bed: &Bed, nanos: i64) -> SpendingAsk {
    SpendingAsk {
        trace: Id::mint(&*bed.ambient),
        at: bed.ambient.now(),
        operator: "ann".into(),
        key: None,
        native_session: None,
        budgets: vec![
            ("day".into(), budget(SpendingPeriod::Day)),
            // One that is never the nearer one, to have two counters.
            (
                "month".into(),
                SpendingBudget { limit_usd: Some(NanoDollars(i64::MAX)), ..budget(SpendingPeriod::Month) },
            ),
        ],
        wish: SpendingWish {
            worth: SpendingAmount { usd: NanoDollars(nanos), tokens: nanos.unsigned_abs() },
            unpriced: false,
            automatic: false,
            may_move: false,
        },
    }
}

/// A row that costs a nano-dollar for each of its tokens.
fn row(ask: &SpendingAsk, nanos: i64) -> UsageRecord {
    let price = ModelPrice { input: Some(TokenRate(1_000)), ..ModelPrice::default() };
    UsageRecord {
        part_of: None,
        trace: ask.trace.clone(),
        at: ask.at,
        operator: ask.operator.clone(),
        key: ask.key.clone(),
        provider: "one".into(),
        model: "small".into(),
        tier: None,
        label: None,
        client: None,
        request_class: None,
        api: "openai-chat".into(),
        native_session: ask.native_session.clone(),
        work: UsageWork::default(),
        outcome: UsageOutcome::Ok,
        usage: TraceUsage { input_tokens: nanos.unsigned_abs(), ..TraceUsage::default() },
        price: Some(price.in_force(PriceOrigin::Operator, 1)),
    }
}

async fn settled(store: &Store) {
    let ledger = store.ledger();
    let wait = async {
        while ledger.counts().queued > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{:?}", ledger.counts());
    assert_eq!(ledger.counts().lost, 0);
}

fn counter(period: SpendingPeriod, at: Millis) -> SpendingCounter {
    let window = window_at(period, &time_zone("Europe/Berlin").unwrap(), at);
    SpendingCounter { per: SpendingScope::Operator, subject: "ann".into(), window }
}

/// What is spent and reserved, by the counter of the day; in the same state of the database, what ledger and reservations say.
async fn counted(store: &Store, at: Millis) -> (i64, i64) {
    let day = counter(SpendingPeriod::Day, at);
    let mut view = store.read().await.unwrap();
    let count = view.spending_of(&day).await.unwrap().unwrap_or_default();
    let (starts_at, ends_at) = (day.window.starts_at.0, day.window.ends_at.0);
    let spent = fetch_optional!(
        &mut view.0,
        i64,
        "SELECT CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT) FROM ledger WHERE operator = 'ann' AND at >= $1 AND at < $2",
        starts_at,
        ends_at
    );
    let reserved = fetch_optional!(
        &mut view.0,
        i64,
        "SELECT CAST(COALESCE(SUM(nanos), 0) AS BIGINT) FROM spending_reservation WHERE starts_at = $1 AND ends_at = $2",
        starts_at,
        ends_at
    );
    let SpendingCount { spent: of_counter, reserved: held, .. } = count;
    if view.spending_of(&day).await.unwrap().is_some() {
        assert_eq!(spent.unwrap(), Some(of_counter.usd.0), "a counter says what the ledger says");
    }
    assert_eq!(reserved.unwrap(), Some(held.usd.0), "a counter says what reservations say");
    (of_counter.usd.0, held.usd.0)
}

async fn renew(processes: &[Process]) {
    for process in processes {
        let book = process.store.spending_book();
        process.run(async move { book.renew_once().await.unwrap() }).await;
    }
}

/// What of the limit is taken, as it should be.
#[derive(Debug, Default)]
struct Model {
    spent: i64,
    /// By process; the dead at the end.
    reserved: Vec<i64>,
    dead: i64,
}

impl Model {
    fn reserved(&self) -> i64 {
        self.reserved.iter().sum::<i64>() + self.dead
    }
}

async fn random_deeds_leave_what_the_model_says(bed: &Bed) {
    for round in 0..count(2, 20) {
        let seed = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(round as u64 + 1);
        let mut dice = Dice(seed);
        // A day of its own for each round.
        bed.ambient.advance(2 * 86_400_000);
        let today = bed.ambient.now();
        let mut processes = Vec::new();
        for _ in 0..3 {
            processes.push(Process::start(bed).await);
        }
        let mut model = Model { reserved: vec![0; 3], ..Model::default() };
        for deed in 0..count(60, 200) {
            let place = format!("seed {seed:#x}, deed {deed}: {model:?}");
            let at = usize::try_from(dice.throw(3)).unwrap();
            match dice.throw(12) {
                0..=5 => {
                    let worth = i64::try_from(dice.throw(300)).unwrap();
                    let asked = SpendingAsk { at: today, ..ask(bed, worth) };
                    let (slot, verdict) = processes[at].reserve(asked.clone()).await;
                    let expected =
                        match (model.spent + worth > LIMIT, model.spent + model.reserved() + worth > LIMIT) {
                            (true, _) => SpendingVerdict::Stop(0),
                            (false, true) => SpendingVerdict::Wait(0),
                            (false, false) => SpendingVerdict::Admit,
                        };
                    assert_eq!(verdict, expected, "{worth} at {at}, {place}");
                    if verdict == SpendingVerdict::Admit {
                        model.reserved[at] += worth;
                        processes[at].open.push((slot, asked));
                    }
                }
                // What it costs is less than was reserved, as much, or more.
                6..=8 if !processes[at].open.is_empty() => {
                    let (slot, asked) = processes[at].open.swap_remove(0);
                    let worth = asked.wish.worth.usd.0;
                    let cost = i64::try_from(dice.throw(u64::try_from(worth).unwrap() * 5 / 4 + 1)).unwrap();
                    model.reserved[at] -= worth;
                    model.spent += cost;
                    slot.put(row(&asked, cost));
                    settled(&processes[at].store).await;
                }
                9 if !processes[at].open.is_empty() => {
                    let (slot, asked) = processes[at].open.swap_remove(0);
                    model.reserved[at] -= asked.wish.worth.usd.0;
                    drop(slot);
                    settled(&processes[at].store).await;
                }
                10 => {
                    let dying = std::mem::replace(&mut processes[at], Process::start(bed).await);
                    dying.kill();
                    model.dead += std::mem::take(&mut model.reserved[at]);
                }
                11 => {
                    for _ in 0..3 {
                        bed.ambient.advance(LEASE_MS / 3 + 100);
                        renew(&processes).await;
                    }
                    model.dead = 0;
                }
                _ => {}
            }
            let counted = counted(&processes[0].store, today).await;
            assert_eq!(counted, (model.spent, model.reserved()), "{place}");
        }
        for process in processes {
            process.kill();
        }
    }
}

/// Clients of several processes at once, of which one dies now and then and another takes its place.
async fn processes_that_die_under_load_break_no_limit(bed: &Bed) {
    const PROCESSES: usize = 4;
    const CLIENTS: usize = 16;
    let auditor = bed.open().await;
    let today = bed.ambient.now();
    let (over, admitted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let looking = {
        let (auditor, over) = (auditor.clone(), Arc::clone(&over));
        spawn(async move {
            let mut looks = 0_u64;
            while !over.load(Ordering::SeqCst) {
                let (spent, reserved) = counted(&auditor, today).await;
                assert!(spent + reserved <= LIMIT, "{spent} are spent and {reserved} reserved of {LIMIT}");
                looks += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            looks
        })
    };
    let ambient = Arc::clone(&bed.ambient);
    let load = |process: &Process, seed: u64| {
        for client in 0..CLIENTS {
            let (store, ambient, admitted) =
                (process.store.clone(), Arc::clone(&ambient), Arc::clone(&admitted));
            let asked = ask(bed, 0);
            process.begin(async move {
                let mut dice = Dice(seed ^ (client as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                loop {
                    let worth = i64::try_from(1 + dice.throw(40)).unwrap();
                    let mut asked =
                        SpendingAsk { trace: Id::<Trace>::mint(&*ambient), at: today, ..asked.clone() };
                    asked.wish.worth = SpendingAmount { usd: NanoDollars(worth), tokens: 1 };
                    let Ok(slot) = store.ledger().place().await else { return };
                    let Ok((slot, answer)) = store.spending_book().reserve(slot, asked.clone()).await else {
                        return;
                    };
                    if answer.verdict != SpendingVerdict::Admit {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        continue;
                    }
                    admitted.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(dice.throw(5))).await;
                    // Little is used of what was reserved, so that it goes on for a while.
                    if dice.throw(4) == 0 {
                        drop(slot);
                    } else {
                        slot.put(row(&asked, i64::from(dice.throw(30) == 0)));
                    }
                }
            });
        }
    };
    let mut processes = Vec::new();
    for seed in 0..PROCESSES as u64 {
        let process = Process::start(bed).await;
        load(&process, seed + 1);
        processes.push(process);
    }
    for round in 0..count(6, 60) {
        let before = admitted.load(Ordering::SeqCst);
        let more = async {
            while admitted.load(Ordering::SeqCst) < before + 40 {
                tokio::time::sleep(Duration::from_millis(2)).await;
                if counted(&auditor, today).await.0 >= LIMIT - 40 {
                    return;
                }
            }
        };
        assert!(
            tokio::time::timeout(Duration::from_mins(1), more).await.is_ok(),
            "the load went on in round {round}"
        );
        let next = Process::start(bed).await;
        load(&next, 100 + round as u64);
        let dying = std::mem::replace(&mut processes[round % PROCESSES], next);
        dying.kill();
        // Its lease ends some rounds later; those that live renew theirs.
        bed.ambient.advance(LEASE_MS / 3 + 100);
        renew(&processes).await;
    }
    for process in processes {
        process.kill();
    }
    // Whatever was under way in the database ends.
    tokio::time::sleep(Duration::from_millis(300)).await;
    bed.ambient.advance(LEASE_MS + 1_000);
    auditor.spending_book().renew_once().await.unwrap();
    over.store(true, Ordering::SeqCst);
    assert!(looking.await.unwrap() > 20, "the auditor looked");
    let (spent, reserved) = counted(&auditor, today).await;
    assert_eq!(reserved, 0, "no reservation outlives its holder");
    assert!(spent <= LIMIT && admitted.load(Ordering::SeqCst) >= 40, "{spent}");
    auditor.close().await;
}

async fn a_budget_begins_with_what_the_ledger_has(bed: &Bed) {
    let store = bed.open().await;
    let key: Id<Key> = Id::mint(&*bed.ambient);
    let own = SpendingAsk { key: Some(key), native_session: Some("native-1".into()), ..ask(bed, 10) };
    store.ledger().place().await.unwrap().put(row(&own, 700));
    store
        .ledger()
        .place()
        .await
        .unwrap()
        .put(row(&SpendingAsk { operator: "bob".into(), ..ask(bed, 0) }, 999));
    settled(&store).await;
    for per in [SpendingScope::Operator, SpendingScope::Key, SpendingScope::Session] {
        let budgets = vec![("b".to_owned(), SpendingBudget { per, ..budget(SpendingPeriod::Day) })];
        let asked = |nanos| {
            let mut asked =
                SpendingAsk { trace: Id::mint(&*bed.ambient), budgets: budgets.clone(), ..own.clone() };
            asked.wish.worth.usd = NanoDollars(nanos);
            asked
        };
        let slot = store.ledger().place().await.unwrap();
        let (slot, answer) = store.spending_book().reserve(slot, asked(301)).await.unwrap();
        assert_eq!(answer.verdict, SpendingVerdict::Stop(0), "{per:?}");
        assert_eq!(answer.standings[0].count.spent.usd, NanoDollars(700));
        let (slot, answer) = store.spending_book().reserve(slot, asked(300)).await.unwrap();
        assert_eq!(answer.verdict, SpendingVerdict::Admit, "{per:?}");
        drop(slot);
        settled(&store).await;
    }
    // Nobody's session and workspace are limited by nothing.
    let budgets = [SpendingScope::Session, SpendingScope::Workspace, SpendingScope::Key]
        .map(|per| ("b".to_owned(), SpendingBudget { per, ..budget(SpendingPeriod::Day) }));
    let asked = SpendingAsk { budgets: budgets.to_vec(), ..ask(bed, LIMIT * 2) };
    let (_slot, answer) =
        store.spending_book().reserve(store.ledger().place().await.unwrap(), asked).await.unwrap();
    assert_eq!((answer.verdict, answer.standings.len()), (SpendingVerdict::Admit, 0));
    // One that is meant for another.
    let other = SpendingBudget { only: Some("bob".into()), ..budget(SpendingPeriod::Day) };
    let asked = SpendingAsk { budgets: vec![("b".into(), other)], ..ask(bed, LIMIT * 2) };
    let (_slot, answer) =
        store.spending_book().reserve(store.ledger().place().await.unwrap(), asked).await.unwrap();
    assert_eq!(answer.verdict, SpendingVerdict::Admit);
    store.close().await;
}

async fn a_row_counts_once_however_often_it_is_written(bed: &Bed) {
    let (store, other) = (bed.open().await, bed.open().await);
    let asked = ask(bed, 100);
    let slot = store.ledger().place().await.unwrap();
    let (slot, _) = store.spending_book().reserve(slot, asked.clone()).await.unwrap();
    assert_eq!(counted(&store, asked.at).await, (0, 100));
    slot.put(row(&asked, 60));
    settled(&store).await;
    assert_eq!(counted(&store, asked.at).await, (60, 0));
    // Once more, as after a commit of which nobody heard, and by a process that knows no budget.
    store.ledger().place().await.unwrap().put(row(&asked, 60));
    settled(&store).await;
    assert_eq!(counted(&store, asked.at).await, (60, 0));
    other.ledger().place().await.unwrap().put(row(&ask(bed, 0), 5));
    settled(&other).await;
    assert_eq!(counted(&store, asked.at).await, (65, 0));
    // What costs more than was reserved is seen by the next.
    let asked = ask(bed, 10);
    let slot = store.ledger().place().await.unwrap();
    let (slot, _) = store.spending_book().reserve(slot, asked.clone()).await.unwrap();
    slot.put(row(&asked, 2_000));
    settled(&store).await;
    let slot = store.ledger().place().await.unwrap();
    let (_slot, answer) = store.spending_book().reserve(slot, ask(bed, 0)).await.unwrap();
    assert_eq!(answer.verdict, SpendingVerdict::Stop(0));
    // The window after has its own.
    bed.ambient.advance(86_400_000);
    let slot = store.ledger().place().await.unwrap();
    let (_slot, answer) = store.spending_book().reserve(slot, ask(bed, LIMIT)).await.unwrap();
    assert_eq!(answer.verdict, SpendingVerdict::Admit);
    other.close().await;
    store.close().await;
}

/// A caller that is gone at whatever moment of its admission.
async fn who_goes_away_leaves_nothing_reserved(bed: &Bed) {
    let store = bed.open().await;
    let today = bed.ambient.now();
    for patience_us in [0, 50, 200, 500, 1_000, 2_000, 5_000, 10_000] {
        for _ in 0..count(4, 40) {
            let slot = store.ledger().place().await.unwrap();
            let book = store.spending_book();
            let asking = book.reserve(slot, SpendingAsk { at: today, ..ask(bed, 7) });
            drop(tokio::time::timeout(Duration::from_micros(patience_us), asking).await);
        }
    }
    let gone = async {
        while counted(&store, today).await != (0, 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), gone).await.is_ok(), "something stays reserved");
    store.close().await;
}

async fn without_room_the_dead_are_looked_for(bed: &Bed) {
    let (dying, living) = (Process::start(bed).await, bed.open().await);
    let today = bed.ambient.now();
    let mut dying = dying;
    let asked = ask(bed, LIMIT);
    let (slot, verdict) = dying.reserve(asked.clone()).await;
    assert_eq!(verdict, SpendingVerdict::Admit);
    dying.open.push((slot, asked));
    dying.kill();
    let reserve = async || {
        let slot = living.ledger().place().await.unwrap();
        let asked = SpendingAsk { at: today, ..ask(bed, 10) };
        living.spending_book().reserve(slot, asked).await.unwrap()
    };
    assert_eq!(reserve().await.1.verdict, SpendingVerdict::Wait(0), "its lease is not over");
    bed.ambient.advance(LEASE_MS + 1);
    let (slot, answer) = reserve().await;
    assert_eq!(answer.verdict, SpendingVerdict::Admit);
    assert_eq!(counted(&living, today).await, (0, 10));
    drop(slot);
    // The end of a store gives back what is still open.
    let (slot, _) = reserve().await;
    std::mem::forget(slot);
    living.close().await;
    let again = bed.open().await;
    assert_eq!(counted(&again, today).await, (0, 0));
    again.close().await;
}
