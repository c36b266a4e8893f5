//! The service dies under load, again and again: what it acknowledged is there, the database is sound, the audit log
//! verifies.

use std::process::Command;
use std::sync::Mutex;

use brains_tests::counts::count;
use brains_tests::service::Brains;
use brains_tests::team::{Agent, Database, Team};
use brains_tests::{on_both_databases, until, within};
use futures_util::future::join_all;
use serde_json::{Value, json};

on_both_databases! { nothing_acknowledged_is_lost }

const WORKERS: usize = 8;

/// What the service said was done.
#[derive(Debug, Default)]
struct Acknowledged {
    created: Vec<String>,
    completed: Vec<String>,
    sent: Vec<String>,
}

impl Acknowledged {
    fn count(&self) -> usize {
        self.created.len() + self.completed.len() + self.sent.len()
    }
}

async fn nothing_acknowledged_is_lost(database: Database) {
    let mut team = Team::start(database).await;
    let acknowledged = Mutex::new(Acknowledged::default());
    let agents = team.agents(WORKERS).await;
    for round in 0..count(20, 200) {
        let service = team.services.remove(0);
        let client = service.client.clone();
        let agents: Vec<Agent> = agents.iter().map(|agent| agent.through(&client)).collect();
        let work = join_all(agents.iter().map(|agent| work(agent, &agents[0], &acknowledged)));
        // At another moment each time, some acknowledgements in.
        let done = || acknowledged.lock().expect("no panic").count();
        let enough = done() + 8 + 5 * (round % 11);
        let kill = async {
            until("the load to go on", async || done() >= enough).await;
            service.kill().await
        };
        let (_, home) = within("a round", futures_util::future::join(work, kill)).await;
        if database == Database::Sqlite {
            check_integrity(&team);
        }
        team.services.push(Brains::start_in(home, team.setup()).await);
    }
    let acknowledged = acknowledged.into_inner().expect("no panic");
    assert!(acknowledged.created.len() > 20 && !acknowledged.completed.is_empty(), "there was load");
    let status = async |code: &str| -> Value {
        team.admin().operation("show_task", &json!({ "task": code })).await["task"]["status"].clone()
    };
    for code in &acknowledged.created {
        status(code).await;
    }
    for code in &acknowledged.completed {
        assert_eq!(status(code).await, "done", "{code}");
    }
    let reader = agents[0].through(team.admin());
    let mut cursor = Value::Null;
    let mut there = Vec::new();
    loop {
        let mut input = json!({ "limit": 1_000 });
        if !cursor.is_null() {
            input["cursor"] = cursor;
        }
        let page = reader.does("list_messages", input).await;
        there.extend(
            page["messages"].as_array().expect("messages").iter().map(|letter| letter["subject"].clone()),
        );
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    for subject in &acknowledged.sent {
        assert!(there.contains(&Value::from(subject.as_str())), "`{subject}` was acknowledged and is lost");
    }
    // Counts follow from the rows, however often the service died between them.
    let counts = team.admin().operation("count_tasks", &json!({ "workspace": "app" })).await;
    assert!(
        counts["tasks"].as_u64().expect("a count")
            >= u64::try_from(acknowledged.created.len()).expect("small")
    );
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
    team.stop().await;
}

/// Creates, claims, completes and writes to another until the service is gone.
async fn work(agent: &Agent, other: &Agent, acknowledged: &Mutex<Acknowledged>) {
    loop {
        let Some(made) = ask(agent, "create_task", json!({ "title": "t" })).await else { return };
        let code = made["task"]["code"].as_str().expect("a code").to_owned();
        acknowledged.lock().expect("no panic").created.push(code.clone());
        let Some(_) = ask(agent, "claim_task", json!({ "task": code })).await else { return };
        let Some(_) = ask(agent, "complete_task", json!({ "task": code })).await else { return };
        acknowledged.lock().expect("no panic").completed.push(code.clone());
        if agent.id != other.id {
            let letter = json!({ "subject": code, "to": [other.id] });
            let Some(sent) = ask(agent, "send_message", letter).await else { return };
            if sent["error"].is_null() {
                acknowledged.lock().expect("no panic").sent.push(code);
            } else {
                // Its owner makes room for the next one.
                let Some(_) = ask(other, "read_messages", json!({ "limit": 100, "mark_read": true })).await
                else {
                    return;
                };
            }
        }
    }
}

/// The answer, or none when the service is gone. A refusal fails the test, but for what the limits of mail say.
async fn ask(agent: &Agent, name: &str, mut input: Value) -> Option<Value> {
    input["session"] = agent.id.clone().into();
    let request = agent
        .client
        .request(http::Method::POST, &format!("/api/ops/{name}"))
        .header("content-type", "application/json")
        .header("x-brains-session-token", &agent.token)
        .body(input.to_string());
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    assert!(status == 200 || text.contains("mailbox_full"), "{name}: {status} {text}");
    serde_json::from_str(&text).ok()
}

/// SQLite's own check of the file, by another program.
fn check_integrity(team: &Team) {
    #[expect(clippy::disallowed_methods, reason = "the runner names its Python by environment")]
    let python = std::env::var("BRAINS_TEST_PYTHON").expect("BRAINS_TEST_PYTHON names a Python");
    let check = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                 print(c.execute('PRAGMA integrity_check').fetchone()[0], c.execute('PRAGMA foreign_key_check').fetchall())";
    let file = team.folder().join("brains.db");
    let done = Command::new(python).args(["-c", check]).arg(file).output().expect("Python starts");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "ok []\n", "{}", String::from_utf8_lossy(&done.stderr));
}
