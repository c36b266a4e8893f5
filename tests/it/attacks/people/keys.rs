//! What a key may see: no more than was asked for by name when it was made.

use std::sync::Arc;

use brains_tests::door::Door;
use serde_json::{Value, json};

use super::People;
use crate::attacks::{Before, Fell, Held, Row, row};

/// How a key of an administrator is made without asking for that, and what it must not show.
const MADE: [(&str, fn() -> Value); 3] = [
    ("without a word", || json!({})),
    ("for an agent", || json!({ "agent": true, "scopes": ["gateway", "read", "write"] })),
    ("to read", || json!({ "scopes": ["read"] })),
];

type Look = (&'static str, fn() -> Value, Before);

const LOOKS: [Look; 8] = [
    ("show_workspace", || json!({ "workspace": "diary" }), Fell),
    ("get_state", || json!({ "workspace": "diary" }), Fell),
    ("list_events", || json!({ "workspace": "diary" }), Fell),
    ("list_events", || json!({ "global": true }), Fell),
    ("get_config", || json!({ "key": "rate_limit_per_minute" }), Fell),
    ("show_config", || json!({}), Fell),
    ("list_audit", || json!({}), Fell),
    ("list_operators", || json!({}), Fell),
];

pub(super) fn rows() -> Vec<Row<People>> {
    let mut rows = Vec::new();
    for (made, ask) in MADE {
        for (name, input, before) in LOOKS {
            // What only people do was refused to agents before.
            let people = ["get_config", "show_config", "list_audit", "list_operators"].contains(&name);
            let before = if made == "for an agent" && people { Held } else { before };
            let what = format!("{name} {} by an administrator's key made {made}", input());
            rows.push(row("security 16", what, before, move |at: Arc<People>| async move {
                let key = make(&at, ask()).await;
                let (status, answer) = at.post(&key, name, &input()).await;
                assert!([403, 404].contains(&status), "{status} {answer}");
            }));
        }
        let what = format!("list_workspaces by an administrator's key made {made}");
        rows.push(row("security 16", what, Fell, move |at: Arc<People>| async move {
            let key = make(&at, ask()).await;
            let (_, answer) = at.post(&key, "list_workspaces", &json!({ "all": true })).await;
            assert!(!answer.to_string().contains("diary"), "{answer}");
        }));
        let what = format!("list_traces and list_usage of others by an administrator's key made {made}");
        rows.push(row(
            "security 16",
            what,
            Fell,
            move |at: Arc<People>| async move { traces(&at, ask()).await },
        ));
    }
    rows.push(row("security 16", "the command line makes a key for models alone", Fell, command));
    rows.push(row("security 16", "an agent's key that is an administrator's", Held, both));
    rows.push(row("security 16", "an administrator's key of a member", Held, more));
    rows.push(row("security 16", "honest: what is asked for by name is given", Held, honest));
    rows
}

async fn make(at: &People, ask: Value) -> String {
    let mut ask = ask;
    ask["name"] = format!(
        "k{}",
        at.team.admin().operation("list_keys", &json!({ "all": true })).await["keys"]
            .as_array()
            .map_or(0, Vec::len)
    )
    .into();
    at.team.admin().operation("create_key", &ask).await["key"].as_str().expect("a key").to_owned()
}

async fn traces(at: &People, ask: Value) {
    let chat = json!({ "model": "nobody/none", "messages": [{ "role": "user", "content": "hello" }] });
    let theirs = at.team.admin().with_key(at.key("owner", false));
    theirs.post("/v1/chat/completions", chat.to_string()).await;
    let key = make(at, ask).await;
    for name in ["list_traces", "list_usage"] {
        let (status, answer) = at.post(&key, name, &json!({ "operator": "owner" })).await;
        let empty = answer["traces"] == json!([]) || answer["usage"] == json!([]);
        assert!(status == 403 || empty, "{status} {answer}");
    }
}

async fn command(at: Arc<People>) {
    let made = at.team.run(&["key", "create", "laptop", "--json"]).await;
    let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!((&told["scopes"], &told["role"]), (&json!(["gateway"]), &json!("member")), "{told}");
    let key = told["key"].as_str().expect("a key");
    let seen = at.call(Door::Cli, key, "list_workspaces", json!({})).await;
    assert_eq!(seen.code, "permission_denied", "{}", seen.text);
    // Its own traces it may see, and is told which those are.
    assert_eq!(at.does(key, "list_traces", json!({})).await["traces"], json!([]));
}

async fn both(at: Arc<People>) {
    let (status, answer) = at
        .post(&at.team.admin().key, "create_key", &json!({ "name": "both", "agent": true, "admin": true }))
        .await;
    assert_eq!(status, 400, "{answer}");
}

async fn more(at: Arc<People>) {
    let ask = json!({ "name": "more", "operator": "member", "admin": true });
    let (status, answer) = at.post(&at.team.admin().key, "create_key", &ask).await;
    assert!([400, 409].contains(&status), "{answer}");
}

async fn honest(at: Arc<People>) {
    let reading = make(&at, json!({ "scopes": ["read"] })).await;
    let shown = at.does(&reading, "list_workspaces", json!({ "limit": 1000 })).await;
    assert!(shown["workspaces"].to_string().contains("yard"), "{shown}");
    let listed = at.team.admin().operation("list_keys", &json!({})).await;
    for key in listed["keys"].as_array().expect("keys") {
        assert!(key["scopes"].is_array() && key["agent"].is_boolean(), "{key}");
    }
    // The administrator's own first key is what they are.
    at.does(at.key("administrator", false), "show_workspace", json!({ "workspace": "diary" })).await;
}
