//! A database server that is killed and comes back under a running service: what was refused did not happen, what was
//! acknowledged did, and nobody has to start anything anew.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use brains_tests::team::{Database, Team};
use brains_tests::until;
use serde_json::{Value, json};

fn sql(admin: &str, text: &str) {
    let output = Command::new("psql").args([admin, "-qc", text]).output().expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether the service says that it is ready, to who has a key.
async fn ready(team: &Team) -> bool {
    team.admin().get("/health/ready").await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_comes_back_loses_nothing() {
    let team = Team::start(Database::Postgres).await;
    let (base, name) = team.url.rsplit_once('/').expect("a URL with a database");
    let admin = format!("{base}/postgres");
    let agent = team.agent(0).await;
    let (away, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let (kept, turned_away) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Somebody works all the while.
    let work = async {
        let (mut acknowledged, mut refused) = (Vec::new(), 0);
        while !done.load(Ordering::SeqCst) {
            let title = format!("t{}", acknowledged.len() + refused);
            let answer = agent.call("create_task", json!({"title": title, "workspace": "app"})).await;
            if answer.status == 200 {
                acknowledged.push(title);
                kept.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let error = &answer.json()["error"];
            assert!(away.load(Ordering::SeqCst), "{error}");
            assert_eq!(answer.status, 503, "{error}");
            let told = error["hint"].as_str().is_some_and(|hint| !hint.is_empty());
            assert!(told && !answer.header("retry-after").is_empty(), "{error}");
            assert!(!answer.text().contains(name), "{error}");
            refused += 1;
            turned_away.fetch_add(1, Ordering::SeqCst);
        }
        (acknowledged, refused)
    };
    let outage = async {
        until("the service to be ready", async || ready(&team).await).await;
        until("work to be done", async || kept.load(Ordering::SeqCst) > 0).await;
        away.store(true, Ordering::SeqCst);
        sql(&admin, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        sql(
            &admin,
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        );
        until("the service to say so", async || !ready(&team).await).await;
        until("work to be refused", async || turned_away.load(Ordering::SeqCst) > 0).await;
        assert_eq!(team.admin().get("/health").await.status, 200, "the process itself is well");
        sql(&admin, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
        until("the service to be ready again", async || ready(&team).await).await;
        // One that began while it was away may still be refused.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        done.store(true, Ordering::SeqCst);
    };
    let ((acknowledged, refused), ()) = tokio::join!(work, outage);
    assert!(!acknowledged.is_empty() && refused > 0, "{acknowledged:?} {refused}");
    agent.does("create_task", json!({"title": "afterwards", "workspace": "app"})).await;
    let mut titles: Vec<String> = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let input = json!({"workspace": "app", "limit": 100, "cursor": cursor});
        let page = team.admin().operation("list_tasks", &input).await;
        let tasks = page["tasks"].as_array().cloned().unwrap_or_default();
        titles.extend(tasks.iter().filter_map(|task| task["title"].as_str().map(str::to_owned)));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    for title in &acknowledged {
        assert!(titles.contains(title), "{title} was acknowledged");
    }
    let verified = team.admin().operation("verify_audit", &json!({})).await;
    assert_eq!(verified["ok"], true, "{verified}");
    team.stop().await;
}
