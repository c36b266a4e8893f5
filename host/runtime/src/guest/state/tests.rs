use std::sync::Arc;

use brains_core::config::Budgets;
use wasmtime::UpdateDeadline;

use super::{Memory, Meter, RanOut, ResourceLimiter as _};
use crate::allowances::Allowances;

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

fn memory(limit_bytes: usize, allowances: &Arc<Allowances>) -> Memory {
    Memory { limit_bytes, held_bytes: 0, refused: None, drawn: None, allowances: Arc::clone(allowances) }
}

#[test]
fn growth_beyond_the_limit_is_an_error_and_remembered() {
    let mut memory = memory(100, &Arc::default());
    assert!(memory.memory_growing(0, 60, None).unwrap());
    assert_eq!(memory.refused, None);
    assert!(memory.memory_growing(60, 101, None).is_err());
    assert_eq!(memory.refused, Some(RanOut::Own));
    assert_eq!(memory.held_bytes, 60);
}

#[test]
fn what_all_have_together_is_bounded_and_goes_back_with_each() {
    const MIB: usize = 1 << 20;
    let together = Arc::new(Allowances::default());
    together.limit(Budgets { component_memory_mib: 10, ..Budgets::default() });
    let (mut one, mut other) = (memory(100 * MIB, &together), memory(100 * MIB, &together));
    assert!(one.memory_growing(0, 6 * MIB, None).unwrap());
    assert!(other.memory_growing(0, 5 * MIB, None).is_err());
    assert!(matches!(other.refused, Some(RanOut::Together(spent)) if spent.limit == 10 << 20));
    // Whoever has its memory goes on, and what is left is for all.
    assert!(one.memory_growing(6 * MIB, 7 * MIB, None).unwrap());
    assert!(other.table_growing(0, 1_000, None).unwrap());
    let standing = |together: &Allowances| together.standings()[0].1;
    assert_eq!((standing(&together).used, standing(&together).refused), (8, 1));
    drop(one);
    assert!(other.memory_growing(0, 9 * MIB, None).unwrap());
    drop(other);
    assert_eq!(standing(&together).used, 0);
}
