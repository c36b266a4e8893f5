//! What a tool changes is there for others: each one that changes anything is called over MCP, and seen over HTTP, where
//! it was not before.

mod table;

use brains_control::{Audience, Registry};
use brains_tests::mcp;
use brains_tests::on_both_databases;
use brains_tests::team::{Database, Team};
use serde_json::{Value, json};

use table::{EFFECTS, Effect};

on_both_databases! { what_a_tool_changes_is_there_for_others }

#[test]
fn every_tool_that_changes_something_has_a_row() {
    let registry = Registry::new();
    let changing = |name: &str| {
        let mut tools = registry.entries().iter().filter(|entry| entry.tool.audience == Audience::Everyone);
        tools.any(|entry| entry.name == name && !entry.tool.read_only)
    };
    let rows = |name: &str| EFFECTS.iter().any(|effect| effect.name == name);
    let names = registry.entries().iter().map(|entry| entry.name);
    let missing: Vec<&str> = names.filter(|name| changing(name) && !rows(name)).collect();
    assert!(missing.is_empty(), "nothing shows what these change: {missing:?}");
    for effect in EFFECTS {
        assert!(changing(effect.name), "`{}` is no tool that changes something", effect.name);
        let look = registry.find(effect.look.0).expect("an operation");
        assert!(look.tool.read_only, "`{}` is no look", look.name);
    }
}

async fn what_a_tool_changes_is_there_for_others(database: Database) {
    let team = Team::start(database).await;
    for name in ["third", "fourth", "fifth"] {
        team.project(name);
    }
    team.admin().operation("register_workspace", &json!({ "path": team.path("fifth") })).await;
    fs_err::rename(team.path("fifth"), team.path("moved")).expect("moved");
    let ben = team.agent(0).await;
    let lock = ben.does("acquire_lock", json!({ "name": "held" })).await;
    let broadcast = json!({ "subject": "first", "wants_acknowledgement": true });
    let first = ben.does("send_message", broadcast).await;
    let then = ben.does("send_message", json!({ "subject": "then" })).await;
    let second = ben.does("create_task", json!({ "title": "second" })).await;
    let mut at = json!({
        "third": team.path("third"), "fourth": team.path("fourth"), "moved": team.path("moved"), "ben": ben.id, "ben_token": ben.token,
        "ben_lock": lock["lock"]["id"], "second": second["task"]["code"],
        "first": first["message"]["id"], "then": then["message"]["id"],
    });
    // Looking with a name that is not there yet shows nothing.
    for name in ["mine", "lock", "task"] {
        at[name] = Value::Null;
    }
    for effect in EFFECTS {
        let Effect { name, input, look: (look, asked), holds, keep } = effect;
        let seen = async |at: &Value| {
            let answer = team.admin().post(&format!("/api/ops/{look}"), asked(at).to_string()).await;
            (answer.status == 200).then(|| answer.json())
        };
        if let Some(before) = seen(&at).await {
            assert!(!holds(&at, &before), "{name}: its effect is there before it: {before}");
        }
        let reply = mcp::call(&team.services[0].mcp, name, input(&at)).await;
        assert_eq!(reply["result"]["isError"], false, "{name}: {reply}");
        for (place, name) in *keep {
            let kept = reply["result"]["structuredContent"].pointer(place);
            at[*name] = kept.expect("a member of the answer").clone();
        }
        let after = seen(&at).await.expect("an answer");
        assert!(holds(&at, &after), "{name}: `{look}` does not show what it did: {after}");
    }
    team.stop().await;
}
