use brains_core::plane::audit::{Break, BreakReason, CHECKPOINT, HandOver, Seal, SealingKey, Trusted};
use serde_json::json;

use super::bed::{Aside, Bed, on_both, sealing_key};
use crate::{Actor, Scope, Store, VerifyFrom};

on_both! { chain_verifies every_change_is_found head_is_signed nothing_is_made_anew_without_the_key
checkpoints_are_kept_and_checked an_older_state_is_known_by_what_was_kept_elsewhere keys_are_handed_over
old_chains_are_signed_once_by_the_migration entries_are_paged_newest_first detail_is_canonical_and_covered
rows_outside_of_a_chain_are_found_and_never_listed what_lost_a_value_is_found_and_stops_nothing }

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

async fn trusted(store: &Store) -> Trusted {
    let hand_overs = store.read().await.unwrap().hand_overs().await.unwrap();
    Trusted::new([store.sealing_key().public().to_owned()], &hand_overs)
}

async fn verify_with(store: &Store, anchors: &[Seal], from: VerifyFrom) -> (i64, Option<Break>) {
    let trusted = trusted(store).await;
    let mut view = store.read().await.unwrap();
    let found = view.verify_audit(&Scope::global(), &trusted, anchors, from).await.unwrap();
    (found.entries, found.broken)
}

async fn verify(store: &Store) -> (i64, Option<Break>) {
    verify_with(store, &[], VerifyFrom::Start).await
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
async fn tampered(bed: &Bed, store: &Store, change: &str, undo: &str, seq: i64, reason: BreakReason) {
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
    let columns = ["operator", "action", "detail", "key_id", "session", "surface", "id", "hash", "prev_hash"];
    for column in columns {
        let change = format!("UPDATE audit_entry SET {column} = 'other' WHERE seq = 3");
        tampered(bed, &store, &change, restore, 3, BreakReason::Edited).await;
    }
    tampered(
        bed,
        &store,
        "UPDATE audit_entry SET at = at + 1 WHERE seq = 1",
        restore,
        1,
        BreakReason::Edited,
    )
    .await;
    for gone in [1, 3] {
        let change = format!("DELETE FROM audit_entry WHERE seq = {gone}");
        tampered(bed, &store, &change, restore, gone, BreakReason::Missing).await;
    }
    let swap = "UPDATE audit_entry SET seq = 100 WHERE seq = 2;
        UPDATE audit_entry SET seq = 2 WHERE seq = 3; UPDATE audit_entry SET seq = 3 WHERE seq = 100";
    tampered(bed, &store, swap, restore, 2, BreakReason::Edited).await;
    let cut = "DELETE FROM audit_entry WHERE seq >= 4";
    tampered(bed, &store, cut, restore, 3, BreakReason::Head).await;
    tampered(bed, &store, "DELETE FROM audit_entry", restore, 0, BreakReason::Head).await;
    store.close().await;
}

async fn head_is_signed(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 3).await;
    bed.statement("CREATE TABLE spare AS SELECT * FROM audit_head").await;
    let restore = "DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM spare";
    for (change, reason) in [
        ("UPDATE audit_head SET seq = 2", BreakReason::Head),
        ("UPDATE audit_head SET hash = 'other'", BreakReason::Head),
        ("DELETE FROM audit_head", BreakReason::Head),
        ("UPDATE audit_head SET signature = NULL", BreakReason::Unsealed),
        ("UPDATE audit_head SET sealed_at = sealed_at + 1", BreakReason::Forged),
        ("UPDATE audit_head SET signature = 'other'", BreakReason::Forged),
    ] {
        tampered(bed, &store, change, restore, 3, reason).await;
    }
    store.close().await;
}

/// Everything that somebody can do who may write to the database and has no key: the last entries go, the head moves
/// back, hashes are right, and the signature is one's own or an old one.
async fn nothing_is_made_anew_without_the_key(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 2).await;
    let older = store.read().await.unwrap().audit_head(&Scope::global()).await.unwrap().unwrap();
    write_entries(&store, 1).await;
    store.close().await;
    let eve = SealingKey::from_seed(&[66; 32]);
    let forged = eve.seal("global", 2, &older.hash, 1);
    let cut = format!(
        "DELETE FROM audit_entry WHERE seq > 2; UPDATE audit_head SET seq = 2, hash = '{}', sealed_at = {}, seal_key = '{}', signature = '{}'",
        forged.hash, forged.at, forged.key, forged.signature
    );
    bed.statement(&cut).await;
    let store = bed.open().await;
    assert_eq!(verify(&store).await.1.map(|broken| broken.reason), Some(BreakReason::Stranger));
    bed.statement(&format!("UPDATE audit_head SET seal_key = '{}'", sealing_key().public())).await;
    assert_eq!(verify(&store).await.1.map(|broken| broken.reason), Some(BreakReason::Forged));
    store.close().await;
}

async fn checkpoints_are_kept_and_checked(bed: &Bed) {
    let store = bed.open().await;
    let many = usize::try_from(CHECKPOINT).unwrap() + 5;
    store
        .write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move {
                for index in 0..many {
                    tx.record("thing.make", json!({ "index": index })).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    write_entries(&store, 2).await;
    let kept = store.read().await.unwrap().last_audit_seal(&Scope::global()).await.unwrap().unwrap();
    assert_eq!(kept.seq, CHECKPOINT + 5, "at the end of the write that passed it");
    assert_eq!(verify(&store).await, (CHECKPOINT + 7, None));
    assert_eq!(verify_with(&store, &[], VerifyFrom::Checkpoint).await, (2, None));
    // What came before a checkpoint is taken on its word there, and found from the start.
    bed.statement("UPDATE audit_entry SET action = 'other' WHERE seq = 7").await;
    assert_eq!(verify_with(&store, &[], VerifyFrom::Checkpoint).await, (2, None));
    assert_eq!(verify(&store).await.1, Some(Break { seq: 7, reason: BreakReason::Edited }));
    bed.statement("UPDATE audit_entry SET action = 'thing.make' WHERE seq = 7").await;
    for (change, reason) in [
        ("UPDATE audit_seal SET hash = 'other'", BreakReason::Forged),
        ("UPDATE audit_seal SET seal_key = 'other'", BreakReason::Forged),
    ] {
        bed.statement("CREATE TABLE spare_seal AS SELECT * FROM audit_seal").await;
        bed.statement(change).await;
        for from in [VerifyFrom::Start, VerifyFrom::Checkpoint] {
            let broken = verify_with(&store, &[], from).await.1;
            assert_eq!(broken.map(|broken| broken.reason), Some(reason), "{change} {from:?}");
        }
        bed.statement("DELETE FROM audit_seal; INSERT INTO audit_seal SELECT * FROM spare_seal").await;
        bed.statement("DROP TABLE spare_seal").await;
    }
    store.close().await;
}

async fn an_older_state_is_known_by_what_was_kept_elsewhere(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 2).await;
    bed.statement(
        "CREATE TABLE older_entry AS SELECT * FROM audit_entry; CREATE TABLE older_head AS SELECT * FROM audit_head",
    )
    .await;
    write_entries(&store, 2).await;
    let anchor =
        store.read().await.unwrap().audit_head(&Scope::global()).await.unwrap().unwrap().seal.unwrap();
    bed.statement(
        "DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM older_entry;
         DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM older_head; DELETE FROM event WHERE seq > 2",
    )
    .await;
    // All of it is genuine, and nothing inside of the database can tell.
    assert_eq!(verify(&store).await, (2, None));
    let broken = verify_with(&store, std::slice::from_ref(&anchor), VerifyFrom::Start).await.1;
    assert_eq!(broken, Some(Break { seq: 3, reason: BreakReason::RolledBack }));
    // Going on from there makes another history of the same length.
    write_entries(&store, 3).await;
    let broken = verify_with(&store, &[anchor], VerifyFrom::Start).await.1;
    // The clock stands still, so only the ids of the entries differ.
    assert_eq!(broken, Some(Break { seq: 4, reason: BreakReason::Rewritten }));
    bed.statement("DELETE FROM audit_entry; DELETE FROM audit_head").await;
    let gone = sealing_key().seal("global", 1, "aa", 0);
    let broken = verify_with(&store, &[gone], VerifyFrom::Start).await.1;
    assert_eq!(broken, Some(Break { seq: 1, reason: BreakReason::RolledBack }));
    store.close().await;
}

async fn keys_are_handed_over(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 1).await;
    let (old, next) = (sealing_key(), SealingKey::from_seed(&[8; 32]));
    let hand_over = HandOver::new(&old, &next, 5);
    let written = hand_over.clone();
    store
        .write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move { Ok(tx.record_hand_over(&written).await?) })
        })
        .await
        .unwrap();
    store.seal_with(next.clone());
    write_entries(&store, 1).await;
    assert_eq!(store.read().await.unwrap().hand_overs().await.unwrap(), [hand_over]);
    let head = store.read().await.unwrap().audit_head(&Scope::global()).await.unwrap().unwrap();
    assert_eq!(head.seal.unwrap().key, next.public());
    assert_eq!(verify(&store).await, (3, None));
    // Without the entry the new key is a stranger to the old one, and the chain has a gap besides.
    bed.statement("DELETE FROM audit_entry WHERE action = 'audit.hand_over'").await;
    assert!(!trusted(&store).await.holds(old.public()));
    store.close().await;
}

async fn old_chains_are_signed_once_by_the_migration(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 2).await;
    store.close().await;
    // As a database was before heads were signed.
    bed.statement("UPDATE audit_head SET sealed_at = NULL, seal_key = NULL, signature = NULL").await;
    let store = bed.open().await;
    let broken = verify(&store).await.1;
    assert_eq!(broken, Some(Break { seq: 2, reason: BreakReason::Unsealed }), "a restart signs nothing");
    store.close().await;
    bed.statement(
        "DELETE FROM schema_migration WHERE number >= 5; ALTER TABLE config_revision DROP COLUMN text; DROP TABLE ledger; DROP TABLE audit_seal; DROP INDEX audit_hand_over;
         ALTER TABLE audit_head DROP COLUMN sealed_at; ALTER TABLE audit_head DROP COLUMN seal_key;
         ALTER TABLE audit_head DROP COLUMN signature; ALTER TABLE audit_head DROP COLUMN born_ms;
         DROP INDEX task_siblings; ALTER TABLE task DROP COLUMN siblings;
         DROP INDEX workspace_tree; ALTER TABLE workspace DROP COLUMN tree;
         DROP TABLE response_item; DROP TABLE response; DROP TABLE warm_place; DELETE FROM generation WHERE topic = 'places';
         DROP TABLE spending_counter; DROP TABLE spending_reservation; DROP TABLE spending_holder;
         DROP INDEX session_link_by_value; ALTER TABLE trace ADD COLUMN cost_usd REAL;
         ALTER TABLE trace DROP COLUMN cost_nanos; ALTER TABLE trace DROP COLUMN price;
         ALTER TABLE trace DROP COLUMN cache_write_5m_tokens; ALTER TABLE trace DROP COLUMN cache_write_1h_tokens;
         ALTER TABLE trace DROP COLUMN native_session; ALTER TABLE trace DROP COLUMN request_class;
         ALTER TABLE audit_entry DROP COLUMN agent;
         ALTER TABLE event DROP COLUMN agent;
         ALTER TABLE task DROP COLUMN created_by_agent;
         ALTER TABLE task_change DROP COLUMN agent;
         ALTER TABLE task_comment DROP COLUMN agent;
         ALTER TABLE handoff DROP COLUMN set_by_agent;
         ALTER TABLE handoff DROP COLUMN picked_up_by_agent;
         ALTER TABLE message DROP COLUMN agent;
         ALTER TABLE delivery DROP COLUMN read_cursor;
         DROP INDEX session_key; ALTER TABLE session DROP COLUMN key; ALTER TABLE session DROP COLUMN key_name;
         ALTER TABLE api_key DROP COLUMN role; DROP TABLE idempotency;
         CREATE TABLE idempotency (operator TEXT NOT NULL, key TEXT NOT NULL, operation TEXT NOT NULL, digest TEXT NOT NULL,
             answer TEXT, at BIGINT NOT NULL, PRIMARY KEY (operator, key));
         CREATE INDEX idempotency_at ON idempotency (at)",
    )
    .await;
    let store = bed.open().await;
    assert_eq!(verify(&store).await, (2, None));
    store.close().await;
}

/// The rules of the database, for whoever may change them: checks, and on Postgres those of single columns too.
fn without_rules(bed: &Bed, change: &str) -> String {
    if bed.is_postgres() {
        return change.to_owned();
    }
    format!("PRAGMA ignore_check_constraints = ON; {change}")
}

/// A copy of the second entry with other values in the first two columns.
fn copied(scope: &str, seq: &str) -> String {
    format!(
        "INSERT INTO audit_entry (id, scope, seq, at, operator, action, detail, prev_hash, hash)
         SELECT 'aud_copy', {scope}, {seq}, at, operator, action, detail, prev_hash, hash
         FROM audit_entry WHERE scope = 'global' AND seq = 2"
    )
}

async fn rows_outside_of_a_chain_are_found_and_never_listed(bed: &Bed) {
    let store = bed.open().await;
    write_entries(&store, 4).await;
    if bed.is_postgres() {
        bed.statement(
            "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_seq_check;
             ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_scope_seq_key;
             ALTER TABLE audit_entry ALTER seq DROP NOT NULL; ALTER TABLE audit_entry ALTER scope DROP NOT NULL;
             ALTER TABLE audit_seal DROP CONSTRAINT audit_seal_seq_check",
        )
        .await;
    }
    let listed = async || {
        let mut view = store.read().await.unwrap();
        let entries = view.audit_entries(&Scope::global(), None, 100).await.unwrap();
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let seal = "INSERT INTO audit_seal (scope, seq, hash, sealed_at, seal_key, signature)
        VALUES ('global', 0, 'h', 0, 'k', 's')";
    let mut changes = vec![
        (copied("'global'", "0"), 0, BreakReason::Foreign),
        (copied("'global'", "-7"), -7, BreakReason::Foreign),
        (copied("'global'", "5"), 5, BreakReason::Edited),
        (copied("'global'", "9"), 5, BreakReason::Missing),
        (seal.to_owned(), 0, BreakReason::Foreign),
    ];
    if bed.is_postgres() {
        changes.push((copied("'global'", "NULL"), 0, BreakReason::Foreign));
        changes.push((copied("'global'", "2"), 3, BreakReason::Missing));
    }
    let restore = "DELETE FROM audit_entry WHERE id = 'aud_copy'; DELETE FROM audit_seal WHERE seq <= 0";
    for (change, seq, reason) in changes {
        let change = without_rules(bed, &change);
        // Beside the head they are not shown as if they belonged to the chain.
        bed.statement(&change).await;
        let shown = listed().await;
        assert!(shown.iter().all(|seq| (1..=4).contains(seq)), "{shown:?} after {change}");
        bed.statement(restore).await;
        tampered(bed, &store, &change, restore, seq, reason).await;
    }
    // In a scope that has no head, or in none.
    let mut strange = vec![("'elsewhere'", "elsewhere", 1, BreakReason::Edited)];
    if bed.is_postgres() {
        strange.push(("NULL", "", 0, BreakReason::Foreign));
    }
    for (scope, name, seq, reason) in strange {
        bed.statement(&without_rules(bed, &copied(scope, "1"))).await;
        let known = store.read().await.unwrap().audit_scopes().await.unwrap();
        assert!(known.contains(&Scope::named(name)), "{known:?}");
        let trusted = trusted(&store).await;
        let mut view = store.read().await.unwrap();
        let found = view.verify_audit(&Scope::named(name), &trusted, &[], VerifyFrom::Start).await.unwrap();
        assert_eq!(found.broken, Some(Break { seq, reason }), "{scope}");
        assert_eq!(view.audit_entries(&Scope::named(name), None, 9).await.unwrap(), []);
        drop(view);
        bed.statement(restore).await;
    }
    assert_eq!((verify(&store).await, listed().await), ((4, None), vec![4, 3, 2, 1]));
    store.close().await;
}

async fn what_lost_a_value_is_found_and_stops_nothing(bed: &Bed) {
    if !bed.is_postgres() {
        // SQLite keeps this rule whatever a connection asks for.
        return;
    }
    let store = bed.open().await;
    write_entries(&store, 3).await;
    bed.statement("CREATE TABLE spare AS SELECT * FROM audit_entry").await;
    let restore = "DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM spare";
    for column in ["at", "operator", "action", "detail", "prev_hash", "hash"] {
        bed.statement(&format!("ALTER TABLE audit_entry ALTER {column} DROP NOT NULL")).await;
        let change = format!("UPDATE audit_entry SET {column} = NULL WHERE seq = 2");
        tampered(bed, &store, &change, restore, 2, BreakReason::Edited).await;
    }
    bed.statement("CREATE TABLE spare_head AS SELECT * FROM audit_head").await;
    let restore = "DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM spare_head";
    for column in ["seq", "hash"] {
        bed.statement(&format!("ALTER TABLE audit_head ALTER {column} DROP NOT NULL")).await;
        let change = format!("UPDATE audit_head SET {column} = NULL");
        tampered(bed, &store, &change, restore, 3, BreakReason::Head).await;
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
