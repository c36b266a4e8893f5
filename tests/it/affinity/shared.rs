//! Processes that share a database agree where a conversation is.

use std::time::Duration;

use brains_tests::team::{Database, Team};
use brains_tests::wire::OPENAI;
use serde_json::json;

use super::{Trio, at, chat};

/// How long it may take until a process hears of a move.
const HEARD: Duration = Duration::from_secs(2);

async fn processes_agree(database: Database) {
    let trio = Trio::start(OPENAI).await;
    let team = Team::of(database, 3).await;
    for service in &team.services {
        fs_err::write(service.home.state().join("brains.runtime.yaml"), trio.config()).expect("written");
        service.client.operation("reload_config", &json!({})).await;
    }
    let [one, two, three] = [0, 1, 2].map(|at: usize| &team.services[at].client);
    let (home, _) = chat(one, "s").await;
    assert_eq!(chat(two, "s").await.0, home, "before anything is written");
    tokio::time::sleep(HEARD).await;

    // One of them sees it fail; the others only hear of that.
    trio.is_ill(&home, true);
    let (away, why) = chat(one, "s").await;
    assert!(why.contains(&format!("moved from {home}/scripted-1: upstream_error")), "{why}");
    trio.is_ill(&home, false);
    tokio::time::sleep(HEARD).await;
    let calls = trio.calls()[at(&home)];
    for (name, client) in [("knows it from before", two), ("has never seen it", three), ("moved it", one)] {
        let (by, why) = chat(client, "s").await;
        assert_eq!(by, away, "the one that {name}: {why}");
        assert!(why.contains("same as before ("), "the one that {name}: {why}");
    }
    // Back and forth, a turn at each.
    for turn in 0..12 {
        let client = [one, two, three][turn % 3];
        assert_eq!(chat(client, "s").await.0, away, "turn {turn}");
    }
    assert_eq!(trio.calls()[at(&home)], calls, "nobody went back");
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_agree_on_sqlite() {
    processes_agree(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_agree_on_postgres() {
    processes_agree(Database::Postgres).await;
}
