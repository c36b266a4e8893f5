use super::*;

const HOUR_MS: i64 = 3_600_000;
const NOW: Millis = Millis(1_790_000_000_000);

fn handoff(status: HandoffStatus) -> HandoffRecord {
    HandoffRecord {
        id: Id::parse(&format!("hand_0{}", "0".repeat(25))).unwrap(),
        workspace: "app".into(),
        title: "t".into(),
        body: String::new(),
        status,
        set_by: "ada".into(),
        set_by_session: None,
        set_by_agent: false,
        set_at: NOW,
        picked_up_by: Some("bob".into()),
        picked_up_by_session: None,
        picked_up_by_agent: false,
        picked_up_at: None,
        cleared_at: None,
        clear_reason: None,
    }
}

#[test]
fn only_an_active_one_ages() {
    let day_ms = 24 * HOUR_MS;
    for (status, age_ms, seen) in [
        (HandoffStatus::Active, 0, HandoffStatus::Active),
        (HandoffStatus::Active, day_ms - 1, HandoffStatus::Active),
        (HandoffStatus::Active, day_ms, HandoffStatus::Stale),
        (HandoffStatus::PickedUp, day_ms, HandoffStatus::PickedUp),
        (HandoffStatus::Cleared, day_ms, HandoffStatus::Cleared),
    ] {
        assert_eq!(handoff(status).aged(NOW.plus_ms(age_ms), day_ms).status, seen, "{status} {age_ms}");
    }
}

#[test]
fn picking_up() {
    for (status, named, code) in [
        (HandoffStatus::Active, false, None),
        (HandoffStatus::Stale, false, Some("no_active_handoff")),
        (HandoffStatus::Stale, true, None),
        (HandoffStatus::PickedUp, true, Some("handoff_taken")),
        (HandoffStatus::Cleared, true, Some("handoff_cleared")),
    ] {
        let refused = handoff(status).may_pick(named).err().map(|fault| fault.code.into_owned());
        assert_eq!(refused.as_deref(), code, "{status} {named}");
    }
    assert!(handoff(HandoffStatus::PickedUp).may_pick(true).unwrap_err().message.contains("bob"));
}
