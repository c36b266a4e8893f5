use brains_core::Id;
use brains_core::plane::component::{ComponentRecord, ComponentStanding, ComponentState};
use brains_core::plane::config::ConfigRevision;
use brains_core::plane::key::KeyRecord;
use brains_core::plane::operator::OperatorRecord;
use brains_core::principal::{KeyScope, Role};
use brains_core::{Ambient as _, Fault, FaultKind, Millis};
use serde_json::json;

use super::bed::{Bed, on_both};
use crate::{Actor, Scope, Store, Tx, Work};

on_both! { keys operators revisions components names_may_be_reused_after_revocation odd_text_is_stored }

pub(crate) fn operator(bed: &Bed, slug: &str) -> OperatorRecord {
    OperatorRecord {
        id: Id::mint(&*bed.ambient),
        slug: slug.into(),
        display_name: Some("Ann O\u{2019}Neil".into()),
        role: Role::Member,
        created_at: bed.ambient.now(),
        revoked_at: None,
    }
}

pub(crate) fn key(bed: &Bed, operator: &str, name: &str, hash: &str) -> KeyRecord {
    KeyRecord {
        id: Id::mint(&*bed.ambient),
        name: name.into(),
        operator: operator.into(),
        scopes: vec![KeyScope::Gateway, KeyScope::Read],
        role: Role::Member,
        agent: false,
        fingerprint: "0123456789abcdef".into(),
        hash: hash.into(),
        created_at: bed.ambient.now(),
        expires_at: Some(bed.ambient.now().plus_ms(1_000)),
        revoked_at: None,
        last_used_at: None,
    }
}

async fn write<T, F>(store: &Store, work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
{
    store.write(Scope::global(), Actor::system(), work).await
}

async fn insert(store: &Store, key: &KeyRecord) -> Result<(), Fault> {
    let key = key.clone();
    write(store, move |tx| Box::pin(async move { Ok(tx.insert_key(&key).await?) })).await
}

async fn keys(bed: &Bed) {
    let store = bed.open().await;
    let (ann, anns) = (operator(bed, "ann"), key(bed, "ann", "laptop", "aa"));
    let admins = key(bed, "admin", "laptop", "bb");
    let inserted = ann.clone();
    write(&store, move |tx| Box::pin(async move { Ok(tx.insert_operator(&inserted).await?) })).await.unwrap();
    insert(&store, &anns).await.unwrap();
    insert(&store, &admins).await.unwrap();
    let same_name = insert(&store, &key(bed, "ann", "laptop", "cc")).await.unwrap_err();
    assert_eq!(same_name.kind, FaultKind::Conflict);

    let mut view = store.read().await.unwrap();
    assert_eq!(view.keys(None).await.unwrap().len(), 2);
    assert_eq!(view.keys(Some("ann")).await.unwrap(), std::slice::from_ref(&anns));
    assert_eq!(view.key(&admins.id).await.unwrap().as_ref(), Some(&admins));
    let found = view.credential("aa").await.unwrap().unwrap();
    assert_eq!((found.key, found.operator), (anns.clone(), Some(ann)));
    assert_eq!(view.credential("bb").await.unwrap().unwrap().operator, None);
    assert_eq!(view.credential("dd").await.unwrap(), None);
    let before = view.generation().await.unwrap();
    drop(view);

    let id = anns.id.clone();
    for (wait_ms, used) in [(0, 0), (1_000, 0), (60_000, 61_000)] {
        bed.ambient.advance(wait_ms);
        let id = id.clone();
        store.touch(move |tx| Box::pin(async move { Ok(tx.use_key(&id).await?) })).await.unwrap();
        let key = store.read().await.unwrap().key(&anns.id).await.unwrap().unwrap();
        assert_eq!(key.last_used_at, Some(Millis(anns.created_at.0 + used)));
    }
    assert_eq!(store.read().await.unwrap().generation().await.unwrap(), before);
    for revoked in [true, false] {
        let id = anns.id.clone();
        let gone =
            write(&store, move |tx| Box::pin(async move { Ok(tx.revoke_key(&id).await?) })).await.unwrap();
        assert_eq!(gone.is_some(), revoked);
    }
    let mut view = store.read().await.unwrap();
    assert!(view.credential("aa").await.unwrap().unwrap().key.revoked_at.is_some());
    assert_eq!(view.generation().await.unwrap().credentials, before.credentials + 1);
    drop(view);
    store.close().await;
}

async fn names_may_be_reused_after_revocation(bed: &Bed) {
    let store = bed.open().await;
    let first = key(bed, "admin", "ci", "aa");
    insert(&store, &first).await.unwrap();
    let id = first.id.clone();
    write(&store, move |tx| Box::pin(async move { Ok(tx.revoke_key(&id).await?) })).await.unwrap();
    insert(&store, &key(bed, "admin", "ci", "bb")).await.unwrap();
    assert_eq!(store.read().await.unwrap().keys(Some("admin")).await.unwrap().len(), 2);
    store.close().await;
}

async fn revoke_ann(store: &Store) -> Result<Option<(OperatorRecord, u64)>, Fault> {
    write(store, |tx| Box::pin(async move { Ok(tx.revoke_operator("ann").await?) })).await
}

async fn operators(bed: &Bed) {
    let store = bed.open().await;
    for slug in ["zoe", "ann", "a-b"] {
        let operator = operator(bed, slug);
        write(&store, move |tx| Box::pin(async move { Ok(tx.insert_operator(&operator).await?) }))
            .await
            .unwrap();
    }
    insert(&store, &key(bed, "ann", "one", "aa")).await.unwrap();
    insert(&store, &key(bed, "ann", "two", "bb")).await.unwrap();
    insert(&store, &key(bed, "zoe", "one", "cc")).await.unwrap();
    let again = operator(bed, "ann");
    let taken = write(&store, move |tx| Box::pin(async move { Ok(tx.insert_operator(&again).await?) })).await;
    assert_eq!(taken.unwrap_err().message, "the operator `ann` exists already");
    let (ann, keys) = revoke_ann(&store).await.unwrap().unwrap();
    assert_eq!((ann.is_active(), keys), (false, 2));
    assert_eq!(revoke_ann(&store).await.unwrap(), None);
    let mut view = store.read().await.unwrap();
    let slugs: Vec<_> = view.operators().await.unwrap().into_iter().map(|operator| operator.slug).collect();
    assert_eq!(slugs, ["a-b", "ann", "zoe"], "byte order on both databases");
    let active = view.keys(None).await.unwrap().iter().filter(|key| key.revoked_at.is_none()).count();
    assert_eq!(active, 1);
    drop(view);
    store.close().await;
}

async fn revisions(bed: &Bed) {
    let store = bed.open().await;
    assert_eq!(store.read().await.unwrap().latest_config_revision().await.unwrap(), None);
    for expected in 1..=3 {
        let revision = ConfigRevision {
            id: Id::mint(&*bed.ambient),
            number: 99,
            created_at: bed.ambient.now(),
            author: "local".into(),
            cause: "set_config".into(),
            changed: vec!["models.cheap".into()],
            digest: "00".into(),
            document: Some(json!({ "models": { "cheap": expected } })),
            text: Some(format!("models: {{cheap: {expected}}} # kept\n")),
        };
        let number =
            write(&store, move |tx| Box::pin(async move { Ok(tx.append_config_revision(&revision).await?) }));
        assert_eq!(number.await.unwrap(), expected);
    }
    let mut view = store.read().await.unwrap();
    let page = view.config_revisions(Some(3), 10).await.unwrap();
    assert_eq!(page.iter().map(|revision| revision.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(page[0].document, None, "a list holds no documents");
    let latest = view.latest_config_revision().await.unwrap().unwrap();
    assert_eq!(latest.document, Some(json!({ "models": { "cheap": 3 } })));
    assert_eq!(latest.text.as_deref(), Some("models: {cheap: 3} # kept\n"));
    assert_eq!(view.config_revision(3).await.unwrap(), Some(latest));
    assert_eq!(view.config_revision(4).await.unwrap(), None);
    assert_eq!(view.generation().await.unwrap().config, 3);
    drop(view);
    store.close().await;
}

async fn components(bed: &Bed) {
    let store = bed.open().await;
    let mut record = ComponentRecord {
        component: ComponentState {
            id: "part".into(),
            digest: "sha256:aa".into(),
            version: Some("1.2.3".into()),
            plays: serde_json::from_value(json!("policy")).ok(),
            state: ComponentStanding::Live,
            reason: None,
        },
        source: "bundle".into(),
        size_bytes: 12,
        exports: vec!["policy".into()],
        instances: vec!["one".into()],
        flat_keys: Vec::new(),
        versions: Vec::new(),
    };
    let mut history = Vec::new();
    let changes: [(&str, ComponentStanding, Option<&str>, bool); 4] = [
        ("sha256:aa", ComponentStanding::Live, None, true),
        ("sha256:aa", ComponentStanding::Live, None, false),
        ("sha256:aa", ComponentStanding::Rejected, Some("it traps"), true),
        ("sha256:bb", ComponentStanding::Live, None, true),
    ];
    for (digest, state, reason, changed) in changes {
        record.component.digest = digest.into();
        record.component.state = state;
        record.component.reason = reason.map(str::to_owned);
        let seen = record.clone();
        let told = write(&store, move |tx| Box::pin(async move { Ok(tx.see_component(&seen).await?) }));
        assert_eq!(told.await.unwrap(), changed, "{digest} {state:?}");
        if changed {
            history.insert(0, (digest.to_owned(), state, reason.map(str::to_owned)));
        }
    }
    let mut view = store.read().await.unwrap();
    assert_eq!(view.components().await.unwrap(), std::slice::from_ref(&record));
    assert_eq!(view.component("part").await.unwrap(), Some(record));
    assert_eq!(view.component("other").await.unwrap(), None);
    let found = view.component_history("part", 10).await.unwrap();
    let found: Vec<_> =
        found.into_iter().map(|change| (change.digest, change.state, change.reason)).collect();
    assert_eq!(found, history);
    assert_eq!(view.generation().await.unwrap().components, 3);
    drop(view);
    store.close().await;
}

async fn odd_text_is_stored(bed: &Bed) {
    let store = bed.open().await;
    for (index, name) in
        ["nul \u{0}", "'; DROP TABLE api_key; --", "\u{1f980} \u{202e}", "%_\\"].iter().enumerate()
    {
        let key = key(bed, "admin", name, &index.to_string());
        insert(&store, &key).await.unwrap();
        let found = store.read().await.unwrap().key(&key.id).await.unwrap().unwrap();
        assert_eq!(found.name, name.replace('\0', "\u{fffd}"));
    }
    store.close().await;
}
