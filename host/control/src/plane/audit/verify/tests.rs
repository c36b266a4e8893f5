use brains_core::plane::audit::SealingKey;
use serde_json::{Value, json};

use super::seals_of;
use crate::testing::Bed;

async fn verified(bed: &Bed, input: Value) -> Value {
    bed.admin("verify_audit", input).await.unwrap()
}

#[tokio::test]
async fn a_new_key_is_introduced_by_the_old_one() {
    let bed = Bed::new().await;
    bed.admin("add_operator", json!({"slug": "ann"})).await.unwrap();
    let first = bed.control.store.sealing_key().public().to_owned();
    let rotated = bed.admin("rotate_audit_key", json!({})).await.unwrap();
    assert_eq!(rotated["from"], json!(first));
    assert_eq!(*bed.fakes.audit_key.lock().unwrap(), rotated["to"].as_str().unwrap());
    bed.admin("add_operator", json!({"slug": "bob"})).await.unwrap();
    let found = verified(&bed, json!({})).await;
    assert_eq!((&found["ok"], &found["key"]), (&json!(true), &rotated["to"]), "{found}");
    // Somebody else's key seals on: its heads are nobody's we know.
    bed.control.store.seal_with(SealingKey::from_seed(&[66; 32]));
    bed.admin("add_operator", json!({"slug": "eve"})).await.unwrap();
    bed.control.store.seal_with(SealingKey::from_seed(&[7; 32]));
    let found = verified(&bed, json!({})).await;
    assert_eq!(found["chains"][0]["fault"], json!("stranger"), "{found}");
}

#[tokio::test]
async fn a_key_that_cannot_be_kept_is_not_used() {
    let bed = Bed::new().await;
    bed.fakes.disk_full.store(true, std::sync::atomic::Ordering::SeqCst);
    let before = bed.control.store.sealing_key();
    assert!(bed.admin("rotate_audit_key", json!({})).await.unwrap_err().hint.is_some());
    assert_eq!(bed.control.store.sealing_key().public(), before.public());
    assert_eq!(verified(&bed, json!({})).await["ok"], json!(true));
}

#[tokio::test]
async fn what_was_written_down_elsewhere_must_still_hold() {
    let bed = Bed::new().await;
    bed.admin("add_operator", json!({"slug": "ann"})).await.unwrap();
    bed.control.anchor_audit().await.unwrap();
    let anchors = bed.fakes.audit_anchors.lock().unwrap().clone();
    assert_eq!((anchors.len(), anchors[0].seq), (1, 1));
    let heads = bed.admin("export_audit", json!({"heads_only": true})).await.unwrap();
    let exported: Vec<String> = heads["lines"].as_array().unwrap().iter().map(Value::to_string).collect();
    bed.admin("add_operator", json!({"slug": "bob"})).await.unwrap();
    assert_eq!(verified(&bed, json!({"anchors": exported.join("\n")})).await["ok"], json!(true));
    assert_eq!(verified(&bed, json!({"from_checkpoint": true})).await["ok"], json!(true));
    // A mark of another history, signed by us: this history is a new one, or lacks its end.
    let ours = SealingKey::from_seed(&[7; 32]);
    for (seq, fault) in [(2, "rewritten"), (9, "rolled_back")] {
        let other = ours.seal("global", seq, &"ab".repeat(32), 0);
        *bed.fakes.audit_anchors.lock().unwrap() = vec![other.clone()];
        let found = verified(&bed, json!({})).await;
        assert_eq!((&found["ok"], &found["chains"][0]["fault"]), (&json!(false), &json!(fault)), "{found}");
        bed.control.anchor_audit().await.unwrap();
        assert_eq!(*bed.fakes.audit_anchors.lock().unwrap(), [other], "a mark that fails is not replaced");
    }
    *bed.fakes.audit_anchors.lock().unwrap() = vec![ours.seal("workspace:gone", 3, &"ab".repeat(32), 0)];
    let found = verified(&bed, json!({})).await;
    assert_eq!(found["chains"][1]["fault"], json!("rolled_back"), "{found}");
}

#[test]
fn anchors_are_lines_of_an_export() {
    let seal = SealingKey::from_seed(&[1; 32]).seal("global", 1, "aa", 2);
    let mut line = serde_json::to_value(&seal).unwrap();
    line["type"] = json!("seal");
    assert_eq!(seals_of(&format!("{{\"type\": \"export\"}}\n\n{line}\n")).unwrap(), [seal]);
    for bad in ["x", "{}", "[1]", r#"{"type": "seal"}"#] {
        assert_eq!(seals_of(bad).unwrap_err().param.as_deref(), Some("anchors"), "{bad}");
    }
}
