//! One idempotency key, used by two who must not be taken for one another; and answers that are true no more.

use std::sync::Arc;

use brains_tests::mcp::{Connection, refused, structured};
use brains_tests::team::{Database, Team};
use brains_tests::until;
use serde_json::{Value, json};

use super::speaker::{How, Speaker};
use super::{Fell, Held, Place, Row, code, opened, post, row};

type Input = fn() -> Value;

/// What two agents do with one key and one input, and what of the answer is the first one's alone.
const SHARED: [(&str, Input, &str); 7] = [
    ("acquire_lock", || json!({ "name": "deploy" }), "/lock/id"),
    ("claim_workspace", || json!({}), "/session_id"),
    ("create_task", || json!({ "title": "mine", "workspace": "app" }), "/task/id"),
    ("next_task", || json!({}), "/task/id"),
    ("send_message", || json!({ "subject": "s" }), "/message/id"),
    ("write_checkpoint", || json!({ "summary": "half way" }), "/checkpoint/id"),
    ("set_focus", || json!({ "intent": "looking" }), "/focus/session"),
];

pub(super) fn rows<const POSTGRES: bool>() -> Vec<Row<Place<POSTGRES>>> {
    // Mail first: what others say to everybody is for who starts later, too.
    let mut rows = mail();
    for (name, input, own) in SHARED {
        for how in How::ALL {
            rows.push(row(
                "security 4",
                format!("`{name}` of two sessions by {how:?}, one idempotency key"),
                Fell,
                move |place: Arc<Place<POSTGRES>>| async move {
                    one_key_of_two(&place, how, name, input(), own).await;
                },
            ));
        }
    }
    rows.extend(starts());
    rows.extend(lapsed());
    rows
}

async fn two<const POSTGRES: bool>(place: &Place<POSTGRES>, how: How) -> (Speaker, Speaker) {
    let (client, mcp) = (place.team.admin(), &place.team.services[0].mcp);
    (
        Speaker::begin(how, client, mcp, place.number()).await,
        Speaker::begin(how, client, mcp, place.number()).await,
    )
}

async fn free<const POSTGRES: bool>(place: &Place<POSTGRES>, speakers: &[&Speaker]) {
    for speaker in speakers {
        let end = json!({ "session": speaker.session, "session_token": speaker.token });
        place.team.admin().operation("end_session", &end).await;
    }
}

async fn one_key_of_two<const POSTGRES: bool>(
    place: &Place<POSTGRES>,
    how: How,
    name: &'static str,
    input: Value,
    own: &str,
) {
    let (one, other) = two(place, how).await;
    if name == "next_task" {
        for title in ["first", "second"] {
            place.team.admin().operation("create_task", &json!({ "title": title, "workspace": "app" })).await;
        }
    }
    let first = one.says(&place.team, name, &input, "1").await;
    assert!(first.done && !first.replayed, "{first:?}");
    let second = other.says(&place.team, name, &input, "1").await;
    let mine = first.value.pointer(own).expect("something of its own");
    assert_ne!(second.value.pointer(own), Some(mine), "{second:?}");
    assert!(!second.value.to_string().contains(&one.token), "{second:?}");
    if ["acquire_lock", "claim_workspace"].contains(&name) {
        assert_eq!(second.code(), "lock_held", "{second:?}");
    } else {
        assert!(second.done && !second.replayed, "{second:?}");
    }
    let again = one.says(&place.team, name, &input, "1").await;
    assert!(again.done && again.replayed, "{again:?}");
    assert_eq!(again.value.pointer(own), Some(mine), "{again:?}");
    free(place, &[&one, &other]).await;
}

fn mail<const POSTGRES: bool>() -> Vec<Row<Place<POSTGRES>>> {
    let rows = How::ALL.into_iter().map(|how| {
        row(
            "security 4",
            format!("`read_messages` of another session by {how:?}, with its idempotency key"),
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move {
                let (one, other) = two(&place, how).await;
                let sender = place.team.agent(0).await;
                let letter = json!({ "subject": "for one only", "to": [one.session] });
                sender.does("send_message", letter).await;
                let read = one.says(&place.team, "read_messages", &json!({}), "m").await;
                assert_eq!(read.value["messages"][0]["subject"], "for one only", "{read:?}");
                let stolen = other.says(&place.team, "read_messages", &json!({}), "m").await;
                assert!(stolen.done && stolen.value["messages"] == json!([]), "{stolen:?}");
                let again = one.says(&place.team, "read_messages", &json!({}), "m").await;
                assert!(again.replayed && again.value["messages"] == read.value["messages"], "{again:?}");
                free(&place, &[&one, &other]).await;
            },
        )
    });
    rows.collect()
}

fn starts<const POSTGRES: bool>() -> Vec<Row<Place<POSTGRES>>> {
    let input = || json!({ "workspace": "app", "tool": "starts", "idempotency_key": "s1" });
    vec![
        row(
            "security 4",
            "`start_session` repeated by another of the same key",
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move {
                let first = post(place.team.admin(), "start_session", &input(), &[]).await.json();
                let token = first["session_token"].as_str().expect("a token");
                let second = post(place.team.admin(), "start_session", &input(), &[]).await;
                assert_eq!(code(&second), "idempotency_unproven");
                // Who shows the token is the one who started it, and the first token worked until here.
                let own =
                    post(place.team.admin(), "start_session", &input(), &[("x-brains-session-token", token)])
                        .await;
                assert_eq!((own.status, own.header("x-brains-replayed")), (200, "true"), "{}", own.text());
                assert_eq!(own.json()["session_id"], first["session_id"]);
            },
        ),
        row(
            "security 4",
            "`start_session` repeated over another MCP connection",
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move {
                let mcp = &place.team.services[0].mcp;
                let (one, other) = (Connection::open(mcp).await, Connection::open(mcp).await);
                let first = structured(&one.call("start_session", input()).await);
                let second = structured(&other.call("start_session", input()).await);
                assert_ne!(first["session_id"], second["session_id"]);
                let again = one.call("start_session", input()).await;
                assert_eq!(again["result"]["_meta"]["brains/replayed"], true, "{again}");
                assert_eq!(structured(&again)["session_id"], first["session_id"]);
            },
        ),
        row(
            "security 4",
            "`start_session` repeated with another native id",
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move {
                let start = async |native: &str| {
                    post(place.team.admin(), "start_session", &input(), &[("thread-id", native)]).await
                };
                let (first, second) = (start("n-one").await.json(), start("n-two").await.json());
                assert_ne!(first["session_id"], second["session_id"]);
                let again = start("n-one").await;
                assert_eq!(
                    (again.header("x-brains-replayed"), &again.json()["session_id"]),
                    ("true", &first["session_id"])
                );
                let token = again.json()["session_token"].clone();
                place.team.admin().operation("heartbeat_session", &json!({ "session_token": token })).await;
            },
        ),
        row(
            "security 4",
            "`start_session` repeated with another native id in its input",
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move {
                let start = async |native: &str| {
                    let mut input = input();
                    input["tool_session_id"] = native.into();
                    input["idempotency_key"] = "s-input".into();
                    post(place.team.admin(), "start_session", &input, &[]).await
                };
                let (first, second) = (start("i-one").await, start("i-two").await);
                assert_eq!(second.status, 200, "{}", second.text());
                assert_ne!(first.json()["session_id"], second.json()["session_id"]);
                assert_eq!(start("i-one").await.json()["session_id"], first.json()["session_id"]);
            },
        ),
        row(
            "security 4",
            "`start_session` repeated with another key of the operator",
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move {
                let made =
                    json!({ "name": format!("k{}", place.number()), "scopes": ["gateway", "read", "write"] });
                let made = place.team.admin().operation("create_key", &made).await;
                let other = place.team.admin().with_key(made["key"].as_str().expect("a key"));
                let mut input = input();
                input["idempotency_key"] = "s-keys".into();
                let first = post(place.team.admin(), "start_session", &input, &[]).await.json();
                let second = post(&other, "start_session", &input, &[]).await.json();
                assert!(
                    second["session_id"].is_string() && second["session_id"] != first["session_id"],
                    "{second}"
                );
            },
        ),
        row(
            "security 4",
            "`start_session` repeated by another operator",
            Held,
            move |place: Arc<Place<POSTGRES>>| async move {
                let added = json!({ "slug": format!("o{}", place.number()) });
                let added = place.team.admin().operation("add_operator", &added).await;
                let other = place.team.admin().with_key(added["key"].as_str().expect("a key"));
                let mut input = input();
                input["idempotency_key"] = "s-operators".into();
                let first = post(place.team.admin(), "start_session", &input, &[]).await.json();
                let second = post(&other, "start_session", &input, &[]).await.json();
                assert_ne!(second["session_id"], first["session_id"]);
            },
        ),
        row(
            "security 4",
            "a session id that was read, for the answer of its session",
            Held,
            move |place: Arc<Place<POSTGRES>>| async move {
                let (one, other) = (place.team.agent(0).await, place.team.agent(0).await);
                let input = json!({ "name": "read-id", "idempotency_key": "r1", "session": one.id });
                let held = one.does("acquire_lock", input.clone()).await;
                let stolen = post(
                    place.team.admin(),
                    "acquire_lock",
                    &input,
                    &[("x-brains-session-token", &other.token)],
                )
                .await;
                assert_eq!(code(&stolen), "session_foreign");
                let stolen = post(
                    place.team.admin(),
                    "end_session",
                    &json!({ "session": one.id, "idempotency_key": "r1" }),
                    &[],
                )
                .await;
                assert_eq!(code(&stolen), "session_foreign", "{held}");
                one.does("end_session", json!({})).await;
            },
        ),
        row(
            "security 4",
            "`resume_session` repeated by another of the same key",
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move {
                let agent = place.team.agent(0).await;
                agent.does("end_session", json!({})).await;
                let input = json!({ "session": agent.id, "idempotency_key": "resume" });
                let first = post(place.team.admin(), "resume_session", &input, &[]).await.json();
                assert!(first["session_token"].is_string(), "{first}");
                let second = post(place.team.admin(), "resume_session", &input, &[]).await;
                assert_eq!(code(&second), "idempotency_unproven");
                let token = first["session_token"].clone();
                place.team.admin().operation("heartbeat_session", &json!({ "session_token": token })).await;
            },
        ),
        row(
            "security 4",
            "answers of a service that was started anew",
            Fell,
            move |_: Arc<Place<POSTGRES>>| async move {
                let mut team =
                    opened(Team::start(if POSTGRES { Database::Postgres } else { Database::Sqlite }));
                let (one, other) = (team.agent(0).await, team.agent(0).await);
                let input = json!({ "name": "kept", "idempotency_key": "1" });
                let held = one.does("acquire_lock", input.clone()).await;
                let home = team.services.remove(0).kill().await;
                let service = opened(brains_tests::service::Brains::start_in(home, team.setup()));
                let client = service.client.clone();
                team.services.push(service);
                other.through(&client).refused("acquire_lock", input.clone(), "lock_held").await;
                let again = one.through(&client).does("acquire_lock", input).await;
                assert_eq!((&again["lock"]["id"], &again["lock"]["count"]), (&held["lock"]["id"], &json!(1)));
                team.stop().await;
            },
        ),
    ]
}

/// What was given and is given no more.
fn lapsed<const POSTGRES: bool>() -> Vec<Row<Place<POSTGRES>>> {
    vec![
        row(
            "security 4",
            "a lock that was released, asked for again under its key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let agent = place.team.agent(0).await;
                let input = json!({ "name": "released", "idempotency_key": "l1" });
                let held = agent.does("acquire_lock", input.clone()).await;
                agent.does("acquire_lock", input.clone()).await;
                agent.does("release_lock", json!({ "id": held["lock"]["id"] })).await;
                agent.refused("acquire_lock", input, "idempotency_lapsed").await;
                agent.does("acquire_lock", json!({ "name": "released", "idempotency_key": "l2" })).await;
                agent.does("end_session", json!({})).await;
            },
        ),
        row(
            "security 4",
            "a lock that ran out, asked for again under its key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let agent = place.team.agent(0).await;
                let input = json!({ "name": "short", "ttl": "1s", "idempotency_key": "l1" });
                agent.does("acquire_lock", input.clone()).await;
                until("the lock to run out", async || {
                    let other = place.team.agent(0).await;
                    let taken = other.call("acquire_lock", json!({ "name": "short" })).await.status == 200;
                    other.does("end_session", json!({})).await;
                    taken
                })
                .await;
                agent.refused("acquire_lock", input, "idempotency_lapsed").await;
                agent.does("end_session", json!({})).await;
            },
        ),
        row(
            "security 4",
            "a lock that was taken away, asked for again under its key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let (agent, thief) = (place.team.agent(0).await, place.team.agent(0).await);
                let input = json!({ "name": "stolen", "idempotency_key": "l1" });
                let held = agent.does("acquire_lock", input.clone()).await;
                let steal = json!({ "id": held["lock"]["id"], "reason": "r", "idempotency_key": "l1" });
                let taken = thief.does("steal_lock", steal.clone()).await;
                agent.refused("acquire_lock", input, "idempotency_lapsed").await;
                assert_eq!(thief.does("steal_lock", steal.clone()).await["lock"]["id"], taken["lock"]["id"]);
                thief.does("release_lock", json!({ "name": "stolen" })).await;
                thief.refused("steal_lock", steal, "idempotency_lapsed").await;
            },
        ),
        row(
            "security 4",
            "a claim that was given back, asked for again under its key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let agent = place.team.agent(0).await;
                let task = agent.does("create_task", json!({ "title": "t" })).await["task"]["code"].clone();
                let input = json!({ "task": task, "idempotency_key": "c1" });
                agent.does("claim_task", input.clone()).await;
                agent.does("claim_task", input.clone()).await;
                agent.does("release_task", json!({ "task": task })).await;
                agent.refused("claim_task", input, "idempotency_lapsed").await;
            },
        ),
        row(
            "security 4",
            "the next task that was done, asked for again under its key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let agent = place.team.agent(0).await;
                agent.does("create_task", json!({ "title": "t", "assignee": agent.id })).await;
                let input = json!({ "idempotency_key": "n1" });
                let given = agent.does("next_task", input.clone()).await;
                agent.does("complete_task", json!({ "task": given["task"]["code"] })).await;
                agent.refused("next_task", input, "idempotency_lapsed").await;
            },
        ),
        row(
            "security 4",
            "a session that ended, started again under its key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let connection = Connection::open(&place.team.services[0].mcp).await;
                let input = json!({ "workspace": "app", "idempotency_key": "e1" });
                structured(&connection.call("start_session", input.clone()).await);
                structured(&connection.call("end_session", json!({})).await);
                let again = connection.call("start_session", input).await;
                assert_eq!(refused(&again)["code"], "idempotency_lapsed", "{again}");
            },
        ),
        row(
            "security 4",
            "a key that was revoked, made again under its idempotency key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let name = format!("revoked{}", place.number());
                let input = json!({ "name": name, "idempotency_key": name });
                let made = place.team.admin().operation("create_key", &input).await;
                place.team.admin().operation("revoke_key", &json!({ "id": made["id"] })).await;
                let again = post(place.team.admin(), "create_key", &input, &[]).await;
                assert_eq!(code(&again), "idempotency_lapsed");
            },
        ),
        row(
            "security 4",
            "an operator that was revoked, added again under its key",
            Fell,
            |place: Arc<Place<POSTGRES>>| async move {
                let slug = format!("revoked{}", place.number());
                let input = json!({ "slug": slug, "idempotency_key": slug });
                place.team.admin().operation("add_operator", &input).await;
                place.team.admin().operation("revoke_operator", &json!({ "slug": slug })).await;
                let again = post(place.team.admin(), "add_operator", &input, &[]).await;
                assert_eq!(code(&again), "idempotency_lapsed");
            },
        ),
    ]
}
