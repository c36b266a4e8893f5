//! Every operation of the coordination planes × what somebody is × who sees the workspace, from one table through every
//! door. What somebody may not see answers not-found, in the same words as what is not there, and is in no count.

pub(crate) mod table;

use brains_control::{Audience, OperationEntry, Registry};
use brains_core::principal::Role;
use brains_tests::door::{Door, End, Outcome};
use brains_tests::on_both_databases;
use brains_tests::team::{Database, Team};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use table::{PLANES, Standing, VERBS, Verb};

on_both_databases! { every_verb_asks_for_its_role invisible_things_are_in_no_list_and_no_count }

/// Runs at once: each is in a workspace of its own.
const AT_ONCE: usize = 4;

#[test]
fn the_table_holds_every_operation_of_its_planes() {
    let registry = Registry::new();
    let of_planes = registry.entries().iter().filter(|entry| PLANES.contains(&entry.noun));
    let missing: Vec<&str> = of_planes
        .map(|entry| entry.name)
        .filter(|name| !VERBS.iter().any(|verb| verb.name == *name))
        .collect();
    assert!(missing.is_empty(), "no row says who may call {missing:?}");
    for plane in PLANES {
        assert!(registry.entries().iter().any(|entry| entry.noun == plane), "no plane `{plane}`");
    }
    for verb in VERBS {
        assert!(registry.entries().iter().any(|entry| entry.name == verb.name), "no `{}`", verb.name);
    }
}

/// One pass through the table.
#[derive(Debug, Clone, Copy)]
struct Run {
    number: usize,
    visibility: &'static str,
    standing: Standing,
}

async fn every_verb_asks_for_its_role(database: Database) {
    let team = Team::start(database).await;
    let registry = Registry::new();
    team.admin().operation("add_operator", &json!({ "slug": "guest" })).await;
    let mut keys = Vec::new();
    for standing in Standing::ALL {
        let role = if standing == Standing::Administrator { "admin" } else { "member" };
        let operator = json!({ "slug": standing.slug(), "role": role });
        let added = team.admin().operation("add_operator", &operator).await;
        keys.push(added["key"].as_str().expect("a key").to_owned());
    }
    let mut runs = Vec::new();
    for visibility in ["shared", "private"] {
        for standing in Standing::ALL {
            runs.push(Run { number: runs.len(), visibility, standing });
        }
    }
    // The command speaks to the service over HTTP, whatever that keeps its rows in.
    let doors: &[Door] = if database == Database::Sqlite { &Door::ALL } else { &Door::ALL[..2] };
    let (all, known, held) = (&team, &registry, &keys);
    let passes = runs.into_iter().map(|run| async move {
        let at = Standing::ALL.iter().position(|one| *one == run.standing).expect("a standing");
        through(all, known, &held[at], run, doors).await
    });
    let wrong: Vec<String> = futures_util::stream::iter(passes).buffer_unordered(AT_ONCE).concat().await;
    assert!(wrong.is_empty(), "{} of the calls ended otherwise:\n{}", wrong.len(), wrong.join("\n"));
    team.stop().await;
}

/// One pass by each door; tells what ended otherwise than it should.
async fn through(team: &Team, registry: &Registry, key: &str, run: Run, doors: &[Door]) -> Vec<String> {
    let (mut wrong, mut codes) = (Vec::new(), Vec::new());
    for door in doors {
        let outcomes = pass(team, registry, key, run, *door).await;
        for (verb, outcome) in VERBS.iter().zip(&outcomes) {
            let entry = registry.find(verb.name).expect("an operation");
            wrong.extend(problem(verb, entry, run, *door, outcome));
        }
        if *door == Door::Http {
            codes = outcomes.into_iter().map(|outcome| outcome.code).collect();
            continue;
        }
        // The other doors refuse in the same words, except that agents are told what is for people.
        for ((verb, outcome), code) in VERBS.iter().zip(outcomes).zip(&codes) {
            let people = outcome.code == "people_only" && *door == Door::Mcp;
            let entry = registry.find(verb.name).expect("an operation");
            if !people && !is_mute(verb, entry, *door) && outcome.code != *code {
                let (name, text) = (verb.name, outcome.text);
                wrong.push(format!("{name} by {door:?} in {run:?}: `{code}` over HTTP, {text}"));
            }
        }
    }
    wrong
}

/// Calls every verb by one door, in a workspace of its own.
async fn pass(team: &Team, registry: &Registry, key: &str, run: Run, door: Door) -> Vec<Outcome> {
    let mut at = prepare(team, run, door).await;
    let mut outcomes = Vec::new();
    for verb in VERBS {
        let entry = registry.find(verb.name).expect("an operation");
        let mut input = (verb.input)(&at);
        if verb.as_session {
            input["session"] = at["mine"].clone();
            if !at["token"].is_null() {
                input["session_token"] = at["token"].clone();
            }
        }
        let outcome = door.call(team, key, entry, &input).await;
        if let Some(token) = outcome.value.get("session_token") {
            at["token"] = token.clone();
        }
        if let Some((place, name)) = verb.keep
            && let Some(kept) = outcome.value.pointer(place)
        {
            at[name] = kept.clone();
        }
        outcomes.push(outcome);
    }
    outcomes
}

/// What somebody is in the end: in a shared workspace everybody is a member who is not made something else.
fn effective(run: Run) -> Standing {
    match (run.standing, run.visibility) {
        (Standing::Nobody, "shared") => Standing::Member,
        (standing, _) => standing,
    }
}

/// A workspace, what is in it and what the table needs besides.
async fn prepare(team: &Team, run: Run, door: Door) -> Value {
    let name = format!("w{}-{}", run.number, format!("{door:?}").to_lowercase());
    team.project(&name);
    let admin = team.admin();
    let workspace = json!({ "path": team.path(&name), "visibility": run.visibility });
    admin.operation("register_workspace", &workspace).await;
    let slug = run.standing.slug();
    if !matches!(run.standing, Standing::Nobody | Standing::Administrator) {
        let invite = json!({ "workspace": name, "operator": slug, "role": slug });
        admin.operation("invite_to_workspace", &invite).await;
    }
    let (other, victim) = (team.agent_in(0, &name).await, team.agent_in(0, &name).await);
    let lock = other.does("acquire_lock", json!({ "name": "held" })).await;
    let broadcast = json!({ "subject": "all", "wants_acknowledgement": true });
    let message = other.does("send_message", broadcast).await;
    let task = other.does("create_task", json!({ "title": "t" })).await;
    let made = admin.operation("create_key", &json!({ "name": format!("key-{name}") })).await;
    json!({
        "workspace": name, "path": team.path(&name), "visibility": run.visibility, "fresh": format!("fresh-{name}"),
        "other": other.id, "victim": victim.id, "lock": lock["lock"]["id"], "message": message["message"]["id"],
        "task": task["task"]["code"], "key": made["id"],
        // What those have who cannot have their own.
        "mine": other.id, "own_lock": lock["lock"]["id"], "next": task["task"]["code"],
    })
}

/// What an agent says as its session only, said without one.
fn is_mute(verb: &Verb, entry: &OperationEntry, door: Door) -> bool {
    door == Door::Mcp && entry.tool.spoken && !verb.as_session
}

/// What is wrong with the end of a call, if anything is.
fn problem(verb: &Verb, entry: &OperationEntry, run: Run, door: Door, outcome: &Outcome) -> Option<String> {
    let standing = effective(run);
    let allowed = standing >= verb.least;
    let (expected, code) = if door == Door::Mcp && entry.tool.audience == Audience::People {
        // Whatever key an agent holds; one that may not even as a person is told that first.
        let lacks = entry.role == Role::Admin && standing != Standing::Administrator;
        (End::Refused, Some(if lacks { "permission_denied" } else { "people_only" }))
    } else if is_mute(verb, entry, door) {
        (End::Refused, allowed.then_some("session_required"))
    } else {
        match (allowed, verb.refused) {
            (true, None) => (End::Done, None),
            (true, Some(code)) => (End::Conflict, Some(code)),
            // What is outside of the workspaces is no secret.
            (false, _) if standing == Standing::Nobody && verb.least != Standing::Administrator => {
                (End::Absent, None)
            }
            (false, _) => (End::Forbidden, None),
        }
    };
    // A door that tells codes alone is held against HTTP for the rest.
    let ended = outcome.end == expected || outcome.end == End::Refused && expected != End::Done;
    let coded = code.is_none_or(|code| outcome.code == code);
    let name = verb.name;
    (!ended || !coded)
        .then(|| format!("{name} by {door:?} in {run:?} should be {expected:?} {code:?}: {}", outcome.text))
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
    // Whatever else of a call is in sight: a session that is not does not exist.
    let run = Run { number: 0, visibility: "shared", standing: Standing::Nobody };
    let at = prepare(&team, run, Door::Http).await;
    let registry = Registry::new();
    let by_session = |verb: &&Verb| registry.find(verb.name).is_some_and(|entry| entry.by_session);
    for verb in VERBS.iter().filter(by_session) {
        let as_session = |id: &str| {
            let mut input = (verb.input)(&at);
            input["session"] = id.into();
            input
        };
        let (status, unseen) = ask(verb.name, as_session(&hidden.id)).await;
        let (_, absent) = ask(verb.name, as_session(other)).await;
        assert_eq!((status, unseen.replace(&hidden.id, other)), (404, absent), "{}", verb.name);
    }
    team.stop().await;
}
