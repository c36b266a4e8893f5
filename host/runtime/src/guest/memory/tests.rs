use std::sync::Arc;

use brains_core::config::Budgets;

use super::{GuestMemory, RanOut, ResourceLimiter as _};
use crate::allowances::Allowances;

fn memory(limit_bytes: usize, allowances: &Arc<Allowances>) -> GuestMemory {
    GuestMemory::new(limit_bytes, Arc::clone(allowances))
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
