use super::{ComponentHistory, EARLIER_VERSIONS, QUARANTINED_VERSIONS};
use crate::config::ComponentLimits;
use crate::config::manifest::{Asks, Manifest, Plays};

fn manifest() -> Manifest {
    Manifest {
        component: "acme".into(),
        plays: Plays::Provider,
        summary: None,
        asks: Asks::default(),
        flat: None,
        account: None,
        limits: ComponentLimits::default(),
        continues: false,
    }
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064}")
}

#[test]
fn what_served_before_can_be_brought_back_and_what_failed_cannot() {
    let mut history = ComponentHistory::default();
    for number in 1..=6 {
        history.serves(&digest(number), &manifest());
    }
    history.serves(&digest(6), &manifest());
    assert_eq!(history.past, [digest(5), digest(4), digest(3)]);
    assert_eq!(history.past.len(), EARLIER_VERSIONS);
    history.quarantine(&digest(6), "it fails");
    assert_eq!(history.good(&digest(6)).next(), Some(&digest(5)));
    history.serves(&digest(5), &manifest());
    assert_eq!((history.live.as_ref(), history.past.contains(&digest(6))), (Some(&digest(5)), false));
    for number in 10..40 {
        history.quarantine(&digest(number), "it fails");
    }
    assert_eq!(history.quarantined.len(), QUARANTINED_VERSIONS);
}
