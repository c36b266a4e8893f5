//! Who an agent is over MCP: by its token, its key, its connection; and what is free when the connection ends.

use brains_tests::Client;
use brains_tests::mcp::{Connection, Events, Stream, call, refused, reply, stateless, structured};
use brains_tests::team::{Database, Team};
use brains_tests::{until, within};
use http::Method;
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<String> {
    let tools = list["result"]["tools"].as_array().expect("tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

/// A session over one connection, in the workspace of the team.
async fn connected(team: &Team) -> (Connection, Value) {
    let connection = Connection::open(&team.services[0].mcp).await;
    let started = structured(&connection.call("start_session", json!({"workspace": "app"})).await);
    (connection, started)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_takes_the_token_and_a_key_with_one_session_is_known_by_it() {
    let team = Team::start(Database::Sqlite).await;
    let made = team.admin().operation("create_key", &json!({"name": "laptop", "agent": true})).await;
    assert_eq!(made["scopes"], json!(["gateway", "read", "write"]), "{made}");
    let key = made["key"].as_str().expect("a key");
    let mcp = team.services[0].mcp.with_key(key);
    let listed = reply(&Client::send(stateless(&mcp, "/mcp", "tools/list", json!({}))).await);
    let admins =
        reply(&Client::send(stateless(&team.services[0].mcp, "/mcp", "tools/list", json!({}))).await);
    assert_eq!(names(&listed), names(&admins), "an agent's key reads and writes");
    for tool in listed["result"]["tools"].as_array().expect("tools") {
        assert!(tool["inputSchema"]["properties"]["session_token"].is_object(), "{tool}");
    }

    // The client names the program; nothing else is known of it, as with a client of 2026-07-28 without ids.
    let first = structured(&call(&mcp, "start_session", json!({"workspace": team.path("app")})).await);
    assert_eq!(
        (&first["session"]["tool"], &first["session"]["key"]),
        (&json!("harness"), &json!("laptop")),
        "{first}"
    );
    for (tool, input) in [
        ("list_tasks", json!({})),
        ("list_sessions", json!({})),
        ("list_locks", json!({})),
        ("get_state", json!({})),
        ("who_blocks", json!({"path": "src"})),
        ("wait_events", json!({"timeout_ms": 0})),
        ("list_models", json!({})),
        ("acquire_lock", json!({"path": "src"})),
        ("end_session", json!({"session": first["session_id"], "summary": "by its key"})),
    ] {
        structured(&call(&mcp, tool, input).await);
    }

    // Two sessions of one key are told apart by their tokens alone.
    let start = async |at: &str| {
        let started = structured(&call(&mcp, "start_session", json!({"workspace": team.path(at)})).await);
        (started["session_id"].clone(), started["session_token"].clone())
    };
    team.project("web");
    let (app, web) = (start("app").await, start("web").await);
    assert_eq!(refused(&call(&mcp, "list_locks", json!({})).await)["code"], json!("workspace_required"));
    assert_eq!(
        refused(&call(&mcp, "acquire_lock", json!({"path": "src"})).await)["code"],
        json!("session_required")
    );
    for (session, token) in [&app, &web] {
        let with = |mut input: Value| {
            input["session_token"] = token.clone();
            input
        };
        let listed = structured(&call(&mcp, "list_sessions", with(json!({}))).await);
        assert_eq!(listed["sessions"][0]["id"], *session, "{listed}");
        let held = structured(&call(&mcp, "acquire_lock", with(json!({"path": "src"}))).await);
        assert_eq!(held["lock"]["session"], *session);
        for (tool, input) in [
            ("who_blocks", json!({"path": "src"})),
            ("list_locks", json!({})),
            ("wait_events", json!({"timeout_ms": 0})),
            ("list_models", json!({})),
            ("show_session", json!({"id": session})),
        ] {
            structured(&call(&mcp, tool, with(input)).await);
        }
    }

    // Whoever has a connection of their own is not taken for the one session that is left.
    structured(&call(&mcp, "end_session", json!({"session_token": web.1})).await);
    structured(&call(&mcp, "set_focus", json!({"intent": "by the key again"})).await);
    let other = Connection::open(&mcp).await;
    assert_eq!(
        refused(&other.call("set_focus", json!({"intent": "as somebody"})).await)["code"],
        json!("session_required")
    );
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ends_its_connection_frees_what_it_held() {
    let team = Team::start(Database::Sqlite).await;
    let (connection, session) = connected(&team).await;
    structured(&connection.call("acquire_lock", json!({"path": "src"})).await);
    let (other, _) = connected(&team).await;
    assert_eq!(
        refused(&other.call("acquire_lock", json!({"path": "src"})).await)["code"],
        json!("lock_held")
    );
    // One that was taken up elsewhere meanwhile is not this connection's any more.
    let (moved, taken) = connected(&team).await;
    let id = taken["session_id"].clone();
    let resume = json!({"session": id, "session_token": taken["session_token"]});
    structured(&call(&team.services[0].mcp, "resume_session", resume).await);
    for connection in [&connection, &moved] {
        let request = connection.client.request(Method::DELETE, "/mcp");
        let version = connection.initialized["protocolVersion"].as_str().expect("a version");
        let request =
            request.header("mcp-session-id", &connection.id).header("mcp-protocol-version", version);
        let ended = Client::send(request).await;
        assert!(ended.status < 300, "{}", ended.text());
    }
    structured(&other.call("acquire_lock", json!({"path": "src"})).await);
    let listed = team.admin().operation("list_sessions", &json!({"workspace": "app", "all": true})).await;
    let state = |id: &Value| {
        let mut sessions = listed["sessions"].as_array().expect("sessions").iter();
        sessions.find(|session| session["id"] == *id).map(|session| session["state"].clone())
    };
    assert_eq!(state(&session["session_id"]), Some(json!("ended")), "{listed}");
    assert_eq!(state(&id), Some(json!("active")), "{listed}");
    team.stop().await;
}

/// A stream that breaks off cancels nothing: the change is made, and its answer is read by the id of the last event that
/// came, on a stream of its own (2025-11-25, transports). No id comes twice in a connection.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_stream_broke_off_is_read_on_another_one() {
    let team = Team::start(Database::Sqlite).await;
    let ((one, _), (two, _)) = (connected(&team).await, connected(&team).await);
    let held = structured(&two.call("acquire_lock", json!({"path": "src"})).await);
    let wait = json!({"jsonrpc": "2.0", "id": 21, "method": "tools/call",
        "params": {"name": "acquire_lock", "arguments": {"path": "src", "wait_ms": 50_000}}});
    let mut events = Events::open(one.message(&wait)).await;
    let first = events.frame().await.expect("the first event");
    assert!(first.contains("retry:"), "{first}");
    let last = id_of(&first);
    drop(events);
    let waiters = async || {
        let listed = team.admin().operation("list_locks", &json!({"workspace": "app"})).await;
        listed["waiting"].as_array().map_or(0, Vec::len)
    };
    until("the waiter", async || waiters().await == 1).await;
    structured(&two.call("release_lock", json!({"id": held["lock"]["id"]})).await);
    let resumed = one.client.request(Method::GET, "/mcp").header("accept", "text/event-stream");
    let resumed = resumed.header("mcp-session-id", &one.id).header("mcp-protocol-version", "2025-11-25");
    let again = resumed.try_clone().expect("a copy");
    let mut rest = Events::open(resumed.header("last-event-id", &last)).await;
    let answer = rest.message().await;
    assert_eq!(
        (&answer["id"], &structured(&answer)["lock"]["resource"]),
        (&json!(21), &json!("src")),
        "{answer}"
    );
    assert_eq!(within("the end", rest.event()).await, None, "an answer is the end of its stream");
    // What stands for nothing resumes nothing.
    let mut nothing = Events::open(again.header("last-event-id", "900-1")).await;
    assert_eq!(within("the end", nothing.event()).await, None);
    let mut seen = std::collections::BTreeSet::from([last]);
    for number in 30..33 {
        let ping = json!({"jsonrpc": "2.0", "id": number, "method": "ping"});
        let text = Client::send(one.message(&ping)).await.text();
        for frame in text.split("\n\n").filter(|frame| frame.contains("id:")) {
            assert!(seen.insert(id_of(frame)), "{frame} in {text}");
        }
    }
    assert!(seen.len() > 3, "{seen:?}");
    team.stop().await;
}

fn id_of(frame: &str) -> String {
    frame.lines().find_map(|line| line.strip_prefix("id:")).expect("an id").trim().to_owned()
}

/// Whoever lost the older kind of stream has a few seconds to take its session up elsewhere; what nobody takes up is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_frees_what_was_held_over_it_unless_somebody_takes_it_up() {
    let team = Team::start(Database::Sqlite).await;
    let mcp = &team.services[0].mcp;
    let begin = async |path: &str| {
        let mut stream = Stream::open(mcp).await;
        let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
        let started =
            stream.request(1, "tools/call", call("start_session", json!({"workspace": "app"}))).await;
        let held = stream.request(2, "tools/call", call("acquire_lock", json!({"path": path}))).await;
        structured(&held);
        (stream, structured(&started))
    };
    let ((lost, first), (moved, second)) = (begin("src").await, begin("docs").await);
    drop((lost, moved));
    let resume = json!({"session": second["session_id"], "session_token": second["session_token"]});
    structured(&call(mcp, "resume_session", resume).await);
    let (other, _) = connected(&team).await;
    until("the lock to be free", async || {
        let asked = other.call("acquire_lock", json!({"path": "src"})).await;
        asked["result"]["isError"] == json!(false)
    })
    .await;
    let held = refused(&other.call("acquire_lock", json!({"path": "docs"})).await);
    assert_eq!(held["code"], json!("lock_held"), "{first} {held}");
    team.stop().await;
}
