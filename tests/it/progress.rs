//! Progress: a caller over MCP that waits is told that the wait goes on, when it asked for it.

use brains_tests::mcp::{Connection, messages, stateless};
use brains_tests::team::{Database, Team};
use brains_tests::{Client, within};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_and_asked_for_it_is_told_that_the_wait_goes_on() {
    let team = Team::start(Database::Sqlite).await;
    let client = &team.services[0].mcp;
    let wait = |token: Option<Value>| {
        let mut params =
            json!({"name": "wait_events", "arguments": {"workspace": "app", "timeout_ms": 11_000}});
        if let Some(token) = token {
            params["_meta"] = json!({ "progressToken": token });
        }
        params
    };
    let connection = Connection::open(client).await;
    let message = |id: u32, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    // In both eras, under the name that the caller gave; and never without one.
    let (stateless, connected, silent) = within(
        "the waits",
        futures_util::future::join3(
            Client::send(stateless(client, "/mcp", "tools/call", wait(Some(json!("a"))))),
            Client::send(connection.message(&message(1, wait(Some(json!(7)))))),
            Client::send(connection.message(&message(2, wait(None)))),
        ),
    )
    .await;
    for (answer, token) in [(&stateless, json!("a")), (&connected, json!(7))] {
        let messages = messages(answer);
        let notes: Vec<&Value> =
            messages.iter().filter(|message| message["method"] == "notifications/progress").collect();
        assert_eq!(notes.len(), 2, "every five seconds of eleven: {messages:?}");
        assert!(notes.iter().all(|note| note["params"]["progressToken"] == token), "{notes:?}");
        let steps: Vec<f64> = notes.iter().filter_map(|note| note["params"]["progress"].as_f64()).collect();
        assert_eq!(steps, [5.0, 10.0]);
        assert_eq!(
            messages.last().expect("an answer")["result"]["isError"],
            json!(false),
            "the answer is last"
        );
    }
    assert_eq!(messages(&silent).len(), 1);
    team.stop().await;
}
