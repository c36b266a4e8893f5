//! Keys, operators and the admin key.

use brains_core::FaultKind;
use brains_core::plane::key::PREFIX;
use brains_core::principal::{KeyScope, Role};
use brains_core::{Principal, Secret};
use serde_json::json;

use crate::testing::{Bed, holds, principal};

#[tokio::test]
async fn a_key_is_shown_once_and_kept_as_a_hash() {
    let bed = Bed::new().await;
    let made = bed.admin("create_key", json!({ "name": "laptop", "expires_in": "1d" })).await.unwrap();
    let raw = made["key"].as_str().unwrap().to_owned();
    assert!(raw.starts_with(PREFIX) && raw.len() == PREFIX.len() + 43, "{raw}");
    assert_eq!(made["operator"], "admin");
    assert_eq!((&made["scopes"], &made["role"]), (&json!(["gateway"]), &json!("member")));

    let credential = bed
        .control
        .store
        .read()
        .await
        .unwrap()
        .credential(&Secret::new(raw.clone()).sha256_hex())
        .await
        .unwrap();
    assert_eq!(credential.unwrap().key.id.as_str(), made["id"].as_str().unwrap());

    let listed = bed.admin("list_keys", json!({})).await.unwrap();
    assert_eq!(listed["keys"][0]["state"], "active");
    assert!(!listed.to_string().contains(&raw) && listed["keys"][0].get("hash").is_none());

    bed.advance_ms(86_400_001);
    assert_eq!(bed.admin("list_keys", json!({})).await.unwrap()["keys"], json!([]));
    assert_eq!(bed.admin("list_keys", json!({ "all": true })).await.unwrap()["keys"][0]["state"], "expired");

    let audit = bed.admin("list_audit", json!({})).await.unwrap();
    assert_eq!(audit["entries"][0]["action"], "key.create");
    assert_eq!(audit["entries"][0]["operator"], "admin");
    assert!(!holds(&bed.close_and_read().await, &raw));
}

#[tokio::test]
async fn a_revoked_key_stays_revoked() {
    let bed = Bed::new().await;
    let made = bed.admin("create_key", json!({ "name": "laptop" })).await.unwrap();
    let id = json!({ "id": made["id"] });
    let revoked = bed.admin("revoke_key", id.clone()).await.unwrap();
    assert_eq!(revoked["key"]["state"], "revoked");
    assert_eq!(bed.admin("revoke_key", id).await.unwrap_err().kind, FaultKind::Conflict);
    let other = json!({ "id": "key_01kax3v7yqe5nbp8w0c4mzt6rd" });
    assert_eq!(bed.admin("revoke_key", other).await.unwrap_err().kind, FaultKind::NotFound);
    let fault = bed.admin("revoke_key", json!({ "id": "op_1" })).await.unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("id"));
    // The name is free again.
    bed.admin("create_key", json!({ "name": "laptop" })).await.unwrap();
    let fault = bed.admin("create_key", json!({ "name": "laptop" })).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Conflict);
}

#[tokio::test]
async fn nobody_hands_out_a_scope_that_they_lack() {
    let bed = Bed::new().await;
    let writer = principal("ada", Role::Admin, &[KeyScope::Write]);
    let make = |scopes: serde_json::Value| json!({ "name": scopes.to_string(), "scopes": scopes, "operator": "admin" });
    let fault = bed.call_as(&writer, "create_key", make(json!(["gateway"]))).await.unwrap_err();
    assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::Forbidden, Some("scopes")));
    bed.call_as(&writer, "create_key", make(json!(["read", "write", "read"]))).await.unwrap();
    let fault = bed.admin("create_key", json!({ "name": "x", "operator": "nobody" })).await.unwrap_err();
    assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::NotFound, Some("operator")));
    for name in ["", "   ", "a\nb"] {
        let fault = bed.admin("create_key", json!({ "name": name })).await.unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("name"), "{name:?}");
    }
}

#[tokio::test]
async fn an_operator_comes_with_a_key_and_goes_with_all_of_them() {
    let bed = Bed::new().await;
    let added = bed.admin("add_operator", json!({ "slug": "ada", "display_name": " Ada " })).await.unwrap();
    assert_eq!(
        (added["operator"]["display_name"].as_str(), added["operator"]["role"].as_str()),
        (Some("Ada"), Some("member"))
    );
    let raw = added["key"].as_str().unwrap().to_owned();
    assert_eq!(bed.fakes.operator_keys.lock().unwrap()["ada"], raw);

    let listed = bed.admin("list_operators", json!({})).await.unwrap();
    assert_eq!(listed["operators"][0]["slug"], "admin");
    assert_eq!(listed["operators"][1]["key_fingerprint"], added["key_fingerprint"]);

    bed.admin("create_key", json!({ "name": "second", "operator": "ada" })).await.unwrap();
    let gone = bed.admin("revoke_operator", json!({ "slug": "ada" })).await.unwrap();
    assert_eq!(gone["keys_revoked"], 2);
    assert!(bed.fakes.operator_keys.lock().unwrap().is_empty());
    assert_eq!(
        bed.admin("list_operators", json!({})).await.unwrap()["operators"].as_array().unwrap().len(),
        1
    );
    let again = bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap_err();
    assert_eq!(again.kind, FaultKind::Conflict);
    let key = bed.admin("create_key", json!({ "name": "third", "operator": "ada" })).await.unwrap_err();
    assert_eq!(key.kind, FaultKind::Conflict);
    assert!(!holds(&bed.close_and_read().await, &raw));
}

#[tokio::test]
async fn an_operator_whose_key_file_cannot_be_written_is_not_added() {
    let bed = Bed::new().await;
    bed.fakes.disk_full.store(true, std::sync::atomic::Ordering::SeqCst);
    bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap_err();
    assert_eq!(
        bed.admin("list_operators", json!({})).await.unwrap()["operators"].as_array().unwrap().len(),
        1
    );
    assert_eq!(bed.admin("list_audit", json!({})).await.unwrap()["entries"], json!([]));
    bed.fakes.disk_full.store(false, std::sync::atomic::Ordering::SeqCst);
    bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap();
}

#[tokio::test]
async fn a_taken_slug_keeps_its_key_file() {
    let bed = Bed::new().await;
    let added = bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap();
    bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap_err();
    assert_eq!(bed.fakes.operator_keys.lock().unwrap()["ada"], added["key"].as_str().unwrap());
    for slug in ["admin", "local", "Ada", "", "../etc", "a b"] {
        let fault = bed.admin("add_operator", json!({ "slug": slug })).await.unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("slug"), "{slug}");
    }
}

#[tokio::test]
async fn a_member_sees_only_what_is_theirs() {
    let bed = Bed::new().await;
    bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap();
    bed.admin("add_operator", json!({ "slug": "bob" })).await.unwrap();
    let ada = principal("ada", Role::Member, &[KeyScope::Read]);
    let keys = bed.call_as(&ada, "list_keys", json!({})).await.unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0]["operator"], "ada");
    assert_eq!(
        bed.call_as(&ada, "list_keys", json!({ "operator": "bob" })).await.unwrap()["keys"],
        json!([])
    );
    assert_eq!(bed.call_as(&ada, "show_operator", json!({})).await.unwrap()["operator"]["slug"], "ada");
    let unseen = bed.call_as(&ada, "show_operator", json!({ "slug": "bob" })).await.unwrap_err();
    let absent = bed.call_as(&ada, "show_operator", json!({ "slug": "eve" })).await.unwrap_err();
    assert_eq!(unseen.message.replace("bob", "eve"), absent.message);
    let admin = bed.call_as(&ada, "show_operator", json!({ "slug": "admin" })).await.unwrap_err();
    assert_eq!(admin.kind, FaultKind::NotFound);
}

#[tokio::test]
async fn the_admin_key_is_replaced_in_one_step() {
    let bed = Bed::new().await;
    let before = bed.admin("show_admin_key", json!({})).await.unwrap();
    assert_eq!(before["source"], "file");
    bed.fakes.disk_full.store(true, std::sync::atomic::Ordering::SeqCst);
    bed.admin("rotate_admin_key", json!({})).await.unwrap_err();
    assert_eq!(bed.admin("show_admin_key", json!({})).await.unwrap(), before);
    bed.fakes.disk_full.store(false, std::sync::atomic::Ordering::SeqCst);
    let rotated = bed.control.call("rotate_admin_key", json!({}), &Principal::local()).await.unwrap();
    let raw = rotated["key"].as_str().unwrap().to_owned();
    assert_eq!(raw.len(), 43);
    assert_eq!(*bed.fakes.admin_key.lock().unwrap(), raw);
    assert_ne!(rotated["fingerprint"], before["fingerprint"]);

    bed.fakes.admin_key_configured.store(true, std::sync::atomic::Ordering::SeqCst);
    let fault = bed.admin("rotate_admin_key", json!({})).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Conflict);
    assert!(fault.hint.is_some());
    let audit = bed.admin("list_audit", json!({})).await.unwrap();
    let actions: Vec<_> =
        audit["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["admin_key.rotate", "admin_key.rotate_failed", "admin_key.rotate"]);
    assert_eq!(audit["entries"][0]["operator"], "local");
    assert!(!holds(&bed.close_and_read().await, &raw));
}

#[tokio::test]
async fn a_key_is_what_was_asked_for_by_name() {
    let bed = Bed::new().await;
    let all = json!(["gateway", "read", "write"]);
    for (number, (input, scopes, role)) in [
        (json!({ "agent": true }), all.clone(), "member"),
        (json!({ "admin": true }), all, "admin"),
        (json!({ "scopes": ["read"] }), json!(["read"]), "member"),
        (json!({ "admin": true, "scopes": ["read"] }), json!(["read"]), "admin"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut input = input;
        input["name"] = number.to_string().into();
        let made = bed.admin("create_key", input).await.unwrap();
        assert_eq!((&made["scopes"], &made["role"]), (&scopes, &json!(role)), "{made}");
    }
    let both = json!({ "name": "both", "agent": true, "admin": true });
    assert_eq!(bed.admin("create_key", both).await.unwrap_err().param.as_deref(), Some("admin"));
    bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap();
    let more = json!({ "name": "more", "operator": "ada", "admin": true });
    assert_eq!(bed.admin("create_key", more).await.unwrap_err().kind, FaultKind::Conflict);
}

#[tokio::test]
async fn who_may_register_is_told_by_the_directory() {
    let bed = Bed::new().await;
    let ada = principal("ada", Role::Member, &[KeyScope::Write]);
    let register = async |path: &str| bed.call_as(&ada, "register_workspace", json!({ "path": path })).await;
    let private = json!({ "path": "/src/diary", "visibility": "private" });
    bed.admin("register_workspace", private).await.unwrap();
    bed.admin("register_workspace", json!({ "path": "/src/team/a" })).await.unwrap();
    let told = |path: &str, fault: brains_core::Fault| format!("{fault:?}").replace(path, "PATH");
    let absent = told("/nowhere/x", register("/nowhere/x").await.unwrap_err());
    // Unmarked, reserved, somebody's private one, and one with somebody's workspace below.
    for path in ["/plain/x", "/reserved/x", "/src/diary", "/src/team"] {
        assert_eq!(told(path, register(path).await.unwrap_err()), absent, "{path}");
    }
    for path in ["/src/own", "/src/team/a", "/src/team/a/own", "/src/teams"] {
        register(path).await.unwrap();
    }
    // An administrator registers any directory that is there, as a person.
    for path in ["/plain/x", "/reserved/x", "/src/team"] {
        let agent =
            brains_core::Principal { agent: true, ..principal("boss", Role::Admin, &[KeyScope::Write]) };
        bed.call_as(&agent, "register_workspace", json!({ "path": path })).await.unwrap_err();
        bed.admin("register_workspace", json!({ "path": path })).await.unwrap();
    }
}

#[tokio::test]
async fn a_project_below_a_workspace_is_its_own() {
    let bed = Bed::new().await;
    bed.admin("register_workspace", json!({ "path": "/plain" })).await.unwrap();
    let shown = async |path: &str| bed.admin("show_workspace", json!({ "workspace": path })).await;
    assert_eq!(shown("/plain/notes").await.unwrap()["workspace"]["path"], "/plain");
    bed.admin("register_workspace", json!({ "path": "/src" })).await.unwrap();
    assert_eq!(shown("/src/shop").await.unwrap_err().code, "workspace_not_found");
    let started = bed.admin("start_session", json!({ "workspace": "/src/shop" })).await.unwrap();
    assert_eq!(started["workspace"], "shop");
}

#[tokio::test]
async fn an_agent_says_things_as_its_session() {
    let bed = Bed::new().await;
    bed.admin("register_workspace", json!({ "path": "/src/shop" })).await.unwrap();
    let agent =
        brains_core::Principal { agent: true, ..principal("admin", Role::Member, &[KeyScope::Write]) };
    let task = json!({ "workspace": "shop", "title": "t" });
    let made = bed.call_as(&agent, "create_task", task).await.unwrap();
    assert_eq!(made["task"]["created_by_agent"], true);
    let comment = json!({ "task": made["task"]["code"], "body": "b" });
    let message = json!({ "workspace": "shop", "subject": "s" });
    for (name, input) in [("comment_task", comment), ("send_message", message)] {
        assert_eq!(bed.call_as(&agent, name, input.clone()).await.unwrap_err().code, "session_required");
        bed.admin(name, input.clone()).await.unwrap();
        let started = bed.call_as(&agent, "start_session", json!({ "workspace": "shop" })).await.unwrap();
        let mut input = input;
        input["session_token"] = started["session_token"].clone();
        // Whatever key carries the token of an agent's session, an agent speaks.
        let said = bed.admin(name, input).await.unwrap();
        let (row, agent) =
            if name == "comment_task" { ("comment", "agent") } else { ("message", "from_agent") };
        assert_eq!(said[row][agent], true, "{said}");
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_key_that_waits() {
    let bed = Bed::new().await;
    bed.admin("register_workspace", json!({ "path": "/src/shop" })).await.unwrap();
    let wait = bed.admin("wait_events", json!({ "workspace": "shop", "timeout_ms": 60_000 }));
    let revoke = async { bed.fakes.gone.lock().unwrap().push("fingerprint".into()) };
    let (waited, ()) = tokio::join!(wait, revoke);
    assert_eq!(waited.unwrap_err().code, brains_core::principal::unknown_key().code);
}
