use wasmtime::UpdateDeadline;

use super::{Meter, ResourceLimiter as _};

#[test]
fn a_call_that_was_preempted_goes_on_and_one_that_computes_is_stopped() {
    let mut meter = Meter::default();
    assert_eq!(meter.arm(20), 6);
    // However long the wall took, the first look only starts the thread's clock.
    assert!(matches!(meter.judge(5_000_000), UpdateDeadline::Continue(6)));
    assert!(matches!(meter.judge(5_000_100), UpdateDeadline::Continue(6)));
    assert!(matches!(meter.judge(5_006_000), UpdateDeadline::Continue(3)));
    assert!(matches!(meter.judge(5_010_000), UpdateDeadline::Interrupt));
}

#[test]
fn each_call_begins_with_a_full_budget() {
    let mut meter = Meter::default();
    meter.arm(10);
    assert!(matches!(meter.judge(1_000), UpdateDeadline::Continue(_)));
    meter.arm(10);
    assert!(matches!(meter.judge(900_000), UpdateDeadline::Continue(_)));
}

#[test]
fn growth_beyond_the_limit_is_an_error_and_remembered() {
    let mut memory = super::Memory { limit_bytes: 100, held_bytes: 0, refused: false };
    assert!(memory.memory_growing(0, 60, None).unwrap());
    assert!(!memory.refused);
    assert!(memory.memory_growing(60, 101, None).is_err());
    assert!(memory.refused);
    assert_eq!(memory.held_bytes, 60);
}
