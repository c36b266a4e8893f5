//! Traces, routes, models, components, the audit log and the service.

use brains_core::FaultKind;
use brains_core::id::Id;
use brains_core::plane::trace::{TraceRecord, TraceUsage};
use brains_core::principal::{KeyScope, Role};
use serde_json::{Value, json};

use crate::testing::{Bed, NOW, principal};

fn trace(bed: &Bed, operator: &str, model: &str, status: u16) -> TraceRecord {
    TraceRecord {
        id: Id::mint(&*bed.control.ambient),
        request_id: format!("from-{operator}-{status}"),
        at: bed.control.ambient.now(),
        operator: operator.into(),
        key: None,
        client: None,
        native_session: None,
        request_class: None,
        api: "openai-chat".into(),
        requested_model: "brains-auto".into(),
        model: Some(model.into()),
        provider: Some("acme".into()),
        tier: None,
        task: None,
        complexity: None,
        confidence: None,
        strategy: None,
        reason: None,
        attempts: Vec::new(),
        status,
        error_kind: (status >= 400).then(|| "upstream".into()),
        error_code: None,
        first_byte_ms: None,
        latency_ms: 5,
        usage: TraceUsage::default(),
        cost_usd: None,
        price: None,
        stream: false,
        request_bytes: 1,
        response_bytes: 1,
        preamble_hash: None,
        loss: Vec::new(),
        request_body: Some("{}".into()),
        response_body: None,
    }
}

/// Three traces: two of ada's, one of bob's.
async fn with_traces() -> (Bed, Vec<String>) {
    let bed = Bed::new().await;
    let sink = bed.control.store.traces();
    let mut ids = Vec::new();
    for (operator, model, status) in [("ada", "small", 200), ("ada", "large", 502), ("bob", "small", 200)] {
        bed.advance_ms(1_000);
        let trace = trace(&bed, operator, model, status);
        ids.push(trace.id.to_string());
        assert!(sink.offer(trace));
    }
    while sink.counts().written < 3 {
        tokio::task::yield_now().await;
    }
    (bed, ids)
}

fn ids(page: &Value) -> Vec<&str> {
    page["traces"].as_array().unwrap().iter().map(|trace| trace["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn traces_are_filtered_and_paged() {
    let (bed, all) = with_traces().await;
    let [first, second, third] = all.as_slice() else { panic!("three") };
    for (input, expected) in [
        (json!({}), vec![third, second, first]),
        (json!({ "operator": "ada" }), vec![second, first]),
        (json!({ "failed": true }), vec![second]),
        (json!({ "status": 200, "model": "small" }), vec![third, first]),
        (json!({ "provider": "other" }), vec![]),
        (json!({ "since": "1s" }), vec![third, second]),
        (json!({ "until": NOW.plus_ms(1_500).to_string() }), vec![first]),
    ] {
        assert_eq!(ids(&bed.admin("list_traces", input.clone()).await.unwrap()), expected, "{input}");
    }
    let page = bed.admin("list_traces", json!({ "limit": 2 })).await.unwrap();
    assert_eq!(ids(&page), [third, second]);
    assert!(page["traces"][0].get("request_body").is_none());
    let rest = bed.admin("list_traces", json!({ "limit": 2, "cursor": page["next_cursor"] })).await.unwrap();
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec![first.as_str()], &Value::Null));
    for (input, param) in [
        (json!({ "limit": 0 }), "limit"),
        (json!({ "limit": 1001 }), "limit"),
        (json!({ "cursor": "x" }), "cursor"),
        (json!({ "since": "soon" }), "since"),
    ] {
        let fault = bed.admin("list_traces", input).await.unwrap_err();
        assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::Invalid, Some(param)));
    }
}

#[tokio::test]
async fn a_trace_is_found_by_both_ids_and_by_its_owner() {
    let (bed, all) = with_traces().await;
    let bob = principal("bob", Role::Member, &[KeyScope::Read]);
    assert_eq!(ids(&bed.call_as(&bob, "list_traces", json!({})).await.unwrap()), [&all[2]]);
    assert_eq!(
        bed.call_as(&bob, "list_traces", json!({ "operator": "ada" })).await.unwrap()["traces"],
        json!([])
    );
    for id in [all[2].as_str(), "from-bob-200"] {
        let shown = bed.call_as(&bob, "show_trace", json!({ "id": id })).await.unwrap();
        assert_eq!(shown["trace"]["id"], all[2]);
        assert_eq!(shown["trace"]["request_body"], "{}");
    }
    for id in [all[0].as_str(), "from-ada-502", "trace_01kax3v7yqe5nbp8w0c4mzt6rd"] {
        let fault = bed.call_as(&bob, "show_trace", json!({ "id": id })).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotFound, "{id}");
    }
}

#[tokio::test]
async fn a_prompt_is_asked_about_as_the_request_it_would_be() {
    let bed = Bed::new().await;
    bed.admin("classify_prompt", json!({ "prompt": "hi" })).await.unwrap();
    bed.admin("explain_route", json!({ "prompt": "hi", "model": "brains-cheap" })).await.unwrap();
    bed.admin("plan_prompt", json!({ "request": { "messages": [], "x": 1 }, "model": "m" })).await.unwrap();
    let bodies = bed.fakes.seen_bodies.lock().unwrap().clone();
    let message = json!([{ "role": "user", "content": "hi" }]);
    assert_eq!(bodies[0], json!({ "model": "brains-auto", "messages": message }));
    assert_eq!(bodies[1], json!({ "model": "brains-cheap", "messages": message }));
    assert_eq!(bodies[2], json!({ "messages": [], "x": 1, "model": "m" }));
    for (input, param) in [(json!({}), "prompt"), (json!({ "prompt": "a", "request": {} }), "request")] {
        assert_eq!(bed.admin("plan_prompt", input).await.unwrap_err().param.as_deref(), Some(param));
    }
}

#[tokio::test]
async fn components_are_found_by_id_and_by_instance() {
    let bed = Bed::new().await;
    let listed = bed.admin("list_components", json!({ "state": "live" })).await.unwrap();
    assert_eq!(listed["components"][0]["id"], "acme");
    assert_eq!(
        bed.admin("list_components", json!({ "plays": "policy" })).await.unwrap()["components"],
        json!([])
    );
    for id in ["acme", "acme-eu"] {
        let shown = bed.admin("show_component", json!({ "id": id })).await.unwrap();
        assert_eq!(
            (shown["component"]["id"].as_str(), shown["schema"]["type"].as_str()),
            (Some("acme"), Some("object"))
        );
    }
    assert_eq!(
        bed.admin("show_component", json!({ "id": "x" })).await.unwrap_err().kind,
        FaultKind::NotFound
    );
}

#[tokio::test]
async fn the_audit_log_is_paged_and_verified() {
    let bed = Bed::new().await;
    for name in ["a", "b", "c"] {
        bed.admin("create_key", json!({ "name": name })).await.unwrap();
    }
    let page = bed.admin("list_audit", json!({ "limit": 2 })).await.unwrap();
    assert_eq!(page["entries"][1]["seq"], 2);
    let rest = bed.admin("brains.audit_list", json!({ "cursor": page["next_cursor"] })).await.unwrap();
    assert_eq!(rest["entries"][0]["detail"]["name"], "a");
    let verified = bed.admin("verify_audit", json!({})).await.unwrap();
    assert_eq!((verified["ok"].as_bool(), verified["chains"][0]["entries"].as_i64()), (Some(true), Some(3)));
}

#[tokio::test]
async fn the_service_tells_what_it_is() {
    let (bed, _) = with_traces().await;
    let member = principal("ada", Role::Member, &[KeyScope::Read]);
    let status = bed.call_as(&member, "service_status", json!({})).await.unwrap();
    assert_eq!((status["version"].as_str(), status["uptime_seconds"].as_i64()), (Some("1.2.3"), Some(63)));
    assert_eq!(status["traces"], json!({ "written": 3, "dropped": 0 }));
    assert_eq!(status["components"], json!({ "live": 1 }));
    assert_eq!(status["config_sound"], true);
    assert_eq!(bed.admin("list_models", json!({})).await.unwrap()["models"][0]["id"], "brains-auto");
}
