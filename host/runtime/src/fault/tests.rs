use brains_core::FaultKind;
use brains_dialect::canon;

use super::{CallFault, Culprit};

fn by() -> Culprit {
    Culprit { component: "acme".into(), instance: "acme-eu".into(), export: "chat.encode" }
}

#[track_caller]
fn check(fault: &CallFault, message: &str, hint: &str) {
    let fault = fault.to_fault();
    assert_eq!((fault.kind, fault.code.as_ref(), fault.failover), (FaultKind::Plugin, "plugin_failed", true));
    assert_eq!(fault.message, format!("component `acme` in `chat.encode` failed ({message})"));
    assert!(fault.hint.as_ref().is_some_and(|said| said.contains(hint)), "{:?}", fault.hint);
}

#[test]
fn a_failure_names_component_export_and_what_ran_out_and_says_what_to_do() {
    let said = "panicked at /home/someone/acme.rs: sk-0123456789abcdef0123456789";
    check(&CallFault::Trap { by: by(), message: said.into() }, "trap", "component.id=acme");
    check(&CallFault::Stack { by: by() }, "stack", "component.id=acme");
    check(
        &CallFault::Deadline { by: by(), limit_ms: 20 },
        "deadline: 20 ms",
        "components.acme.limits.call_ms",
    );
    check(
        &CallFault::Memory { by: by(), limit_bytes: 64 << 20 },
        "memory: 64 MiB",
        "components.acme.limits.memory_mib",
    );
    check(&CallFault::Handles { by: by(), limit: 4_096 }, "handles: 4096", "component.id=acme");
    check(&CallFault::Output { by: by(), what: said.into() }, "output", "component.id=acme");
    check(&CallFault::Missing { by: by() }, "missing", "component.id=acme");
}

fn says(kind: canon::FaultKind, message: &str, code: Option<&str>) -> brains_core::Fault {
    CallFault::Refused(canon::Fault {
        kind,
        message: message.into(),
        code: code.map(Into::into),
        retry_after_ms: Some(u64::MAX),
        failover: false,
    })
    .to_fault()
}

#[test]
fn a_components_own_words_are_one_short_line_without_credentials() {
    let key = format!("sk-proj-{}", "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3");
    let fault =
        says(canon::FaultKind::InvalidRequest, &format!("no\r\nx-evil: 1\u{1b}[2J {key}"), Some("bad_tool"));
    assert!(!fault.message.contains(&key) && !fault.message.contains(char::is_control), "{}", fault.message);
    assert!(fault.message.starts_with("no  x-evil: 1 [2J "), "{}", fault.message);
    assert_eq!((fault.code.as_ref(), fault.retry_after_ms), ("bad_tool", Some(86_400_000)));
    let long = says(canon::FaultKind::Upstream, &"ä".repeat(100_000), None);
    assert!(long.message.len() <= 1_024);
    assert_eq!(says(canon::FaultKind::Upstream, "\n\0", None).message, "the provider gave no reason");
    for code in ["", "a b", "a\r\nb", &"a".repeat(65)] {
        assert_eq!(says(canon::FaultKind::InvalidRequest, "no", Some(code)).code, "invalid_value", "{code}");
    }
}

#[test]
fn who_must_sign_in_is_told_how_and_what_an_upstream_says_of_a_credential_is_not() {
    let word = |word: &str| canon::FaultKind::Other(word.into());
    let told = says(word("sign-in"), "run `x-login`", Some("not_signed_in"));
    assert_eq!(
        (told.kind, told.message.as_str(), told.code.as_ref()),
        (FaultKind::UpstreamAuth, "run `x-login`", "not_signed_in")
    );
    let hidden = says(canon::FaultKind::Unauthorized, "bad key 0123", Some("invalid_key"));
    assert_eq!((hidden.kind, hidden.code.as_ref()), (FaultKind::UpstreamAuth, "upstream_auth"));
    assert!(!hidden.message.contains("0123"), "{}", hidden.message);
}
