use std::time::Duration;

use serde_json::json;

use super::leased_job::LeasedJob;
use super::{reaper, retention};
use crate::testing::Bed;

#[tokio::test]
async fn a_duty_has_one_owner_at_a_time() {
    let bed = Bed::new().await;
    let sibling = bed.sibling().await;
    let mut ours = LeasedJob::new(&bed.control, "d", Duration::from_secs(6));
    let mut theirs = LeasedJob::new(&sibling, "d", Duration::from_secs(6));
    assert!(ours.is_ours(&bed.control).await.unwrap());
    assert!(!theirs.is_ours(&sibling).await.unwrap());
    bed.advance_ms(4_000);
    assert!(ours.is_ours(&bed.control).await.unwrap(), "renewed in time");
    bed.advance_ms(4_000);
    assert!(!theirs.is_ours(&sibling).await.unwrap());
    bed.advance_ms(6_000);
    assert!(theirs.is_ours(&sibling).await.unwrap(), "whoever stops renewing loses it");
    assert!(!ours.is_ours(&bed.control).await.unwrap());
    theirs.drop(&sibling).await;
    assert!(ours.is_ours(&bed.control).await.unwrap(), "let go, it is free at once");
    sibling.store.close().await;
}

#[tokio::test]
async fn what_was_left_behind_is_freed() {
    let bed = Bed::new().await;
    bed.fakes.processes.lock().unwrap().extend([41, 42]);
    let start = async |input| {
        bed.advance_ms(1);
        bed.admin("start_session", input).await.unwrap()
    };
    let leased = start(json!({ "workspace": "/src/shop", "lease": "60s" })).await;
    let bound = start(json!({ "workspace": "/src/shop", "pid": 41 })).await;
    let alive = start(json!({ "workspace": "/src/shop", "pid": 42 })).await;
    for (session, name) in [(&leased, "a"), (&bound, "b"), (&alive, "c")] {
        let lock = json!({ "name": name, "session_token": session["session_token"] });
        bed.admin("acquire_lock", lock).await.unwrap();
    }
    assert_eq!(
        (reaper::run_out(&bed.control).await.unwrap(), reaper::dead(&bed.control).await.unwrap()),
        (0, 0)
    );

    bed.fakes.processes.lock().unwrap().retain(|pid| *pid != 41);
    bed.advance_ms(60_000);
    assert_eq!(
        (reaper::run_out(&bed.control).await.unwrap(), reaper::dead(&bed.control).await.unwrap()),
        (1, 1)
    );
    let listed = bed.admin("list_sessions", json!({ "workspace": "shop", "all": true })).await.unwrap();
    let endings: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|s| s["ending"].clone()).collect();
    assert_eq!(endings, [json!(null), json!("died"), json!("expired")]);
    let locks = bed.admin("list_locks", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(locks["locks"].as_array().unwrap().len(), 1);
    assert_eq!(locks["locks"][0]["resource"], "c");
    assert_eq!(bed.admin("verify_audit", json!({})).await.unwrap()["ok"], true);
}

#[tokio::test]
async fn kept_answers_are_forgotten_after_a_day() {
    let bed = Bed::new().await;
    bed.admin("create_key", json!({ "name": "a", "idempotency_key": "k" })).await.unwrap();
    assert_eq!(retention::forget(&bed.control).await.unwrap(), 0);
    bed.advance_ms(brains_store::KEPT_MS);
    assert_eq!(retention::forget(&bed.control).await.unwrap(), 1);
}
