//! Handoffs of a workspace, on both databases with the same results.

use brains_tests::on_both_databases;
use brains_tests::team::{Database, Team};
use serde_json::{Value, json};

on_both_databases! { one_waits_and_one_picks_it_up what_is_wrong_is_told looking_writes_nothing }

async fn list(team: &Team, input: Value) -> Vec<(String, String)> {
    let mut input = input;
    input["workspace"] = "app".into();
    let page = team.admin().operation("list_handoffs", &input).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let handoffs = page["handoffs"].as_array().expect("handoffs");
    handoffs.iter().map(|handoff| (text(&handoff["title"]), text(&handoff["status"]))).collect()
}

async fn one_waits_and_one_picks_it_up(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let first = ann.does("set_handoff", json!({ "title": "first", "body": "b" })).await;
    assert_eq!(first["handoff"]["status"], "active");
    let second = ann.does("set_handoff", json!({ "title": "second" })).await;
    assert_eq!(second["replaced"], first["handoff"]["id"]);
    assert_eq!(list(&team, json!({})).await, [("second".into(), "active".into())]);
    let picked = bob.does("pick_handoff", json!({})).await;
    assert_eq!(picked["handoff"]["title"], "second");
    assert_eq!(picked["handoff"]["picked_up_by_session"], bob.id.as_str());
    ann.refused("pick_handoff", json!({}), "no_active_handoff").await;
    let id = &second["handoff"]["id"];
    let told = ann.refused("pick_handoff", json!({ "handoff": id }), "handoff_taken").await;
    assert!(told["message"].as_str().expect("a message").contains(&bob.id), "{told}");
    ann.refused("pick_handoff", json!({ "handoff": first["handoff"]["id"] }), "handoff_cleared").await;
    ann.does("set_handoff", json!({ "title": "third" })).await;
    let cleared = bob.does("clear_handoff", json!({ "reason": "done" })).await;
    assert_eq!(
        (cleared["handoff"]["status"].as_str(), cleared["handoff"]["clear_reason"].as_str()),
        (Some("cleared"), Some("done"))
    );
    bob.refused("clear_handoff", json!({}), "no_active_handoff").await;
    let all = list(&team, json!({ "all": true })).await;
    let all: Vec<(&str, &str)> = all.iter().map(|(title, status)| (&**title, &**status)).collect();
    assert_eq!(all, [("third", "cleared"), ("second", "picked_up"), ("first", "cleared")]);
    team.stop().await;
}

async fn what_is_wrong_is_told(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    ann.refused("set_handoff", json!({ "title": " " }), "invalid_value").await;
    ann.refused("set_handoff", json!({ "title": "t", "body": "x".repeat(70_000) }), "text_too_long").await;
    ann.refused("set_handoff", json!({ "title": "t", "workspace": "nowhere" }), "workspace_not_found").await;
    ann.refused("pick_handoff", json!({ "handoff": "hand_01kax3v7yqe5nbp8w0c4mzt6rd" }), "handoff_not_found")
        .await;
    ann.refused("pick_handoff", json!({ "handoff": "5" }), "invalid_value").await;
    ann.does("set_handoff", json!({ "title": "secret plan" })).await;
    team.admin()
        .operation("set_workspace_visibility", &json!({ "workspace": "app", "visibility": "private" }))
        .await;
    let added = team.admin().operation("add_operator", &json!({ "slug": "eve" })).await;
    let eve = team.admin().with_key(added["key"].as_str().expect("a key"));
    for name in ["pick_handoff", "clear_handoff", "list_handoffs"] {
        let answer = eve.post(&format!("/api/ops/{name}"), json!({ "workspace": "app" }).to_string()).await;
        assert_eq!(answer.status, 404, "{name}: {}", answer.text());
    }
    assert_eq!(list(&team, json!({})).await.len(), 1);
    team.stop().await;
}

async fn looking_writes_nothing(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    ann.does("set_handoff", json!({ "title": "t" })).await;
    let newest = async || -> Value {
        let page = team.admin().operation("list_events", &json!({ "workspace": "app", "limit": 1 })).await;
        page["events"][0]["seq"].clone()
    };
    let before = newest().await;
    list(&team, json!({ "all": true })).await;
    list(&team, json!({})).await;
    assert_eq!(newest().await, before);
    team.stop().await;
}
