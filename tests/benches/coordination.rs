//! Coordination under load: agents that create, claim, complete and write to each other as fast as they can and look
//! once a turn; on SQLite (`synchronous=FULL`) and on Postgres, then the reference product in the same run with as many
//! clients, and one look for as many writes.
//!
//! `cargo xtask bench coordination`. What is judged are ratios to the reference; the cost of the disk's own sync is told
//! beside them, because every acknowledged write has waited for one.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark: it prints, reads clocks and fails at the first surprise"
)]

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use brains_tests::team::{Agent, Database, Team};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::process::Command;

const SECONDS: u64 = 10;
const CLIENTS: [usize; 2] = [8, 64];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure());
}

/// What one load gave.
#[derive(Debug, Default)]
struct Figures {
    writes_per_second: f64,
    write_ms: (f64, f64),
    read_ms: (f64, f64),
    errors: usize,
}

async fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    println!("one sync of the disk: {:.2} ms", sync_ms(folder.path()));
    println!(
        "{:<24} {:>9} {:>11} {:>11} {:>10} {:>10} {:>7}",
        "", "writes/s", "write p50", "write p99", "read p50", "read p99", "errors"
    );
    let mut ours = Vec::new();
    for (name, database) in [("SQLite", Database::Sqlite), ("Postgres", Database::Postgres)] {
        for clients in CLIENTS {
            let figures = load(database, clients).await;
            let name = format!("{name}, {clients} clients");
            print(&name, &figures);
            assert_eq!(figures.errors, 0, "no error under load");
            ours.push((clients, name, figures));
        }
    }
    let Ok(python) = std::env::var("BRAINS_REFERENCE_PYTHON") else {
        println!("the reference was not measured: `cargo xtask bench` prepares it");
        return;
    };
    for clients in CLIENTS {
        let home = folder.path().join(format!("reference-{clients}"));
        let reference = reference(Path::new(&python), &home, clients).await;
        print(&format!("reference, {clients} clients"), &reference);
        for (_, name, ours) in ours.iter().filter(|(of, _, _)| *of == clients) {
            println!(
                "{name}: {:.0} times the reference's writes/s; its read p50 is {:.0} times ours",
                ours.writes_per_second / reference.writes_per_second,
                reference.read_ms.0 / ours.read_ms.0
            );
        }
    }
}

fn print(name: &str, figures: &Figures) {
    let Figures { writes_per_second, write_ms, read_ms, errors } = figures;
    println!(
        "{name:<24} {writes_per_second:>9.0} {:>8.1} ms {:>8.1} ms {:>7.1} ms {:>7.1} ms {errors:>7}",
        write_ms.0, write_ms.1, read_ms.0, read_ms.1
    );
}

/// The median time of a small write that the disk confirms.
fn sync_ms(folder: &Path) -> f64 {
    let mut file = fs_err::File::create(folder.join("sync")).expect("a file");
    let mut times: Vec<f64> = (0..100)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[0; 4_096]).expect("written");
            file.file().sync_data().expect("synced");
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    percentile(&mut times, 0.5)
}

fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or(0.0)
}

async fn load(database: Database, clients: usize) -> Figures {
    let team = Team::start(database).await;
    let agents = team.agents(clients).await;
    // A workspace that has been worked in.
    join_all(agents.iter().map(async |agent: &Agent| {
        for _ in 0..(800 / clients) {
            agent.does("create_task", json!({ "title": "old" })).await;
        }
    }))
    .await;
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let turns = agents.iter().enumerate().map(|(at, agent)| work(agent, &agents[(at + 1) % clients], end));
    let done = join_all(turns).await;
    team.stop().await;
    let errors = done.iter().map(|done| done.errors).sum();
    let mut writes: Vec<f64> = done.iter().flat_map(|done| &done.writes).copied().collect();
    let mut reads: Vec<f64> = done.iter().flat_map(|done| &done.reads).copied().collect();
    Figures {
        writes_per_second: writes.len() as f64 / SECONDS as f64,
        write_ms: (percentile(&mut writes, 0.5), percentile(&mut writes, 0.99)),
        read_ms: (percentile(&mut reads, 0.5), percentile(&mut reads, 0.99)),
        errors,
    }
}

/// What one agent did: times in milliseconds, and how many calls were refused.
#[derive(Debug, Default)]
struct Done {
    writes: Vec<f64>,
    reads: Vec<f64>,
    errors: usize,
}

async fn work(agent: &Agent, other: &Agent, end: Instant) -> Done {
    let mut done = Done::default();
    let looks = [
        ("list_tasks", json!({ "workspace": "app", "limit": 20 })),
        ("count_tasks", json!({ "workspace": "app" })),
        ("show_task", json!({ "task": "APP-1" })),
    ];
    let mut turn = 0;
    while Instant::now() < end {
        let mut ask = async |name: &str, input: Value| -> Value {
            let start = Instant::now();
            let answer = agent.call(name, input).await;
            if answer.status == 200 {
                done.writes.push(start.elapsed().as_secs_f64() * 1_000.0);
                answer.json()
            } else {
                done.errors += 1;
                Value::Null
            }
        };
        let made = ask("create_task", json!({ "title": "t", "tags": ["bench"] })).await;
        let code = &made["task"]["code"];
        ask("claim_task", json!({ "task": code })).await;
        ask("comment_task", json!({ "task": code, "body": "half way" })).await;
        ask("complete_task", json!({ "task": code })).await;
        // Mail has limits of its own: now and then, and read by whoever gets it.
        if turn % 8 == 0 {
            ask("send_message", json!({ "subject": "s", "to": [other.id] })).await;
            ask("read_messages", json!({ "limit": 100, "mark_read": true })).await;
        }
        let (name, input) = &looks[turn % looks.len()];
        let start = Instant::now();
        agent.looks(name, input.clone()).await;
        done.reads.push(start.elapsed().as_secs_f64() * 1_000.0);
        turn += 1;
    }
    done
}

async fn reference(python: &Path, home: &Path, clients: usize) -> Figures {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/coordination_reference.py");
    let output = Command::new(python)
        .arg(script)
        .args([clients.to_string(), SECONDS.to_string(), home.display().to_string()])
        .kill_on_drop(true)
        .output()
        .await
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let number = |name: &str| told[name].as_f64().expect("a number");
    Figures {
        writes_per_second: number("writes_per_second"),
        write_ms: (number("write_p50_ms"), number("write_p99_ms")),
        read_ms: (number("read_p50_ms"), number("read_p99_ms")),
        errors: number("errors") as usize,
    }
}
