//! Edits of the configuration.

use std::sync::atomic::Ordering;

use brains_core::FaultKind;
use serde_json::json;

use crate::testing::{Bed, holds};

fn numbers_and(history: &serde_json::Value, member: &str) -> Vec<(u64, String)> {
    let revisions = history["revisions"].as_array().unwrap().iter();
    revisions.map(|it| (it["number"].as_u64().unwrap(), it[member].as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn an_edit_is_in_force_and_kept_with_its_author() {
    let bed = Bed::new().await;
    let set = json!({ "key": "rate_limit_per_minute", "value": 60 });
    let changed = bed.admin("set_config", set).await.unwrap();
    assert_eq!((changed["revision"].as_u64(), changed["value"].as_u64()), (Some(1), Some(60)));
    assert_eq!(changed["from"]["layer"], "overlay");
    let shown = bed.admin("get_config", json!({ "key": "rate_limit_per_minute" })).await.unwrap();
    assert_eq!((shown["value"].as_u64(), shown["from"]["layer"].as_str()), (Some(60), Some("overlay")));

    let changed = bed.admin("unset_config", json!({ "key": "rate_limit_per_minute" })).await.unwrap();
    assert_eq!((changed["revision"].as_u64(), changed["from"]["layer"].as_str()), (Some(2), Some("default")));
    let history = bed.admin("list_config_revisions", json!({ "limit": 1 })).await.unwrap();
    assert_eq!(history["revisions"][0]["number"], 2);
    assert_eq!(history["revisions"][0]["cause"], "config.unset");
    let older =
        bed.admin("list_config_revisions", json!({ "cursor": history["next_cursor"] })).await.unwrap();
    assert_eq!(older["revisions"][0]["author"], "admin");
    assert_eq!(older["revisions"][0]["changed"], json!(["rate_limit_per_minute"]));
    assert_eq!(older["next_cursor"], json!(null));
}

#[tokio::test]
async fn an_unsound_edit_changes_nothing() {
    let bed = Bed::new().await;
    for (key, value) in [("rate_limit_per_minute", json!("many")), ("models.cheap", json!({ "provider": 5 }))]
    {
        let fault = bed.admin("set_config", json!({ "key": key, "value": value })).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::Invalid, "invalid_config"), "{fault:?}");
        assert!(fault.param.is_some_and(|param| param.starts_with(key)));
    }
    let fault =
        bed.admin("set_config", json!({ "key": "gateway_preamble", "value": null })).await.unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("value"));
    assert_eq!(*bed.fakes.overlay.lock().unwrap(), "");
    assert_eq!(bed.admin("list_config_revisions", json!({})).await.unwrap()["revisions"], json!([]));
}

#[tokio::test]
async fn an_edit_that_cannot_be_put_in_force_is_taken_back() {
    let bed = Bed::new().await;
    bed.fakes.reload_refused.store(true, Ordering::SeqCst);
    let fault =
        bed.admin("set_config", json!({ "key": "rate_limit_per_minute", "value": 60 })).await.unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("providers.acme.config"));
    assert_eq!(*bed.fakes.overlay.lock().unwrap(), "");
    let history = bed.admin("list_config_revisions", json!({})).await.unwrap();
    let causes: Vec<_> = history["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| revision["cause"].as_str().unwrap())
        .collect();
    assert_eq!(causes, ["config.revert", "config.set"]);
}

#[tokio::test]
async fn an_edit_that_cannot_be_written_leaves_no_revision() {
    let bed = Bed::new().await;
    bed.fakes.disk_full.store(true, Ordering::SeqCst);
    bed.admin("set_config", json!({ "key": "rate_limit_per_minute", "value": 60 })).await.unwrap_err();
    assert_eq!(bed.admin("list_config_revisions", json!({})).await.unwrap()["revisions"], json!([]));
    assert_eq!(bed.admin("list_audit", json!({})).await.unwrap()["entries"], json!([]));
}

#[tokio::test]
async fn a_raw_secret_in_the_overlay_is_in_no_row() {
    let secret = "sk-proj-Zk3vN8xQ2wL7mT5rB9cF1hJ4dS6gY0aP";
    let bed = Bed::new().await;
    *bed.fakes.overlay.lock().unwrap() =
        json!({ "gateway_preamble": format!("api_key={secret}") }).to_string();
    bed.admin("set_config", json!({ "key": "rate_limit_per_minute", "value": 60 })).await.unwrap();
    assert!(bed.fakes.overlay.lock().unwrap().contains(secret), "the file keeps what its owner wrote");
    assert!(!holds(&bed.close_and_read().await, secret));
}

#[tokio::test]
async fn a_document_is_checked_without_being_used() {
    let bed = Bed::new().await;
    let good = bed.admin("check_config", json!({ "document": "rate_limit_per_minute: 5" })).await.unwrap();
    assert_eq!(good["ok"], true);
    let bad = bed.admin("check_config", json!({ "document": "rate_limit_per_minute: many" })).await.unwrap();
    assert_eq!(bad["ok"], false);
    assert_eq!(bad["problems"][0]["path"], "rate_limit_per_minute");
    let shown = bed.admin("get_config", json!({ "key": "rate_limit_per_minute" })).await.unwrap();
    assert_eq!(shown["value"], 0);
}

#[tokio::test]
async fn what_is_shown_has_its_layer() {
    let bed = Bed::new().await;
    *bed.fakes.overlay.lock().unwrap() = json!({ "traces": { "bodies": true } }).to_string();
    let shown = bed.admin("show_config", json!({ "key": "traces" })).await.unwrap();
    let values = shown["values"].as_array().unwrap();
    assert!(
        values.len() > 1 && values.iter().all(|value| value["key"].as_str().unwrap().starts_with("traces."))
    );
    let bodies = values.iter().find(|value| value["key"] == "traces.bodies").unwrap();
    assert_eq!((bodies["value"].as_bool(), bodies["from"]["layer"].as_str()), (Some(true), Some("overlay")));
    for name in ["get_config", "show_config"] {
        let fault = bed.admin(name, json!({ "key": "tracs" })).await.unwrap_err();
        assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::NotFound, Some("key")));
    }
}

#[tokio::test]
async fn a_reload_is_audited() {
    let bed = Bed::new().await;
    assert_eq!(bed.admin("reload_config", json!({})).await.unwrap()["changed"], true);
    bed.fakes.reload_refused.store(true, Ordering::SeqCst);
    let fault = bed.admin("reload_config", json!({})).await.unwrap_err();
    assert_eq!(fault.code, "invalid_config");
    let audit = bed.admin("list_audit", json!({})).await.unwrap();
    assert_eq!(audit["entries"][0]["action"], "config.reload");
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);
}

/// Two controls over one database and one overlay, as two processes are.
#[tokio::test]
async fn edits_of_two_processes_lose_nothing() {
    let bed = Bed::new().await;
    let other = bed.sibling().await;
    let keys: Vec<_> = (0..20).map(|at| format!("provider_policies.p{at}.retry_max_attempts")).collect();
    let run = async |control: &crate::ControlPlane, half: usize| {
        for key in keys.iter().skip(half).step_by(2) {
            let input = json!({ "key": key, "value": 2 });
            control.call("set_config", input, &brains_core::Principal::local()).await.unwrap();
        }
    };
    tokio::join!(run(&bed.control, 0), run(&other, 1));
    let overlay: serde_json::Value = serde_json::from_str(&bed.fakes.overlay.lock().unwrap()).unwrap();
    assert_eq!(overlay["provider_policies"].as_object().unwrap().len(), 20);
    let history = bed.admin("list_config_revisions", json!({ "limit": 100 })).await.unwrap();
    assert_eq!(history["revisions"].as_array().unwrap().len(), 20);
    other.store.close().await;
}

async fn set(bed: &Bed, key: &str, value: serde_json::Value) {
    bed.admin("set_config", json!({ "key": key, "value": value })).await.unwrap();
}

#[tokio::test]
async fn an_edit_by_hand_is_a_revision_of_its_own() {
    let bed = Bed::new().await;
    set(&bed, "rate_limit_per_minute", json!(1)).await;
    *bed.fakes.overlay.lock().unwrap() = json!({ "rate_limit_per_minute": 2 }).to_string();
    let reloaded = bed.admin("reload_config", json!({})).await.unwrap();
    assert_eq!(reloaded["revision"], 2);
    assert_eq!(bed.admin("reload_config", json!({})).await.unwrap()["revision"], json!(null));
    // Not noticed by a reload, but by the next edit.
    *bed.fakes.overlay.lock().unwrap() =
        json!({ "rate_limit_per_minute": 2, "gateway_preamble": "by hand" }).to_string();
    set(&bed, "rate_limit_per_minute", json!(3)).await;
    let history = bed.admin("list_config_revisions", json!({})).await.unwrap();
    let authors = numbers_and(&history, "author");
    let expected = [(4, "admin"), (3, "file"), (2, "file"), (1, "admin")];
    assert_eq!(authors, expected.map(|(number, author)| (number, author.to_owned())));
    assert_eq!(history["revisions"][1]["changed"], json!(["gateway_preamble"]));
    assert_eq!(history["revisions"][0]["changed"], json!(["rate_limit_per_minute"]));
}

#[tokio::test]
async fn an_edit_by_hand_between_read_and_write_is_kept() {
    let bed = Bed::new().await;
    set(&bed, "rate_limit_per_minute", json!(1)).await;
    *bed.fakes.edited_meanwhile.lock().unwrap() =
        Some(json!({ "rate_limit_per_minute": 1, "gateway_preamble": "by hand" }).to_string());
    set(&bed, "embed_model", json!("")).await;
    let overlay: serde_json::Value = serde_json::from_str(&bed.fakes.overlay.lock().unwrap()).unwrap();
    assert_eq!(
        overlay,
        json!({ "rate_limit_per_minute": 1, "gateway_preamble": "by hand", "embed_model": "" })
    );
    let history = bed.admin("list_config_revisions", json!({})).await.unwrap();
    let causes = numbers_and(&history, "cause");
    let expected = [(3, "config.set"), (2, "config.file"), (1, "config.set")];
    assert_eq!(causes, expected.map(|(number, cause)| (number, cause.to_owned())));
}

#[tokio::test]
async fn a_rollback_brings_the_text_back_as_a_new_revision() {
    let bed = Bed::new().await;
    set(&bed, "rate_limit_per_minute", json!(1)).await;
    // Another layout of the same values.
    let laid_out = "{\n  \"rate_limit_per_minute\":   7 }";
    laid_out.clone_into(&mut bed.fakes.overlay.lock().unwrap());
    bed.admin("reload_config", json!({})).await.unwrap();
    set(&bed, "gateway_preamble", json!("later")).await;
    let back = bed.admin("rollback_config", json!({ "revision": 2 })).await.unwrap();
    assert_eq!(back, json!({ "revision": 4, "to": 2, "changed": ["gateway_preamble"], "warnings": [] }));
    assert_eq!(*bed.fakes.overlay.lock().unwrap(), laid_out);
    let history = bed.admin("list_config_revisions", json!({})).await.unwrap();
    assert_eq!(history["revisions"][0]["cause"], "config.rollback");
    // Forward again, and back to before the first.
    bed.admin("rollback_config", json!({ "revision": 3 })).await.unwrap();
    assert!(bed.fakes.overlay.lock().unwrap().contains("later"));
    bed.admin("rollback_config", json!({ "revision": 0 })).await.unwrap();
    assert_eq!(*bed.fakes.overlay.lock().unwrap(), "");
    let fault = bed.admin("rollback_config", json!({ "revision": 99 })).await.unwrap_err();
    assert_eq!((fault.kind, fault.param.as_deref()), (FaultKind::NotFound, Some("revision")));
}

#[tokio::test]
async fn a_rollback_that_cannot_be_put_in_force_is_taken_back() {
    let bed = Bed::new().await;
    set(&bed, "rate_limit_per_minute", json!(1)).await;
    set(&bed, "rate_limit_per_minute", json!(2)).await;
    let before = bed.fakes.overlay.lock().unwrap().clone();
    bed.fakes.reload_refused.store(true, Ordering::SeqCst);
    bed.admin("rollback_config", json!({ "revision": 1 })).await.unwrap_err();
    assert_eq!(*bed.fakes.overlay.lock().unwrap(), before);
}

#[tokio::test]
async fn a_rollback_past_a_raw_secret_keeps_the_one_in_the_file() {
    let secret = "not-like-a-key-but-one";
    let bed = Bed::new().await;
    let by_hand = |limit: u32, component: &str| {
        let acme = json!({ "component": component, "secrets": { "api_key": secret } });
        json!({ "rate_limit_per_minute": limit, "providers": { "acme": acme } }).to_string()
    };
    *bed.fakes.overlay.lock().unwrap() = by_hand(1, "one");
    bed.admin("reload_config", json!({})).await.unwrap();
    *bed.fakes.overlay.lock().unwrap() = by_hand(2, "two");
    bed.admin("reload_config", json!({})).await.unwrap();
    bed.admin("rollback_config", json!({ "revision": 1 })).await.unwrap();
    let overlay: serde_json::Value = serde_json::from_str(&bed.fakes.overlay.lock().unwrap()).unwrap();
    assert_eq!(overlay, serde_json::from_str::<serde_json::Value>(&by_hand(1, "one")).unwrap());
    // Once it is gone from the file it is gone.
    bed.admin("unset_config", json!({ "key": "providers" })).await.unwrap();
    let fault = bed.admin("rollback_config", json!({ "revision": 1 })).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Conflict);
    assert!(fault.message.contains("`providers`") && !fault.message.contains(secret), "{fault:?}");
    assert!(!holds(&bed.close_and_read().await, secret));
}

#[tokio::test]
async fn a_difference_tells_values_and_authors_and_no_secret() {
    let bed = Bed::new().await;
    set(&bed, "rate_limit_per_minute", json!(1)).await;
    *bed.fakes.overlay.lock().unwrap() = json!({
        "rate_limit_per_minute": 2,
        "providers": { "acme": { "component": "one", "secrets": { "api_key": "not-like-a-key-but-one" } } },
    })
    .to_string();
    let unnoticed = bed.admin("diff_config", json!({})).await.unwrap();
    assert_eq!((&unnoticed["from"]["revision"], &unnoticed["to"]["revision"]), (&json!(1), &json!(null)));
    bed.admin("reload_config", json!({})).await.unwrap();
    let diff = bed.admin("diff_config", json!({})).await.unwrap();
    assert_eq!((&diff["from"]["revision"], &diff["to"]["revision"]), (&json!(1), &json!(2)));
    assert_eq!(diff["changes"], unnoticed["changes"]);
    assert_eq!(
        diff["changes"],
        json!([
            { "key": "rate_limit_per_minute", "old": 1, "new": 2, "author": "file" },
            {
                "key": "providers",
                "old": null,
                "new": { "acme": { "component": "one", "secrets": { "api_key": "[REDACTED]" } } },
                "author": "file",
            },
        ])
    );
    let back = bed.admin("diff_config", json!({ "from": 2, "to": 1 })).await.unwrap();
    assert_eq!(back["changes"][1]["new"], json!(null));
    let all = bed.admin("diff_config", json!({ "from": 0, "to": 1 })).await.unwrap();
    assert_eq!(all["changes"][0]["author"], "admin");
    let same = bed.admin("diff_config", json!({ "from": 2, "to": 2 })).await.unwrap();
    assert_eq!((&same["changes"], &same["same_text"]), (&json!([]), &json!(true)));
}
