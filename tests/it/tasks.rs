//! Tasks through HTTP and the command line, on both databases with the same results.

use brains_tests::team::{Agent, Database, Team};
use brains_tests::{on_both_databases, within};
use serde_json::{Value, json};

on_both_databases! {
    a_task_goes_from_one_agent_to_the_other dependencies_are_kept_in_order the_next_task_is_the_most_urgent_that_is_free
    handing_on_is_one_step blocked_tasks_wait_and_go_on leases_and_sessions_end_and_free_what_they_held
    what_is_wrong_is_told_and_changes_nothing lists_and_counts_agree a_private_workspace_has_no_tasks_for_others
    a_request_that_is_repeated_happens_once
}

async fn create(agent: &Agent, input: Value) -> String {
    let created = agent.does("create_task", input).await;
    created["task"]["code"].as_str().expect("a code").to_owned()
}

async fn a_task_goes_from_one_agent_to_the_other(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let made = ann
        .does(
            "create_task",
            json!({ "title": " Fix it ", "body": "b", "priority": "p1", "tags": ["UI", "ui"] }),
        )
        .await;
    let task = &made["task"];
    assert_eq!((task["code"].as_str(), task["title"].as_str()), (Some("APP-1"), Some("Fix it")));
    assert_eq!((task["status"].as_str(), task["tags"].clone()), (Some("available"), json!(["ui"])));
    assert_eq!(task["created_by_session"], ann.id.as_str());
    let claimed = ann.does("claim_task", json!({ "task": "app-1" })).await;
    assert_eq!(
        (claimed["task"]["holder"].as_str(), claimed["task"]["attempts"].as_u64()),
        (Some(&*ann.id), Some(1))
    );
    let told = bob.refused("claim_task", json!({ "task": "APP-1" }), "task_held").await;
    assert!(told["message"].as_str().expect("a message").contains(&ann.id), "{told}");
    bob.refused("complete_task", json!({ "task": "APP-1" }), "task_held").await;
    bob.refused("release_task", json!({ "task": "APP-1" }), "task_held").await;
    ann.does("release_task", json!({ "task": "APP-1", "reason": "no time" })).await;
    bob.does("claim_task", json!({ "task": "APP-1", "lease_minutes": 5 })).await;
    bob.does("comment_task", json!({ "task": "APP-1", "body": "half way" })).await;
    let done = bob.does("complete_task", json!({ "task": "APP-1", "summary": "done" })).await;
    assert_eq!(done["task"]["completion_summary"], "done");
    ann.refused("release_task", json!({ "task": "APP-1" }), "task_closed").await;
    ann.refused("complete_task", json!({ "task": "APP-1" }), "task_closed").await;
    let whole = team.admin().operation("show_task", &json!({ "task": "APP-1" })).await;
    let words: Vec<&str> = whole["history"]
        .as_array()
        .expect("history")
        .iter()
        .filter_map(|change| change["change"].as_str())
        .collect();
    assert_eq!(words, ["completed", "claimed", "released", "claimed", "created"]);
    assert_eq!(whole["comments"][0]["body"], "half way");
    // The side effects show elsewhere too: as events that name the session, and in the audit log.
    let events =
        team.admin().operation("list_events", &json!({ "workspace": "app", "kinds": ["task.claim"] })).await;
    let by: Vec<&str> = events["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["session"].as_str())
        .collect();
    assert_eq!(by, [bob.id.as_str(), ann.id.as_str()]);
    let audit = team.admin().operation("verify_audit", &json!({})).await;
    assert_eq!(audit["ok"], true);
    team.stop().await;
}

async fn dependencies_are_kept_in_order(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    let first = create(&ann, json!({ "title": "first" })).await;
    let second = create(&ann, json!({ "title": "second", "depends_on": [first] })).await;
    let told = ann.refused("claim_task", json!({ "task": second }), "dependencies_open").await;
    assert!(told["message"].as_str().expect("a message").contains(&first), "{told}");
    ann.refused("create_task", json!({ "title": "x", "depends_on": ["APP-99"] }), "dependency_not_found")
        .await;
    ann.refused("create_task", json!({ "title": "x", "depends_on": ["nonsense"] }), "dependency_not_found")
        .await;
    let told = ann
        .refused("update_task", json!({ "task": first, "depends_on": [second] }), "dependency_circle")
        .await;
    assert!(
        told["message"].as_str().expect("a message").contains("APP-1 waits for APP-2 waits for APP-1"),
        "{told}"
    );
    ann.refused("update_task", json!({ "task": first, "depends_on": [first] }), "dependency_circle").await;
    ann.refused("archive_task", json!({ "task": first }), "task_needed").await;
    ann.does("claim_task", json!({ "task": first })).await;
    ann.does("complete_task", json!({ "task": first })).await;
    ann.does("claim_task", json!({ "task": second })).await;
    ann.does("release_task", json!({ "task": second })).await;
    ann.does("reopen_task", json!({ "task": first })).await;
    ann.refused("claim_task", json!({ "task": second }), "dependencies_open").await;
    let free = ann.does("update_task", json!({ "task": second, "depends_on": [] })).await;
    assert_eq!(free["task"]["open_dependencies"], 0);
    ann.does("claim_task", json!({ "task": second })).await;
    // Tasks of another workspace cannot be waited for.
    team.project("other");
    team.admin().operation("register_workspace", &json!({ "path": team.path("other") })).await;
    let zoe = team.agent_in(0, "other").await;
    zoe.refused("create_task", json!({ "title": "x", "depends_on": [first] }), "dependency_not_found").await;
    team.stop().await;
}

async fn the_next_task_is_the_most_urgent_that_is_free(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let low = create(&ann, json!({ "title": "low", "priority": "p3", "tags": "ui,css" })).await;
    let old = create(&ann, json!({ "title": "old" })).await;
    let urgent = create(&ann, json!({ "title": "urgent", "priority": "p0" })).await;
    create(&ann, json!({ "title": "waits", "priority": "p0", "depends_on": [old] })).await;
    let mine = create(&ann, json!({ "title": "bob's", "priority": "p3", "assignee": bob.id })).await;
    ann.refused("claim_task", json!({ "task": mine }), "task_assigned").await;
    let next = async |agent: &Agent, input: Value| -> Value {
        agent.does("next_task", input).await["task"]["code"].clone()
    };
    assert_eq!(next(&bob, json!({})).await, mine.as_str(), "what is assigned goes first");
    assert_eq!(next(&ann, json!({ "tags": ["css"] })).await, low.as_str());
    assert_eq!(next(&ann, json!({})).await, urgent.as_str());
    assert_eq!(next(&ann, json!({ "priority": "p1" })).await, Value::Null, "nothing is that urgent");
    assert_eq!(next(&bob, json!({})).await, old.as_str());
    assert_eq!(next(&bob, json!({})).await, Value::Null, "the rest waits");
    team.stop().await;
}

async fn handing_on_is_one_step(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let first = create(&ann, json!({ "title": "first" })).await;
    ann.does("claim_task", json!({ "task": first })).await;
    bob.refused("handoff_task", json!({ "task": first, "title": "next" }), "task_held").await;
    ann.refused(
        "handoff_task",
        json!({ "task": first, "title": "next", "depends_on": ["APP-77"] }),
        "dependency_not_found",
    )
    .await;
    let shown = ann.looks("show_task", json!({ "task": first })).await;
    assert_eq!(shown["task"]["status"], "in_progress", "a refused step leaves nothing half done");
    let handed = ann
        .does("handoff_task", json!({ "task": first, "title": "next", "summary": "s", "assignee": bob.id }))
        .await;
    assert_eq!(
        (handed["completed"]["status"].as_str(), &handed["next"]["depends_on"]),
        (Some("done"), &json!([first]))
    );
    assert_eq!(handed["next"]["open_dependencies"], 0);
    assert_eq!(bob.does("next_task", json!({})).await["task"]["code"], handed["next"]["code"]);
    team.stop().await;
}

async fn blocked_tasks_wait_and_go_on(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    let (a, b) = (create(&ann, json!({ "title": "a" })).await, create(&ann, json!({ "title": "b" })).await);
    ann.does("claim_task", json!({ "task": a })).await;
    let blocked = ann.does("block_task", json!({ "task": a, "reason": "needs b", "on": b })).await;
    assert_eq!(
        (blocked["task"]["status"].as_str(), &blocked["task"]["holder"]),
        (Some("blocked"), &Value::Null)
    );
    ann.refused("claim_task", json!({ "task": a }), "task_blocked").await;
    ann.refused("block_task", json!({ "task": b, "reason": "needs a", "on": a }), "dependency_circle").await;
    ann.refused("archive_task", json!({ "task": b }), "task_needed").await;
    ann.refused("unblock_task", json!({ "task": b }), "task_not_blocked").await;
    ann.does("claim_task", json!({ "task": b })).await;
    ann.does("complete_task", json!({ "task": b })).await;
    let shown = ann.looks("show_task", json!({ "task": a })).await;
    assert_eq!(shown["task"]["status"], "available", "the end of `b` unblocked it");
    assert_eq!(shown["history"][0]["change"], "unblocked");
    ann.does("archive_task", json!({ "task": b })).await;
    ann.refused("update_task", json!({ "task": b, "title": "x" }), "task_closed").await;
    ann.does("reopen_task", json!({ "task": b })).await;
    team.stop().await;
}

async fn leases_and_sessions_end_and_free_what_they_held(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let held = create(&ann, json!({ "title": "held" })).await;
    let assigned = create(&ann, json!({ "title": "assigned", "assignee": ann.id })).await;
    ann.does("claim_task", json!({ "task": held })).await;
    for minutes in [0, -1, 1_441] {
        ann.refused("claim_task", json!({ "task": held, "lease_minutes": minutes }), "lease_out_of_range")
            .await;
    }
    let renewed = ann.does("claim_task", json!({ "task": held, "lease_minutes": 10 })).await;
    assert_eq!(renewed["task"]["attempts"], 1);
    ann.does("end_session", json!({})).await;
    let shown = bob.looks("show_task", json!({ "task": held })).await;
    assert_eq!(
        (shown["task"]["status"].as_str(), &shown["task"]["holder"]),
        (Some("available"), &Value::Null)
    );
    assert_eq!(bob.does("claim_task", json!({ "task": held })).await["task"]["attempts"], 2);
    assert_eq!(bob.looks("show_task", json!({ "task": assigned })).await["task"]["assignee"], Value::Null);
    ann.refused("complete_task", json!({ "task": held }), "session_ended").await;
    bob.refused("create_task", json!({ "title": "x", "assignee": ann.id }), "session_ended").await;
    team.stop().await;
}

async fn what_is_wrong_is_told_and_changes_nothing(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let code = create(&ann, json!({ "title": "t" })).await;
    for (input, code) in [
        (json!({ "title": "" }), "invalid_value"),
        (json!({ "title": "a\nb" }), "invalid_value"),
        (json!({ "title": "x".repeat(257) }), "text_too_long"),
        (json!({ "title": "t", "body": "x".repeat(70_000) }), "text_too_long"),
        (json!({ "title": "t", "priority": "urgent" }), "invalid_value"),
        (json!({ "title": "t", "tags": ["x".repeat(65)] }), "invalid_value"),
        (json!({ "title": "t", "workspace": "nowhere" }), "workspace_not_found"),
        (json!({ "title": "t", "workspace": "/no/such/place" }), "workspace_not_found"),
        (json!({ "title": "t", "assignee": "nobody" }), "assignee_not_found"),
        (json!({ "title": "t", "colour": "red" }), "unknown_parameter"),
    ] {
        ann.refused("create_task", input, code).await;
    }
    let told =
        ann.refused("create_task", json!({ "title": "t", "priority": "urgent" }), "invalid_value").await;
    assert!(told["message"].as_str().expect("a message").contains("p0"), "{told}");
    ann.refused("claim_task", json!({ "task": "APP-99" }), "task_not_found").await;
    ann.refused("claim_task", json!({ "task": "??" }), "invalid_value").await;
    ann.refused(
        "update_task",
        json!({ "task": code, "title": "u", "expected_revision": 9 }),
        "stale_revision",
    )
    .await;
    ann.refused("complete_task", json!({ "task": code }), "task_not_held").await;
    // A session id that somebody read is no credential.
    let thief = Agent { token: bob.token.clone(), ..ann.clone() };
    thief.refused("claim_task", json!({ "task": code }), "session_foreign").await;
    let nobody = Agent { id: "ses_01kax3v7yqe5nbp8w0c4mzt6rd".into(), ..ann.clone() };
    nobody.refused("claim_task", json!({ "task": code }), "session_not_found").await;
    let unclaimed = team.admin().post("/api/ops/claim_task", json!({ "task": code }).to_string()).await;
    assert_eq!(unclaimed.json()["error"]["code"], "session_required");
    let shown = ann.looks("show_task", json!({ "task": code })).await;
    assert_eq!((shown["task"]["revision"].as_u64(), shown["task"]["title"].as_str()), (Some(1), Some("t")));
    let counts = ann.client.operation("count_tasks", &json!({ "workspace": "app" })).await;
    assert_eq!(counts["tasks"], 1);
    // Nothing was registered by asking.
    let workspaces = team.admin().operation("list_workspaces", &json!({})).await;
    assert_eq!(workspaces["workspaces"].as_array().map(Vec::len), Some(1));
    team.stop().await;
}

async fn lists_and_counts_agree(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    for number in 0..30 {
        let priority = format!("p{}", number % 4);
        let tags = if number % 2 == 0 { json!(["even", "all"]) } else { json!(["all"]) };
        create(&ann, json!({ "title": format!("t{number}"), "priority": priority, "tags": tags })).await;
    }
    ann.does("claim_task", json!({ "task": "APP-1" })).await;
    ann.does("claim_task", json!({ "task": "APP-2" })).await;
    ann.does("complete_task", json!({ "task": "APP-2" })).await;
    ann.does("archive_task", json!({ "task": "APP-3" })).await;
    ann.does("update_task", json!({ "task": "APP-4", "priority": "p0" })).await;
    let all = async |filter: Value| -> Vec<String> {
        let mut codes = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let mut input = filter.clone();
            input["workspace"] = "app".into();
            input["limit"] = 7.into();
            if !cursor.is_null() {
                input["cursor"] = cursor;
            }
            let page = team.admin().operation("list_tasks", &input).await;
            let tasks = page["tasks"].as_array().expect("tasks");
            codes.extend(tasks.iter().filter_map(|task| task["code"].as_str().map(str::to_owned)));
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                return codes;
            }
        }
    };
    let counts = team.admin().operation("count_tasks", &json!({ "workspace": "app" })).await;
    assert_eq!(
        counts["by_status"],
        json!({ "available": 27, "in_progress": 1, "blocked": 0, "done": 1, "archived": 1 })
    );
    assert_eq!(counts["open_by_priority"], json!({ "p0": 9, "p1": 7, "p2": 6, "p3": 6 }));
    let everything = all(json!({})).await;
    assert_eq!(everything.len(), 29);
    assert_eq!(everything[..3], ["APP-1", "APP-4", "APP-5"], "by urgency, then by age");
    for (filter, count) in [
        (json!({ "status": ["available"] }), 27),
        (json!({ "status": ["done", "archived"] }), 2),
        (json!({ "tags": ["even"] }), 14),
        (json!({ "tags": ["even", "all"], "status": ["available"] }), 13),
        (json!({ "tags": "all", "priority": "p0" }), 9),
        (json!({ "holder": ann.id }), 2),
        (json!({ "ready": true }), 27),
        (json!({ "tags": ["none"] }), 0),
    ] {
        assert_eq!(all(filter.clone()).await.len(), count, "{filter}");
    }
    for input in [
        json!({ "limit": 0 }),
        json!({ "limit": 1_001 }),
        json!({ "cursor": "x" }),
        json!({ "status": ["odd"] }),
    ] {
        let mut asked = input.clone();
        asked["workspace"] = "app".into();
        let answer = team.admin().post("/api/ops/list_tasks", asked.to_string()).await;
        assert_eq!(answer.status, 400, "{input}");
    }
    team.stop().await;
}

async fn a_private_workspace_has_no_tasks_for_others(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    let code = create(&ann, json!({ "title": "secret plan" })).await;
    team.admin()
        .operation("set_workspace_visibility", &json!({ "workspace": "app", "visibility": "private" }))
        .await;
    let added = team.admin().operation("add_operator", &json!({ "slug": "eve" })).await;
    let eve = team.admin().with_key(added["key"].as_str().expect("a key"));
    let absent = eve.post("/api/ops/show_task", json!({ "task": "APP-99" }).to_string()).await;
    for (name, input) in [
        ("show_task", json!({ "task": code })),
        ("claim_task", json!({ "task": code })),
        ("complete_task", json!({ "task": code })),
        ("update_task", json!({ "task": code, "title": "x" })),
        ("comment_task", json!({ "task": code, "body": "x" })),
        ("list_task_history", json!({ "task": code })),
        ("list_tasks", json!({ "workspace": "app" })),
        ("count_tasks", json!({ "workspace": "app" })),
        ("create_task", json!({ "workspace": "app", "title": "x" })),
        ("list_events", json!({ "workspace": "app" })),
    ] {
        let answer = eve.post(&format!("/api/ops/{name}"), input.to_string()).await;
        assert_eq!(answer.status, 404, "{name}: {}", answer.text());
        assert!(!answer.text().contains("secret plan"));
    }
    // In the same words as what is not there.
    let hidden = eve.post("/api/ops/show_task", json!({ "task": code }).to_string()).await;
    assert_eq!(hidden.text().replace(&code, "APP-99"), absent.text().replace(&code, "APP-99"));
    team.stop().await;
}

async fn a_request_that_is_repeated_happens_once(database: Database) {
    let team = Team::start(database).await;
    let ann = team.agent(0).await;
    let input = json!({ "title": "once", "idempotency_key": "k1" });
    let first = ann.does("create_task", input.clone()).await;
    assert_eq!(ann.does("create_task", input).await, first);
    ann.refused("create_task", json!({ "title": "other", "idempotency_key": "k1" }), "idempotency_mismatch")
        .await;
    let next = ann.does("next_task", json!({ "idempotency_key": "k2" })).await;
    create(&ann, json!({ "title": "another" })).await;
    assert_eq!(ann.does("next_task", json!({ "idempotency_key": "k2" })).await, next);
    team.stop().await;
}

/// The command line through the running service: noun-verb verbs, and the flat ones with their own options and shapes.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_has_both_spellings() {
    let team = Team::start(Database::Sqlite).await;
    let home = &team.services[0].home;
    let app = team.path("app");
    let run = async |arguments: &[&str]| -> Value {
        let output = within(
            "a verb",
            home.command(arguments).env("BRAINS_API_KEY", team.admin().key.clone()).output(),
        )
        .await
        .expect("the program starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let started = run(&["session", "start", "--workspace", &app]).await;
    let session = started["session_id"].as_str().expect("an id");
    let made =
        run(&["task-create", "--title", "a", "--workspace", &app, "--tags", "x,y", "--priority", "p1"]).await;
    assert_eq!(made["code"], "APP-1");
    assert_eq!(
        (&made["tags"], &made["body"], &made["depends_on"]),
        (&json!("x,y"), &Value::Null, &Value::Null)
    );
    run(&["task-create", "--title", "b", "--workspace", &app, "--depends-on", "APP-1"]).await;
    let listed = run(&["task-list", "--workspace", &app]).await;
    assert_eq!(listed[1]["depends_on"], "APP-1");
    let claimed = run(&["task-claim", "--code", "APP-1", "--session", session]).await;
    assert_eq!(
        (claimed["status"].as_str(), claimed["claimed_by_session_id"].as_str()),
        (Some("in_progress"), Some(session))
    );
    let released = run(&["task-release", "--code", "APP-1", "--session", session]).await;
    assert_eq!(released, json!({ "code": "APP-1", "status": "available" }));
    run(&["task", "claim", "APP-1", "--session", session]).await;
    let handed = run(&["task-handoff", "--from-code", "APP-1", "--title", "n", "--session", session]).await;
    assert_eq!(
        (handed["completed"]["status"].as_str(), handed["next"]["depends_on"].as_str()),
        (Some("done"), Some("APP-1"))
    );
    let set = run(&["handoff-set", "--title", "h", "--workspace", &app]).await;
    assert_eq!((set["status"].as_str(), set["workspace"].as_str()), (Some("active"), Some("app")));
    assert_eq!(run(&["handoff-list", "--workspace", &app]).await[0]["handoff_id"], set["handoff_id"]);
    let picked = run(&["handoff-pick", "--workspace", &app]).await;
    assert_eq!((picked["title"].as_str(), picked["status"].as_str()), (Some("h"), Some("picked_up")));
    run(&["handoff-set", "--title", "h2", "--workspace", &app]).await;
    assert_eq!(run(&["handoff-clear", "--workspace", &app, "--reason", "r"]).await["status"], "cleared");
    let sent = run(&["message-send", "--subject", "hi", "--to-session", session, "--workspace", &app]).await;
    assert_eq!((sent["to_session_id"].as_str(), sent["kind"].as_str()), (Some(session), Some("info")));
    let told = home
        .command(&["task", "comment", "APP-2", "x", "--session", session])
        .env("BRAINS_API_KEY", team.admin().key.clone())
        .output()
        .await;
    let told = String::from_utf8_lossy(&told.expect("the program starts").stderr).into_owned();
    assert!(told.contains("1 unread message: read_messages shows it"), "{told}");
    let looked = run(&["message-read", "--session", session, "--no-mark-read"]).await;
    assert_eq!((looked[0]["subject"].as_str(), &looked[0]["read_at"]), (Some("hi"), &Value::Null));
    run(&["message-read", "--session", session]).await;
    assert_eq!(run(&["message-read", "--session", session]).await, json!([]));
    assert_eq!(run(&["message-read", "--session", session, "--include-read"]).await[0]["subject"], "hi");
    assert_eq!(
        run(&["event-append", "--kind", "k", "--message", "m", "--session", session]).await["kind"],
        "k"
    );
    run(&["task", "complete", "APP-2"]).await;
    assert_eq!(run(&["task", "count", "--workspace", &app]).await["by_status"]["done"], 2);
    team.stop().await;
}
