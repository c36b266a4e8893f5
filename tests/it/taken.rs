//! Locks that were taken away, and sessions that are taken up again: who is told, and what is refused.

use brains_tests::team::{Database, Team};
use brains_tests::{on_both_databases, within};
use serde_json::{Value, json};

on_both_databases! {
    the_old_holder_is_told_by_mail a_full_mailbox_is_no_shelter a_stale_fence_takes_no_session_up
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

async fn the_old_holder_is_told_by_mail(database: Database) {
    let team = Team::start(database).await;
    let (holder, thief) = (team.agent(0).await, team.agent(0).await);
    let held = holder.does("acquire_lock", json!({ "path": "src/cart" })).await["lock"].clone();
    // Whoever waits for mail hears of it at once.
    let wait = holder.does("wait_messages", json!({ "timeout_ms": 60_000 }));
    let reason = "it hangs\nsince noon";
    let steal = json!({ "id": held["id"], "reason": reason, "idempotency_key": "once" });
    let take = thief.does("steal_lock", steal.clone());
    let (read, stolen) = within("the mail", futures_util::future::join(wait, take)).await;
    let letter = &read["messages"][0];
    assert_eq!(
        text(letter, "subject"),
        "admin (tester) took your lock on the path `src/cart`: it hangs since noon"
    );
    assert_eq!((text(letter, "from_session"), text(letter, "kind")), (thief.id.as_str(), "lock.steal"));
    assert_eq!((text(letter, "priority"), &letter["broadcast"]), ("high", &json!(false)));
    let body = text(letter, "body");
    assert!(
        body.contains(reason) && body.contains(&format!("the fence {} is refused", held["fence"])),
        "{body}"
    );
    assert!(body.contains(&format!("the fence {} now", stolen["lock"]["fence"])), "{body}");
    assert_eq!(
        thief.does("read_messages", json!({})).await["messages"],
        json!([]),
        "nobody is told of their own"
    );

    // One change, one event, one message, also when it is asked for again.
    thief.does("steal_lock", steal).await;
    let listed = holder.does("list_messages", json!({})).await;
    assert_eq!(listed["messages"].as_array().map(Vec::len), Some(1), "{listed}");
    let events = team.admin().operation("list_events", &json!({ "workspace": "app" })).await;
    let kinds: Vec<&str> =
        events["events"].as_array().expect("a list").iter().map(|event| text(event, "kind")).collect();
    let of = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!((of("lock.steal"), of("mail.send")), (1, 1), "{kinds:?}");
    let told = events["events"].as_array().expect("a list").iter().find(|event| event["kind"] == "mail.send");
    assert!(!told.expect("it is there").to_string().contains("noon"), "mail is nobody else's");

    // A refusal tells nobody anything, and the holder may answer.
    thief.refused("steal_lock", json!({ "id": held["id"], "reason": "again" }), "lock_not_found").await;
    holder.does("send_message", json!({ "reply_to": letter["id"], "body": "give it back" })).await;
    let answered = thief.does("read_messages", json!({})).await;
    assert_eq!(answered["messages"][0]["body"], "give it back");
    team.stop().await;
}

async fn a_full_mailbox_is_no_shelter(database: Database) {
    let team = Team::start(database).await;
    let holder = team.agent(0).await;
    let held = holder.does("acquire_lock", json!({ "name": "deploy" })).await["lock"].clone();
    let senders = team.agents(2).await;
    // Mail is limited: what one sends in a minute, and what one lets lie.
    let flood = async |sender: usize, count: usize| {
        use futures_util::StreamExt as _;
        let to = json!({ "subject": "s", "to": [holder.id] });
        let sends = (0..count).map(|_| senders[sender].call("send_message", to.clone()));
        let answers = futures_util::stream::iter(sends).buffer_unordered(16).collect::<Vec<_>>().await;
        answers.into_iter().filter(|answer| answer.status == 200).count()
    };
    assert_eq!(flood(0, 605).await, 600, "so many in a minute");
    let answer = senders[0].call("send_message", json!({ "subject": "s", "to": [holder.id] })).await;
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, text(&error, "code")), (429, "mail_rate_exceeded"), "{error}");
    assert!(
        answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0),
        "{:?}",
        answer.headers
    );
    assert!(text(&error, "hint").contains("one message"), "{error}");
    // It is the session's own limit, and mail is all that it is about.
    senders[0].does("create_task", json!({ "title": "t" })).await;
    assert_eq!(flood(1, 405).await, 400, "so many wait unread");
    let error = senders[1]
        .refused("send_message", json!({ "subject": "s", "to": [holder.id] }), "mailbox_full")
        .await;
    assert_eq!(text(&error, "param"), "to");
    assert!(text(&error, "message").contains(&holder.id), "{error}");
    senders[1].does("send_message", json!({ "subject": "s", "to": [senders[0].id] })).await;

    // Neither keeps a lock from being taken, nor what the holder must know from arriving.
    senders[0].does("steal_lock", json!({ "id": held["id"], "reason": "it hangs" })).await;
    let first = holder.does("read_messages", json!({ "limit": 1 })).await;
    assert_eq!(text(&first["messages"][0], "kind"), "lock.steal", "before all that is less urgent: {first}");
    holder.does("read_messages", json!({ "limit": 100, "mark_read": true })).await;
    senders[1].does("send_message", json!({ "subject": "s", "to": [holder.id] })).await;
    team.stop().await;
}

async fn a_stale_fence_takes_no_session_up(database: Database) {
    let team = Team::start(database).await;
    let (ann, ben) = (team.agent(0).await, team.agent(0).await);
    let mine = ann.does("acquire_lock", json!({ "path": "src" })).await["lock"]["fence"].clone();
    let theirs = ben.does("acquire_lock", json!({ "path": "docs" })).await["lock"]["fence"].clone();
    for fence in [theirs, json!(999)] {
        let error = ann.refused("resume_session", json!({ "fence": fence }), "stale_fence").await;
        assert!(text(&error, "hint").contains("the newest grant"), "{error}");
    }
    ann.refused("resume_session", json!({ "fence": 0 }), "invalid_value").await;
    // What was refused changed nothing: the token still holds.
    ann.does("heartbeat_session", json!({})).await;
    let resumed = ann.does("resume_session", json!({ "fence": mine })).await;
    assert_eq!(resumed["session"]["epoch"], 2, "{resumed}");
    assert_eq!(resumed["locks"][0]["fence"], mine);
    let token = text(&resumed, "session_token").to_owned();
    let ann = brains_tests::team::Agent { token, ..ann };
    ann.does("end_session", json!({})).await;
    // Its end freed the lock, so what relied on it must look again before it goes on.
    ann.refused("resume_session", json!({ "fence": mine }), "stale_fence").await;
    let shown = team.admin().operation("show_session", &json!({ "id": ann.id })).await;
    assert!(shown["session"]["ended_at"].is_string(), "{shown}");
    assert_eq!(ann.does("resume_session", json!({})).await["session"]["epoch"], 3);
    team.stop().await;
}
