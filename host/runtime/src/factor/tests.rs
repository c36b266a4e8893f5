use std::collections::BTreeMap;
use std::sync::Arc;

use brains_core::config::Budgets;
use brains_core::config::manifest::Asks;
use brains_core::{Millis, Secret};

use super::kv::{KvRoom, KvStore};
use super::log::{LogRate, Passage, clean};
use super::secrets::Misses;
use super::{Factor, FactorView, Factors, HostServices, InstanceDefinition};
use crate::allowances::Allowances;
use crate::bindings::kv::{Host as _, KvError};
use crate::bindings::secrets::{Host as _, Refusal};
use crate::bindings::{clock, config, random};
use crate::context::InstanceIdentity;
use crate::output_redaction::OutputRedaction;

/// The factors of an instance with one secret, whose component asks for this.
fn configured(asks: &Asks) -> Factors {
    let identity = InstanceIdentity { component: "acme".into(), instance: "acme-eu".into() };
    Factors::configure(&InstanceDefinition {
        identity: &Arc::new(identity),
        config: "{\"token\":true}",
        secrets: &BTreeMap::from([("token".to_owned(), Secret::new("right"))]),
        asks,
        redaction: &OutputRedaction::of(&Arc::default(), std::iter::empty()),
        retained: &Arc::default(),
        services: &HostServices {
            ambient: crate::tests::clock(),
            allowances: Arc::default(),
            guest_log: Arc::default(),
        },
    })
}

/// What one call of a guest sees.
fn view<'a, F: Factor>(factor: &'a F, state: &'a mut F::State) -> FactorView<'a, F> {
    FactorView { factor, state }
}

#[test]
fn what_nobody_asks_for_is_refused_with_a_value() {
    let factors = configured(&Asks::default());
    assert_eq!(config::Host::get(&mut view(&factors.config, &mut ())), "{\"token\":true}");
    assert_eq!(clock::Host::now_ms(&mut view(&factors.clock, &mut ())), 0);
    assert!(random::Host::bytes(&mut view(&factors.random, &mut ()), 8).is_empty());
    assert!(matches!(view(&factors.kv, &mut ()).add("n".into(), 1), Err(KvError::NotGranted)));
    let mut misses = Misses::default();
    let refusal = view(&factors.secrets, &mut misses).matches("token".into(), "right".into()).unwrap();
    assert!(matches!(refusal, Err(Refusal::NotGranted)));
    assert!(!view(&factors.secrets, &mut misses).has("token".into()));
}

#[test]
fn what_is_asked_for_is_there_within_its_limits() {
    let asks = Asks {
        secrets: vec!["token".into(), "unset".into()],
        clock: true,
        random: true,
        kv: "64MiB".into(),
        ..Asks::default()
    };
    let factors = configured(&asks);
    assert!(clock::Host::now_ms(&mut view(&factors.clock, &mut ())) > 0);
    assert_eq!(random::Host::bytes(&mut view(&factors.random, &mut ()), u32::MAX).len(), 64 * 1024);
    let set = |key: u32| view(&factors.kv, &mut ()).set(key.to_string(), vec![7; 60_000], None);
    assert_eq!((0..100).take_while(|key| set(*key).is_ok()).count(), 17, "a mebibyte is the most");
    assert!(view(&factors.kv, &mut ()).get("0".into()).is_some());
    let mut misses = Misses::default();
    let refusal = view(&factors.secrets, &mut misses).matches("unset".into(), "x".into()).unwrap();
    assert!(matches!(refusal, Err(Refusal::NotSet)));
}

#[test]
fn each_guest_may_be_wrong_about_a_secret_a_few_times() {
    let factors = configured(&Asks { secrets: vec!["token".into()], ..Asks::default() });
    let mut misses = Misses::default();
    let mut guess = |text: &str| view(&factors.secrets, &mut misses).matches("token".into(), text.into());
    for _ in 0..super::secrets::MISSES_PER_EXCHANGE {
        assert!(matches!(guess("wrong"), Ok(Ok(false))));
    }
    assert!(guess("right").is_err(), "it has guessed too often to be told even that");
    let mut misses = Misses::default();
    let right = view(&factors.secrets, &mut misses).matches("token".into(), "right".into());
    assert!(matches!(right, Ok(Ok(true))), "another guest begins anew");
}

#[test]
fn what_all_may_log_together_is_over_for_each() {
    let gate = LogRate::default();
    assert_eq!(gate.ask(1_000_000, || false), Passage::Stays { first: true });
    assert_eq!(gate.ask(1_000_001, || true), Passage::Stays { first: false });
    assert_eq!(gate.ask(2_100_000, || true), Passage::Passes { dropped: 2 });
}

#[test]
fn what_all_keep_together_is_bounded_and_goes_back() {
    let together = Allowances::default();
    together.limit(Budgets { component_kv_mib: 1, ..Budgets::default() });
    let room = KvRoom { quota: 1 << 20, allowances: &together };
    let (one, other) = (KvStore::default(), KvStore::default());
    let fill = |kv: &KvStore, name: &str| {
        (0..100)
            .take_while(|at| kv.set(format!("{name}{at}"), vec![7; 60_000], None, room, Millis(0)).is_ok())
            .count()
    };
    assert_eq!((fill(&one, "a"), fill(&other, "b")), (17, 0));
    let used = |named: &str| together.standings().into_iter().find(|(key, _)| *key == named).unwrap().1;
    assert_eq!(used("component_kv_mib").used, 1);
    assert_eq!(used("component_kv_mib").refused, 1);
    // A smaller value gives back, and so does a store that goes.
    one.set("a0".into(), vec![7; 10], None, room, Millis(0)).unwrap();
    assert_eq!(fill(&other, "b"), 1);
    drop(one);
    assert_eq!(fill(&other, "c"), 16);
}

#[test]
fn a_second_has_so_many_lines_and_the_next_says_how_many_were_dropped() {
    let gate = LogRate::default();
    let asked: Vec<Passage> = (0..10_000).map(|at| gate.ask(1_000_000 + at, || true)).collect();
    let passed = asked.iter().filter(|passage| matches!(passage, Passage::Passes { .. })).count();
    let told = asked.iter().filter(|passage| **passage == Passage::Stays { first: true }).count();
    assert_eq!((passed, told), (64, 1));
    assert_eq!(gate.ask(2_100_000, || true), Passage::Passes { dropped: 9_936 });
    assert_eq!(gate.ask(2_100_001, || true), Passage::Passes { dropped: 0 });
}

#[test]
fn a_line_is_one_line_and_is_cut_within_no_character() {
    assert_eq!(clean(&"ä ".repeat(4_000)).len(), 4_095);
    assert_eq!(clean("one\r\ntwo\u{1b}[31m\u{85}three"), "one  two [31m three");
}

#[test]
fn entries_end_count_and_are_bounded() {
    let (kv, together) = (KvStore::default(), Allowances::default());
    let room = KvRoom { quota: 400, allowances: &together };
    let set = |key: &str, size, ends, now| kv.set(key.into(), vec![7; size], ends, room, Millis(now));
    set("a", 100, Some(Millis(50)), 0).unwrap();
    assert_eq!(kv.get("a", Millis(49)).unwrap().len(), 100);
    assert_eq!(kv.get("a", Millis(50)), None);
    set("b", 100, Some(Millis(50)), 0).unwrap();
    set("c", 100, None, 0).unwrap();
    assert!(matches!(set("d", 100, None, 0), Err(KvError::Quota)));
    // What has ended makes room.
    set("d", 100, None, 60).unwrap();
    assert!(matches!(set("e", 65 * 1024, None, 60), Err(KvError::TooLarge(_))));
    assert!(matches!(set(&"k".repeat(513), 1, None, 60), Err(KvError::TooLarge(_))));
}

#[test]
fn a_value_that_does_not_fit_leaves_the_one_that_is_there() {
    let (kv, together) = (KvStore::default(), Allowances::default());
    let room = KvRoom { quota: 400, allowances: &together };
    let set = |size| kv.set("a".into(), vec![7; size], None, room, Millis(0));
    set(300).unwrap();
    assert!(matches!(set(400), Err(KvError::Quota)));
    assert_eq!(kv.get("a", Millis(0)).unwrap().len(), 300);
    // The new one may take the old one's room.
    set(320).unwrap();
}

#[test]
fn a_counter_counts() {
    let (kv, together) = (KvStore::default(), Allowances::default());
    let room = KvRoom { quota: 1_000, allowances: &together };
    let add = |delta| kv.add("n".into(), delta, room, Millis(0)).unwrap();
    assert_eq!((add(2), add(-5), add(1)), (2, -3, -2));
    assert_eq!(add(i64::MAX), i64::MAX - 2);
    assert_eq!(add(i64::MAX), i64::MAX);
}
