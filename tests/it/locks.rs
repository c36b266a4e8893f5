//! Locks under many hands: 64 clients of one server, and eight server processes on one database.

use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::on_both_databases;
use brains_tests::team::{Agent, Database, Team};
use brains_tests::{until, within};
use futures_util::future::join_all;
use serde_json::{Value, json};

on_both_databases! {
    one_server_one_holder eight_processes_one_holder waiters_are_served_in_turn
    a_waiter_that_hangs_up_ends_its_wait random_sequences_agree_with_a_model fences_decide_what_is_written a_side_effect_shows_elsewhere
}

const CLIENTS: usize = 64;
const PROCESSES: usize = 8;

async fn one_server_one_holder(database: Database) {
    let team = Team::start(database).await;
    one_holder(&team, CLIENTS).await;
    team.stop().await;
}

async fn eight_processes_one_holder(database: Database) {
    let team = Team::of(database, PROCESSES).await;
    one_holder(&team, PROCESSES).await;
    team.stop().await;
}

/// Each round everybody wants overlapping paths: one of all gets it, the others are told who, and its fence is higher
/// than all before.
async fn one_holder(team: &Team, racers: usize) {
    let agents = team.agents(racers).await;
    let mut newest = 0;
    for round in 0..count(100, 1_000) {
        let ask = |at: usize| json!({ "path": (["src/cart.rs", "src", "src/**/*.rs", "**"][at % 4]) });
        let tries =
            join_all(agents.iter().enumerate().map(|(at, agent)| agent.call("acquire_lock", ask(at)))).await;
        let winners: Vec<usize> =
            tries.iter().enumerate().filter(|(_, tried)| tried.status == 200).map(|(at, _)| at).collect();
        let [winner] = winners[..] else { panic!("round {round}: {} winners", winners.len()) };
        for (at, tried) in tries.iter().enumerate().filter(|(at, _)| *at != winner) {
            let error = &tried.json()["error"];
            assert_eq!(
                (tried.status, error["code"].as_str()),
                (409, Some("lock_held")),
                "round {round}, {at}"
            );
            assert!(error["message"].as_str().expect("a message").contains(&agents[winner].id), "{error}");
        }
        let lock = tries[winner].json()["lock"].clone();
        let fence = lock["fence"].as_u64().expect("a fence");
        assert!(fence > newest, "round {round}: {fence} after {newest}");
        newest = fence;
        let released = agents[winner].does("release_lock", json!({ "id": lock["id"] })).await;
        assert_eq!(released["released"], true, "round {round}");
    }
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
}

fn waiting(listed: &Value) -> usize {
    listed["waiting"].as_array().expect("a list").len()
}

async fn waiters_are_served_in_turn(database: Database) {
    let team = Team::of(database, 2).await;
    let holder = team.agent(0).await;
    let held = holder.does("acquire_lock", json!({ "name": "deploy" })).await;
    let waiters = team.agents(count(12, 40)).await;
    let served = std::sync::Mutex::new(Vec::new());
    let look = async || holder.looks("list_locks", json!({ "workspace": "app" })).await;
    let wait = async |place: usize| {
        until("the place in the queue", async || waiting(&look().await) == place).await;
        let got = waiters[place].does("acquire_lock", json!({ "name": "deploy", "wait_ms": 100_000 })).await;
        served.lock().expect("one at a time").push((place, got["lock"]["fence"].as_u64().expect("a fence")));
        waiters[place].does("release_lock", json!({ "id": got["lock"]["id"] })).await;
    };
    let all = join_all((0..waiters.len()).map(wait));
    let release = async {
        until("everybody to wait", async || waiting(&look().await) == waiters.len()).await;
        // Whoever waits holds up nobody: others are answered meanwhile.
        holder.does("heartbeat_session", json!({})).await;
        holder.does("release_lock", json!({ "id": held["lock"]["id"] })).await;
    };
    tokio::time::timeout(Duration::from_secs(100), async { tokio::join!(all, release) })
        .await
        .expect("an end");
    let served = served.into_inner().expect("nobody panicked");
    assert_eq!(
        served.iter().map(|(place, _)| *place).collect::<Vec<_>>(),
        (0..waiters.len()).collect::<Vec<_>>()
    );
    assert!(served.is_sorted_by(|earlier, later| earlier.1 < later.1), "{served:?}");
    team.stop().await;
}

async fn a_waiter_that_hangs_up_ends_its_wait(database: Database) {
    let team = Team::start(database).await;
    let (holder, gone, next) = (team.agent(0).await, team.agent(0).await, team.agent(0).await);
    holder.does("acquire_lock", json!({ "name": "deploy" })).await;
    let look = async || waiting(&holder.looks("list_locks", json!({ "workspace": "app" })).await);
    {
        let wait = gone.call("acquire_lock", json!({ "name": "deploy", "wait_ms": 100_000 }));
        tokio::pin!(wait);
        tokio::select! {
            answer = &mut wait => panic!("{}", answer.text()),
            () = until("the place in the queue", async || look().await == 1) => {}
        }
        // Dropped here: the client hangs up.
    }
    until("the place to be given up", async || look().await == 0).await;
    holder.does("release_lock", json!({ "name": "deploy" })).await;
    next.does("acquire_lock", json!({ "name": "deploy" })).await;
    team.stop().await;
}

async fn fences_decide_what_is_written(database: Database) {
    let team = Team::of(database, 2).await;
    let (one, two) = (team.agent(0).await, team.agent(1).await);
    let note = |fence: &Value| json!({ "summary": "s", "fence": fence });
    let mut stale: Vec<Value> = Vec::new();
    let mut written = 0;
    for round in 0..count(20, 200) {
        let (holder, thief) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let lock = holder.does("acquire_lock", json!({ "path": "src" })).await["lock"].clone();
        holder.does("write_checkpoint", note(&lock["fence"])).await;
        let stolen =
            thief.does("steal_lock", json!({ "id": lock["id"], "reason": "round" })).await["lock"].clone();
        assert!(stolen["fence"].as_u64() > lock["fence"].as_u64());
        stale.push(lock["fence"].clone());
        let late = join_all(stale.iter().map(|fence| holder.call("write_checkpoint", note(fence)))).await;
        assert!(late.iter().all(|late| late.json()["error"]["code"] == "stale_fence"), "round {round}");
        thief.does("write_checkpoint", note(&stolen["fence"])).await;
        thief.does("release_lock", json!({ "id": stolen["id"] })).await;
        stale.push(stolen["fence"].clone());
        written += 2;
    }
    let count = async |agent: &Agent| {
        let shown = agent.looks("show_session", json!({ "id": agent.id })).await;
        shown["checkpoints_total"].as_u64().expect("a count")
    };
    assert_eq!(count(&one).await + count(&two).await, written);
    team.stop().await;
}

/// What a mutation answers is seen through another surface: the command line.
async fn a_side_effect_shows_elsewhere(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    let seen = async |arguments: &[&str]| {
        let home = &team.services[0].home;
        let mut command = home.command(arguments);
        let output = within("the command", command.env("BRAINS_API_KEY", team.admin().key.as_str()).output());
        let output = output.await.expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let lock = agent.does("acquire_lock", json!({ "path": "src", "reason": "moving" })).await["lock"].clone();
    let listed = seen(&["lock", "list", "--workspace", "app"]).await;
    assert_eq!(listed["locks"][0]["id"], lock["id"]);
    let renewed = agent.does("renew_lock", json!({ "id": lock["id"], "ttl": "2h" })).await;
    let listed = seen(&["lock", "list", "--workspace", "app"]).await;
    assert_eq!(listed["locks"][0]["expires_at"], renewed["lock"]["expires_at"]);
    agent.does("set_focus", json!({ "intent": "moving files", "paths": ["src"] })).await;
    assert_eq!(seen(&["focus", "list", "--workspace", "app"]).await["focus"][0]["intent"], "moving files");
    agent.does("clear_focus", json!({})).await;
    assert_eq!(seen(&["focus", "list", "--workspace", "app"]).await["focus"], json!([]));
    agent.does("write_checkpoint", json!({ "summary": "half way" })).await;
    let latest = seen(&["session", "latest-checkpoint", &agent.id]).await;
    assert_eq!(latest["checkpoint"]["summary"], "half way");
    agent.does("link_session", json!({ "tool": "x", "tool_session_id": "n" })).await;
    assert_eq!(seen(&["session", "find", "x", "n"]).await["sessions"][0]["id"], agent.id);
    agent.does("release_lock", json!({ "id": lock["id"] })).await;
    assert_eq!(seen(&["lock", "list", "--workspace", "app"]).await["locks"], json!([]));
    agent.does("claim_workspace", json!({})).await;
    assert_eq!(seen(&["workspace-claims", "--workspace", "app"]).await[0]["session_id"], agent.id);
    agent.does("release_workspace", json!({})).await;
    assert_eq!(seen(&["workspace-claims", "--workspace", "app"]).await, json!([]));
    agent.does("end_session", json!({ "summary": "done" })).await;
    let shown = seen(&["session", "show", &agent.id]).await;
    assert_eq!(
        (shown["session"]["state"].as_str(), shown["session"]["summary"].as_str()),
        (Some("ended"), Some("done"))
    );
    team.stop().await;
}

/// A lock as the model has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    path: &'static str,
    session: usize,
    shared: bool,
    count: u64,
    fence: u64,
}

/// The rules again, over paths of which one is simply above another.
#[derive(Debug, Default)]
struct Model {
    held: Vec<Held>,
    fence: u64,
}

const PATHS: [&str; 5] = ["a", "a/x", "a/y", "a/x/deep", "b"];

fn overlap(one: &str, other: &str) -> bool {
    let above = |path: &str, below: &str| below == path || below.starts_with(&format!("{path}/"));
    above(one, other) || above(other, one)
}

impl Model {
    fn own(&mut self, session: usize, path: &str) -> Option<usize> {
        self.held.iter().position(|held| held.session == session && held.path == path)
    }

    fn acquire(&mut self, session: usize, path: &'static str, shared: bool) -> bool {
        let own = self.own(session, path);
        if let Some(own) = own
            && (shared || !self.held[own].shared)
        {
            self.held[own].count += 1;
            return true;
        }
        let blocked = self
            .held
            .iter()
            .any(|held| held.session != session && overlap(held.path, path) && !(held.shared && shared));
        if blocked {
            return false;
        }
        self.fence += 1;
        match own {
            Some(own) => {
                self.held[own].count += 1;
                self.held[own].shared = shared;
                self.held[own].fence = self.fence;
            }
            None => self.held.push(Held { path, session, shared, count: 1, fence: self.fence }),
        }
        true
    }

    fn release(&mut self, session: usize, path: &str, all: bool) -> bool {
        let Some(own) = self.own(session, path) else { return false };
        if self.held[own].count > 1 && !all {
            self.held[own].count -= 1;
            return false;
        }
        self.held.remove(own);
        true
    }

    /// By the fence of the lock that is taken.
    fn steal(&mut self, session: usize, fence: u64) -> bool {
        let Some(at) = self.held.iter().position(|held| held.fence == fence) else { return false };
        if self.held[at].session == session {
            return false;
        }
        let taken = self.held.remove(at);
        self.held.retain(|held| held.session != session || held.path != taken.path);
        self.fence += 1;
        self.held.push(Held { session, count: 1, fence: self.fence, ..taken });
        true
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

async fn random_sequences_agree_with_a_model(database: Database) {
    let team = Team::of(database, 2).await;
    for seed in 0..u64::try_from(count(4, 40)).expect("small") {
        team.project(&format!("p{seed}"));
        let path = json!({ "path": team.path(&format!("p{seed}")) });
        let workspace =
            team.admin().operation("register_workspace", &path).await["workspace"]["slug"].clone();
        let slug = workspace.as_str().expect("a slug");
        let (mut dice, mut model) = (Dice(seed), Model::default());
        let mut agents = Vec::new();
        for at in 0..4 {
            agents.push(team.agent_in(at, slug).await);
        }
        for step in 0..count(80, 200) {
            let (session, path) = (dice.roll(4), PATHS[dice.roll(PATHS.len())]);
            let agent = &agents[session];
            let (told, expected) = match dice.roll(10) {
                0..5 => {
                    let shared = dice.roll(2) == 0;
                    let mode = if shared { "shared" } else { "exclusive" };
                    let answer = agent.call("acquire_lock", json!({ "path": path, "mode": mode })).await;
                    let expected = model.acquire(session, path, shared);
                    assert!(
                        answer.status == 200 || answer.json()["error"]["code"] == "lock_held",
                        "{}",
                        answer.text()
                    );
                    (answer.status == 200, expected)
                }
                5..8 => {
                    let all = dice.roll(3) == 0;
                    let answer = agent.does("release_lock", json!({ "path": path, "all": all })).await;
                    (answer["released"] == true, model.release(session, path, all))
                }
                8 => {
                    let listed = agent.looks("list_locks", json!({ "workspace": slug })).await;
                    let Some(victim) = model.held.get(dice.roll(model.held.len().max(1))).cloned() else {
                        continue;
                    };
                    let locks = listed["locks"].as_array().expect("locks");
                    let id = locks.iter().find(|lock| lock["fence"] == victim.fence).expect("the lock")["id"]
                        .clone();
                    let answer = agent.call("steal_lock", json!({ "id": id, "reason": "model" })).await;
                    (answer.status == 200, model.steal(session, victim.fence))
                }
                _ => {
                    agent.does("end_session", json!({})).await;
                    model.held.retain(|held| held.session != session);
                    agents[session] = team.agent_in(step, slug).await;
                    (true, true)
                }
            };
            assert_eq!(told, expected, "seed {seed}, step {step}");
            let listed = team.admin().operation("list_locks", &json!({ "workspace": slug })).await;
            let mut found: Vec<Held> = listed["locks"]
                .as_array()
                .expect("locks")
                .iter()
                .map(|lock| Held {
                    path: PATHS.into_iter().find(|path| lock["resource"] == *path).expect("a path of ours"),
                    session: agents
                        .iter()
                        .position(|agent| lock["session"] == agent.id.as_str())
                        .expect("one of ours"),
                    shared: lock["mode"] == "shared",
                    count: lock["count"].as_u64().expect("a count"),
                    fence: lock["fence"].as_u64().expect("a fence"),
                })
                .collect();
            found.sort();
            model.held.sort();
            assert_eq!(found, model.held, "seed {seed}, step {step}");
        }
    }
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
    team.stop().await;
}
