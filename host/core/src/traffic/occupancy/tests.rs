use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn never_more_than_the_limit_at_the_time_gets_in(steps in prop::collection::vec((any::<bool>(), 0..4_u32), 1..100)) {
        let (mut room, mut model) = (Occupancy::default(), 0_u32);
        for (enters, limit) in steps {
            if enters {
                let fits = limit == 0 || model < limit;
                prop_assert_eq!(room.enter(limit), fits);
                model += u32::from(fits);
            } else if model > 0 {
                room.leave();
                model -= 1;
            }
            prop_assert_eq!(room.inside(), model);
        }
    }
}
