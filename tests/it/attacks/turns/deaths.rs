//! Agents over stdio that die, each way: what they held is free. An honest one beside keeps what is its.

use std::sync::Arc;

use brains_tests::service::{Brains, Home};
use brains_tests::{until, within};
use serde_json::{Value, json};

use super::unreadable::Pipe;
use super::{Fell, Held, Row, Scene, opened, row};

/// How an agent goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// Its input ends.
    Hangup,
    Term,
    Kill,
    /// The process that started it is killed; its input stays open.
    Parent,
}

/// A state directory, with a service on it or without.
pub(super) struct Site {
    service: Brains,
    alone: Home,
}

impl Scene for Site {
    async fn open() -> Self {
        opened(Self::fresh())
    }
}

impl Site {
    async fn fresh() -> Self {
        let site = Self { service: Brains::plain().await, alone: Home::default() };
        for home in [&site.service.home, &site.alone] {
            fs_err::create_dir_all(home.path().join("app")).expect("a directory");
            fs_err::write(home.path().join("app/Cargo.toml"), "").expect("a marker");
            let path = home.path().join("app").display().to_string();
            let registered = home.run(&["workspace", "register", &path]).await;
            assert!(registered.status.success(), "{registered:?}");
        }
        site
    }
}

pub(super) fn rows() -> Vec<Row<Site>> {
    let mut rows = Vec::new();
    for served in [true, false] {
        for death in [Death::Hangup, Death::Term, Death::Kill, Death::Parent] {
            let how = if served { "with a service" } else { "on the database itself" };
            rows.push(row(
                "coordination 3",
                format!("an agent over stdio dies by {death:?}, {how}"),
                Fell,
                move |site: Arc<Site>| async move {
                    dies(if served { &site.service.home } else { &site.alone }, death).await;
                },
            ));
        }
    }
    rows.push(row(
        "coordination 3",
        "the process of an agent whose session went on elsewhere dies",
        Held,
        |site: Arc<Site>| async move {
            let mut pipe = begin(&site.service.home, false).await;
            let started = pipe.call("start_session", json!({ "workspace": app(&site.service.home) })).await;
            pipe.call("acquire_lock", json!({ "name": "handed-on" })).await;
            let input =
                json!({ "session": started["session_id"], "session_token": started["session_token"] });
            let request = site.service.client.request(http::Method::POST, "/api/ops/resume_session");
            let request =
                request.header("x-brains-session-token", started["session_token"].as_str().expect("a token"));
            let resumed = brains_tests::client::Client::send(
                request.body(json!({ "session": input["session"] }).to_string()),
            )
            .await;
            assert_eq!(resumed.status, 200, "{}", resumed.text());
            let (mut child, _output) = pipe.hang_up();
            within("the process to end", child.wait()).await.expect("it ends");
            let token = resumed.json()["session_token"].clone();
            site.service.client.operation("heartbeat_session", &json!({ "session_token": token })).await;
            assert!(held(&site.service.home).await.contains(&"handed-on".to_owned()));
            site.service.client.operation("end_session", &json!({ "session_token": token })).await;
        },
    ));
    rows
}

fn app(home: &Home) -> String {
    home.path().join("app").display().to_string()
}

async fn begin(home: &Home, below: bool) -> Pipe {
    let mut command = home.command(&["mcp", "--mode", "stdio"]);
    if below {
        let program = brains_tests::service::program().display().to_string();
        let (path, state) = (home.path().to_owned(), home.state());
        command = tokio::process::Command::new("/bin/sh");
        command
            .args(["-c", &format!("{program} mcp --mode stdio; true")])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &path)
            .env("BRAINS_HOME", state)
            .current_dir(path)
            .kill_on_drop(true);
    }
    Pipe::start(command, "2025-11-25").await
}

/// The names that are locked.
async fn held(home: &Home) -> Vec<String> {
    let listed = home.run(&["lock", "list", "--workspace", &app(home), "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap_or_else(|_| panic!("{listed:?}"));
    let locks = listed["locks"].as_array().expect("locks");
    locks.iter().map(|lock| lock["resource"].as_str().expect("a name").to_owned()).collect()
}

async fn dies(home: &Home, death: Death) {
    let mut honest = begin(home, false).await;
    honest.call("start_session", json!({ "workspace": app(home) })).await;
    honest.call("acquire_lock", json!({ "name": "honest" })).await;
    let mut pipe = begin(home, death == Death::Parent).await;
    pipe.call("start_session", json!({ "workspace": app(home) })).await;
    pipe.call("acquire_lock", json!({ "name": "left" })).await;
    let pid = pipe.child.id().expect("running").to_string();
    let signal = |name: &str| {
        let sent = std::process::Command::new("kill").args([name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {name}");
    };
    match death {
        Death::Term => signal("-TERM"),
        Death::Kill | Death::Parent => signal("-KILL"),
        Death::Hangup => {}
    }
    let kept = if death == Death::Hangup {
        let (mut child, output) = pipe.hang_up();
        within("the process to end", child.wait()).await.expect("it ends");
        drop(output);
        // An orderly end frees at once.
        assert!(!held(home).await.contains(&"left".to_owned()));
        None
    } else {
        Some(pipe)
    };
    until("its lock to be free", async || !held(home).await.contains(&"left".to_owned())).await;
    drop(kept);
    assert!(held(home).await.contains(&"honest".to_owned()));
    honest.call("heartbeat_session", json!({})).await;
    let (mut child, _output) = honest.hang_up();
    within("the process to end", child.wait()).await.expect("it ends");
}
