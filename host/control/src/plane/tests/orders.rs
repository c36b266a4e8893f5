//! Orders by age where the clock is set back, while the service runs and before it starts again.

use brains_core::{Caller, Principal, Secret};
use serde_json::{Value, json};

use crate::ControlPlane;
use crate::testing::Bed;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_clock_that_is_set_back_changes_no_order_on_sqlite() {
    check(&Bed::new().await).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_changes_no_order_on_postgres() {
    check(&Bed::postgres().await).await;
}

async fn check(bed: &Bed) {
    let admin = Principal::admin("fp");
    let start = json!({ "workspace": "/src/shop", "tool": "tester" });
    let mine = bed.admin("start_session", start.clone()).await.unwrap();
    let token = Secret::new(mine["session_token"].as_str().unwrap().to_owned());
    let caller = Caller { token: Some(token), ..Caller::http() };
    let other = json!({ "workspace": "/src/web", "tool": "tester" });
    bed.admin("start_session", other).await.unwrap();
    let work = async |control: &ControlPlane, number: u32| {
        let call = async |name: &str, input: Value| control.call(name, input, &admin).await.unwrap();
        let task = call("create_task", json!({ "title": format!("{number}"), "workspace": "shop" })).await;
        assert_eq!(task["task"]["code"], json!(format!("SHOP-{number}")));
        let said = json!({ "task": "SHOP-1", "body": format!("{number}") });
        call("comment_task", said).await;
        // Also from elsewhere: a mailbox has one order.
        let workspace = if number.is_multiple_of(2) { "shop" } else { "web" };
        let letter =
            json!({ "subject": format!("{number}"), "to": [mine["session_id"]], "workspace": workspace });
        call("send_message", letter).await;
        let note = json!({ "title": format!("{number}"), "body": "b", "workspace": "shop" });
        call("set_handoff", note).await;
    };
    work(&bed.control, 1).await;
    work(&bed.control, 2).await;
    bed.advance_ms(-HOUR_MS);
    work(&bed.control, 3).await;
    let restarted = bed.sibling().await;
    bed.advance_ms(-HOUR_MS);
    work(&restarted, 4).await;
    bed.advance_ms(2 * HOUR_MS + 1);
    work(&restarted, 5).await;

    let texts = |list: &Value, name: &str| -> Vec<String> {
        let all = list.as_array().unwrap().iter();
        all.map(|one| one[name].as_str().unwrap().to_owned()).collect()
    };
    let (rising, falling) = (["1", "2", "3", "4", "5"], ["5", "4", "3", "2", "1"]);
    let listed = bed.admin("list_tasks", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(texts(&listed["tasks"], "title"), rising);
    let mut paged = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let asked = json!({ "workspace": "shop", "limit": 2, "cursor": cursor });
        let page = bed.admin("list_tasks", asked).await.unwrap();
        paged.extend(texts(&page["tasks"], "title"));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(paged, rising);
    let call =
        async |name: &str, input: Value| bed.control.call_as(name, input, &admin, &caller).await.unwrap();
    for number in rising {
        let next = call("next_task", json!({ "session": mine["session_id"] })).await;
        assert_eq!(next["task"]["title"], json!(number));
    }
    let read = call("read_messages", json!({ "session": mine["session_id"] })).await;
    assert_eq!(texts(&read["messages"], "subject"), rising);
    let listed = call("list_messages", json!({ "session": mine["session_id"] })).await;
    assert_eq!(texts(&listed["messages"], "subject"), falling);
    let comments = bed.admin("list_task_comments", json!({ "task": "SHOP-1" })).await.unwrap();
    assert_eq!(texts(&comments["comments"], "body"), falling);
    let handoffs = bed.admin("list_handoffs", json!({ "workspace": "shop", "all": true })).await.unwrap();
    assert_eq!(texts(&handoffs["handoffs"], "title"), falling);
}
