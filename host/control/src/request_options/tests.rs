use brains_core::FaultKind;
use brains_core::{Caller, Principal};
use serde_json::{Value, json};

use super::digest;
use crate::testing::Bed;

#[test]
fn the_digest_is_of_the_value_and_not_of_its_text() {
    assert_eq!(digest(&json!({"a": 1, "b": [1, 2]})), digest(&json!({"b": [1, 2], "a": 1})));
    for (one, other) in [
        (json!({"a": 1}), json!({"a": 2})),
        (json!([1, 2]), json!([2, 1])),
        (json!({"a": 1}), json!([["a", 1]])),
        (json!({"a": null}), json!({})),
    ] {
        assert_ne!(digest(&one), digest(&other), "{one} {other}");
    }
}

async fn with_key(bed: &Bed, name: &str, mut input: Value, key: &str) -> Result<Value, brains_core::Fault> {
    input["idempotency_key"] = key.into();
    bed.admin(name, input).await
}

#[tokio::test]
async fn a_request_with_a_key_happens_once() {
    let bed = Bed::new().await;
    let first = with_key(&bed, "create_key", json!({ "name": "ci" }), "k1").await.unwrap();
    let again = with_key(&bed, "create_key", json!({ "name": "ci" }), "k1").await.unwrap();
    assert_eq!((&first["id"], again["key"].is_null()), (&again["id"], true));
    assert!(first["key"].is_string());
    assert_eq!(bed.admin("list_keys", json!({})).await.unwrap()["keys"].as_array().unwrap().len(), 1);

    let fault = with_key(&bed, "create_key", json!({ "name": "other" }), "k1").await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::Conflict, "idempotency_mismatch"));
    let fault = with_key(&bed, "add_operator", json!({ "slug": "ci" }), "k1").await.unwrap_err();
    assert_eq!(fault.code, "idempotency_mismatch");

    // What was refused is not kept: it may be tried again.
    with_key(&bed, "create_key", json!({ "name": "ci" }), "k2").await.unwrap_err();
    bed.admin("revoke_key", json!({ "id": first["id"] })).await.unwrap();
    with_key(&bed, "create_key", json!({ "name": "ci" }), "k2").await.unwrap();

    // A day later the key is forgotten.
    bed.advance_ms(brains_store::KEPT_MS + 1);
    with_key(&bed, "create_key", json!({ "name": "third" }), "k1").await.unwrap();
}

#[tokio::test]
async fn a_key_may_stand_in_the_call_and_is_checked() {
    let bed = Bed::new().await;
    let caller = Caller { idempotency_key: Some("k".into()), ..Caller::http() };
    let admin = Principal::admin("fp");
    let call =
        async |name: &'static str, input: Value| bed.control.call_as(name, input, &admin, &caller).await;
    let first = call("create_key", json!({ "name": "ci" })).await.unwrap();
    assert_eq!(call("create_key", json!({ "name": "ci" })).await.unwrap()["id"], first["id"]);
    // One who reads carries it for nothing.
    call("list_keys", json!({})).await.unwrap();
    let both = call("create_key", json!({ "name": "ci", "idempotency_key": "other" })).await.unwrap_err();
    assert_eq!(both.param.as_deref(), Some("idempotency_key"));
    for bad in [json!(""), json!("x".repeat(256)), json!("ä"), json!(5)] {
        let fault =
            bed.admin("create_key", json!({ "name": "x", "idempotency_key": bad })).await.unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("idempotency_key"), "{bad}");
    }
    let fault = bed.admin("list_keys", json!({ "idempotency_key": "k" })).await.unwrap_err();
    assert_eq!(fault.code, "unknown_parameter");
}
