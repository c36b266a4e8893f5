//! What people are for, tried by agents: each deed by each door, with the keys of agents whose operators may.

use brains_tests::door::{Door, End};
use serde_json::{Value, json};

use super::People;
use crate::attacks::{Before, Fell, Held, Row, row};

/// A deed, its input, and whether it takes an administrator besides.
type Deed = (&'static str, fn(&Value) -> Value, bool);

const DEEDS: [Deed; 16] = [
    ("set_workspace_visibility", |_| json!({ "workspace": "yard", "visibility": "shared" }), false),
    (
        "invite_to_workspace",
        |_| json!({ "workspace": "yard", "operator": "stranger", "role": "owner" }),
        false,
    ),
    ("uninvite_from_workspace", |_| json!({ "workspace": "yard", "operator": "reader" }), false),
    ("rename_workspace", |_| json!({ "workspace": "yard", "slug": "court" }), false),
    ("archive_workspace", |_| json!({ "workspace": "yard" }), false),
    ("prune_workspaces", |_| json!({ "slug_prefix": ["yard"], "apply": true }), false),
    ("check_workspaces", |_| json!({ "prune_missing": true, "apply": true }), false),
    ("kill_session", |at| json!({ "id": at["session"], "reason": "r" }), false),
    ("list_keys", |_| json!({}), false),
    ("show_operator", |_| json!({}), false),
    ("create_key", |_| json!({ "name": "more" }), true),
    ("add_operator", |_| json!({ "slug": "accomplice", "role": "admin" }), true),
    ("set_config", |_| json!({ "key": "rate_limit_per_minute", "value": 1 }), true),
    ("enable_component", |_| json!({ "id": "anything" }), true),
    ("revoke_operator", |_| json!({ "slug": "reader" }), true),
    ("export_audit", |_| json!({}), true),
];

/// Those that agents could do.
const FELL: [&str; 8] = [
    "set_workspace_visibility",
    "invite_to_workspace",
    "uninvite_from_workspace",
    "rename_workspace",
    "archive_workspace",
    "prune_workspaces",
    "check_workspaces",
    "kill_session",
];

/// An agent: by the key of one, or by a person's over a connection that only agents have.
const AGENTS: [(&str, bool); 3] = [("owner", true), ("administrator", true), ("administrator", false)];

pub(super) fn rows() -> Vec<Row<People>> {
    let mut rows = Vec::new();
    for (name, input, administrators) in DEEDS {
        for door in Door::ALL {
            for (slug, agent) in AGENTS {
                // A person's key makes nobody an agent by the other doors; what takes more than an owner is tried by more.
                if !agent && door != Door::Mcp || administrators && slug == "owner" {
                    continue;
                }
                let what = format!("{name} by {door:?} as an agent of {slug}, own key: {agent}");
                rows.push(row(
                    "security 12",
                    what,
                    before(name),
                    move |at: std::sync::Arc<People>| async move {
                        refuse(&at, name, input, door, (slug, agent)).await;
                    },
                ));
            }
        }
    }
    for slug in ["maintainer", "owner", "administrator"] {
        let what = format!("honest: {slug} decides about the workspace as a person");
        rows.push(row("security 12", what, Held, move |at: std::sync::Arc<People>| async move {
            decide(&at, slug).await;
        }));
    }
    rows
}

fn before(name: &str) -> Before {
    if FELL.contains(&name) { Fell } else { Held }
}

async fn refuse(
    at: &People,
    name: &str,
    input: fn(&Value) -> Value,
    door: Door,
    (slug, agent): (&'static str, bool),
) {
    let session = at.team.agent_in(0, "yard").await;
    let prepared = json!({ "session": session.id });
    let outcome = at.call(door, at.key(slug, agent), name, input(&prepared)).await;
    assert!(matches!(outcome.end, End::Forbidden | End::Refused), "{}", outcome.text);
    let words = if agent { ["people_only", "permission_denied"] } else { ["people_only"; 2] };
    assert!(words.contains(&outcome.code.as_str()), "{}", outcome.text);
    let yard = at.team.admin().operation("show_workspace", &json!({ "workspace": "yard" })).await;
    assert_eq!(yard["workspace"]["visibility"], "private", "{yard}");
    assert_eq!(
        at.team.admin().operation("show_session", &json!({ "id": session.id })).await["session"]["state"],
        "active"
    );
    session.does("end_session", json!({})).await;
}

async fn decide(at: &People, slug: &'static str) {
    let key = at.key(slug, false);
    let named = json!({ "workspace": "yard", "name": format!("The yard of {slug}") });
    let renamed = at.does(key, "rename_workspace", named).await;
    assert_eq!(renamed["workspace"]["name"], format!("The yard of {slug}"));
    if slug != "maintainer" {
        let invite = json!({ "workspace": "yard", "operator": "stranger", "role": "reader" });
        at.does(key, "invite_to_workspace", invite).await;
        at.does(key, "uninvite_from_workspace", json!({ "workspace": "yard", "operator": "stranger" })).await;
    }
    // And its agent works there all the same.
    let agent = at.key(slug, true);
    if slug != "administrator" {
        let started = at.does(agent, "start_session", json!({ "workspace": "yard" })).await;
        let token = &started["session_token"];
        at.does(agent, "acquire_lock", json!({ "name": slug, "session_token": token })).await;
        at.does(agent, "end_session", json!({ "session_token": token })).await;
    }
}
