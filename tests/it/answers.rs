//! How calls and answers are shaped for whoever makes them: inputs as clients write them, answers as long as they can be read.

use brains_tests::client::{Answer, Client};
use brains_tests::mcp::{Connection, call, refused, reply, stateless, structured};
use brains_tests::on_both_databases;
use brains_tests::team::{Agent, Database, Team};
use serde_json::{Map, Value, json};

on_both_databases! {
    answers_are_as_long_as_they_can_be_read inputs_are_taken_as_clients_write_them the_references_members_are_ours
    a_position_that_is_not_there_is_refused what_is_asked_outside_of_a_workspace_is_told_of_all
}

/// What an answer may be when nothing is said, in bytes of JSON.
const MOST: usize = 16 * 1024;

/// Calls as an agent, whether or not the operation is done as a session.
async fn ask(agent: &Agent, name: &str, input: Value) -> Answer {
    const BY_SESSION: [&str; 4] = ["get_state", "list_messages", "read_messages", "append_event"];
    if BY_SESSION.contains(&name) {
        return agent.call(name, input).await;
    }
    agent.client.post(&format!("/api/ops/{name}"), input.to_string()).await
}

/// Every row of a list, page by page; tells how many pages there were.
async fn pages(agent: &Agent, name: &str, input: &Value, rows: &str) -> (Vec<Value>, usize) {
    let (mut all, mut count, mut cursor) = (Vec::new(), 0, Value::Null);
    loop {
        let mut input = input.clone();
        input["cursor"] = cursor.clone();
        let answer = ask(agent, name, input).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert!(answer.body.len() <= MOST, "{name}: {} bytes", answer.body.len());
        let answer = answer.json();
        let page = answer[rows].as_array().expect("rows").clone();
        assert!(!page.is_empty() || answer["next_cursor"].is_null(), "{name}: an empty page");
        all.extend(page);
        count += 1;
        assert!(count < 200, "{name}: it ends");
        cursor = answer["next_cursor"].clone();
        if cursor.is_null() {
            return (all, count);
        }
    }
}

/// Claude Code refuses results of more than 25,000 tokens; a list cuts whole rows and says where to go on.
async fn answers_are_as_long_as_they_can_be_read(database: Database) {
    const ROWS: usize = 40;
    let team = Team::start(database).await;
    let (one, two) = (team.agent(0).await, team.agent(0).await);
    let long = "word ".repeat(400);
    let code = one.does("create_task", json!({ "title": "first" })).await["task"]["code"].clone();
    for number in 0..ROWS {
        let text = format!("{number} {long}");
        one.does("create_task", json!({ "title": format!("t{number}"), "body": text })).await;
        one.does("comment_task", json!({ "task": code, "body": text })).await;
        one.does("send_message", json!({ "subject": format!("m{number}"), "body": text, "to": [two.id] }))
            .await;
        one.does("append_event", json!({ "kind": "k", "message": text })).await;
        one.does("write_checkpoint", json!({ "summary": text })).await;
        one.does("acquire_lock", json!({ "name": format!("n{number}"), "reason": text })).await;
    }
    let mut others = Vec::new();
    for number in 0..20 {
        let other = team.agent(0).await;
        other.does("set_focus", json!({ "intent": format!("{number} {long}") })).await;
        others.push(other);
    }
    for (agent, name, input, rows, count) in [
        (&one, "list_tasks", json!({ "full": true, "limit": 1000 }), "tasks", ROWS + 1),
        (&one, "list_task_comments", json!({ "task": code, "limit": 1000 }), "comments", ROWS),
        (&two, "list_messages", json!({ "limit": 1000 }), "messages", ROWS),
        (&one, "list_messages", json!({ "folder": "sent" }), "messages", ROWS),
        (&one, "list_events", json!({ "kinds": ["k"], "limit": 1000 }), "events", ROWS),
        (&one, "list_checkpoints", json!({ "id": one.id, "limit": 1000 }), "checkpoints", ROWS),
        (&one, "list_locks", json!({ "limit": 1000 }), "locks", ROWS),
        (&one, "list_focus", json!({}), "focus", others.len()),
    ] {
        let mut input = input;
        if name != "list_checkpoints" && name != "list_messages" && name != "list_task_comments" {
            input["workspace"] = "app".into();
        }
        let (all, pages) = pages(agent, name, &input, rows).await;
        assert_eq!(all.len(), count, "{name}: every row once");
        assert!(pages > 2, "{name}");
    }
    // Mail: what is told is what was confirmed, page by page.
    let (mut read, mut cursor) = (0, Value::Null);
    loop {
        let answer = two.call("read_messages", json!({ "limit": 100, "cursor": cursor })).await;
        assert!(answer.body.len() <= MOST, "{} bytes", answer.body.len());
        let answer = answer.json();
        let messages = answer["messages"].as_array().expect("messages").len();
        read += messages;
        cursor = answer["next_cursor"].clone();
        if messages == 0 {
            break;
        }
    }
    assert_eq!(read, ROWS);
    // Events that are followed: nothing is skipped.
    let (mut heard, mut after) = (0, json!("0"));
    loop {
        let input =
            json!({ "workspace": "app", "kinds": ["k"], "after": after, "timeout_ms": 0, "limit": 1000 });
        let answer = ask(&one, "wait_events", input).await;
        assert!(answer.body.len() <= MOST, "{} bytes", answer.body.len());
        let answer = answer.json();
        let events = answer["events"].as_array().expect("events").len();
        if events == 0 {
            break;
        }
        heard += events;
        after = answer["after"].clone();
    }
    assert_eq!(heard, ROWS);
    // What lists several things says what it left off.
    for (name, input) in [
        ("get_state", json!({ "workspace": "app", "limit": 1000, "full": true })),
        ("show_task", json!({ "task": code })),
        ("who_blocks", json!({ "workspace": "app" })),
        ("show_session", json!({ "id": one.id })),
    ] {
        let answer = ask(&two, name, input.clone()).await;
        assert!(answer.body.len() <= MOST, "{name}: {} bytes", answer.body.len());
        let left = answer.json()["left_off"].clone();
        assert_eq!(left.is_object(), name != "who_blocks", "{name}: {left}");
        let mut more = input;
        more["max_bytes"] = (256 << 10).into();
        let longer = ask(&two, name, more).await;
        assert!(longer.body.len() >= answer.body.len(), "{name}");
    }
    // As much as is asked for, within bounds.
    let whole = json!({ "workspace": "app", "full": true, "limit": 1000, "max_bytes": 262_144 });
    assert_eq!(one.looks("list_tasks", whole).await["next_cursor"], Value::Null);
    for odd in [json!(0), json!(262_145), json!(-1), json!("many")] {
        let refused = ask(&one, "list_tasks", json!({ "workspace": "app", "max_bytes": odd })).await;
        assert_eq!(refused.json()["error"]["param"], "max_bytes", "{}", refused.text());
    }
    // A row that is longer than an answer is told whole.
    let huge = one
        .does("create_task", json!({ "title": "huge", "body": "x".repeat(60_000), "priority": "p0" }))
        .await;
    let listed = one.looks("list_tasks", json!({ "workspace": "app", "full": true })).await;
    assert_eq!(listed["tasks"][0]["body"].as_str().map(str::len), Some(60_000));
    assert_eq!(listed["tasks"].as_array().map(Vec::len), Some(1), "{}", huge["task"]["code"]);
    team.stop().await;
}

/// Inputs of every tool that is listed: what its schema says may be left out may be `null`.
async fn inputs_are_taken_as_clients_write_them(database: Database) {
    let team = Team::start(database).await;
    let connection = Connection::open(&team.services[0].mcp).await;
    structured(
        &connection.call("start_session", json!({ "workspace": "app", "lease": null, "tool": null })).await,
    );
    let made = structured(
        &connection
            .call(
                "create_task",
                json!({ "title": "t", "tags": "[\"api\",\"db\"]", "priority": null, "depends_on": null }),
            )
            .await,
    );
    assert_eq!(made["task"]["tags"], json!(["api", "db"]), "{made}");
    let code = made["task"]["code"].clone();
    let second = structured(
        &connection.call("create_task", json!({ "title": "u", "depends_on": format!("[{code}]") })).await,
    );
    assert_eq!(second["task"]["depends_on"], json!([code]));
    let page = structured(
        &connection
            .call("list_tasks", json!({ "limit": 1.0, "status": "[\"available\"]", "cursor": "" }))
            .await,
    );
    assert_eq!(page["tasks"].as_array().map(Vec::len), Some(1), "{page}");
    let change =
        json!({ "task": code, "title": "v", "expected_revision": 1.0, "tags": null, "session": null });
    let changed = structured(&connection.call("update_task", change).await);
    assert_eq!((&changed["task"]["tags"], &changed["task"]["revision"]), (&json!(["api", "db"]), &json!(2)));
    let listed =
        reply(&Client::send(stateless(&team.services[0].mcp, "/mcp", "tools/list", json!({}))).await);
    for tool in listed["result"]["tools"].as_array().expect("tools") {
        let required = tool["inputSchema"]["required"].as_array().cloned().unwrap_or_default();
        let properties = tool["inputSchema"]["properties"].as_object().expect("properties");
        let nulls: Map<String, Value> = properties
            .keys()
            .filter(|name| !required.contains(&json!(name)))
            .map(|name| (name.clone(), Value::Null))
            .collect();
        // What needs one of several, and what would end the test.
        if !required.is_empty()
            || ["end_session", "set_focus", "send_message"].contains(&tool["name"].as_str().expect("a name"))
        {
            continue;
        }
        let answer = connection.call(tool["name"].as_str().expect("a name"), nulls.into()).await;
        let told = answer["result"].to_string();
        assert!(
            !told.contains("invalid_value") && !told.contains("invalid type"),
            "{}: {told}",
            tool["name"]
        );
        assert!(
            tool["annotations"]["readOnlyHint"] == true || tool["annotations"]["idempotentHint"].is_boolean(),
            "{tool}"
        );
        if let Some(limit) = properties.get("limit") {
            assert!(limit["maximum"].is_u64(), "{tool}");
        }
    }
    for (input, told) in [
        (json!({ "limit": "many" }), "`limit`: text \"many\" is not a whole number between 0 and 4294967295"),
        (json!({ "limit": 5.5 }), "`limit`: number `5.5` is not a whole number between 0 and 4294967295"),
        (json!({ "full": "yes" }), "`full`: text \"yes\" is not true or false"),
    ] {
        let error = refused(&connection.call("list_tasks", input).await);
        assert_eq!(error["message"], told);
    }
    team.stop().await;
}

async fn the_references_members_are_ours(database: Database) {
    let team = Team::start(database).await;
    let mcp = team.services[0].mcp.clone();
    let started =
        structured(&call(&mcp, "brains.start_session", json!({ "workspace_path": team.path("app") })).await);
    let mine = |mut input: Value| {
        input["session_id"] = started["session_id"].clone();
        input["session_token"] = started["session_token"].clone();
        input
    };
    let made = structured(
        &call(
            &mcp,
            "brains.create_task",
            mine(json!({ "workspace_path": "app", "title": "t", "tags": "a,b" })),
        )
        .await,
    );
    let code = made["task"]["code"].clone();
    structured(&call(&mcp, "brains.claim_task", mine(json!({ "task_code": code }))).await);
    let claim = mine(json!({ "workspace_path": "app", "duration_minutes": 5 }));
    assert_eq!(
        structured(&call(&mcp, "brains.claim_workspace", claim).await)["session_id"],
        started["session_id"]
    );
    let listed =
        structured(&call(&mcp, "brains.list_workspace_claims", json!({ "workspace_path": "app" })).await);
    assert_eq!(listed["claims"].as_array().map(Vec::len), Some(1));
    structured(&call(&mcp, "brains.release_workspace", mine(json!({ "workspace_path": "app" }))).await);
    structured(&call(&mcp, "heartbeat_session", mine(json!({}))).await);
    structured(&call(&mcp, "brains.complete_task", mine(json!({ "task_code": code, "summary": "s" }))).await);
    let odd = refused(&call(&mcp, "brains.list_tasks", json!({ "workspace_pat": "app" })).await);
    assert_eq!(odd["code"], "unknown_parameter");
    let instructions = Connection::open(&mcp).await.request("ping", json!({})).await;
    assert_eq!(instructions["result"], json!({}));
    team.stop().await;
}

async fn a_position_that_is_not_there_is_refused(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    let ahead = json!({ "workspace": "app", "after": "100000", "timeout_ms": 60_000 });
    let refused = ask(&agent, "wait_events", ahead).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["param"]),
        (400, &json!("after")),
        "{}",
        refused.text()
    );
    let newest = agent.does("append_event", json!({ "kind": "k", "message": "m" })).await["seq"].clone();
    let now = json!({ "workspace": "app", "after": newest.to_string(), "timeout_ms": 0 });
    assert_eq!(ask(&agent, "wait_events", now).await.json()["events"], json!([]));
    let mcp = &team.services[0].mcp;
    let gone = mcp.request(http::Method::DELETE, "/mcp").header("mcp-session-id", "nobody");
    assert_eq!(Client::send(gone).await.status, 404);
    team.stop().await;
}

async fn what_is_asked_outside_of_a_workspace_is_told_of_all(database: Database) {
    let team = Team::start(database).await;
    let admin = team.admin();
    team.project("other");
    admin.operation("register_workspace", &json!({ "path": team.path("other") })).await;
    for (workspace, title, priority) in [("app", "b", "p2"), ("other", "a", "p1"), ("app", "c", "p3")] {
        let input = json!({ "workspace": workspace, "title": title, "priority": priority });
        admin.operation("create_task", &input).await;
    }
    let titles = |listed: &Value, rows: &str| -> Vec<String> {
        let tasks = listed[rows].as_array().expect("tasks").iter();
        tasks.map(|task| task["title"].as_str().expect("a title").to_owned()).collect()
    };
    let listed = admin.operation("list_tasks", &json!({ "limit": 2 })).await;
    assert_eq!(titles(&listed, "tasks"), ["a", "b"]);
    let rest = admin.operation("list_tasks", &json!({ "limit": 2, "cursor": listed["next_cursor"] })).await;
    assert_eq!(titles(&rest, "tasks"), ["c"]);
    let state = admin.operation("get_state", &json!({})).await;
    assert_eq!(
        (titles(&state, "active_tasks"), &state["workspace"]),
        (vec!["a".into(), "b".into(), "c".into()], &Value::Null)
    );
    // Whoever sees less is told less.
    admin.operation("add_operator", &json!({ "slug": "ada" })).await;
    let hide = json!({ "workspace": "other", "visibility": "private" });
    admin.operation("set_workspace_visibility", &hide).await;
    let key = admin
        .operation("create_key", &json!({ "name": "ada", "operator": "ada", "scopes": ["read", "write"] }))
        .await;
    let ada = admin.with_key(key["key"].as_str().expect("a key"));
    assert_eq!(titles(&ada.operation("list_tasks", &json!({})).await, "tasks"), ["b", "c"]);
    assert_eq!(titles(&ada.operation("get_state", &json!({})).await, "active_tasks"), ["b", "c"]);
    team.stop().await;
}
