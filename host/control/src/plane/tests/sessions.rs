//! Sessions: begun, proved, kept alive, ended.

use brains_core::caller::{CallSurface, NativeId};
use brains_core::principal::{KeyScope, Role};
use brains_core::{Caller, Fault, FaultKind, Principal, Secret};
use serde_json::{Value, json};

use crate::testing::{Bed, principal};

/// Somebody on a connection of their own.
fn connected(name: &str) -> Caller {
    Caller { surface: CallSurface::Mcp, agent: true, connection: Some(name.into()), ..Caller::default() }
}

async fn call(bed: &Bed, caller: &Caller, name: &str, input: Value) -> Result<Value, Fault> {
    bed.control.call_as(name, input, &Principal::admin("fp"), caller).await
}

async fn started(bed: &Bed, caller: &Caller) -> Value {
    call(bed, caller, "start_session", json!({ "workspace": "/src/shop" })).await.unwrap()
}

#[tokio::test]
async fn a_start_registers_a_project_and_nothing_else_does() {
    let bed = Bed::new().await;
    for (name, input) in [
        ("show_workspace", json!({ "workspace": "/src/shop" })),
        ("list_sessions", json!({ "workspace": "/src/shop" })),
        ("start_session", json!({ "workspace": "/plain/shop" })),
        ("start_session", json!({ "workspace": "/nowhere/shop" })),
        ("start_session", json!({ "workspace": "shop" })),
    ] {
        let fault = bed.admin(name, input.clone()).await.unwrap_err();
        assert_eq!((fault.kind, fault.hint.is_some()), (FaultKind::NotFound, true), "{name} {input}");
    }
    assert_eq!(bed.admin("list_workspaces", json!({})).await.unwrap()["workspaces"], json!([]));
    let first = started(&bed, &Caller::http()).await;
    assert_eq!((first["workspace"].as_str(), first["operator"].as_str()), (Some("shop"), Some("admin")));
    let second = bed.admin("start_session", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(second["welcome"]["peers"][0]["session"], first["session_id"]);
    assert_eq!(
        bed.admin("list_workspaces", json!({})).await.unwrap()["workspaces"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn acting_takes_the_connection_a_native_id_or_the_token() {
    let bed = Bed::new().await;
    let mine = connected("a");
    let session = started(&bed, &mine).await;
    let id = &session["session_id"];
    let beat = json!({ "session": id });
    assert_eq!(call(&bed, &mine, "heartbeat_session", json!({})).await.unwrap()["session_id"], *id);
    call(&bed, &mine, "heartbeat_session", beat.clone()).await.unwrap();

    for stranger in [connected("b"), Caller::http()] {
        let fault = call(&bed, &stranger, "heartbeat_session", beat.clone()).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::Forbidden, "session_foreign"));
        let fault = call(&bed, &stranger, "heartbeat_session", json!({})).await.unwrap_err();
        assert_eq!(fault.code, "session_required");
    }
    let token = session["session_token"].as_str().unwrap();
    let bearer = Caller { token: Some(Secret::new(token)), ..Caller::http() };
    call(&bed, &bearer, "heartbeat_session", json!({})).await.unwrap();
    call(&bed, &Caller::http(), "heartbeat_session", json!({ "session_token": token })).await.unwrap();
    let fault = call(&bed, &Caller::http(), "heartbeat_session", json!({ "session_token": "brs_x" }))
        .await
        .unwrap_err();
    assert_eq!(fault.code, "session_token_unknown");

    // Another operator with the same token is somebody else.
    bed.admin("add_operator", json!({ "slug": "bob" })).await.unwrap();
    let bob = principal("bob", Role::Member, &[KeyScope::Read, KeyScope::Write]);
    let fault = bed.control.call_as("heartbeat_session", beat, &bob, &bearer).await.unwrap_err();
    assert_eq!(fault.code, "session_foreign");

    let native =
        Caller { native: vec![NativeId { kind: "session-id".into(), value: "n".into() }], ..Caller::http() };
    let other = started(&bed, &native).await;
    assert_eq!(
        call(&bed, &native, "heartbeat_session", json!({})).await.unwrap()["session_id"],
        other["session_id"]
    );
    assert_ne!(other["session_id"], *id);
}

#[tokio::test]
async fn an_ended_or_expired_session_does_nothing() {
    let bed = Bed::new().await;
    let (one, two) = (connected("a"), connected("b"));
    let first = started(&bed, &one).await;
    let ended = call(&bed, &one, "end_session", json!({ "summary": "done" })).await.unwrap();
    assert_eq!(ended["session_id"], first["session_id"]);
    let fault = call(&bed, &one, "end_session", json!({ "session": first["session_id"] })).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::Conflict, "session_ended"));
    let shown = bed.admin("show_workspace", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(shown["workspace"]["last_summary"], "done");

    let second =
        call(&bed, &two, "start_session", json!({ "workspace": "shop", "lease": "60s" })).await.unwrap();
    bed.advance_ms(59_000);
    call(&bed, &two, "heartbeat_session", json!({})).await.unwrap();
    bed.advance_ms(60_000);
    let fault =
        call(&bed, &two, "heartbeat_session", json!({ "session": second["session_id"] })).await.unwrap_err();
    assert_eq!(fault.code, "session_expired");
    let all = bed.admin("list_sessions", json!({ "workspace": "shop", "all": true })).await.unwrap();
    let states: Vec<_> = all["sessions"].as_array().unwrap().iter().map(|s| s["state"].clone()).collect();
    assert_eq!(states, [json!("expired"), json!("ended")]);
    assert_eq!(
        bed.admin("list_sessions", json!({ "workspace": "shop" })).await.unwrap()["sessions"],
        json!([])
    );
}

#[tokio::test]
async fn a_start_that_is_repeated_is_one_session_for_who_made_it() {
    let bed = Bed::new().await;
    let input = json!({ "workspace": "/src/shop", "idempotency_key": "k" });
    let native = |value: &str| Caller {
        native: vec![NativeId { kind: "thread-id".into(), value: value.into() }],
        ..Caller::http()
    };
    let one = Principal::admin("fp");
    let entry = bed.control.registry().find("start_session").unwrap();
    let start = async |caller: Caller| bed.control.answer(entry, input.clone(), &one, &caller).await;
    let first = start(native("a")).await.outcome.unwrap();
    let again = start(native("a")).await;
    assert!(again.replayed);
    let again = again.outcome.unwrap();
    assert_eq!(first["session_id"], again["session_id"]);
    assert_ne!(start(native("b")).await.outcome.unwrap()["session_id"], first["session_id"]);
    // Whoever shows nothing but the key is not told the token of who did before.
    let plain = start(Caller::http()).await.outcome.unwrap();
    assert_eq!(start(Caller::http()).await.outcome.unwrap_err().code, "idempotency_unproven");
    assert_ne!(plain["session_id"], first["session_id"]);
    bed.admin("heartbeat_session", json!({ "session_token": again["session_token"] })).await.unwrap();
    let end = json!({ "session": again["session_id"], "session_token": again["session_token"], "idempotency_key": "e" });
    let ended = bed.admin("end_session", end.clone()).await.unwrap();
    assert_eq!(bed.admin("end_session", end).await.unwrap(), ended);
    assert_eq!(start(native("a")).await.outcome.unwrap_err().code, "idempotency_lapsed");
}

#[tokio::test]
async fn nonsense_is_refused_before_anything_is_kept() {
    let bed = Bed::new().await;
    for (input, param) in [
        (json!({ "workspace": "/src/shop", "tool": " " }), "tool"),
        (json!({ "workspace": "/src/shop", "lease": "0s" }), "lease"),
        (json!({ "workspace": "/src/shop", "lease": "25h" }), "lease"),
        (json!({ "workspace": "/src/shop", "lease": "-5m" }), "lease"),
        (json!({ "workspace": "/src/shop", "tool_session_id": "" }), "tool_session_id"),
        (json!({ "workspace": "./shop" }), "workspace"),
        (json!({}), "workspace"),
    ] {
        let fault = bed.admin("start_session", input.clone()).await.unwrap_err();
        assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::Invalid, Some(param)), "{input}");
    }
    assert_eq!(bed.admin("list_workspaces", json!({})).await.unwrap()["workspaces"], json!([]));
    let unknown = json!({ "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd" });
    let fault = bed.admin("end_session", unknown).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::NotFound, "session_not_found"));
    let session = bed.admin("start_session", json!({ "workspace": "/src/shop" })).await.unwrap();
    let long = json!({ "session_token": session["session_token"], "summary": "x".repeat(20_000) });
    assert_eq!(bed.admin("end_session", long).await.unwrap_err().code, "text_too_long");
}

#[tokio::test]
async fn a_revoked_operator_holds_nothing() {
    let bed = Bed::new().await;
    bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap();
    let ada = principal("ada", Role::Member, &[KeyScope::Read, KeyScope::Write]);
    let caller = connected("a");
    for workspace in ["/src/shop", "/src/bank"] {
        let input = json!({ "workspace": workspace });
        bed.control.call_as("start_session", input, &ada, &caller).await.unwrap();
    }
    let revoked = bed.admin("revoke_operator", json!({ "slug": "ada" })).await.unwrap();
    assert_eq!(revoked["sessions_ended"], 2);
    for workspace in ["shop", "bank"] {
        let listed =
            bed.admin("list_sessions", json!({ "workspace": workspace, "all": true })).await.unwrap();
        assert_eq!(listed["sessions"][0]["ending"], "revoked");
    }
    assert_eq!(bed.admin("verify_audit", json!({})).await.unwrap()["ok"], true);
}

#[tokio::test]
async fn a_process_that_is_not_there_is_told_as_one_that_is() {
    let bed = Bed::new().await;
    bed.fakes.processes.lock().unwrap().push(7);
    let start = async |pid: u32| {
        bed.admin("start_session", json!({ "workspace": "/src/shop", "pid": pid })).await.unwrap()
    };
    let (alive, dead) = (start(7).await["session"].clone(), start(8).await["session"].clone());
    assert_eq!((&alive["pid"], &dead["pid"]), (&json!(7), &json!(8)));
    for member in ["state", "tool", "agent", "epoch", "ended_at", "ending"] {
        assert_eq!(alive[member], dead[member], "{member}");
    }
}

#[tokio::test]
async fn a_call_renews_the_session_that_it_is_done_as() {
    let bed = Bed::new().await;
    let agent = Principal::admin("fp");
    let caller = Caller { connection: Some("wire".into()), agent: true, ..Caller::http() };
    let start = json!({ "workspace": "/src/shop", "tool": "tester", "lease": "60s" });
    let call = async |name: &str, input: Value| bed.control.call_as(name, input, &agent, &caller).await;
    let mine = call("start_session", start).await.unwrap()["session_id"].clone();
    // Reads that name it, reads that do not, and writes that fail.
    for name in ["read_messages", "list_tasks", "claim_task"] {
        for _ in 0..4 {
            bed.advance_ms(20_000);
            let input = match name {
                "read_messages" => json!({ "session": mine, "mark_read": false }),
                "list_tasks" => json!({}),
                _ => json!({ "task": "SHOP-404", "session": mine }),
            };
            assert_eq!(call(name, input).await.is_err(), name == "claim_task", "{name}");
        }
        let shown = bed.admin("show_session", json!({ "id": mine })).await.unwrap();
        assert_eq!(shown["session"]["state"], "active", "{name}: {shown}");
    }
    // One that ended is not renewed, and hears of no mail.
    let entry = bed.control.registry().find("end_session").unwrap();
    let ended = bed.control.answer(entry, json!({ "summary": "done" }), &agent, &caller).await;
    assert_eq!((ended.outcome.is_ok(), ended.notice), (true, None));
}
