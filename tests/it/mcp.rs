//! The MCP listener on the wire: both eras of the protocol, the older event streams, and who is let in.

use brains_tests::mcp::{
    CONNECTED, Connection, Stream, call, messages, refused, reply, stateless, structured,
};
use brains_tests::team::{Database, Team};
use brains_tests::{Brains, Client, Setup, within};
use http::Method;
use serde_json::{Value, json};

/// An operator of their own, with a key.
async fn member(service: &Brains, slug: &str) -> Client {
    let added = service.client.operation("add_operator", &json!({"slug": slug})).await;
    service.mcp.with_key(added["key"].as_str().expect("a key"))
}

fn names(list: &Value) -> Vec<String> {
    let tools = list["result"]["tools"].as_array().expect("tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_eras_show_the_same_tools_and_run_them() {
    let service = Brains::plain().await;
    let discovered =
        reply(&Client::send(stateless(&service.mcp, "/mcp", "server/discover", json!({}))).await);
    let versions = discovered["result"]["supportedVersions"].as_array().expect("versions");
    assert!(versions.contains(&json!("2026-07-28")) && versions.contains(&json!(CONNECTED)), "{discovered}");
    let modern = reply(&Client::send(stateless(&service.mcp, "/mcp", "tools/list", json!({}))).await);
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", CONNECTED] {
        let connection = Connection::open_at(&service.mcp, "/mcp", version, "harness").await;
        assert_eq!(connection.initialized["protocolVersion"], json!(version));
        assert_eq!(connection.initialized["serverInfo"]["name"], json!("brains"));
        assert!(connection.initialized["instructions"].as_str().is_some_and(|text| text.len() < 2_500));
        assert_eq!(connection.request("ping", json!({})).await["result"], json!({}));
        assert_eq!(names(&connection.request("tools/list", json!({})).await), names(&modern), "{version}");
        let answered = structured(&connection.call("list_models", json!({})).await);
        assert!(answered["models"].as_array().is_some_and(|models| !models.is_empty()), "{answered}");
    }
    let answered = call(&service.mcp, "list_models", json!({})).await;
    let text = answered["result"]["content"][0]["text"].as_str().expect("a text");
    assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), structured(&answered));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_results_and_faults_of_the_protocol_are_errors() {
    let service = Brains::plain().await;
    let unknown_member = refused(&call(&service.mcp, "list_models", json!({"nope": 1})).await);
    assert_eq!(unknown_member["code"], json!("unknown_parameter"));
    assert!(unknown_member["hint"].is_string(), "{unknown_member}");
    let missing = refused(&call(&service.mcp, "show_trace", json!({})).await);
    assert_eq!(missing["code"], json!("missing_required_parameter"), "{missing}");
    let absent = refused(&call(&service.mcp, "show_trace", json!({"id": "trc_0"})).await);
    assert!(["not_found", "invalid_value"].contains(&absent["code"].as_str().expect("a code")), "{absent}");
    let unknown = call(&service.mcp, "no_such_tool", json!({})).await;
    assert_eq!(unknown["error"]["code"], json!(-32602), "{unknown}");
    let cursor =
        reply(&Client::send(stateless(&service.mcp, "/mcp", "tools/list", json!({"cursor": "x"}))).await);
    assert_eq!(cursor["error"]["code"], json!(-32602), "{cursor}");
    let profile = Client::send(stateless(&service.mcp, "/mcp?profile=tiny", "tools/list", json!({}))).await;
    assert!(profile.text().contains("the profiles are"), "{}", profile.text());
    // The reference's names are accepted on call.
    structured(&call(&service.mcp, "brains.list_models", json!({})).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_people_is_refused_to_agents_under_every_key() {
    let service = Brains::plain().await;
    let listed = reply(&Client::send(stateless(&service.mcp, "/mcp", "tools/list", json!({}))).await);
    for tool in ["create_key", "list_keys", "add_operator", "set_config", "rotate_admin_key", "list_audit"] {
        assert!(!names(&listed).contains(&tool.to_owned()), "{tool}");
        assert_eq!(
            refused(&call(&service.mcp, tool, json!({})).await)["code"],
            json!("people_only"),
            "{tool}"
        );
    }
    assert_eq!(
        refused(&call(&service.mcp, "add_operator", json!({"slug": "eve"})).await)["code"],
        json!("people_only")
    );
    assert_eq!(service.client.post("/api/ops/show_operator", r#"{"slug": "eve"}"#).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_keeps_its_budgets_on_the_wire() {
    let service = Brains::plain().await;
    for (path, bytes, most) in [("/mcp", 40 * 1024, 200), ("/mcp?profile=core", 10 * 1024, 16)] {
        let answer = Client::send(stateless(&service.mcp, path, "tools/list", json!({}))).await;
        assert!(answer.body.len() <= bytes, "{path}: {} bytes", answer.body.len());
        assert!(names(&reply(&answer)).len() <= most, "{path}");
    }
}

/// Sends the same request to every entrance of the listener and tells the statuses.
async fn statuses(
    client: &Client,
    change: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Vec<u16> {
    let mut found = Vec::new();
    for (method, path) in
        [(Method::POST, "/mcp"), (Method::GET, "/sse"), (Method::POST, "/messages/?session_id=x")]
    {
        // Nothing of this body could be read.
        let request = client.request(method, path).header("content-type", "application/json").body("{");
        let response = within("an answer", change(request).send()).await.expect("an answer");
        found.push(response.status().as_u16());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_name_and_key() {
    let service = Brains::plain().await;
    let (known, port) = (&service.mcp, service.mcp.base.rsplit(':').next().expect("a port").to_owned());
    let stranger = known.with_key("");
    assert_eq!(statuses(&stranger, |request| request).await, [401; 3]);
    assert_eq!(statuses(&known.with_key("wrong"), |request| request).await, [401; 3]);
    let odd = http::HeaderValue::from_bytes(b"Bearer k\xc3\xa4y").expect("bytes");
    assert_eq!(statuses(&stranger, |request| request.header("authorization", odd.clone())).await, [401; 3]);
    assert_eq!(statuses(known, |request| request.header("host", "evil.example")).await, [421; 3]);
    assert_eq!(statuses(&stranger, |request| request.header("host", "evil.example")).await, [421; 3]);
    assert_eq!(statuses(known, |request| request.header("origin", "https://evil.example")).await, [403; 3]);
    // What a page of our own, or a client that calls us by IPv6, sends is let through to the body.
    let six = statuses(known, |request| request.header("host", format!("[::1]:{port}"))).await;
    assert!(six.iter().all(|status| ![401, 403, 421].contains(status)), "{six:?}");
    let own = format!("http://127.0.0.1:{port}");
    let own = statuses(known, |request| request.header("origin", own.clone())).await;
    assert!(own.iter().all(|status| ![401, 403, 421].contains(status)), "{own:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_key_counts_here_too() {
    let service = Brains::start(Setup::config("rate_limit_per_minute: 3\n")).await;
    for _ in 0..3 {
        assert_eq!(Client::send(stateless(&service.mcp, "/mcp", "tools/list", json!({}))).await.status, 200);
    }
    let over = statuses(&service.mcp, |request| request).await;
    assert_eq!(over, [429; 3]);
    assert_eq!(statuses(&service.mcp.with_key("wrong"), |request| request).await, [401; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_unpacked_and_capped() {
    let service = Brains::start(Setup::config("budgets: { operation_body_kib: 64 }\n")).await;
    let request = stateless(&service.mcp, "/mcp", "tools/list", json!({})).build().expect("a request");
    let plain = request.body().and_then(reqwest::Body::as_bytes).expect("a body").to_vec();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &plain).expect("packed");
    let packed = packed.finish().expect("packed");
    let request = stateless(&service.mcp, "/mcp", "tools/list", json!({}));
    let answer = Client::send(request.header("content-encoding", "gzip").body(packed)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let large = stateless(
        &service.mcp,
        "/mcp",
        "tools/call",
        json!({"name": "list_models", "arguments": {"x": "y".repeat(70_000)}}),
    );
    assert_eq!(Client::send(large).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_belongs_to_the_operator_who_opened_it() {
    let service = Brains::plain().await;
    let (ann, bob) = (member(&service, "ann").await, member(&service, "bob").await);
    let connection = Connection::open(&ann).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let stolen = Connection { client: bob.clone(), ..connection.clone() };
    assert_eq!(Client::send(stolen.message(&ping)).await.status, 404);
    for method in [Method::GET, Method::DELETE] {
        let request = bob.request(method, "/mcp").header("accept", "text/event-stream");
        assert_eq!(Client::send(request.header("mcp-session-id", &connection.id)).await.status, 404);
    }
    assert_eq!(Client::send(connection.message(&ping)).await.status, 200);
    let mut stream = Stream::open(&ann).await;
    let list = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "list_models", "arguments": {}}});
    assert_eq!(stream.post(&bob, &list).await.status, 404);
    assert_eq!(stream.post(&ann, &list).await.status, 202);
    structured(&stream.reply(5).await);
    // A key that was taken away counts no longer, whoever opened the connection with it.
    service.client.operation("revoke_operator", &json!({"slug": "ann"})).await;
    assert_eq!(Client::send(connection.message(&ping)).await.status, 401);
    assert_eq!(stream.post(&ann, &list).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_streams_speak_the_same_protocol() {
    let service = Brains::plain().await;
    let mut stream = Stream::open(&service.mcp).await;
    assert!(names(&stream.request(1, "tools/list", json!({})).await).contains(&"list_models".to_owned()));
    let answered = stream.request(2, "tools/call", json!({"name": "list_models", "arguments": {}})).await;
    structured(&answered);
    assert_eq!(stream.request(3, "ping", json!({})).await["result"], json!({}));
    let bad = Client::send(service.mcp.request(Method::POST, &stream.endpoint).body("{")).await;
    assert_eq!(bad.status, 400);
    let unknown =
        Client::send(service.mcp.request(Method::POST, "/messages/?session_id=none").body("{}")).await;
    assert_eq!(unknown.status, 404);
    // The stream ends with the service, and the service does not wait for it.
    let (_, status) = service.stop().await;
    assert!(status.success());
    assert_eq!(stream.event().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_is_told_where_a_service_is_told() {
    let service = Brains::plain().await;
    let status = service.home.run(&["status", "--json"]).await;
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(status["urls"]["mcp"], json!(service.mcp.base), "{status}");
    assert_eq!(status["ready"]["listeners"]["mcp"], json!(service.mcp.base), "{status}");
    let serving = json!({"state": "serving", "restarts": 0, "last_error": null});
    assert_eq!(status["ready"]["listener_states"], json!({"gateway": serving, "mcp": serving}), "{status}");
    let health = service.mcp.with_key("").get("/health").await;
    assert_eq!(health.json()["status"], json!("ok"));
    let without = Brains::start(Setup::default().argument("--no-mcp")).await;
    let status = without.home.run(&["status", "--json"]).await;
    assert!(serde_json::from_slice::<Value>(&status.stdout).expect("JSON")["urls"]["mcp"].is_null());
    let neither = without.home.run(&["serve-all", "--no-gateway", "--no-mcp"]).await;
    assert_eq!(neither.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_one_document_where_the_protocol_allows_it() {
    let service = Brains::plain().await;
    let answer = Client::send(stateless(&service.mcp, "/mcp", "tools/list", json!({}))).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(messages(&answer).len(), 1);
}

/// A session over one connection, in the workspace of the team.
async fn connected(team: &Team) -> (Connection, Value) {
    let connection = Connection::open(&team.services[0].mcp).await;
    let started =
        structured(&connection.call("start_session", json!({"workspace": "app", "tool": "twin"})).await);
    (connection, started)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_of_one_tool_are_two_sessions() {
    let team = Team::start(Database::Sqlite).await;
    let mcp = team.services[0].mcp.clone();
    let ((one, first), (two, second)) = (connected(&team).await, connected(&team).await);
    let start = json!({"workspace": "app", "tool": "twin"});
    let third = structured(&call(&mcp, "start_session", start.clone()).await);
    let fourth = structured(&call(&mcp, "start_session", start).await);
    let ids: std::collections::BTreeSet<&str> = [&first, &second, &third, &fourth]
        .iter()
        .map(|session| session["session_id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.len(), 4);
    // Each connection is its own session without a word; a stateless client says its token.
    let task = structured(&one.call("create_task", json!({"title": "One", "workspace": "app"})).await);
    let code = task["code"].as_str().or(task["task"]["code"].as_str()).expect("a code").to_owned();
    structured(&one.call("claim_task", json!({"task": code})).await);
    let taken = refused(&two.call("claim_task", json!({"task": code})).await);
    assert!(taken["message"].as_str().is_some_and(|text| !text.is_empty()), "{taken}");
    let mut claim = json!({"task": code, "session_token": third["session_token"]});
    refused(&call(&mcp, "claim_task", claim.clone()).await);
    structured(&one.call("release_task", json!({"task": code})).await);
    structured(&call(&mcp, "claim_task", claim.clone()).await);
    // A session id that somebody read is no credential.
    claim = json!({"task": code, "session": first["session_id"]});
    refused(&two.call("claim_task", claim.clone()).await);
    refused(&call(&mcp, "claim_task", claim).await);
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_known_by_the_id_that_it_has_itself() {
    let team = Team::start(Database::Sqlite).await;
    let mcp = team.services[0].mcp.clone();
    let asked = async |thread: &str, tool: &str, arguments: Value| {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"threadId": thread}});
        reply(&Client::send(stateless(&mcp, "/mcp", "tools/call", params)).await)
    };
    structured(&asked("thread-one", "start_session", json!({"workspace": "app"})).await);
    let task =
        structured(&asked("thread-one", "create_task", json!({"title": "Mine", "workspace": "app"})).await);
    let code = task["code"].as_str().or(task["task"]["code"].as_str()).expect("a code").to_owned();
    structured(&asked("thread-one", "claim_task", json!({"task": code})).await);
    refused(&asked("thread-two", "complete_task", json!({"task": code})).await);
    structured(&asked("thread-one", "complete_task", json!({"task": code})).await);
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_told_beside_other_results_and_never_shown_there() {
    let team = Team::start(Database::Sqlite).await;
    let ((one, first), (two, _)) = (connected(&team).await, connected(&team).await);
    let letter = json!({"subject": "Look here", "body": "secret plans", "to": [first["session_id"]]});
    structured(&two.call("send_message", letter).await);
    let told = one.call("list_tasks", json!({"workspace": "app"})).await;
    let line = told["result"]["content"][1]["text"].as_str().expect("a second text");
    assert!(
        line.contains("1 unread") && line.contains("read_messages") && !line.contains("secret"),
        "{line}"
    );
    assert!(!told["result"]["structuredContent"].to_string().contains("unread"), "{told}");
    let read = structured(&one.call("read_messages", json!({})).await);
    assert_eq!(read["messages"][0]["body"], json!("secret plans"));
    let got = json!({"cursor": read["next_cursor"]});
    assert_eq!(structured(&one.call("read_messages", got).await)["messages"], json!([]));
    let quiet = one.call("list_tasks", json!({"workspace": "app"})).await;
    assert_eq!(quiet["result"]["content"].as_array().map(Vec::len), Some(1), "{quiet}");
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_request_makes_it_happen_once() {
    let team = Team::start(Database::Sqlite).await;
    let (one, _) = connected(&team).await;
    let create = json!({"title": "Once", "workspace": "app", "idempotency_key": "once-1"});
    let first = structured(&one.call("create_task", create.clone()).await);
    assert_eq!(structured(&one.call("create_task", create).await), first);
    let other = json!({"title": "Twice", "workspace": "app", "idempotency_key": "once-1"});
    assert_eq!(refused(&one.call("create_task", other).await)["code"], json!("idempotency_mismatch"));
    let params = json!({"name": "create_task", "arguments": {"title": "Once", "workspace": "app"}, "_meta": {"idempotencyKey": "once-1"}});
    assert_eq!(
        structured(&one.request("tools/call", params).await),
        first,
        "the key may stand beside the input"
    );
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_holds_up_nobody_and_ends_with_its_client() {
    let team = Team::start(Database::Sqlite).await;
    let ((one, first), (two, _)) = (connected(&team).await, connected(&team).await);
    let wait = json!({"jsonrpc": "2.0", "id": 11, "method": "tools/call",
        "params": {"name": "wait_messages", "arguments": {"timeout_ms": 25_000}}});
    let waiting = one.message(&wait).send();
    let mut waiting = Box::pin(waiting);
    // Until the wait has begun, and beyond: the same connection and a third one are answered meanwhile.
    for _ in 0..20 {
        tokio::select! {
            biased;
            answered = &mut waiting => {
                // The head of a stream comes at once; its answer does not.
                drop(answered.expect("a head"));
                break;
            }
            ping = two.request("ping", json!({})) => assert_eq!(ping["result"], json!({})),
        }
        assert_eq!(one.request("ping", json!({})).await["result"], json!({}));
    }
    drop(waiting);
    // The client is gone, and its wait with it: what comes now is for whoever asks next.
    let letter = json!({"subject": "Late", "to": [first["session_id"]]});
    brains_tests::until("the wait to end", async || {
        structured(&two.call("send_message", letter.clone()).await);
        let read = structured(&one.call("read_messages", json!({})).await);
        read["messages"].as_array().is_some_and(|messages| !messages.is_empty())
    })
    .await;
    // A wait that its client cancels by a message answers nothing and takes nothing.
    let mut stream = Stream::open(&team.services[0].mcp).await;
    let started = stream
        .request(1, "tools/call", json!({"name": "start_session", "arguments": {"workspace": "app"}}))
        .await;
    let mine = structured(&started)["session_id"].clone();
    let wait = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "wait_messages", "arguments": {}}});
    assert_eq!(stream.post(&team.services[0].mcp, &wait).await.status, 202);
    assert_eq!(stream.request(3, "ping", json!({})).await["result"], json!({}));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}});
    assert_eq!(stream.post(&team.services[0].mcp, &cancel).await.status, 202);
    assert_eq!(stream.request(4, "ping", json!({})).await["result"], json!({}));
    structured(&two.call("send_message", json!({"subject": "After", "to": [mine]})).await);
    let read = stream.request(5, "tools/call", json!({"name": "read_messages", "arguments": {}})).await;
    assert_eq!(structured(&read)["messages"][0]["subject"], json!("After"));
    team.stop().await;
}

/// A client that gives two requests of one connection the same id gets an error for the second, and the first its answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_under_way_is_refused_and_free_again_behind_its_answer() {
    let team = Team::start(Database::Sqlite).await;
    let (connection, _) = connected(&team).await;
    let wait = |timeout_ms: u64| {
        json!({"jsonrpc": "2.0", "id": 11, "method": "tools/call",
        "params": {"name": "wait_messages", "arguments": {"timeout_ms": timeout_ms}}})
    };
    let mut first = Box::pin(Client::send(connection.message(&wait(3_000))));
    // Until the first one is there, a second one is answered.
    let refusal = loop {
        let pause = tokio::time::sleep(std::time::Duration::from_millis(200));
        let second = async {
            pause.await;
            reply(&Client::send(connection.message(&wait(0))).await)
        };
        tokio::select! {
            biased;
            answered = &mut first => panic!("before its time: {}", answered.text()),
            second = second => if second.get("error").is_some() { break second },
        }
    };
    assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&json!(11), &json!(-32600)), "{refusal}");
    let answered = reply(&within("the first answer", first).await);
    assert_eq!(structured(&answered)["messages"], json!([]));
    for _ in 0..50 {
        structured(&reply(&Client::send(connection.message(&wait(0))).await));
    }
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_does_is_written_down_with_its_session() {
    let team = Team::start(Database::Sqlite).await;
    let (one, first) = connected(&team).await;
    structured(&one.call("create_task", json!({"title": "Seen", "workspace": "app"})).await);
    let workspaces = team.admin().operation("list_workspaces", &json!({})).await;
    let scope = format!("workspace:{}", workspaces["workspaces"][0]["id"].as_str().expect("an id"));
    let listed = team.admin().operation("list_audit", &json!({"scope": scope})).await;
    let entry = &listed["entries"][0];
    assert_eq!((&entry["surface"], &entry["session"]), (&json!("mcp"), &first["session_id"]), "{entry}");
    team.stop().await;
}

/// Whatever is wrong with a request, it is refused in the words of whoever was asked, never in plain text of a library.
#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_in_the_words_of_who_was_asked() {
    let service = Brains::plain().await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let both = "application/json, text/event-stream";
    for (method, path, kind, accept, body, status) in [
        (Method::POST, "/mcp", "", both, "{", 400),
        (Method::POST, "/mcp", "text/plain", both, "{", 400),
        (Method::POST, "/mcp", "Application/JSON; charset=utf-8", both, "{", 400),
        (Method::POST, "/mcp", "application/json", both, "", 400),
        (Method::POST, "/mcp", "json", both, ping, 400),
        (Method::POST, "/mcp", "application/json/x", both, ping, 400),
        (Method::POST, "/mcp", "text/plain", both, ping, 415),
        (Method::POST, "/mcp", "", both, ping, 415),
        (Method::POST, "/mcp", "application/json", "text/html", ping, 406),
        (Method::POST, "/mcp", "application/json", both, ping, 400),
        (Method::GET, "/mcp", "", "application/json", "", 406),
        (Method::PUT, "/mcp", "application/json", both, ping, 405),
        (Method::DELETE, "/mcp", "", "", "", 400),
        (Method::POST, "/messages/?session_id=%ff", "application/json", "", ping, 404),
        (Method::POST, "/messages/", "application/json", "", ping, 404),
        (Method::POST, "/sse", "application/json", "", ping, 405),
    ] {
        let mut request = service.mcp.request(method.clone(), path).body(body);
        for (name, value) in [("content-type", kind), ("accept", accept)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let answer = Client::send(request).await;
        let told = format!("{method} {path} `{kind}` `{accept}` {body}: {} {}", answer.status, answer.text());
        assert_eq!(answer.status, status, "{told}");
        assert!(answer.header("content-type").starts_with("application/json"), "{told}");
        let error = answer.json();
        assert_eq!((&error["jsonrpc"], error["error"]["code"].is_i64()), (&json!("2.0"), true), "{told}");
        assert!(error["error"]["message"].as_str().is_some_and(|text| text.len() > 5), "{told}");
        assert_eq!(answer.header("allow").is_empty(), status != 405, "{told}");
        assert!(!answer.header("date").is_empty(), "{told}");
    }
    for (method, path, kind, body, status) in [
        (Method::POST, "/api/ops/create_task", "text/plain", "{", 400),
        (Method::POST, "/api/ops/create_task", "json", "[]", 400),
        (Method::POST, "/api/ops/%ff", "application/json", "{}", 400),
        (Method::PUT, "/api/ops/create_task", "application/json", "{}", 405),
        (Method::GET, "/v1/models/%ff", "", "", 404),
    ] {
        let request = service.client.request(method.clone(), path).header("content-type", kind).body(body);
        let answer = Client::send(request).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(answer.json()["error"]["message"].is_string(), "{method} {path}: {}", answer.text());
    }
}
