use anyhow::Context as _;
use brains_core::FaultKind;

use super::*;

fn lines(error: &Error) -> String {
    let mut out = Vec::new();
    write_lines(&mut out, error).unwrap();
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
