use serde_json::json;

use super::bed::{Aside, Bed, on_both};
use crate::{Actor, Break, Reason, Scope, Store};

on_both! { chain_verifies every_change_is_found head_is_part_of_the_chain entries_are_paged_newest_first
detail_is_canonical_and_covered }

async fn write_entries(store: &Store, entries: usize) {
    for index in 0..entries {
        store
            .write(Scope::global(), Actor::system(), move |tx| {
                Box::pin(async move { Ok(tx.record("thing.make", json!({ "index": index })).await?) })
            })
            .await
            .unwrap();
    }
}

async fn verify(store: &Store) -> (i64, Option<Break>) {
    let found = store.read().await.unwrap().verify_audit(&Scope::global()).await.unwrap();
    (found.entries, found.broken)
}

async fn chain_verifies(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 5).await;
    assert_eq!(verify(&store).await, (5, None));
    store.close().await;
    let store = bed.open().await;
    write_entries(&store, 1).await;
    assert_eq!(verify(&store).await, (6, None));
    assert_eq!(store.read().await.unwrap().audit_scopes().await.unwrap(), vec![Scope::global()]);
    store.close().await;
}

/// Does something to the database, expects it to be found, and undoes it.
async fn tampered(bed: &Bed, store: &Store, change: &str, undo: &str, seq: i64, reason: Reason) {
    let mut aside = Aside::open(&bed.url).await.unwrap();
    aside.run(change).await.unwrap();
    assert_eq!(verify(store).await.1, Some(Break { seq, reason }), "after {change}");
    aside.run(undo).await.unwrap();
    assert_eq!(verify(store).await.1, None, "after {undo}");
    aside.close().await;
}

async fn every_change_is_found(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 5).await;
    bed.statement("CREATE TABLE spare AS SELECT * FROM audit_entry").await;
    let restore = "DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM spare";
    for column in ["operator", "action", "detail", "key_id", "id", "hash", "prev_hash"] {
        let change = format!("UPDATE audit_entry SET {column} = 'other' WHERE seq = 3");
        tampered(bed, &store, &change, restore, 3, Reason::Edited).await;
    }
    tampered(bed, &store, "UPDATE audit_entry SET at = at + 1 WHERE seq = 1", restore, 1, Reason::Edited)
        .await;
    for gone in [1, 3] {
        let change = format!("DELETE FROM audit_entry WHERE seq = {gone}");
        tampered(bed, &store, &change, restore, gone, Reason::Missing).await;
    }
    let swap = "UPDATE audit_entry SET seq = 100 WHERE seq = 2;
        UPDATE audit_entry SET seq = 2 WHERE seq = 3; UPDATE audit_entry SET seq = 3 WHERE seq = 100";
    tampered(bed, &store, swap, restore, 2, Reason::Edited).await;
    let cut = "DELETE FROM audit_entry WHERE seq >= 4";
    tampered(bed, &store, cut, restore, 3, Reason::Head).await;
    tampered(bed, &store, "DELETE FROM audit_entry", restore, 0, Reason::Head).await;
    store.close().await;
}

async fn head_is_part_of_the_chain(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 3).await;
    bed.statement("CREATE TABLE spare AS SELECT * FROM audit_head").await;
    let restore = "DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM spare";
    for change in
        ["UPDATE audit_head SET seq = 2", "UPDATE audit_head SET hash = 'other'", "DELETE FROM audit_head"]
    {
        tampered(bed, &store, change, restore, 3, Reason::Head).await;
    }
    store.close().await;
}

async fn entries_are_paged_newest_first(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 5).await;
    let mut view = store.read().await.unwrap();
    let scope = Scope::global();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = view.audit_entries(&scope, before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        seen.extend(page.iter().map(|entry| entry.seq));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    drop(view);
    store.close().await;
}

async fn detail_is_canonical_and_covered(bed: &Bed) {
    let store = bed.open().await;
    let secret = format!("sk-{}", "proj-Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7");
    let told = secret.clone();
    store
        .write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move {
                let detail = json!({ "z": 1, "a": { "y": "nul \u{0} byte", "b": [told, true, null] } });
                Ok(tx.record("odd\u{0}action", detail).await?)
            })
        })
        .await
        .unwrap();
    let entry = store.read().await.unwrap().audit_entries(&Scope::global(), None, 1).await.unwrap().remove(0);
    assert!(entry.detail.starts_with(r#"{"a":{"b":["#), "{}", entry.detail);
    assert!(!entry.detail.contains(&secret), "{}", entry.detail);
    assert_eq!(entry.action, "odd\u{fffd}action");
    assert_eq!(verify(&store).await, (1, None));
    store.close().await;
}
