//! Every verb × role × visibility from one table, over HTTP and the command line. What somebody may not see answers
//! not-found, in the same words as what is not there, and is in no count.

use brains_tests::on_both_databases;
use brains_tests::team::{Agent, Database, Team};
use brains_tests::{Client, within};
use serde_json::{Value, json};

on_both_databases! { every_verb_asks_for_its_role invisible_things_are_in_no_list_and_no_count }

/// What an operator is in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Nobody,
    Reader,
    Member,
    Maintainer,
    Owner,
}

use Standing::{Maintainer, Member, Nobody, Owner, Reader};

const STANDINGS: [(Standing, &str); 5] = [
    (Nobody, "nobody"),
    (Reader, "reader"),
    (Member, "member"),
    (Maintainer, "maintainer"),
    (Owner, "owner"),
];

/// How a verb is called, and the least standing that it takes. `{s}` is another's session, `{l}` its lock.
struct Verb {
    name: &'static str,
    least: Standing,
    input: fn(&Value) -> Value,
    /// Words of the command; none when it takes what only HTTP has.
    command: &'static [&'static str],
}

const fn verb(
    name: &'static str,
    least: Standing,
    input: fn(&Value) -> Value,
    command: &'static [&'static str],
) -> Verb {
    Verb { name, least, input, command }
}

/// The verbs of these planes that are about a workspace. Writing ones come in an order in which none is in the way of
/// the next; each is called by everybody from the least to the most.
const VERBS: &[Verb] = &[
    verb("show_workspace", Reader, |_| json!({ "workspace": "app" }), &["workspace", "show", "app"]),
    verb(
        "list_workspace_members",
        Reader,
        |_| json!({ "workspace": "app" }),
        &["workspace", "members", "app"],
    ),
    verb(
        "list_sessions",
        Reader,
        |_| json!({ "workspace": "app" }),
        &["session", "list", "--workspace", "app"],
    ),
    verb("show_session", Reader, |at| json!({ "id": at["session"] }), &["session", "show", "{s}"]),
    verb("list_checkpoints", Reader, |at| json!({ "id": at["session"] }), &["session", "checkpoints", "{s}"]),
    verb(
        "latest_checkpoint",
        Reader,
        |at| json!({ "id": at["session"] }),
        &["session", "latest-checkpoint", "{s}"],
    ),
    verb("list_focus", Reader, |_| json!({ "workspace": "app" }), &["focus", "list", "--workspace", "app"]),
    verb("list_locks", Reader, |_| json!({ "workspace": "app" }), &["lock", "list", "--workspace", "app"]),
    verb(
        "who_blocks",
        Reader,
        |_| json!({ "workspace": "app", "path": "src" }),
        &["lock", "blockers", "src", "--workspace", "app"],
    ),
    verb(
        "list_workspace_claims",
        Reader,
        |_| json!({ "workspace": "app" }),
        &["workspace", "claims", "--workspace", "app"],
    ),
    verb("list_tasks", Reader, |_| json!({ "workspace": "app" }), &["task", "list", "--workspace", "app"]),
    verb("count_tasks", Reader, |_| json!({ "workspace": "app" }), &["task", "count", "--workspace", "app"]),
    verb("show_task", Reader, |at| json!({ "task": at["task"] }), &[]),
    verb("list_task_comments", Reader, |at| json!({ "task": at["task"] }), &[]),
    verb("list_task_history", Reader, |at| json!({ "task": at["task"] }), &[]),
    verb(
        "list_handoffs",
        Reader,
        |_| json!({ "workspace": "app" }),
        &["handoff", "list", "--workspace", "app"],
    ),
    verb("list_events", Reader, |_| json!({ "workspace": "app" }), &["event", "list", "--workspace", "app"]),
    verb("wait_events", Reader, |_| json!({ "workspace": "app", "timeout_ms": 0 }), &[]),
    verb(
        "create_task",
        Member,
        |_| json!({ "workspace": "app", "title": "t" }),
        &["task", "create", "t", "--workspace", "app"],
    ),
    verb("update_task", Member, |at| json!({ "task": at["task"], "priority": "p1" }), &[]),
    verb("comment_task", Member, |at| json!({ "task": at["task"], "body": "b" }), &[]),
    verb("assign_task", Member, |at| json!({ "task": at["task"] }), &[]),
    verb("block_task", Member, |at| json!({ "task": at["task"], "reason": "r" }), &[]),
    verb("unblock_task", Member, |at| json!({ "task": at["task"] }), &[]),
    verb("archive_task", Member, |at| json!({ "task": at["task"] }), &[]),
    verb("reopen_task", Member, |at| json!({ "task": at["task"] }), &[]),
    verb(
        "set_handoff",
        Member,
        |_| json!({ "workspace": "app", "title": "t" }),
        &["handoff", "set", "t", "--workspace", "app"],
    ),
    verb("pick_handoff", Member, |_| json!({ "workspace": "app" }), &[]),
    verb(
        "send_message",
        Member,
        |_| json!({ "workspace": "app", "subject": "s" }),
        &["message", "send", "s", "--workspace", "app"],
    ),
    verb(
        "append_event",
        Member,
        |_| json!({ "workspace": "app", "kind": "k", "message": "m" }),
        &["event", "append", "k", "m", "--workspace", "app"],
    ),
    verb(
        "start_session",
        Member,
        |_| json!({ "workspace": "app" }),
        &["session", "start", "--workspace", "app"],
    ),
    verb(
        "rename_workspace",
        Maintainer,
        |_| json!({ "workspace": "app", "name": "App" }),
        &["workspace", "rename", "app", "--name", "App"],
    ),
    verb(
        "invite_to_workspace",
        Owner,
        |_| json!({ "workspace": "app", "operator": "guest" }),
        &["workspace", "invite", "app", "guest"],
    ),
    verb("uninvite_from_workspace", Owner, |_| json!({ "workspace": "app", "operator": "guest" }), &[]),
    verb(
        "set_workspace_visibility",
        Owner,
        |at| json!({ "workspace": "app", "visibility": at["visibility"] }),
        &[],
    ),
];

/// What is done as a session: everybody who may start one has one.
const AS_SESSION: &[Verb] = &[
    verb("set_focus", Member, |_| json!({ "intent": "looking" }), &[]),
    verb("clear_focus", Member, |_| json!({}), &[]),
    verb("write_checkpoint", Member, |_| json!({ "summary": "s" }), &[]),
    verb("link_session", Member, |_| json!({ "tool": "t", "tool_session_id": "n" }), &[]),
    verb("acquire_lock", Member, |_| json!({ "name": "x" }), &[]),
    verb("release_lock", Member, |_| json!({ "name": "x" }), &[]),
    verb("next_task", Member, |_| json!({}), &[]),
    verb("read_messages", Member, |_| json!({}), &[]),
    verb("wait_messages", Member, |_| json!({ "timeout_ms": 0 }), &[]),
    verb("list_messages", Member, |_| json!({}), &[]),
    verb("claim_workspace", Member, |_| json!({}), &[]),
    verb("release_workspace", Member, |_| json!({}), &[]),
    verb("steal_lock", Maintainer, |at| json!({ "id": at["lock"], "reason": "r" }), &[]),
];

async fn every_verb_asks_for_its_role(database: Database) {
    let team = Team::start(database).await;
    team.admin().operation("add_operator", &json!({ "slug": "guest" })).await;
    let mut clients = Vec::new();
    for (standing, slug) in STANDINGS {
        let added = team.admin().operation("add_operator", &json!({ "slug": slug })).await;
        clients.push((standing, team.admin().with_key(added["key"].as_str().expect("a key"))));
        if standing != Nobody {
            let invite = json!({ "workspace": "app", "operator": slug, "role": slug });
            team.admin().operation("invite_to_workspace", &invite).await;
        }
    }
    for visibility in ["shared", "private"] {
        let set = json!({ "workspace": "app", "visibility": visibility });
        team.admin().operation("set_workspace_visibility", &set).await;
        let owner = team.agent(0).await;
        let made = owner.does("create_task", json!({ "title": "t" })).await;
        let at = json!({ "visibility": visibility, "session": owner.id, "task": made["task"]["code"] });
        for (standing, client) in &clients {
            // In a shared workspace everybody is a member who is not made something else.
            let standing = if *standing == Nobody && visibility == "shared" { Member } else { *standing };
            for verb in VERBS {
                // Somebody must be there to be sent away.
                if verb.name == "uninvite_from_workspace" {
                    let invite = json!({ "workspace": "app", "operator": "guest" });
                    team.admin().operation("invite_to_workspace", &invite).await;
                }
                let answer =
                    client.post(&format!("/api/ops/{}", verb.name), (verb.input)(&at).to_string()).await;
                let told = format!("{} as {standing:?} in {visibility}: {}", verb.name, answer.text());
                assert_eq!(answer.status, expected(standing, verb.least), "{told}");
                by_command(&team, client, verb, &owner, expected(standing, verb.least)).await;
            }
            as_session(&team, client, standing, visibility).await;
        }
        owner.does("end_session", json!({})).await;
    }
    team.stop().await;
}

fn expected(standing: Standing, least: Standing) -> u16 {
    match standing {
        Nobody => 404,
        standing if standing < least => 403,
        _ => 200,
    }
}

async fn as_session(team: &Team, client: &Client, standing: Standing, visibility: &str) {
    let holder = team.agent(0).await;
    let held = holder.does("acquire_lock", json!({ "name": "held" })).await;
    let at = json!({ "visibility": visibility, "lock": held["lock"]["id"] });
    if standing < Member {
        // Whoever cannot start one cannot act as one, least of all as somebody else's.
        for verb in AS_SESSION {
            let mut input = (verb.input)(&at);
            input["session"] = holder.id.clone().into();
            let answer = client.post(&format!("/api/ops/{}", verb.name), input.to_string()).await;
            let least = if standing == Nobody { 404 } else { 403 };
            assert_eq!(answer.status, least, "{} as {standing:?}: {}", verb.name, answer.text());
        }
    } else {
        let agent = Agent::start(client.clone(), "app").await;
        for verb in AS_SESSION {
            let answer = agent.call(verb.name, (verb.input)(&at)).await;
            let told = format!("{} as {standing:?} in {visibility}: {}", verb.name, answer.text());
            assert_eq!(answer.status, expected(standing, verb.least), "{told}");
        }
        let kill = json!({ "id": holder.id, "reason": "r" });
        let killed = client.post("/api/ops/kill_session", kill.to_string()).await;
        assert_eq!(
            killed.status,
            expected(standing, Maintainer),
            "kill_session as {standing:?}: {}",
            killed.text()
        );
        agent.does("end_session", json!({})).await;
    }
    let _ended = holder.call("end_session", json!({})).await;
}

/// The same through the command line, which has the operator's key in its environment.
async fn by_command(team: &Team, client: &Client, verb: &Verb, owner: &Agent, status: u16) {
    if verb.command.is_empty() {
        return;
    }
    let words: Vec<&str> =
        verb.command.iter().map(|word| if *word == "{s}" { owner.id.as_str() } else { *word }).collect();
    let mut command = team.services[0].home.command(&words);
    let output =
        within("the command", command.env("BRAINS_API_KEY", &client.key).output()).await.expect("it runs");
    let code = match status {
        200 => 0,
        403 => 5,
        _ => 3,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
}

async fn invisible_things_are_in_no_list_and_no_count(database: Database) {
    let team = Team::start(database).await;
    let added = team.admin().operation("add_operator", &json!({ "slug": "bob" })).await;
    let bob = team.admin().with_key(added["key"].as_str().expect("a key"));
    team.project("secret");
    let secret = json!({ "path": team.path("secret"), "visibility": "private" });
    team.admin().operation("register_workspace", &secret).await;
    let hidden = team.agent_in(0, "secret").await;
    hidden.does("acquire_lock", json!({ "path": "src" })).await;
    hidden.does("link_session", json!({ "tool": "t", "tool_session_id": "n" })).await;

    let listed = bob.operation("list_workspaces", &json!({ "all": true })).await;
    assert_eq!(listed["workspaces"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(bob.operation("list_presence", &json!({})).await["operators"], json!([]));
    let found = bob.operation("find_sessions", &json!({ "tool": "t", "tool_session_id": "n" })).await;
    assert_eq!(found["sessions"], json!([]));
    let ask = async |name: &str, input: Value| {
        let answer = bob.post(&format!("/api/ops/{name}"), input.to_string()).await;
        (answer.status, answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    for (name, member) in
        [("show_workspace", "workspace"), ("list_locks", "workspace"), ("start_session", "workspace")]
    {
        let (status, unseen) = ask(name, json!({ member: "secret" })).await;
        let (_, absent) = ask(name, json!({ member: "absent" })).await;
        assert_eq!((status, unseen.replace("secret", "absent")), (404, absent), "{name}");
    }
    // Neither does its path open it: a start there finds nothing, and so does registering it again.
    assert_eq!(ask("start_session", json!({ "workspace": team.path("secret") })).await.0, 404);
    assert_eq!(ask("register_workspace", json!({ "path": team.path("secret") })).await.0, 404);
    let other = "ses_01kax3v7yqe5nbp8w0c4mzt6rd";
    for name in ["show_session", "list_checkpoints", "latest_checkpoint"] {
        let (status, unseen) = ask(name, json!({ "id": hidden.id })).await;
        let (_, absent) = ask(name, json!({ "id": other })).await;
        assert_eq!((status, unseen.replace(&hidden.id, other)), (404, absent), "{name}");
    }
    for name in ["end_session", "resume_session", "heartbeat_session"] {
        assert_eq!(ask(name, json!({ "session": hidden.id })).await.0, 404, "{name}");
    }
    team.stop().await;
}
