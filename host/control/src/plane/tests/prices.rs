//! Prices: what is listed, what an own row does, and what somebody else's table changes.

use brains_core::principal::{KeyScope, Role};
use serde_json::{Value, json};

use crate::testing::{Bed, principal};

/// In the form of other people's table.
const NEWER: &str = include_str!("prices/newer.json");

async fn shown(bed: &Bed, provider: &str, model: &str) -> Value {
    bed.admin("show_price", json!({ "provider": provider, "model": model })).await.unwrap()
}

#[tokio::test]
async fn an_own_row_goes_before_the_table_and_only_admins_make_one() {
    let bed = Bed::new().await;
    let before = shown(&bed, "corp", "large").await;
    assert_eq!(
        (&before["known"], &before["origin"], &before["input"]),
        (&json!(true), &json!("table"), &json!(3.0))
    );
    assert_eq!(shown(&bed, "corp", "unheard-of").await["known"], false, "and no price is guessed");

    let row =
        json!({ "provider": "corp", "model": "v1.5/large", "input": 0.5, "output": 2, "request": 0.01 });
    let member = principal("ada", Role::Member, &[KeyScope::Read, KeyScope::Write]);
    assert_eq!(bed.call_as(&member, "set_price", row.clone()).await.unwrap_err().http_status(), 403);
    assert!(bed.admin("set_price", row).await.unwrap()["revision"].is_u64());
    let own = shown(&bed, "corp", "v1.5/large").await;
    assert_eq!(
        (&own["origin"], &own["input"], &own["request"]),
        (&json!("operator"), &json!(0.5), &json!(0.01))
    );
    let listed = bed.call_as(&member, "list_prices", json!({ "provider": "corp" })).await.unwrap();
    let lines: Vec<_> =
        listed["prices"].as_array().unwrap().iter().map(|line| (&line["model"], &line["origin"])).collect();
    let (table, operator) = (json!("table"), json!("operator"));
    let expected = [(&json!("large"), &table), (&json!("small"), &table), (&json!("v1.5/large"), &operator)];
    assert_eq!(lines, expected);
    assert_eq!(listed["prices"][0]["read"]["licence"], "MIT");
    let page = bed.admin("list_prices", json!({ "limit": 1 })).await.unwrap();
    let rest = bed.admin("list_prices", json!({ "cursor": page["next_cursor"] })).await.unwrap();
    assert_eq!(rest["prices"].as_array().unwrap().len(), 2);

    for input in [
        json!({ "provider": "corp", "model": "large" }),
        json!({ "provider": "corp", "model": "a\"b", "input": 1 }),
        json!({ "provider": "corp", "model": "large", "input": -1 }),
    ] {
        assert_eq!(bed.admin("set_price", input.clone()).await.unwrap_err().http_status(), 400, "{input}");
    }
}

#[tokio::test]
async fn a_newer_table_changes_what_it_says_otherwise_in_one_revision() {
    let bed = Bed::new().await;
    bed.admin("set_price", json!({ "provider": "corp", "model": "mine", "input": 9, "output": 9 }))
        .await
        .unwrap();
    let updated = bed.admin("update_prices", json!({ "from": NEWER })).await.unwrap();
    assert_eq!((&updated["read"], &updated["written"]), (&json!(2), &json!(1)), "{updated}");
    let large = shown(&bed, "corp", "large").await;
    assert_eq!(
        (&large["origin"], &large["input"], &large["cached_input"], &large["output"]),
        (&json!("operator"), &json!(2.0), &json!(0.2), &json!(10.0))
    );
    assert_eq!(shown(&bed, "corp", "mine").await["input"], 9.0, "rows beside them stay");
    let again = bed.admin("update_prices", json!({ "from": NEWER })).await.unwrap();
    assert_eq!((&again["written"], &again["revision"]), (&json!(0), &Value::Null));
    let other = bed.admin("update_prices", json!({ "from": NEWER, "provider": "else" })).await.unwrap();
    assert_eq!(other["read"], 0);
    assert_eq!(bed.admin("update_prices", json!({ "from": "[]" })).await.unwrap_err().http_status(), 400);
}
