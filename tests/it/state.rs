//! A workspace at a glance: every part of it, what takes no room, and that looking changes nothing.

use brains_tests::on_both_databases;
use brains_tests::team::{Agent, Database, Team};
use serde_json::{Value, json};

on_both_databases! { every_part_is_there_and_looking_changes_nothing what_is_over_takes_no_room }

fn titles(tasks: &Value) -> Vec<&str> {
    tasks.as_array().into_iter().flatten().filter_map(|task| task["title"].as_str()).collect()
}

async fn every_part_is_there_and_looking_changes_nothing(database: Database) {
    let team = Team::start(database).await;
    let (ann, ben) = (team.agent(0).await, team.agent(0).await);
    ben.does("claim_workspace", json!({ "scope": "release", "minutes": 5 })).await;
    ben.does("create_task", json!({ "title": "first", "body": "b".repeat(400) })).await;
    ben.does("set_handoff", json!({ "title": "half way" })).await;
    ben.does("send_message", json!({ "subject": "hello", "to": [ann.id] })).await;
    ben.does("append_event", json!({ "kind": "deployed", "message": "1.4" })).await;
    let events = async || ann.looks("list_events", json!({ "workspace": "app", "limit": 100 })).await;
    let before = events().await;

    let state = ann.does("get_state", json!({})).await;
    assert!(state["generated_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{state}");
    assert_eq!((&state["workspace"]["slug"], &state["workspace"]["role"]), (&json!("app"), &json!("owner")));
    let ids: Vec<&Value> = state["active_sessions"].as_array().expect("a list").iter().collect();
    assert_eq!(ids.iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&json!(ben.id), &json!(ann.id)]);
    assert_eq!(
        (&state["active_claims"][0]["scope"], &state["active_claims"][0]["session_id"]),
        (&json!("release"), &json!(ben.id))
    );
    assert_eq!(state["active_locks"][0]["kind"], "workspace", "{state}");
    assert_eq!(state["active_handoffs"][0]["title"], "half way");
    assert_eq!(titles(&state["active_tasks"]), ["first"]);
    assert!(state["active_tasks"][0]["body"].as_str().is_some_and(|body| body.chars().count() == 281));
    assert_eq!(state["recent_events"][0]["kind"], "deployed");
    assert_eq!(state["unread_messages"][0]["subject"], "hello", "{state}");

    // Without a session there is no mail, and nobody else's session shows any.
    let seen = team.admin().operation("get_state", &json!({ "workspace": "app", "full": true })).await;
    assert_eq!(seen.get("unread_messages"), None);
    assert_eq!(seen["active_tasks"][0]["body"].as_str().map(str::len), Some(400));
    let foreign = Agent { token: ann.token.clone(), ..ben.clone() };
    foreign.refused("get_state", json!({}), "session_foreign").await;

    assert_eq!(events().await, before, "looking is no event");
    let read = ann.does("read_messages", json!({ "mark_read": true })).await;
    assert_eq!(read["messages"][0]["subject"], "hello", "it was still unread");
    assert_eq!(ann.does("get_state", json!({})).await["unread_messages"], json!([]));
    team.stop().await;
}

async fn what_is_over_takes_no_room(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    for _ in 0..3 {
        team.agent(0).await.does("end_session", json!({})).await;
    }
    for title in ["urgent", "urgent too"] {
        let made = ann.does("create_task", json!({ "title": title, "priority": "p0" })).await;
        ann.does("claim_task", json!({ "task": made["task"]["code"] })).await;
        ann.does("complete_task", json!({ "task": made["task"]["code"] })).await;
    }
    ann.does("create_task", json!({ "title": "some day", "priority": "p3" })).await;
    let at_most = async |limit: u32| {
        team.admin().operation("get_state", &json!({ "workspace": "app", "limit": limit })).await
    };
    let state = at_most(1).await;
    assert_eq!(state["active_sessions"][0]["id"], ann.id.as_str(), "{state}");
    assert_eq!(titles(&state["active_tasks"]), ["some day"]);
    assert_eq!(state["recent_events"].as_array().map(Vec::len), Some(1));
    assert_eq!(titles(&at_most(2).await["active_tasks"]), ["some day", "urgent"]);
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flat_verb_answers_in_the_shape_that_scripts_know() {
    let team = Team::start(Database::Sqlite).await;
    let run = async |words: &[&str]| {
        let output = team.run(words).await;
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let started = run(&["session-start", "--workspace", "app", "--json"]);
    let session = started.await["session_id"].as_str().expect("an id").to_owned();
    run(&["message-send", "--subject", "hi", "--to-session", &session, "--workspace", "app"]).await;
    run(&["task-create", "--title", "t", "--workspace", "app"]).await;
    let keys = |state: &Value| state.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let plain = run(&["state", "--workspace", "app"]).await;
    let mut expected = vec![
        "generated_at",
        "workspace",
        "active_sessions",
        "active_claims",
        "active_handoffs",
        "active_tasks",
        "recent_events",
    ];
    assert_eq!(keys(&plain), expected);
    assert_eq!(
        keys(&plain["workspace"]),
        ["id", "slug", "path", "status", "last_touched_at", "last_summary"]
    );
    assert_eq!(plain["workspace"]["status"], "active");
    let mine = run(&["state", "--workspace", "app", "--session", &session, "--limit", "1"]).await;
    expected.push("unread_messages");
    assert_eq!(keys(&mine), expected);
    assert_eq!(mine["unread_messages"][0]["to_session_id"], session.as_str());
    assert_eq!(mine["active_tasks"][0]["title"], "t");
    assert_eq!(mine["recent_events"].as_array().map(Vec::len), Some(1));
    team.stop().await;
}
