use serde_json::json;

use super::*;

#[test]
fn an_error_of_the_service_keeps_its_exit_code_and_its_hint() {
    let answer =
        json!({"error": {"message": "no key `k`", "code": "not_found", "hint": "look", "param": null}});
    let fault = fault_of(404, &answer);
    assert_eq!(
        (fault.kind.exit_code(), fault.message.as_str(), fault.hint.as_deref()),
        (3, "no key `k`", Some("look"))
    );
    for (status, code) in [(400, 2), (401, 5), (403, 5), (409, 4), (503, 6), (500, 1), (418, 1)] {
        assert_eq!(fault_of(status, &Value::Null).kind.exit_code(), code, "{status}");
    }
}
