//! Many at once: 64 clients of one server, and eight server processes on one database. Whatever can be had once is had
//! once, every round, and what was made is all there.

use std::collections::BTreeSet;

use brains_tests::counts::count;
use brains_tests::on_both_databases;
use brains_tests::team::{Agent, Database, Team};
use futures_util::future::join_all;
use serde_json::{Value, json};

on_both_databases! {
    one_server_one_winner eight_processes_one_winner one_server_hands_out_everything_once
    eight_processes_hand_out_everything_once
}

/// Agents of one server that race in each round.
const CLIENTS: usize = 64;
const PROCESSES: usize = 8;

async fn one_server_one_winner(database: Database) {
    let team = Team::start(database).await;
    one_winner(&team, CLIENTS).await;
    team.stop().await;
}

async fn eight_processes_one_winner(database: Database) {
    let team = Team::of(database, PROCESSES).await;
    one_winner(&team, PROCESSES).await;
    team.stop().await;
}

/// A task and a handoff each round: one of all gets it, the others are told who.
async fn one_winner(team: &Team, racers: usize) {
    let agents = team.agents(racers).await;
    for round in 0..count(100, 1_000) {
        let made = agents[0].does("create_task", json!({ "title": format!("round {round}") })).await;
        let code = &made["task"]["code"];
        agents[0].does("set_handoff", json!({ "title": format!("round {round}") })).await;
        let claims =
            join_all(agents.iter().map(|agent| agent.call("claim_task", json!({ "task": code })))).await;
        let winners: Vec<usize> =
            claims.iter().enumerate().filter(|(_, claim)| claim.status == 200).map(|(at, _)| at).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let winner = winners[0];
        for (at, claim) in claims.iter().enumerate().filter(|(at, _)| *at != winner) {
            let error = &claim.json()["error"];
            assert_eq!(error["code"], "task_held", "round {round}, {at}: {}", claim.text());
            assert!(error["message"].as_str().expect("a message").contains(&agents[winner].id), "{error}");
        }
        let picks = join_all(agents.iter().map(|agent| agent.call("pick_handoff", json!({})))).await;
        assert_eq!(picks.iter().filter(|pick| pick.status == 200).count(), 1, "round {round}");
        for pick in picks.iter().filter(|pick| pick.status != 200) {
            assert_eq!(pick.json()["error"]["code"], "no_active_handoff", "{}", pick.text());
        }
        // Only the winner can end it, and only once.
        let ends =
            join_all(agents.iter().map(|agent| agent.call("complete_task", json!({ "task": code })))).await;
        let ended: Vec<usize> =
            ends.iter().enumerate().filter(|(_, end)| end.status == 200).map(|(at, _)| at).collect();
        assert_eq!(ended, [winner], "round {round}");
    }
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
}

async fn one_server_hands_out_everything_once(database: Database) {
    let team = Team::start(database).await;
    everything_once(&team).await;
    team.stop().await;
}

async fn eight_processes_hand_out_everything_once(database: Database) {
    let team = Team::of(database, PROCESSES).await;
    everything_once(&team).await;
    team.stop().await;
}

async fn everything_once(team: &Team) {
    let agents = team.agents(PROCESSES).await;
    // 8 × 50 creates: 400 distinct codes, none missing, no error.
    let made = join_all(agents.iter().map(async |agent: &Agent| {
        let mut codes = Vec::new();
        for number in 0..50 {
            let made = agent.does("create_task", json!({ "title": format!("t{number}") })).await;
            codes.push(made["task"]["code"].as_str().expect("a code").to_owned());
        }
        codes
    }))
    .await;
    let codes: BTreeSet<String> = made.into_iter().flatten().collect();
    assert_eq!(codes.len(), 400);
    assert_eq!(codes, (1..=400).map(|number| format!("APP-{number}")).collect());
    let counts = team.admin().operation("count_tasks", &json!({ "workspace": "app" })).await;
    assert_eq!(counts["by_status"]["available"], 400);

    // `next_task` on forty tasks: forty grants, and nothing for whoever asks on.
    for number in 0..360 {
        let code = format!("APP-{}", number + 41);
        agents[number % PROCESSES].does("archive_task", json!({ "task": code })).await;
    }
    let given = join_all(agents.iter().map(async |agent: &Agent| {
        let mut given = Vec::new();
        loop {
            let next = agent.does("next_task", json!({})).await;
            match next["task"]["code"].as_str() {
                Some(code) => given.push(code.to_owned()),
                None => return given,
            }
        }
    }))
    .await;
    let all: Vec<String> = given.into_iter().flatten().collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (40, 40));

    // Forty messages, four readers of one mailbox: they arrive forty times.
    let reader = team.agent(1).await;
    for number in 0..40 {
        agents[number % PROCESSES]
            .does("send_message", json!({ "subject": format!("m{number}"), "to": [reader.id] }))
            .await;
    }
    let readers: Vec<Agent> =
        (0..4).map(|at| reader.through(&team.services[at % team.services.len()].client)).collect();
    let read = join_all(readers.iter().map(async |reader: &Agent| {
        let mut subjects = Vec::new();
        loop {
            let read = reader.does("read_messages", json!({ "limit": 3, "mark_read": true })).await;
            let messages = read["messages"].as_array().expect("messages");
            if messages.is_empty() {
                return subjects;
            }
            subjects.extend(
                messages.iter().map(|letter: &Value| letter["subject"].as_str().expect("a text").to_owned()),
            );
        }
    }))
    .await;
    let all: Vec<String> = read.into_iter().flatten().collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (40, 40));
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
}
