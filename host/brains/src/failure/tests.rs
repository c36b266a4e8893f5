use anyhow::Context as _;
use brains_core::FaultKind;

use super::*;

fn lines(error: &Error) -> String {
    let mut out = Vec::new();
    write_lines(&mut out, error, None).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn an_error_tells_what_why_and_what_next() {
    let error = Err::<(), _>(Fault::conflict("the lock is held").hint("brains stop"))
        .context("could not start")
        .unwrap_err();
    assert_eq!(lines(&error), "error: could not start\ncause: the lock is held\nhint: brains stop\n");
    assert_eq!(exit_code(&error), 4);
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    for (kind, code) in [
        (FaultKind::Internal, 1),
        (FaultKind::Invalid, 2),
        (FaultKind::NotFound, 3),
        (FaultKind::Conflict, 4),
        (FaultKind::Forbidden, 5),
        (FaultKind::Unauthorized, 5),
        (FaultKind::Unavailable, 6),
    ] {
        let error = Error::from(Fault::new(kind, brains_core::Origin::Brains, "x"));
        assert_eq!(exit_code(&error), code, "{kind:?}");
    }
    assert_eq!(exit_code(&anyhow::anyhow!("anything else")), 1);
}

#[test]
fn scripts_get_one_object() {
    let object = as_object(&Error::from(Fault::not_found("key", "k")), 3);
    assert_eq!((&object["error"]["code"], &object["error"]["exit_code"]), (&"not_found".into(), &3.into()));
}

#[test]
fn what_the_service_said_is_shown_whatever_its_kind() {
    for kind in FaultKind::ALL {
        let said = Fault::new(kind, brains_core::Origin::Brains, "it went wrong")
            .code("a_word")
            .hint("do this")
            .retry_after_ms(1_500)
            .cause(std::io::Error::other("errno 28"));
        let answer = serde_json::json!({ "error": said.to_wire() });
        let heard = Error::from(Fault::from_wire(kind.http_status(), &answer));
        assert_eq!(
            lines(&heard),
            "error: it went wrong\nhint: do this\nhint: try again in 2 s\n",
            "{kind:?}"
        );
        let object = &as_object(&heard, exit_code(&heard))["error"];
        let expected = serde_json::json!({
            "message": "it went wrong", "causes": [], "kind": kind.word(), "code": "a_word", "param": null,
            "hint": "do this", "retry_after_ms": 1_500, "exit_code": kind.exit_code(),
        });
        assert_eq!(object, &expected, "{kind:?}");
    }
}

#[test]
fn what_led_to_a_fault_is_for_the_log() {
    let fault = Fault::unavailable("the key could not be read").cause(std::io::Error::other("/home/me/key"));
    let error = Err::<(), _>(fault).context("could not start").unwrap_err();
    assert_eq!(lines(&error), "error: could not start\ncause: the key could not be read\n");
    assert_eq!(as_object(&error, 6)["error"]["causes"], serde_json::json!(["the key could not be read"]));
}

/// Errors of every shape, as they look within so many columns.
pub(crate) fn samples(width: usize) -> String {
    let held = "path `src/cart` is held by `ses_01kax3v7yqe5nbp8w0c4mzt6rd` (claude-code of `ada`) until 2026-11-24T01:55:24Z (\"rounding\"); path `src/cart/price.rs` overlaps it";
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let faults = [
        Fault::conflict(held).hint("wait for it with `wait_ms`, ask its holder, or take it away with `steal_lock` and a reason"),
        Fault::conflict("the component `acme` waits for an operator: it asks for more than the version that serves was given")
            .hint(format!("`brains plugin approve acme --digest {digest}` approves it, `brains plugin show acme` shows what it asks for")),
        Fault::not_found("workspace", "/home/ada/src/shop").hint("`brains workspace register` adds it"),
        Fault::unavailable("the service did not answer").retry_after_ms(1_500),
        Fault::invalid("the configuration is not sound:\n  models.default.provider: there is no provider `acme`\n  providers.acme.secrets.api_key: `${ENV:ACME_KEY}` is not set"),
    ];
    let mut out = Vec::new();
    for fault in faults {
        let error = Err::<(), _>(fault).context("could not go on").unwrap_err();
        write_lines(&mut out, &error, Some(width)).unwrap();
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap()
}
