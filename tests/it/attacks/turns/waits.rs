//! Waits and streams that were begun with a right, and the right ends. Beside each an honest member waits for the same and
//! gets it.

use std::sync::Arc;

use brains_tests::client::{Answer, Client};
use brains_tests::mcp::{self, Connection, Events, Stream};
use brains_tests::{until, within};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Fell, Guest, Held, Place, Row, post, row};

/// How a right ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Key,
    Operator,
    Membership,
    Session,
    Killed,
}

impl Ending {
    const ALL: [Self; 5] = [Self::Key, Self::Operator, Self::Membership, Self::Session, Self::Killed];

    /// What a call made now is refused with.
    const fn code(self, session: bool) -> &'static str {
        match self {
            Self::Key | Self::Operator => "invalid_api_key",
            Self::Membership if session => "",
            Self::Membership => "workspace_not_found",
            Self::Session | Self::Killed => "session_ended",
        }
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Events,
    Messages,
    Lock,
}

pub(super) fn rows<const POSTGRES: bool>() -> Vec<Row<Place<POSTGRES>>> {
    let mut rows = Vec::new();
    for wait in [Wait::Events, Wait::Messages, Wait::Lock] {
        for ending in Ending::ALL {
            rows.push(row(
                if wait == Wait::Events { "coordination 2" } else { "security 10" },
                format!("{wait:?} waited for, and then {ending:?} ends"),
                // One of them looked at its session.
                if wait == Wait::Messages && ending != Ending::Key { Held } else { Fell },
                move |place: Arc<Place<POSTGRES>>| async move { waits(&place, wait, ending).await },
            ));
        }
    }
    for ending in [Ending::Key, Ending::Operator] {
        rows.push(row(
            "security 10",
            format!("a connection with its own stream, and then {ending:?} ends"),
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move { connection(&place, ending).await },
        ));
        rows.push(row(
            "security 10",
            format!("an open `/sse`, and then {ending:?} ends"),
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move { sse(&place, ending).await },
        ));
        rows.push(row(
            "security 10",
            format!("`subscriptions/listen`, and then {ending:?} ends"),
            Fell,
            move |place: Arc<Place<POSTGRES>>| async move { listening(&place, ending).await },
        ));
    }
    rows
}

async fn end<const POSTGRES: bool>(
    place: &Place<POSTGRES>,
    guest: &Guest,
    (session, token): (&str, &str),
    ending: Ending,
) {
    let admin = place.team.admin();
    match ending {
        Ending::Key => admin.operation("revoke_key", &json!({ "id": guest.key_id })).await,
        Ending::Operator => admin.operation("revoke_operator", &json!({ "slug": guest.slug })).await,
        Ending::Membership => {
            let out = json!({ "workspace": guest.workspace, "operator": guest.slug });
            admin.operation("uninvite_from_workspace", &out).await
        }
        Ending::Session => guest.client.operation("end_session", &json!({ "session_token": token })).await,
        Ending::Killed => {
            let killed = json!({ "id": session, "reason": "over" });
            admin.operation("kill_session", &killed).await
        }
    };
}

async fn waits<const POSTGRES: bool>(place: &Place<POSTGRES>, wait: Wait, ending: Ending) {
    let guest = place.guest().await;
    let here = json!({ "workspace": guest.workspace });
    let started = guest.client.operation("start_session", &here).await;
    let (session, token) = (text(&started, "session_id"), text(&started, "session_token"));
    // Somebody honest in the same workspace, who holds what is waited for.
    let honest = place.team.admin();
    let own = honest.operation("start_session", &here).await;
    let own_token = text(&own, "session_token");
    let lock =
        post(honest, "acquire_lock", &json!({ "name": "deploy" }), &[("x-brains-session-token", &own_token)])
            .await;
    assert_eq!(lock.status, 200, "{}", lock.text());

    let (name, input) = match wait {
        Wait::Events => (
            "wait_events",
            json!({ "workspace": guest.workspace, "timeout_ms": 60_000, "kinds": ["task.create"] }),
        ),
        Wait::Messages => ("wait_messages", json!({ "timeout_ms": 60_000 })),
        Wait::Lock => ("acquire_lock", json!({ "name": "deploy", "wait_ms": 60_000 })),
    };
    let (mut waiting, mut beside) = (JoinSet::new(), JoinSet::new());
    waiting.spawn({
        let (client, token) = (guest.client.clone(), token.clone());
        async move { post(&client, name, &input, &[("x-brains-session-token", &token)]).await }
    });
    beside.spawn({
        let (client, workspace) = (honest.clone(), guest.workspace.clone());
        async move {
            let input = json!({ "workspace": workspace, "timeout_ms": 60_000, "kinds": ["task.create"], "after": "0" });
            post(&client, "wait_events", &input, &[]).await
        }
    });
    if wait == Wait::Lock {
        until("the wait to stand in the queue", async || {
            let blocking = honest.operation("list_locks", &json!({ "workspace": guest.workspace })).await;
            blocking.to_string().contains(&session)
        })
        .await;
    }
    // Others are answered meanwhile: the wait has begun.
    for _ in 0..5 {
        guest.client.operation("list_workspaces", &json!({})).await;
    }
    end(place, &guest, (&session, &token), ending).await;
    let made = json!({ "title": "not for everybody", "workspace": guest.workspace });
    let answered: Answer = if wait == Wait::Events {
        honest.operation("create_task", &made).await;
        ended(&mut waiting).await
    } else {
        let answered = ended(&mut waiting).await;
        honest.operation("create_task", &made).await;
        answered
    };
    assert_ne!(answered.status, 200, "{}", answered.text());
    assert!(!answered.text().contains("not for everybody"), "{}", answered.text());
    let (said, expected) = (answered.json()["error"]["code"].clone(), ending.code(wait != Wait::Events));
    assert!(expected.is_empty() || said == expected || said == "session_ended", "{}", answered.text());
    let heard = ended(&mut beside).await.json();
    assert_eq!(heard["events"][0]["kind"], "task.create", "{heard}");
}

async fn ended(waiting: &mut JoinSet<Answer>) -> Answer {
    within("the wait to end", waiting.join_next()).await.expect("one waits").expect("it runs")
}

/// An MCP connection with a stream of its own: both end, and its place is free.
async fn connection<const POSTGRES: bool>(place: &Place<POSTGRES>, ending: Ending) {
    let guest = place.guest().await;
    let uri = format!("brains://workspace/{}/state", guest.workspace);
    let theirs = Connection::open(&guest.mcp).await;
    let honest = Connection::open(&place.team.services[0].mcp).await;
    let (mut stream, mut beside) = (theirs.listen().await, honest.listen().await);
    for connection in [&theirs, &honest] {
        let subscribed = connection.request("resources/subscribe", json!({ "uri": uri })).await;
        assert_eq!(subscribed["result"], json!({}), "{subscribed}");
    }
    end(place, &guest, ("", ""), ending).await;
    let made = json!({ "title": "later", "workspace": guest.workspace });
    place.team.admin().operation("create_task", &made).await;
    assert_eq!(over(&mut stream).await, Vec::<Value>::new());
    assert_eq!(beside.message().await["params"]["uri"], uri.as_str());
    assert_eq!(honest.request("ping", json!({})).await["result"], json!({}));
    // Another key of the operator finds no connection there any more.
    until("the connection to be gone", async || {
        let ping = json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" });
        let asked = Connection { client: place.team.services[0].mcp.clone(), ..theirs.clone() };
        Client::send(asked.message(&ping)).await.status == 404
    })
    .await;
}

async fn sse<const POSTGRES: bool>(place: &Place<POSTGRES>, ending: Ending) {
    let guest = place.guest().await;
    let mut theirs = Stream::open(&guest.mcp).await;
    let mut honest = Stream::open(&place.team.services[0].mcp).await;
    end(place, &guest, ("", ""), ending).await;
    assert_eq!(within("the stream to end", theirs.event()).await, None);
    assert_eq!(honest.request(5, "ping", json!({})).await["result"], json!({}));
}

async fn listening<const POSTGRES: bool>(place: &Place<POSTGRES>, ending: Ending) {
    let guest = place.guest().await;
    let uri = format!("brains://workspace/{}/state", guest.workspace);
    let params = json!({ "notifications": { "resourceSubscriptions": [uri] } });
    let listen = async |client: &Client| {
        Events::open(mcp::stateless(client, "/mcp", "subscriptions/listen", params.clone())).await
    };
    let (mut stream, mut beside) = (listen(&guest.mcp).await, listen(&place.team.services[0].mcp).await);
    assert!(stream.message().await.is_object() && beside.message().await.is_object());
    end(place, &guest, ("", ""), ending).await;
    until("the stream to end", async || stream.event().await.is_none()).await;
    let made = json!({ "title": "later", "workspace": guest.workspace });
    place.team.admin().operation("create_task", &made).await;
    within("the honest stream", async { while beside.message().await["params"]["uri"] != uri.as_str() {} })
        .await;
}

/// What a stream says until it ends.
async fn over(stream: &mut Events) -> Vec<Value> {
    let mut said = Vec::new();
    while let Some((_, data)) = within("the stream to end", stream.event()).await {
        said.push(serde_json::from_str(&data).expect("JSON"));
    }
    said
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}
