use super::component::{ComponentRecord, ComponentStanding, ComponentState};
use super::key::{self, KeyRecord, KeyState};
use super::operator::check_slug;
use super::trace::{Attempt, AttemptOutcome, TraceRecord, TraceUsage};
use super::*;
use crate::id::Id;
use crate::principal::{KeyScope, Role};
use crate::time::tests::Still;
use crate::{FaultKind, Millis};

#[test]
fn slugs_follow_one_rule() {
    for good in ["a", "0", "alice", "a_b-c", "7up", &"x".repeat(63)] {
        assert!(is_slug(good), "{good}");
        assert!(check_slug(good).is_ok(), "{good}");
    }
    for bad in ["", "A", "_a", "-a", "a b", "a.b", "ä", "a/b", &"x".repeat(64)] {
        assert!(!is_slug(bad), "{bad}");
        assert_eq!(check_slug(bad).unwrap_err().kind, FaultKind::Invalid, "{bad}");
    }
    let own =
        ["admin", "local", "system", "file", "anonymous", "agent", "cli", "http", "mcp", "stdio", "console"];
    let alike = [
        "adm1n",
        "a-dmin",
        "adrnin",
        "loca1",
        "sy5tem",
        "f1le",
        "an0nymous",
        "a_gent",
        "c1i",
        "std10",
        "consoie",
    ];
    for taken in own.into_iter().chain(alike) {
        assert_eq!(check_slug(taken).unwrap_err().kind, FaultKind::Conflict, "{taken}");
    }
    for free in ["administrator", "files", "agents", "ann", "local-team", "systems", "mcpherson"] {
        assert!(check_slug(free).is_ok(), "{free}");
    }
}

#[test]
fn a_key_is_no_more_than_its_operator() {
    let key = |role| KeyRecord { role, ..record() };
    assert_eq!(key(Role::Admin).role_of(Role::Admin), Role::Admin);
    for (held, operator) in
        [(Role::Admin, Role::Member), (Role::Member, Role::Admin), (Role::Member, Role::Member)]
    {
        assert_eq!(key(held).role_of(operator), Role::Member);
    }
}

fn record() -> KeyRecord {
    let ambient = Still::at(1_000);
    let secret = key::generate(&ambient);
    KeyRecord {
        id: Id::mint(&ambient),
        name: "ci".into(),
        operator: "alice".into(),
        scopes: vec![KeyScope::Gateway],
        role: Role::Admin,
        agent: false,
        fingerprint: secret.fingerprint(),
        hash: secret.sha256_hex(),
        created_at: Millis(1_000),
        expires_at: Some(Millis(2_000)),
        revoked_at: None,
        last_used_at: None,
    }
}

#[test]
fn a_key_ends_by_time_or_by_hand() {
    let mut key = record();
    assert_eq!(key.state(Millis(1_999)), KeyState::Active);
    assert_eq!(key.state(Millis(2_000)), KeyState::Expired);
    key.revoked_at = Some(Millis(1_500));
    assert_eq!(key.state(Millis(1_600)), KeyState::Revoked);
    assert_eq!(key.state(Millis(2_000)), KeyState::Revoked);
    key.expires_at = None;
    key.revoked_at = None;
    assert_eq!(key.state(Millis(i64::MAX)), KeyState::Active);
}

#[test]
fn a_key_is_long_and_its_record_does_not_tell_it() {
    let ambient = Still::at(1);
    let first = key::generate(&ambient);
    let second = key::generate(&ambient);
    assert_ne!(first.expose(), second.expose());
    assert!(first.expose().starts_with(key::PREFIX));
    assert_eq!(first.expose().len(), key::PREFIX.len() + 43);

    let record = record();
    let json = serde_json::to_value(&record).unwrap();
    assert!(json.get("hash").is_none());
    assert!(!json.to_string().contains(&record.hash));
    let back: KeyRecord = serde_json::from_value(json).unwrap();
    assert_eq!(back, KeyRecord { hash: String::new(), ..record });
}

#[test]
fn traces_and_components_survive_json() {
    let ambient = Still::at(1_700_000_000_000);
    let trace = TraceRecord {
        id: Id::mint(&ambient),
        request_id: "req-1".into(),
        at: Millis(1_700_000_000_000),
        operator: "alice".into(),
        key: None,
        client: None,
        native_session: None,
        request_class: None,
        api: "openai-chat".into(),
        requested_model: "brains-auto".into(),
        model: Some("m".into()),
        provider: Some("p".into()),
        tier: Some("cheap".into()),
        task: Some("unknown".into()),
        complexity: None,
        confidence: Some(0.4),
        strategy: None,
        reason: None,
        attempts: vec![Attempt {
            provider: "p".into(),
            model: "m".into(),
            outcome: AttemptOutcome::Failed,
            status: Some(503),
            latency_ms: 5,
            code: Some("server_is_overloaded".into()),
            cause: Some("overloaded".into()),
            billed: None,
        }],
        status: 503,
        error_kind: Some("unavailable".into()),
        error_code: Some("server_is_overloaded".into()),
        first_byte_ms: None,
        latency_ms: 6,
        usage: TraceUsage { input_tokens: 3, estimated: true, ..TraceUsage::default() },
        cost_usd: None,
        price: None,
        stream: true,
        request_bytes: 10,
        response_bytes: 0,
        preamble_hash: None,
        loss: vec!["logit_bias".into()],
        request_body: None,
        response_body: None,
    };
    let json = serde_json::to_value(&trace).unwrap();
    assert_eq!(json["at"], "2023-11-14T22:13:20.000Z");
    assert_eq!(json["attempts"][0]["outcome"], "failed");
    assert!(json.get("request_body").is_none());
    let mut older = json.clone();
    older["attempts"][0].as_object_mut().unwrap().remove("code");
    assert_eq!(serde_json::from_value::<TraceRecord>(older).unwrap().attempts[0].code, None);
    assert_eq!(serde_json::from_value::<TraceRecord>(json).unwrap(), trace);

    let component = ComponentRecord {
        component: ComponentState {
            id: "x".into(),
            digest: "sha256:0".into(),
            version: None,
            plays: None,
            state: ComponentStanding::Rejected,
            reason: Some("does not load".into()),
        },
        source: "bundle".into(),
        size_bytes: 1,
        exports: Vec::new(),
        instances: Vec::new(),
        flat_keys: Vec::new(),
        versions: Vec::new(),
    };
    let json = serde_json::to_value(&component).unwrap();
    assert_eq!((json["id"].as_str(), json["state"].as_str()), (Some("x"), Some("rejected")));
    assert_eq!(serde_json::from_value::<ComponentRecord>(json).unwrap(), component);
}
