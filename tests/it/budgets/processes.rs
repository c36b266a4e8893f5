//! Sixty-four clients of four processes on one database, some of which are killed: at every look what is spent and what is
//! reserved stay within the limit, and in the end nothing is reserved for the dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::team::{Database, Team};
use brains_tests::wire::OPENAI;
use brains_tests::{Brains, Client, Upstream, on_both_databases, until_started, within};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{PRICES, used};
use crate::costs::nanos;

on_both_databases! { nothing_is_admitted_beyond_the_limit }

const PROCESSES: usize = 4;
const CLIENTS: usize = 64;
/// In nano-dollars, of an answer: ten tokens of a prompt and forty of an answer.
const COST: i128 = 90_000;

/// Asked in each round, about, so that what is left does not depend on how long a restart takes.
const ROUND: usize = 60;

#[derive(Debug)]
struct Seen {
    /// How often may be asked.
    turns: Semaphore,
    answered: AtomicUsize,
    stopped: AtomicUsize,
    waited: AtomicUsize,
    over: AtomicBool,
}

/// Asks until there is nothing left, or the process is gone.
async fn client(client: Client, seen: Arc<Seen>) {
    let question =
        json!({"model": OPENAI.model(), "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]});
    while !seen.over.load(Ordering::SeqCst) {
        seen.turns.acquire().await.expect("never closed").forget();
        let request = client.request(http::Method::POST, "/v1/chat/completions");
        let Some(answer) = Client::attempt(request.body(question.to_string())).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        match answer.status {
            200 => _ = seen.answered.fetch_add(1, Ordering::SeqCst),
            429 if answer.text().contains("insufficient_quota") => {
                seen.stopped.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            429 => {
                assert!(answer.text().contains("budget_reserved"), "{}", answer.text());
                seen.waited.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // What a process says while it is being killed, or of a database that is busy.
            status => assert!(status == 0 || status >= 500, "{status} {}", answer.text()),
        }
    }
}

async fn line(client: &Client) -> Option<Value> {
    let request = client
        .request(http::Method::POST, "/api/ops/list_budgets")
        .header("content-type", "application/json");
    let answer = Client::attempt(request.body("{}")).await?;
    (answer.status == 200).then(|| answer.json()["budgets"][0].clone())
}

async fn nothing_is_admitted_beyond_the_limit(database: Database) {
    let kills = count(2, 20);
    let upstream = Upstream::start(|_| used(10, 40).head_delay(Duration::from_millis(15))).await;
    // Enough for all rounds, and not for much more.
    let limit = COST * 150 * i128::try_from(kills + 1).expect("a count");
    let overlay = format!(
        "{}{PRICES}\nspending: {{team: {{per: operator, window: month, limit_usd: {}}}}}\n",
        OPENAI.config(&upstream),
        format_args!("{}.{:09}", limit / 1_000_000_000, limit % 1_000_000_000)
    );
    let mut team = Team::of(database, PROCESSES).await;
    for service in &team.services {
        fs_err::write(service.home.state().join("brains.runtime.yaml"), &overlay).expect("written");
        service.client.operation("reload_config", &json!({})).await;
    }
    let seen = Arc::new(Seen {
        turns: Semaphore::new(0),
        answered: AtomicUsize::default(),
        stopped: AtomicUsize::default(),
        waited: AtomicUsize::default(),
        over: AtomicBool::default(),
    });
    let mut clients = tokio::task::JoinSet::new();
    let ask = |service: &Brains, how_many: usize, clients: &mut tokio::task::JoinSet<()>| {
        for _ in 0..how_many {
            clients.spawn(client(service.client.clone(), Arc::clone(&seen)));
        }
    };
    for service in &team.services {
        ask(service, CLIENTS / PROCESSES, &mut clients);
    }
    // The first process is the one that is asked how the budget stands, and lives.
    let auditor = team.services[0].client.clone();
    let looks = Arc::new(AtomicUsize::new(0));
    clients.spawn({
        let (auditor, seen, looks) = (auditor.clone(), Arc::clone(&seen), Arc::clone(&looks));
        async move {
            while !seen.over.load(Ordering::SeqCst) {
                if let Some(line) = line(&auditor).await {
                    let taken = nanos(&line["spent_usd"]) + nanos(&line["reserved_usd"]);
                    assert!(taken <= limit, "{taken} of {limit}: {line}");
                    looks.fetch_add(1, Ordering::SeqCst);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    for round in 0..kills {
        let before = seen.answered.load(Ordering::SeqCst);
        within("the load", async {
            while seen.answered.load(Ordering::SeqCst) < before + ROUND {
                if seen.turns.available_permits() == 0 {
                    seen.turns.add_permits(CLIENTS / 2);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let dying = team.services.remove(1 + round % (PROCESSES - 1));
        let home = dying.kill().await;
        let again = Brains::start_in(home, team.setup()).await;
        ask(&again, CLIENTS / PROCESSES, &mut clients);
        team.services.push(again);
    }
    // Then whoever can.
    seen.turns.add_permits(Semaphore::MAX_PERMITS / 2);
    until_started("the budget to be used up", async || seen.stopped.load(Ordering::SeqCst) > CLIENTS).await;
    seen.over.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.expect("no client met anything else");
    }
    // What the dead had reserved is free when their lease is over, whoever looks.
    until_started("the reservations of the dead to end", async || {
        line(&auditor).await.is_some_and(|line| nanos(&line["reserved_usd"]) == 0)
    })
    .await;
    let line = line(&auditor).await.expect("the budget");
    let total = auditor.operation("list_usage", &json!({})).await["total"].clone();
    assert_eq!(nanos(&line["spent_usd"]), nanos(&total["cost_usd"]), "the budget says what the ledger says");
    assert!(nanos(&line["spent_usd"]) <= limit, "{line}");
    // What is left has no room for one more.
    assert!(nanos(&line["left_usd"]) < 67 * COST, "{line}");
    assert!(looks.load(Ordering::SeqCst) > 10 && seen.answered.load(Ordering::SeqCst) > ROUND * kills);
    team.stop().await;
}
