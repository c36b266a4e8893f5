use wasmtime::UpdateDeadline;

use super::Meter;

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
