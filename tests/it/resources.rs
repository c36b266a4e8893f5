//! Resources and prompts over MCP: in both eras, by who sees what, and that reading changes nothing.

use brains_tests::mcp::{Connection, Events, reply, stateless};
use brains_tests::on_both_databases;
use brains_tests::team::{Database, Team};
use brains_tests::{Client, within};
use serde_json::{Value, json};

on_both_databases! {
    resources_show_what_their_operations_show
    what_is_not_seen_is_no_resource
    changes_are_told_to_who_listens
    changes_are_told_to_who_subscribed
}

async fn ask(client: &Client, method: &str, params: Value) -> Value {
    reply(&within(method, Client::send(stateless(client, "/mcp", method, params))).await)
}

async fn read(client: &Client, uri: &str) -> Value {
    let answer = ask(client, "resources/read", json!({ "uri": uri })).await;
    let contents = &answer["result"]["contents"][0];
    assert_eq!(
        (&contents["uri"], &contents["mimeType"]),
        (&json!(uri), &json!("application/json")),
        "{answer}"
    );
    serde_json::from_str(contents["text"].as_str().expect("a text")).expect("JSON")
}

fn addresses(listed: &Value) -> Vec<&str> {
    let resources = listed["result"]["resources"].as_array().expect("resources");
    resources.iter().filter_map(|one| one["uri"].as_str()).collect()
}

async fn resources_show_what_their_operations_show(database: Database) {
    let team = Team::start(database).await;
    let client = &team.services[0].mcp;
    let (ann, ben) = (team.agent(0).await, team.agent(0).await);
    let made = ann.does("create_task", json!({ "title": "the cart" })).await;
    let code = made["task"]["code"].as_str().expect("a code");
    ann.does("comment_task", json!({ "task": code, "body": "rounds down" })).await;
    ann.does("set_handoff", json!({ "title": "half way" })).await;
    ann.does("send_message", json!({ "subject": "hello", "to": [ben.id] })).await;

    let templates = ask(client, "resources/templates/list", json!({})).await;
    let templates: Vec<&str> = templates["result"]["resourceTemplates"]
        .as_array()
        .expect("templates")
        .iter()
        .filter_map(|one| one["uriTemplate"].as_str())
        .collect();
    assert_eq!(
        templates,
        [
            "brains://workspace/{slug}/state",
            "brains://workspace/{slug}/handoff",
            "brains://workspace/{slug}/task/{code}"
        ]
    );
    let listed = ask(client, "resources/list", json!({})).await;
    assert_eq!(addresses(&listed), ["brains://workspace/app/state", "brains://workspace/app/handoff"]);

    let events = async || team.admin().operation("list_events", &json!({ "workspace": "app" })).await;
    let before = events().await;
    let state = read(client, "brains://workspace/app/state").await;
    assert_eq!(state["active_tasks"][0]["title"], "the cart", "{state}");
    assert_eq!(state["active_sessions"].as_array().map(Vec::len), Some(2));
    let handoff = read(client, "brains://workspace/app/handoff").await;
    assert_eq!(handoff["handoffs"][0]["title"], "half way");
    let task = read(client, &format!("brains://workspace/app/task/{code}")).await;
    assert_eq!(
        (&task["task"]["title"], &task["comments"][0]["body"]),
        (&json!("the cart"), &json!("rounds down"))
    );
    assert_eq!(events().await, before, "reading is no event");

    // With a connection, whose own session's mail stands in the state and stays unread.
    let connection = Connection::open(client).await;
    for capability in ["resources", "prompts", "tools"] {
        assert!(connection.initialized["capabilities"][capability].is_object(), "{capability}");
    }
    connection.call("resume_session", json!({ "session": ben.id, "session_token": ben.token })).await;
    for _ in 0..2 {
        let answer =
            connection.request("resources/read", json!({ "uri": "brains://workspace/app/state" })).await;
        let text = answer["result"]["contents"][0]["text"].as_str().expect("a text");
        let state: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(state["unread_messages"][0]["subject"], "hello", "{state}");
    }

    // Prompts: text, and beside it what it is about as it stands now.
    let prompts = connection.request("prompts/list", json!({})).await;
    let names: Vec<&str> = prompts["result"]["prompts"]
        .as_array()
        .expect("prompts")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["start", "handoff", "review"]);
    let review = json!({ "name": "review", "arguments": { "workspace": "app", "task": code } });
    for filled in
        [ask(client, "prompts/get", review.clone()).await, connection.request("prompts/get", review).await]
    {
        let messages = filled["result"]["messages"].as_array().expect("messages");
        assert!(messages[0]["content"]["text"].as_str().expect("a text").contains(code), "{filled}");
        let beside = &messages[1]["content"]["resource"];
        assert_eq!(beside["uri"], format!("brains://workspace/app/task/{code}").as_str());
        assert!(beside["text"].as_str().expect("a text").contains("rounds down"), "{filled}");
    }
    for (params, told) in [
        (json!({ "name": "dance" }), "the prompts are"),
        (json!({ "name": "start" }), "`workspace`"),
        (json!({ "name": "start", "arguments": { "workspace": "nowhere" } }), "nowhere"),
    ] {
        let refused = ask(client, "prompts/get", params.clone()).await;
        assert_eq!(refused["error"]["code"], -32602, "{params}: {refused}");
        assert!(refused["error"]["message"].as_str().expect("a message").contains(told), "{refused}");
    }
    team.stop().await;
}

async fn what_is_not_seen_is_no_resource(database: Database) {
    let team = Team::start(database).await;
    for name in ["secret", "other"] {
        team.project(name);
        let visibility = if name == "secret" { "private" } else { "shared" };
        let workspace = json!({ "path": team.path(name), "visibility": visibility });
        team.admin().operation("register_workspace", &workspace).await;
    }
    let task = json!({ "workspace": "secret", "title": "hidden" });
    let hidden = team.admin().operation("create_task", &task).await["task"]["code"].clone();
    let hidden = hidden.as_str().expect("a code");
    let added = team.admin().operation("add_operator", &json!({ "slug": "bob" })).await;
    let bob = team.services[0].mcp.with_key(added["key"].as_str().expect("a key"));

    let listed = ask(&bob, "resources/list", json!({})).await;
    assert!(!listed.to_string().contains("secret"), "{listed}");
    assert_eq!(addresses(&listed).len(), 4);
    assert_eq!(addresses(&ask(&team.services[0].mcp, "resources/list", json!({})).await).len(), 6);
    let refused = async |client: &Client, uri: &str| {
        let answer = ask(client, "resources/read", json!({ "uri": uri })).await;
        assert_eq!(answer["error"]["data"]["uri"], uri, "{answer}");
        answer["error"]["message"].as_str().expect("a message").to_owned()
    };
    for what in ["state", "handoff"] {
        let unseen = refused(&bob, &format!("brains://workspace/secret/{what}")).await;
        let absent = refused(&bob, &format!("brains://workspace/absent/{what}")).await;
        assert_eq!(unseen.replace("secret", "absent"), absent, "{what}");
    }
    let unseen = refused(&bob, &format!("brains://workspace/secret/task/{hidden}")).await;
    let absent = refused(&bob, "brains://workspace/secret/task/SECRET-99").await;
    assert_eq!(unseen.replace(hidden, "SECRET-99"), absent);
    // A task stands under its own workspace only, also for whoever sees both.
    let admin = &team.services[0].mcp;
    refused(admin, &format!("brains://workspace/app/task/{hidden}")).await;
    read(admin, &format!("brains://workspace/secret/task/{hidden}")).await;
    for odd in ["brains://workspace/app", "file:///etc/passwd", "brains://workspace/..%2fapp/state"] {
        refused(admin, odd).await;
    }
    // Over a connection the older code stands for it.
    let connection = Connection::open(&bob).await;
    let uri = json!({ "uri": "brains://workspace/secret/state" });
    assert_eq!(connection.request("resources/read", uri).await["error"]["code"], -32002);
    let cursor = ask(&bob, "resources/templates/list", json!({ "cursor": "x" })).await;
    assert_eq!(cursor["error"]["code"], -32602);
    team.stop().await;
}

/// Messages until one is about `uri`; those before it are about one of `others`.
async fn told(events: &mut Events, uri: &str, others: &[&str]) -> Value {
    loop {
        let message = events.message().await;
        assert_eq!(message["method"], "notifications/resources/updated", "{message}");
        let about = message["params"]["uri"].as_str().expect("an address").to_owned();
        if about == uri {
            return message;
        }
        assert!(others.contains(&about.as_str()), "{message}");
    }
}

const STATE: &str = "brains://workspace/app/state";
const HANDOFF: &str = "brains://workspace/app/handoff";

async fn changes_are_told_to_who_listens(database: Database) {
    let team = Team::start(database).await;
    let client = &team.services[0].mcp;
    let ann = team.agent(0).await;
    let asked = json!({ "notifications": { "toolsListChanged": true,
        "resourceSubscriptions": [STATE, HANDOFF, "file:///etc/passwd", "brains://workspace/none/state"] } });
    let mut events = Events::open(stateless(client, "/mcp", "subscriptions/listen", asked)).await;
    let first = events.message().await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    assert_eq!(
        first["params"]["notifications"],
        json!({ "resourceSubscriptions": [STATE, HANDOFF, "brains://workspace/none/state"] }),
        "tools do not change, and what is not ours is nobody's"
    );
    // Each once at the beginning.
    told(&mut events, STATE, &[HANDOFF]).await;
    ann.does("create_task", json!({ "title": "the cart" })).await;
    let update = told(&mut events, STATE, &[HANDOFF]).await;
    let id = &update["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    assert_eq!(id, &json!(1), "{update}");
    ann.does("set_handoff", json!({ "title": "half way" })).await;
    told(&mut events, HANDOFF, &[STATE]).await;
    assert_eq!(read(client, HANDOFF).await["handoffs"][0]["title"], "half way");
    drop(events);
    team.stop().await;
}

async fn changes_are_told_to_who_subscribed(database: Database) {
    let team = Team::start(database).await;
    let client = &team.services[0].mcp;
    let (ann, ben) = (team.agent(0).await, team.agent(0).await);
    let made = ann.does("create_task", json!({ "title": "the cart" })).await;
    let task = format!("brains://workspace/app/task/{}", made["task"]["code"].as_str().expect("a code"));
    let connection = Connection::open(client).await;
    assert_eq!(connection.initialized["capabilities"]["resources"]["subscribe"], json!(true));
    let mut events = connection.listen().await;
    let subscribe = async |method: &str, uri: &str| connection.request(method, json!({ "uri": uri })).await;
    for uri in [task.as_str(), HANDOFF, HANDOFF] {
        let answer = subscribe("resources/subscribe", uri).await;
        assert_eq!(answer["result"], json!({}), "{answer}");
    }
    for uri in ["brains://workspace/none/state", "brains://workspace/app/task/APP-99", "file:///etc/passwd"] {
        let answer = subscribe("resources/subscribe", uri).await;
        assert_eq!(answer["error"]["code"], json!(-32002), "{answer}");
    }
    ben.does("comment_task", json!({ "task": made["task"]["code"], "body": "rounds down" })).await;
    told(&mut events, &task, &[]).await;
    ben.does("set_handoff", json!({ "title": "half way" })).await;
    told(&mut events, HANDOFF, &[]).await;
    // Who no longer follows one hears of the other only.
    assert_eq!(subscribe("resources/unsubscribe", &task).await["result"], json!({}));
    ben.does("comment_task", json!({ "task": made["task"]["code"], "body": "and up" })).await;
    ben.does("clear_handoff", json!({ "reason": "done" })).await;
    told(&mut events, HANDOFF, &[]).await;
    // Its stream alone keeps no session alive, and following is no event.
    let heard = team.admin().operation("list_events", &json!({ "workspace": "app", "limit": 1 })).await;
    assert_eq!(heard["events"][0]["kind"], "handoff.clear", "{heard}");
    drop(events);
    team.stop().await;
}
