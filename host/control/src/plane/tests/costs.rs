//! How often an operation asks the database: all of it, from the look before the write to the commit. On SQLite each is
//! a statement, on Postgres a round trip, and what is asked under the scope's lock holds up everybody else in the
//! workspace. More than stands here is a step back.

use brains_core::{Caller, Principal, Secret};
use serde_json::{Value, json};

use crate::testing::Bed;

#[tokio::test]
async fn operations_ask_sqlite_no_more_often_than_this() {
    let expected = [14, 14, 10, 15, 17, 4, 2, 2, 6];
    check(&Bed::new().await, expected).await;
}

#[tokio::test]
async fn operations_ask_postgres_no_more_often_than_this() {
    let expected = [9, 9, 8, 9, 15, 4, 3, 3, 6];
    check(&Bed::postgres().await, expected).await;
}

async fn check(bed: &Bed, expected: [u64; 9]) {
    let start = json!({ "workspace": "/src/shop", "tool": "tester" });
    let mine = bed.admin("start_session", start.clone()).await.unwrap();
    let other = bed.admin("start_session", start).await.unwrap();
    let token = Secret::new(mine["session_token"].as_str().unwrap().to_owned());
    let caller = Caller { token: Some(token), ..Caller::http() };
    let id = &mine["session_id"];
    let call = async |name: &str, input: Value| -> u64 {
        let before = bed.control.store.round_trips();
        bed.control.call_as(name, input, &Principal::admin("fp"), &caller).await.unwrap();
        bed.control.store.round_trips() - before
    };
    // The lease is looked at by the first call of a while.
    call("count_tasks", json!({ "workspace": "shop" })).await;
    let mut costs = Vec::new();
    for (name, input) in [
        ("create_task", json!({ "title": "t", "tags": ["bench"], "session": id })),
        ("claim_task", json!({ "task": "SHOP-1", "session": id })),
        ("comment_task", json!({ "task": "SHOP-1", "body": "half way", "session": id })),
        ("complete_task", json!({ "task": "SHOP-1", "session": id })),
        ("send_message", json!({ "subject": "s", "to": [other["session_id"]], "session": id })),
        ("read_messages", json!({ "session": id })),
        ("list_tasks", json!({ "workspace": "shop", "limit": 20 })),
        ("count_tasks", json!({ "workspace": "shop" })),
        ("show_task", json!({ "task": "SHOP-1" })),
    ] {
        costs.push((name, call(name, input).await));
    }
    let expected: Vec<_> = costs.iter().map(|(name, _)| *name).zip(expected).collect();
    assert_eq!(costs, expected);
}

/// An agent on a connection: the operation, the renewal of the lease, and the line about mail. Its session is looked up
/// once for all three.
#[tokio::test]
async fn whole_calls_of_agents_ask_sqlite_no_more_often_than_this() {
    whole(&Bed::new().await, [15, 16, 5, 9, 6, 15]).await;
}

#[tokio::test]
async fn whole_calls_of_agents_ask_postgres_no_more_often_than_this() {
    whole(&Bed::postgres().await, [11, 12, 6, 10, 6, 13]).await;
}

async fn whole(bed: &Bed, expected: [u64; 6]) {
    let caller = Caller { connection: Some("wire-1".into()), agent: true, ..Caller::http() };
    let agent = Principal::admin("fp");
    let start = json!({ "workspace": "/src/shop", "tool": "tester" });
    let mine = bed.control.call_as("start_session", start, &agent, &caller).await.unwrap();
    let id = &mine["session_id"];
    let mut costs = Vec::new();
    for (name, input) in [
        ("create_task", json!({ "title": "t" })),
        ("create_task", json!({ "title": "t", "session": id })),
        ("list_tasks", json!({ "limit": 20 })),
        ("show_task", json!({ "task": "SHOP-1" })),
        ("read_messages", json!({})),
        ("send_message", json!({ "subject": "s" })),
    ] {
        // Time enough for the lease to be looked at again.
        bed.advance_ms(1_000);
        let before = bed.control.store.round_trips();
        let entry = bed.control.registry().find(name).unwrap();
        bed.control.answer(entry, input, &agent, &caller).await.outcome.unwrap();
        costs.push((name, bed.control.store.round_trips() - before));
    }
    let expected: Vec<_> = costs.iter().map(|(name, _)| *name).zip(expected).collect();
    assert_eq!(costs, expected);
}
