use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_out_is_what_was_drawn_and_never_more_than_the_limit(
        steps in prop::collection::vec((0..4_u8, 0..8_u64), 1..100),
        limit in 0..20_u64,
    ) {
        let budget = Budget::default();
        let mut out: Vec<Draw> = Vec::new();
        let mut refused = 0;
        for (step, amount) in steps {
            let used: u64 = out.iter().map(Draw::amount).sum();
            let fits = limit == 0 || used + amount <= limit;
            match (step, out.last_mut()) {
                (0, _) => drop(out.pop()),
                (1, Some(last)) => {
                    prop_assert_eq!(last.grow(amount, limit).is_ok(), fits);
                    refused += u64::from(!fits);
                }
                _ => {
                    let drawn = budget.draw(amount, limit);
                    prop_assert_eq!(drawn.is_ok(), fits);
                    refused += u64::from(!fits);
                    out.extend(drawn);
                }
            }
            let used = out.iter().map(Draw::amount).sum();
            prop_assert_eq!(budget.standing(limit), Standing { used, limit, refused });
        }
        drop(out);
        prop_assert_eq!(budget.standing(limit).used, 0);
    }
}

#[test]
fn an_amount_beyond_counting_is_refused_even_without_a_limit() {
    let budget = Budget::default();
    let _one = budget.draw(1, 0).expect("no limit");
    assert_eq!(budget.draw(u64::MAX, 0).map(drop), Err(Spent { limit: 0 }));
}
