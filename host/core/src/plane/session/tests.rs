use super::*;
use crate::time::tests::Still;

fn session() -> SessionRecord {
    let ambient = Still::at(0);
    SessionRecord {
        id: Id::mint(&ambient),
        workspace: Id::mint(&ambient),
        operator: "ada".into(),
        tool: "agent".into(),
        agent: true,
        epoch: 1,
        token_hash: token(&ambient).sha256_hex(),
        lease_ms: 600_000,
        lease_until: Millis(600_000),
        started_at: Millis(0),
        last_seen_at: Millis(0),
        ended_at: None,
        ending: None,
        summary: None,
        process: None,
        key: None,
    }
}

#[test]
fn a_session_goes_idle_then_expires() {
    let mut session = session();
    for (at, state) in [
        (0, SessionState::Active),
        (IDLE_MS, SessionState::Idle),
        (599_999, SessionState::Idle),
        (600_000, SessionState::Expired),
    ] {
        assert_eq!(session.state(Millis(at)), state, "{at}");
        assert_eq!(session.lives(Millis(at)), at < 600_000);
        assert_eq!(session.check_alive(Millis(at)).is_ok(), at < 600_000);
    }
    assert_eq!(session.check_alive(Millis(600_000)).unwrap_err().code, "session_expired");
    session.ended_at = Some(Millis(5));
    for (ending, state, code) in [
        (Ending::Ended, SessionState::Ended, "session_ended"),
        (Ending::Died, SessionState::Ended, "session_ended"),
        (Ending::Expired, SessionState::Expired, "session_expired"),
    ] {
        session.ending = Some(ending);
        assert_eq!(session.state(Millis(6)), state);
        assert_eq!(session.check_alive(Millis(6)).unwrap_err().code, code);
    }
}

#[test]
fn leases_and_texts_have_bounds() {
    assert_eq!(check_lease(None).unwrap(), LEASE_MS);
    assert_eq!(check_lease(Some(1_000)).unwrap(), 1_000);
    for bad in [i64::MIN, -1, 0, 999, 24 * 3_600_000 + 1, i64::MAX] {
        assert_eq!(check_lease(Some(bad)).unwrap_err().param.as_deref(), Some("lease"));
    }
    assert_eq!(check_text("note", Some("  ")).unwrap(), None);
    assert_eq!(check_text("note", Some(" a ")).unwrap().as_deref(), Some("a"));
    assert_eq!(check_text("note", Some(&"x".repeat(TEXT_MAX + 1))).unwrap_err().code, "text_too_long");
    assert!(check_tool(" ").is_err() && check_tool("a\u{7}").is_err());
}

#[test]
fn renewals_are_rare_and_in_time() {
    let mut session = session();
    assert!(!session.is_due(Millis(29_999)) && session.is_due(Millis(30_000)));
    session.lease_ms = 1_000;
    assert!(!session.is_due(Millis(49)) && session.is_due(Millis(50)));
}

#[test]
fn tokens_are_long_and_differ() {
    let ambient = Still::at(1);
    let (first, second) = (token(&ambient), token(&ambient));
    assert_ne!(first.expose(), second.expose());
    assert_eq!(first.expose().len(), TOKEN_PREFIX.len() + 43);
    assert!(!serde_json::to_string(&session()).unwrap().contains(&session().token_hash));
}
