//! Sessions as agents live them: recognised, kept alive, reaped, taken up again; from HTTP and from the command line.

use brains_tests::on_both_databases;
use brains_tests::service::Home;
use brains_tests::team::{Database, Team};
use brains_tests::{Brains, Client, until, within};
use serde_json::{Value, json};

on_both_databases! {
    a_session_ends_with_its_process a_restart_frees_nothing_that_lives a_killed_agent_is_taken_up_again
    two_clients_of_one_tool_are_two_sessions repeated_requests_happen_once leases_run_out
}

async fn a_session_ends_with_its_process(database: Database) {
    let team = Team::start(database).await;
    let mut agent =
        tokio::process::Command::new("sleep").arg("600").kill_on_drop(true).spawn().expect("a process");
    let pid = agent.id().expect("running");
    let input = json!({ "workspace": "app", "tool": "sleeper", "pid": pid });
    let started = team.admin().operation("start_session", &input).await;
    let token = &started["session_token"];
    team.admin().operation("acquire_lock", &json!({ "name": "deploy", "session_token": token })).await;
    let other = team.agent(0).await;
    other.refused("acquire_lock", json!({ "name": "deploy" }), "lock_held").await;
    agent.kill().await.expect("killed");
    // Whoever waits gets it as soon as the reaper has been by.
    other.does("acquire_lock", json!({ "name": "deploy", "wait_ms": 30_000 })).await;
    let shown = other.looks("show_session", json!({ "id": started["session_id"] })).await;
    assert_eq!((shown["session"]["ending"].as_str(), shown["locks"].clone()), (Some("died"), json!([])));
    let late = json!({ "name": "other", "session": started["session_id"], "session_token": token });
    let refused = team.admin().post("/api/ops/acquire_lock", late.to_string()).await;
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (409, Some("session_ended")));
    team.stop().await;
}

async fn a_restart_frees_nothing_that_lives(database: Database) {
    let mut team = Team::start(database).await;
    let agent = team.agent(0).await;
    let lock = agent.does("acquire_lock", json!({ "path": "src" })).await["lock"].clone();
    let home = team.services.remove(0).kill().await;
    let service = Brains::start_in(home, team.setup()).await;
    let agent = agent.through(&service.client);
    let held = agent.looks("list_locks", json!({ "workspace": "app" })).await;
    assert_eq!(held["locks"][0]["id"], lock["id"]);
    agent.does("write_checkpoint", json!({ "summary": "still me", "fence": lock["fence"] })).await;
    assert_eq!(service.client.operation("verify_audit", &json!({})).await["ok"], true);
    service.stop().await;
}

async fn a_killed_agent_is_taken_up_again(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    agent.does("write_checkpoint", json!({ "summary": "half way", "next_action": "the rest" })).await;
    agent.does("link_session", json!({ "tool": "tester", "tool_session_id": "native-1" })).await;
    let lives = json!({ "session": agent.id });
    let refused = team.admin().post("/api/ops/resume_session", lives.to_string()).await;
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (403, Some("session_foreign")));
    let resumed = agent.does("resume_session", json!({})).await;
    assert_eq!(
        (resumed["session_id"].as_str(), resumed["session"]["epoch"].as_u64()),
        (Some(agent.id.as_str()), Some(2))
    );
    assert_eq!(resumed["last_checkpoint"]["next_action"], "the rest");
    assert_eq!(resumed["tool_session_links"][0]["value"], "native-1");
    // The token of before is void.
    agent.refused("heartbeat_session", json!({}), "session_foreign").await;
    let token = json!({ "session_token": resumed["session_token"] });
    team.admin().operation("heartbeat_session", &token).await;
    let ended = json!({ "session_token": resumed["session_token"], "summary": "later" });
    team.admin().operation("end_session", &ended).await;
    let again = team.admin().operation("resume_session", &lives).await;
    assert_eq!(
        (again["session"]["state"].as_str(), again["session"]["epoch"].as_u64()),
        (Some("active"), Some(3))
    );
    team.stop().await;
}

/// Two clients of one program are told apart by the ids that they send anyway.
async fn two_clients_of_one_tool_are_two_sessions(database: Database) {
    let team = Team::start(database).await;
    let call = async |native: &str, name: &str, input: Value| {
        let request = team.admin().request(http::Method::POST, &format!("/api/ops/{name}"));
        let request = request.header("session-id", native).header("content-type", "application/json");
        Client::send(request.body(input.to_string())).await
    };
    let start = json!({ "workspace": "app", "tool": "twin" });
    let one = call("native-a", "start_session", start.clone()).await.json();
    let two = call("native-b", "start_session", start).await.json();
    assert_ne!(one["session_id"], two["session_id"]);
    assert_eq!(two["welcome"]["peers"][0]["session"], one["session_id"]);
    assert_eq!(call("native-a", "acquire_lock", json!({ "name": "x" })).await.status, 200);
    let refused = call("native-b", "acquire_lock", json!({ "name": "x" })).await;
    assert_eq!(refused.json()["error"]["code"], "lock_held", "{}", refused.text());
    let foreign = json!({ "session": one["session_id"] });
    assert_eq!(call("native-b", "end_session", foreign).await.json()["error"]["code"], "session_foreign");
    assert_eq!(call("native-c", "end_session", json!({})).await.json()["error"]["code"], "session_required");
    assert_eq!(call("native-a", "end_session", json!({})).await.json()["session_id"], one["session_id"]);
    team.stop().await;
}

async fn repeated_requests_happen_once(database: Database) {
    let team = Team::of(database, 2).await;
    let agent = team.agent(0).await;
    let there = agent.through(&team.services[1].client);
    let note = json!({ "summary": "once", "idempotency_key": "note-1" });
    let both = futures_util::future::join_all(
        (0..16)
            .map(|at| if at % 2 == 0 { &agent } else { &there })
            .map(|who| who.does("write_checkpoint", note.clone())),
    )
    .await;
    assert!(both.iter().all(|answer| answer == &both[0]), "{both:?}");
    let shown = agent.looks("show_session", json!({ "id": agent.id })).await;
    assert_eq!(shown["checkpoints_total"], 1);
    let other = json!({ "summary": "twice", "idempotency_key": "note-1" });
    there.refused("write_checkpoint", other, "idempotency_mismatch").await;
    let header =
        team.admin().request(http::Method::POST, "/api/ops/create_key").header("idempotency-key", "k");
    let made = Client::send(header.try_clone().expect("a copy").body(r#"{"name": "ci"}"#)).await.json();
    let again = Client::send(header.body(r#"{"name": "ci"}"#)).await.json();
    assert_eq!((&made["id"], again["key"].is_null()), (&again["id"], true));
    team.stop().await;
}

async fn leases_run_out(database: Database) {
    let team = Team::start(database).await;
    let start = json!({ "workspace": "app", "tool": "short", "lease": "1s" });
    let started = team.admin().operation("start_session", &start).await;
    let token = &started["session_token"];
    team.admin().operation("acquire_lock", &json!({ "name": "deploy", "session_token": token })).await;
    // Nobody writes: the reaper alone frees it.
    until("the lease to run out", async || {
        let shown = team.admin().operation("show_session", &json!({ "id": started["session_id"] })).await;
        shown["session"]["ending"] == "expired"
    })
    .await;
    let listed = team.admin().operation("list_locks", &json!({ "workspace": "app" })).await;
    assert_eq!(listed["locks"], json!([]));
    team.stop().await;
}

async fn run(home: &Home, directory: &std::path::Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output = within("the command", home.command(arguments).current_dir(directory).output())
        .await
        .expect("it runs");
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn project(home: &Home) -> std::path::PathBuf {
    let project = home.path().join("My Shop");
    fs_err::create_dir_all(project.join(".git")).expect("a directory");
    fs_err::create_dir_all(project.join("src")).expect("a directory");
    project
}

/// The verbs of the reference, in the directory that they are about.
async fn flat_verbs(home: &Home) {
    let shop = project(home);
    let src = shop.join("src");
    let (code, started, said) = run(home, &src, &["session-start", "--tool", "codex"]).await;
    assert_eq!((code, started["workspace"].as_str()), (Some(0), Some("my-shop")), "{said}");
    let id = started["session_id"].as_str().expect("an id").to_owned();
    let (_, listed, _) = run(home, &src, &["sessions"]).await;
    assert_eq!(
        (listed[0]["id"].as_str(), listed[0]["tool"].as_str()),
        (Some(id.as_str()), Some("codex")),
        "{listed}"
    );

    let (code, claimed, said) =
        run(home, &src, &["workspace-claim", "--session", &id, "--minutes", "5"]).await;
    assert_eq!(
        (code, claimed["scope"].as_str(), claimed["session_id"].as_str()),
        (Some(0), Some("code"), Some(id.as_str())),
        "{said}"
    );
    let (_, other, _) = run(home, &src, &["session-start", "--workspace", "."]).await;
    let second = other["session_id"].as_str().expect("an id");
    let (code, _, said) = run(home, &src, &["workspace-claim", "--session", second]).await;
    assert!(code == Some(4) && said.contains(&id) && said.contains("hint:"), "{code:?} {said}");
    let (_, claims, _) = run(home, &src, &["workspace-claims"]).await;
    assert_eq!(claims.as_array().map(Vec::len), Some(1), "{claims}");
    let (_, released, _) = run(home, &src, &["workspace-release", "--session", second]).await;
    assert_eq!(released, json!({ "workspace": "my-shop", "released": false }));
    let (code, ended, _) = run(home, &src, &["session-end", "--session", &id, "--summary", "done"]).await;
    assert_eq!(
        (code, ended["ok"].as_bool(), ended["session_id"].as_str()),
        (Some(0), Some(true), Some(id.as_str()))
    );
    let (code, _, said) = run(home, &src, &["session-end", "--session", &id]).await;
    assert!(code == Some(5) || code == Some(4), "{code:?} {said}");
    let (code, _, said) =
        run(home, &src, &["session-end", "--session", "ses_01kax3v7yqe5nbp8w0c4mzt6rd"]).await;
    assert!(code == Some(3) && said.contains("brains session list"), "{said}");
    let (code, _, said) = run(home, home.path(), &["workspace-claims"]).await;
    assert!(code == Some(3) && said.contains("hint:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_works_on_the_store() {
    flat_verbs(&Home::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_asks_the_service() {
    let service = Brains::plain().await;
    flat_verbs(&service.home).await;
    let audit = service.client.operation("list_audit", &json!({ "limit": 1000 })).await;
    assert!(!audit["entries"].as_array().expect("entries").is_empty());
    service.stop().await;
}

/// Who works in one terminal names the session once.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_environment_stands_for_the_option() {
    let home = Home::default();
    fs_err::write(home.path().join("Cargo.toml"), "").expect("a marker");
    let started = home.run(&["session", "start", "--tool", "terminal"]).await;
    let started: Value = serde_json::from_slice(&started.stdout).expect("JSON");
    let id = started["session_id"].as_str().expect("a session").to_owned();
    let run = async |session: &str, arguments: &[&str]| {
        let output = home.command(arguments).env("BRAINS_SESSION", session).output();
        let output = within(&arguments.join(" "), output).await.expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default(), said)
    };
    let lock = ["lock", "acquire", "deploy", "--json"];
    assert_ne!(run("", &lock).await.0, Some(0), "nobody in particular holds no lock");
    let (code, held, said) = run(&id, &lock).await;
    assert_eq!((code, &held["lock"]["session"]), (Some(0), &json!(id)), "{held} {said}");
    // No word about a variable that is ours.
    assert!(said.is_empty(), "{said}");
    // One that means nothing here is told, and passed over.
    let (code, _, said) = run("ses_01kax3v7yqe5nbp8w0c4mzt6rd", &["task", "list"]).await;
    assert!(
        code == Some(0) && said.contains("BRAINS_SESSION names `ses_01kax3v7yqe5nbp8w0c4mzt6rd`"),
        "{said}"
    );
}
