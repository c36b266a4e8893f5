//! How often an operation asks the database: all of it, from the look before the write to the commit. On SQLite each is
//! a statement, on Postgres a round trip, and what is asked under the scope's lock holds up everybody else in the
//! workspace. More than stands here is a step back.

use brains_core::{Caller, Principal, Secret};
use serde_json::{Value, json};

use crate::testing::Bed;

#[tokio::test]
async fn operations_ask_sqlite_no_more_often_than_this() {
    let expected = [14, 14, 10, 15, 18, 4, 2, 2, 6];
    check(&Bed::new().await, expected).await;
}

#[tokio::test]
async fn operations_ask_postgres_no_more_often_than_this() {
    let expected = [9, 9, 8, 9, 16, 4, 3, 3, 6];
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
    let told: Vec<_> = costs.iter().map(|(name, _)| *name).zip(expected).collect();
    assert_eq!(costs, told);
}
