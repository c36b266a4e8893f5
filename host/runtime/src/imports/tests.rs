use brains_core::Millis;

use super::{Kv, LogGate, Passage, kv};

#[test]
fn a_second_has_so_many_lines_and_the_next_says_how_many_were_dropped() {
    let gate = LogGate::default();
    let passed = (0..100).filter(|at| gate.ask(1_000_000 + at) != Passage::Stays).count();
    assert_eq!(passed, 64);
    assert_eq!(gate.ask(2_100_000), Passage::Passes { dropped: 36 });
    assert_eq!(gate.ask(2_100_001), Passage::Passes { dropped: 0 });
}

#[test]
fn a_line_is_cut_within_no_character() {
    assert_eq!(super::clean(&"ä ".repeat(4_000)).len(), 4_097);
}

#[test]
fn entries_end_count_and_are_bounded() {
    let kv = Kv::default();
    let set = |key: &str, size, ends, now| kv.set(key.into(), vec![7; size], ends, 400, Millis(now));
    set("a", 100, Some(Millis(50)), 0).unwrap();
    assert_eq!(kv.get("a", Millis(49)).unwrap().len(), 100);
    assert_eq!(kv.get("a", Millis(50)), None);
    set("b", 100, Some(Millis(50)), 0).unwrap();
    set("c", 100, None, 0).unwrap();
    assert!(matches!(set("d", 100, None, 0), Err(kv::KvError::Quota)));
    // What has ended makes room.
    set("d", 100, None, 60).unwrap();
    assert!(matches!(set("e", 65 * 1024, None, 60), Err(kv::KvError::TooLarge(_))));
}

#[test]
fn a_counter_counts() {
    let kv = Kv::default();
    let add = |delta| kv.add("n".into(), delta, 1_000, Millis(0)).unwrap();
    assert_eq!((add(2), add(-5), add(1)), (2, -3, -2));
}
