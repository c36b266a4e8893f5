use proptest::prelude::*;

use super::*;

const SETTINGS: BreakerSettings = BreakerSettings { threshold: 2, cooldown_ms: 1_000 };

#[test]
fn failures_in_a_row_open_it_and_one_probe_decides() {
    let mut breaker = Breaker::new();
    for _ in 0..2 {
        let pass = breaker.admit(0, SETTINGS).unwrap();
        assert!(!pass.probe);
        breaker.failed(pass, 0, SETTINGS);
    }
    assert_eq!(breaker.admit(1, SETTINGS), Err(Refusal { failures: 2, retry_after_ms: 999 }));
    assert_eq!(breaker.state(999, SETTINGS), State::Open);
    assert_eq!(breaker.state(1_000, SETTINGS), State::HalfOpen);

    let probe = breaker.admit(1_000, SETTINGS).unwrap();
    assert!(probe.probe);
    assert!(breaker.admit(5_000, SETTINGS).is_err(), "one probe at a time");
    breaker.failed(probe, 6_000, SETTINGS);
    assert_eq!(breaker.admit(6_999, SETTINGS), Err(Refusal { failures: 3, retry_after_ms: 1 }));

    let probe = breaker.admit(7_000, SETTINGS).unwrap();
    breaker.abandoned(probe);
    let probe = breaker.admit(7_000, SETTINGS).unwrap();
    breaker.succeeded(probe);
    assert_eq!((breaker.state(7_000, SETTINGS), breaker.failures()), (State::Closed, 0));
    assert!(breaker.is_blank());
}

#[test]
fn a_success_between_failures_keeps_it_closed() {
    let mut breaker = Breaker::new();
    for at in 0..20 {
        let pass = breaker.admit(at, SETTINGS).unwrap();
        if at % 2 == 0 { breaker.failed(pass, at, SETTINGS) } else { breaker.succeeded(pass) }
    }
    assert_eq!(breaker.state(20, SETTINGS), State::Closed);
}

#[test]
fn who_began_before_it_opened_has_no_say_any_more() {
    let mut breaker = Breaker::new();
    let early = breaker.admit(0, SETTINGS).unwrap();
    for _ in 0..2 {
        let pass = breaker.admit(0, SETTINGS).unwrap();
        breaker.failed(pass, 0, SETTINGS);
    }
    breaker.succeeded(early);
    assert_eq!(breaker.state(1, SETTINGS), State::Open, "a late success closes nothing");
    let probe = breaker.admit(1_000, SETTINGS).unwrap();
    breaker.succeeded(probe);
    breaker.failed(early, 1_001, SETTINGS);
    assert_eq!(breaker.failures(), 0, "a late failure does not count against the recovered");
}

#[test]
fn a_threshold_of_nought_switches_it_off_at_once() {
    let off = BreakerSettings { threshold: 0, ..SETTINGS };
    let mut breaker = Breaker::new();
    for _ in 0..2 {
        let pass = breaker.admit(0, SETTINGS).unwrap();
        breaker.failed(pass, 0, SETTINGS);
    }
    assert_eq!(breaker.state(1, off), State::Closed);
    for at in 0..100 {
        let pass = breaker.admit(at, off).unwrap();
        breaker.failed(pass, at, off);
    }
    assert!(breaker.is_blank());
}

/// What a caller does next. Passes are held in a list, so outcomes come in any order.
#[derive(Debug, Clone)]
enum Deed {
    Wait(u64),
    Begin,
    Succeed(prop::sample::Index),
    Fail(prop::sample::Index),
    Leave(prop::sample::Index),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let one = prop_oneof![
        (0..700_u64).prop_map(Deed::Wait),
        Just(Deed::Begin),
        Just(Deed::Begin),
        any::<prop::sample::Index>().prop_map(Deed::Succeed),
        any::<prop::sample::Index>().prop_map(Deed::Fail),
        any::<prop::sample::Index>().prop_map(Deed::Leave),
    ];
    prop::collection::vec(one, 1..200)
}

/// The rule once more, as a list of what happened since the breaker last changed.
#[derive(Debug, Default)]
struct Model {
    /// Outcomes in the present period, newest last.
    row: u32,
    open_until: Option<u64>,
    probe: Option<usize>,
    /// Calls whose outcome still counts.
    counting: Vec<usize>,
}

impl Model {
    fn admit(&mut self, call: usize, now: u64) -> Option<bool> {
        match self.open_until {
            None => {
                self.counting.push(call);
                Some(false)
            }
            Some(until) if now >= until && self.probe.is_none() => {
                self.probe = Some(call);
                Some(true)
            }
            Some(_) => None,
        }
    }

    fn end(&mut self, call: usize, good: Option<bool>, now: u64, settings: BreakerSettings) {
        if self.probe == Some(call) {
            self.probe = None;
            match good {
                Some(true) => *self = Self::default(),
                Some(false) => {
                    self.row += 1;
                    self.open_until = Some(now + settings.cooldown_ms);
                }
                None => {}
            }
        } else if let Some(at) = self.counting.iter().position(|other| *other == call) {
            self.counting.remove(at);
            match good {
                Some(true) => self.row = 0,
                Some(false) => {
                    self.row += 1;
                    if self.row >= settings.threshold {
                        self.open_until = Some(now + settings.cooldown_ms);
                        self.counting.clear();
                    }
                }
                None => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn it_agrees_with_the_model(threshold in 1..4_u32, cooldown_ms in 0..2_000_u64, deeds in deeds()) {
        let settings = BreakerSettings { threshold, cooldown_ms };
        let (mut breaker, mut model, mut now) = (Breaker::new(), Model::default(), 0);
        let mut calls: Vec<(usize, Pass)> = Vec::new();
        for (number, deed) in deeds.into_iter().enumerate() {
            match deed {
                Deed::Wait(ms) => now += ms,
                Deed::Begin => {
                    let pass = breaker.admit(now, settings);
                    prop_assert_eq!(pass.ok().map(|pass| pass.probe), model.admit(number, now));
                    calls.extend(pass.ok().map(|pass| (number, pass)));
                }
                Deed::Succeed(_) | Deed::Fail(_) | Deed::Leave(_) if calls.is_empty() => {}
                Deed::Succeed(at) => {
                    let (call, pass) = calls.remove(at.index(calls.len()));
                    breaker.succeeded(pass);
                    model.end(call, Some(true), now, settings);
                }
                Deed::Fail(at) => {
                    let (call, pass) = calls.remove(at.index(calls.len()));
                    breaker.failed(pass, now, settings);
                    model.end(call, Some(false), now, settings);
                }
                Deed::Leave(at) => {
                    let (call, pass) = calls.remove(at.index(calls.len()));
                    breaker.abandoned(pass);
                    model.end(call, None, now, settings);
                }
            }
            let state = match model.open_until {
                None => State::Closed,
                Some(until) if now < until => State::Open,
                Some(_) => State::HalfOpen,
            };
            prop_assert_eq!(breaker.state(now, settings), state);
            prop_assert_eq!(breaker.failures(), model.row);
        }
    }
}
