//! Mail and events, on both databases with the same results.

use std::time::Duration;

use brains_tests::team::{Agent, Database, Team};
use brains_tests::{on_both_databases, until, within};
use serde_json::{Value, json};

on_both_databases! {
    a_broadcast_reaches_everybody_else_once who_starts_later_gets_what_still_stands threads_and_receipts
    waiting_ends_with_a_message_and_holds_up_nobody a_waiter_that_went_away_takes_nothing mail_is_told_without_a_word_of_it
    what_is_wrong_is_told events_are_followed another_process_wakes_a_waiter
}

async fn subjects(agent: &Agent) -> Vec<String> {
    let read = agent.does("read_messages", json!({})).await;
    if let Some(cursor) = read["next_cursor"].as_str() {
        agent.does("read_messages", json!({ "cursor": cursor, "mark_read": false })).await;
    }
    let messages = read["messages"].as_array().expect("messages");
    messages.iter().filter_map(|letter| letter["subject"].as_str().map(str::to_owned)).collect()
}

async fn a_broadcast_reaches_everybody_else_once(database: Database) {
    let team = Team::start(database).await;
    let agents = team.agents(3).await;
    let (ann, bob, cid) = (&agents[0], &agents[1], &agents[2]);
    let sent = ann.does("send_message", json!({ "subject": "for all", "body": "b" })).await;
    assert_eq!(sent["delivered"], 2);
    ann.does("send_message", json!({ "subject": "urgent", "priority": "urgent", "to": [bob.id] })).await;
    assert_eq!(subjects(bob).await, ["urgent", "for all"], "the urgent one first");
    assert_eq!(subjects(bob).await, Vec::<String>::new());
    assert_eq!(subjects(cid).await, ["for all"], "one reader takes nothing from the other");
    assert_eq!(subjects(ann).await, Vec::<String>::new(), "nobody gets their own");
    let listed = bob.does("list_messages", json!({})).await;
    assert_eq!(listed["messages"].as_array().map(Vec::len), Some(2), "what was read is still there");
    assert!(listed["messages"][0]["read_at"].is_string());
    let sent = ann.does("list_messages", json!({ "folder": "sent", "limit": 1 })).await;
    assert_eq!(sent["messages"][0]["subject"], "urgent");
    let older = ann.does("list_messages", json!({ "folder": "sent", "cursor": sent["next_cursor"] })).await;
    assert_eq!(older["messages"][0]["subject"], "for all");
    team.stop().await;
}

async fn who_starts_later_gets_what_still_stands(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    ann.does("send_message", json!({ "subject": "for all" })).await;
    team.admin().operation("send_message", &json!({ "workspace": "app", "subject": "from a person" })).await;
    let bob = team.agent(0).await;
    assert_eq!(subjects(&bob).await, ["for all", "from a person"]);
    assert_eq!(subjects(&ann).await, ["from a person"]);
    team.stop().await;
}

async fn threads_and_receipts(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob, cid) = (team.agent(0).await, team.agent(0).await, team.agent(0).await);
    let sent = ann
        .does("send_message", json!({ "subject": "Build?", "to": [bob.id], "wants_acknowledgement": true }))
        .await;
    let id = sent["message"]["id"].clone();
    let receipt = async || ann.does("show_message", json!({ "message": id })).await["receipts"][0].clone();
    assert_eq!(receipt().await["read_at"], Value::Null);
    let looked = bob.does("read_messages", json!({ "mark_read": false })).await;
    assert_eq!(
        (looked["messages"][0]["wants_acknowledgement"].as_bool(), looked["unread"].as_u64()),
        (Some(true), Some(1))
    );
    assert_eq!(receipt().await["read_at"], Value::Null, "looking is not reading");
    subjects(&bob).await;
    assert!(receipt().await["read_at"].is_string());
    assert_eq!(receipt().await["acknowledged_at"], Value::Null, "reading is not acknowledging");
    bob.does("acknowledge_message", json!({ "message": id, "note": "on it" })).await;
    assert_eq!(receipt().await["note"], "on it");
    let answer = bob.does("send_message", json!({ "reply_to": id, "body": "green" })).await;
    assert_eq!(answer["message"]["subject"], "Re: Build?");
    assert_eq!((&answer["message"]["thread"], answer["delivered"].as_u64()), (&id, Some(1)));
    ann.does("send_message", json!({ "reply_to": answer["message"]["id"], "body": "thanks" })).await;
    for agent in [&ann, &bob] {
        let thread = agent.does("show_thread", json!({ "message": id })).await;
        assert_eq!(thread["messages"].as_array().map(Vec::len), Some(3), "{thread}");
    }
    for name in ["show_message", "show_thread", "acknowledge_message"] {
        cid.refused(name, json!({ "message": id }), "message_not_found").await;
    }
    cid.refused("send_message", json!({ "reply_to": id, "body": "me too" }), "message_not_found").await;
    ann.refused("acknowledge_message", json!({ "message": id }), "message_not_found").await;
    team.stop().await;
}

async fn waiting_ends_with_a_message_and_holds_up_nobody(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    assert_eq!(bob.does("wait_messages", json!({ "timeout_ms": 0 })).await["messages"], json!([]));
    bob.refused("wait_messages", json!({ "timeout_ms": 600_000 }), "invalid_value").await;
    let waiters: Vec<Agent> = team.agents(8).await;
    let waits = waiters.iter().map(|waiter| waiter.does("wait_messages", json!({ "timeout_ms": 60_000 })));
    let send = async {
        // Others are served meanwhile: reads and writes.
        for number in 0..20 {
            bob.does("create_task", json!({ "title": format!("t{number}") })).await;
            team.admin().operation("count_tasks", &json!({ "workspace": "app" })).await;
        }
        ann.does("send_message", json!({ "subject": "now" })).await;
    };
    let (read, ()) = within(
        "every waiter gets the message",
        futures_util::future::join(futures_util::future::join_all(waits), send),
    )
    .await;
    assert!(read.iter().all(|read| read["messages"][0]["subject"] == "now"), "{read:?}");
    team.stop().await;
}

async fn a_waiter_that_went_away_takes_nothing(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let waiting = bob.does("wait_messages", json!({ "timeout_ms": 60_000 }));
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err(), "nothing came yet");
    // The client hung up. Its wait is over once the service sees that; mail that comes later is not lost on it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    ann.does("send_message", json!({ "subject": "later", "to": [bob.id] })).await;
    assert_eq!(subjects(&bob).await, ["later"]);
    let mut team = team;
    let service = team.services.remove(0);
    within("the service ends with no wait left behind", service.stop()).await;
}

async fn another_process_wakes_a_waiter(database: Database) {
    let team = Team::of(database, 2).await;
    let (ann, bob) = (team.agent(0).await, team.agent(1).await);
    let wait = bob.does("wait_messages", json!({ "timeout_ms": 60_000 }));
    let send = async { ann.does("send_message", json!({ "subject": "across", "to": [bob.id] })).await };
    let (read, _) = within("the message comes across", futures_util::future::join(wait, send)).await;
    assert_eq!(read["messages"][0]["subject"], "across");
    team.stop().await;
}

async fn mail_is_told_without_a_word_of_it(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let quiet = bob.call("create_task", json!({ "title": "t" })).await;
    assert_eq!(quiet.header("x-brains-mail"), "");
    ann.does("send_message", json!({ "subject": "the secret word", "to": [bob.id] })).await;
    ann.does("send_message", json!({ "subject": "and another", "to": [bob.id] })).await;
    let told = bob.call("create_task", json!({ "title": "t" })).await;
    assert_eq!(told.header("x-brains-mail"), "2 unread messages: read_messages shows them");
    assert!(!format!("{:?}", told.headers).contains("secret"));
    assert_eq!(ann.call("create_task", json!({ "title": "t" })).await.header("x-brains-mail"), "");
    subjects(&bob).await;
    assert_eq!(bob.call("create_task", json!({ "title": "t" })).await.header("x-brains-mail"), "");
    // Events tell that there was mail, to everybody in the workspace, and nothing of what it says.
    let events = team.admin().operation("list_events", &json!({ "workspace": "app" })).await;
    assert!(events.to_string().contains("mail.send") && !events.to_string().contains("secret"));
    team.stop().await;
}

async fn what_is_wrong_is_told(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    for (input, code) in [
        (json!({ "subject": "" }), "invalid_value"),
        (json!({ "subject": "x".repeat(257) }), "text_too_long"),
        (json!({ "subject": "s", "body": "x".repeat(70_000) }), "text_too_long"),
        (json!({ "subject": "s", "kind": "two words" }), "invalid_value"),
        (json!({ "subject": "s", "priority": "p0" }), "invalid_value"),
        (json!({ "subject": "s", "expires_in_minutes": 0 }), "invalid_value"),
        (json!({ "subject": "s", "to": ["ses_01kax3v7yqe5nbp8w0c4mzt6rd"] }), "session_not_found"),
        (json!({ "subject": "s", "to": ["bob"] }), "invalid_value"),
        (json!({ "subject": "s", "workspace": "nowhere" }), "workspace_not_found"),
        (json!({ "reply_to": "msg_01kax3v7yqe5nbp8w0c4mzt6rd" }), "message_not_found"),
    ] {
        ann.refused("send_message", input, code).await;
    }
    bob.does("end_session", json!({})).await;
    ann.refused("send_message", json!({ "subject": "s", "to": [bob.id] }), "session_ended").await;
    bob.refused("read_messages", json!({}), "session_ended").await;
    bob.refused("send_message", json!({ "subject": "s" }), "session_ended").await;
    let thief = Agent { id: ann.id.clone(), ..team.agent(0).await };
    thief.refused("read_messages", json!({}), "session_foreign").await;
    let nobody = team.admin().post("/api/ops/read_messages", "{}").await;
    assert_eq!(nobody.json()["error"]["code"], "session_required");
    team.stop().await;
}

async fn events_are_followed(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    let now = ann.client.operation("wait_events", &json!({ "workspace": "app", "timeout_ms": 0 })).await;
    assert_eq!(now["events"], json!([]));
    let follow = json!({ "workspace": "app", "after": now["after"], "kinds": ["task.create", "deployed"], "timeout_ms": 60_000 });
    let wait = ann.client.operation("wait_events", &follow);
    let act = async {
        ann.does("send_message", json!({ "subject": "not asked for" })).await;
        ann.does("create_task", json!({ "title": "t" })).await;
    };
    let (heard, ()) = within("the event is heard", futures_util::future::join(wait, act)).await;
    assert_eq!(heard["events"][0]["kind"], "task.create");
    assert_eq!(heard["events"][0]["session"], ann.id.as_str());
    ann.does("append_event", json!({ "kind": "deployed", "message": "1.4" })).await;
    let mut next = follow.clone();
    next["after"] = heard["after"].clone();
    let heard = ann.client.operation("wait_events", &next).await;
    assert_eq!(
        (heard["events"][0]["kind"].as_str(), heard["events"][0]["detail"]["message"].as_str()),
        (Some("deployed"), Some("1.4"))
    );
    ann.refused("append_event", json!({ "kind": "task.complete", "message": "forged" }), "invalid_value")
        .await;
    ann.refused("append_event", json!({ "kind": "x", "message": "" }), "invalid_value").await;
    // Pages meet end to end.
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    until("the last page", async || {
        let mut input = json!({ "workspace": "app", "limit": 2 });
        if !cursor.is_null() {
            input["cursor"] = cursor.clone();
        }
        let page = team.admin().operation("list_events", &input).await;
        seen.extend(
            page["events"].as_array().expect("events").iter().filter_map(|event| event["seq"].as_i64()),
        );
        cursor = page["next_cursor"].clone();
        cursor.is_null()
    })
    .await;
    let newest = *seen.first().expect("an event");
    assert_eq!(seen, (1..=newest).rev().collect::<Vec<_>>());
    team.stop().await;
}
