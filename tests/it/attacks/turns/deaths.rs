//! Agents that end, each way: over stdio, and over HTTP by the end of their connection. With a service or on the database
//! itself, what they held is free and their session over. An honest one beside keeps what is its.

use std::process::Stdio;
use std::sync::Arc;

use brains_tests::mcp::{Connection, structured};
use brains_tests::service::{Brains, Home};
use brains_tests::{Client, Setup, postgres, until, within};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

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
    /// It ends its connection over HTTP.
    Delete,
}

impl Death {
    const ALL: [Self; 5] = [Self::Hangup, Self::Term, Self::Kill, Self::Parent, Self::Delete];
}

/// A state directory, with a service on it or without.
pub(super) struct Site<const POSTGRES: bool> {
    service: Brains,
    alone: Home,
}

impl<const POSTGRES: bool> Scene for Site<POSTGRES> {
    async fn open() -> Self {
        opened(Self::fresh())
    }
}

impl<const POSTGRES: bool> Site<POSTGRES> {
    async fn fresh() -> Self {
        let database =
            || if POSTGRES { format!("db_url: \"{}\"\n", postgres::database()) } else { String::new() };
        let site = Self { service: Brains::start(Setup::config(database())).await, alone: Home::default() };
        site.alone.write_config(&database());
        for home in [&site.service.home, &site.alone] {
            fs_err::create_dir_all(home.path().join("app")).expect("a directory");
            fs_err::write(home.path().join("app/Cargo.toml"), "").expect("a marker");
            let path = home.path().join("app").display().to_string();
            let registered = home.run(&["workspace", "register", &path]).await;
            assert!(registered.status.success(), "{registered:?}");
        }
        site
    }

    fn home(&self, served: bool) -> &Home {
        if served { &self.service.home } else { &self.alone }
    }

    /// An agent that may die this way.
    async fn agent(&self, served: bool, death: Death) -> Agent {
        let home = self.home(served);
        match death {
            Death::Delete if served => Agent::Http(Connection::open(&self.service.mcp).await, None),
            Death::Delete => {
                let (client, process) = tools_alone(home).await;
                Agent::Http(Connection::open(&client).await, Some(process))
            }
            _ => Agent::Stdio(stdio(home, death == Death::Parent).await),
        }
    }
}

pub(super) fn rows<const POSTGRES: bool>() -> Vec<Row<Site<POSTGRES>>> {
    let mut rows = Vec::new();
    for served in [true, false] {
        for death in Death::ALL {
            let how = if served { "with a service" } else { "on the database itself" };
            rows.push(row(
                "coordination 3",
                format!("an agent ends by {death:?}, {how}"),
                if death == Death::Delete { Held } else { Fell },
                move |site: Arc<Site<POSTGRES>>| async move { ends(&site, served, death).await },
            ));
        }
    }
    for death in Death::ALL {
        rows.push(row(
            "coordination 3",
            format!("the only agent ends by {death:?}, and nobody is there who notices"),
            if death == Death::Delete { Held } else { Fell },
            move |site: Arc<Site<POSTGRES>>| async move {
                let mut agent = site.agent(false, death).await;
                let holdings = agent.take_all(&site.alone, "left").await;
                agent.end(death).await;
                // Whoever comes next finds it free.
                holdings.are_free(&site.alone).await;
            },
        ));
    }
    rows.push(row(
        "coordination 3",
        "the process of an agent whose session went on elsewhere dies",
        Held,
        |site: Arc<Site<POSTGRES>>| async move { goes_on_elsewhere(&site.service).await },
    ));
    rows
}

fn app(home: &Home) -> String {
    home.path().join("app").display().to_string()
}

async fn stdio(home: &Home, below: bool) -> Pipe {
    let mut command = home.command(&["mcp", "--mode", "stdio"]);
    if below {
        let program = brains_tests::service::program().display().to_string();
        let (path, state) = (home.path().to_owned(), home.state());
        command = Command::new("/bin/sh");
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

/// A process that serves nothing but the tools, over HTTP.
async fn tools_alone(home: &Home) -> (Client, Child) {
    let mut command = home.command(&["mcp", "--port", "0"]);
    let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut port = None;
    until("the tools to be served", async || {
        let text = fs_err::read_to_string(home.state().join("runtime.json")).unwrap_or_default();
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        let its_own = told["pid"].as_u64() == process.id().map(u64::from);
        port = told["ports"]["mcp"].as_u64().filter(|_| its_own);
        port.is_some()
    })
    .await;
    let port = port.and_then(|port| u16::try_from(port).ok()).expect("a port");
    let key = fs_err::read_to_string(home.state().join("admin-key")).expect("a key");
    (Client::new(([127, 0, 0, 1], port).into(), key.trim()), process)
}

/// An agent by its transport.
enum Agent {
    Stdio(Pipe),
    /// With the process that serves it alone, if one does.
    Http(Connection, Option<Child>),
}

impl Agent {
    async fn call(&mut self, name: &str, input: Value) -> Value {
        match self {
            Self::Stdio(pipe) => pipe.call(name, input).await,
            Self::Http(connection, _) => structured(&connection.call(name, input).await),
        }
    }

    /// Begins a session and takes whatever an agent can hold.
    async fn take_all(&mut self, home: &Home, name: &str) -> Holdings {
        let started = self.call("start_session", json!({ "workspace": app(home) })).await;
        self.call("acquire_lock", json!({ "name": name })).await;
        self.call("acquire_lock", json!({ "path": format!("src/{name}") })).await;
        let made = self.call("create_task", json!({ "title": name })).await;
        let task = made["task"]["code"].as_str().expect("a code").to_owned();
        self.call("claim_task", json!({ "task": task })).await;
        self.call("set_focus", json!({ "intent": name, "paths": [format!("src/{name}")] })).await;
        let session = started["session_id"].as_str().expect("an id").to_owned();
        let holdings = Holdings { session, task };
        assert_eq!(
            holdings.look(home).await,
            ("active".into(), 2, true, "in_progress".into()),
            "all of it is held"
        );
        holdings
    }

    async fn end(self, death: Death) {
        let mut pipe = match self {
            Self::Stdio(pipe) => pipe,
            Self::Http(connection, process) => {
                let version = connection.initialized["protocolVersion"].as_str().expect("a version");
                let request = connection.client.request(http::Method::DELETE, "/mcp");
                let request =
                    request.header("mcp-session-id", &connection.id).header("mcp-protocol-version", version);
                let ended = Client::send(request).await;
                assert!(ended.status < 300, "{}", ended.text());
                if let Some(mut process) = process {
                    within("the process to be killed", process.kill()).await.expect("killed");
                }
                return;
            }
        };
        let signal = match death {
            Death::Term => "-TERM",
            Death::Hangup | Death::Delete => {
                let (mut child, _output) = pipe.hang_up();
                within("the process to end", child.wait()).await.expect("it ends");
                return;
            }
            Death::Kill | Death::Parent => "-KILL",
        };
        let pid = pipe.child.id().expect("running").to_string();
        let sent = std::process::Command::new("kill").args([signal, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
        within("the process to end", pipe.child.wait()).await.expect("it ends");
        // Of a killed parent the child lives on, and finds its input open as long as this is.
        if death == Death::Parent {
            within("the orphan to end", pipe.end_of_output()).await;
        }
    }
}

/// What an agent had at its end.
struct Holdings {
    session: String,
    task: String,
}

impl Holdings {
    /// Where the session stands, how many locks it holds, whether it is at something, and where its task stands.
    async fn look(&self, home: &Home) -> (String, usize, bool, String) {
        let (session, task) = (["session", "show", &self.session], ["task", "show", &self.task]);
        let (session, task) = tokio::join!(told(home, &session), told(home, &task));
        (
            session["session"]["state"].as_str().expect("a state").to_owned(),
            session["locks"].as_array().expect("locks").len(),
            !session["focus"].is_null(),
            task["task"]["status"].as_str().expect("a status").to_owned(),
        )
    }

    async fn are_free(&self, home: &Home) {
        let free = ("ended".to_owned(), 0, false, "available".to_owned());
        let mut last = None;
        let waited = async {
            loop {
                let now = self.look(home).await;
                if now == free {
                    return;
                }
                last = Some(now);
            }
        };
        let ended = tokio::time::timeout(brains_tests::HANG, waited).await;
        assert!(ended.is_ok(), "what it held is not free: {last:?}");
    }
}

/// What a command tells.
async fn told(home: &Home, words: &[&str]) -> Value {
    let output = home.run(&[words, &["--json"]].concat()).await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"))
}

async fn ends<const POSTGRES: bool>(site: &Site<POSTGRES>, served: bool, death: Death) {
    let home = site.home(served);
    let mut honest = site.agent(served, Death::Hangup).await;
    let kept = honest.take_all(home, "honest").await;
    let mut agent = site.agent(served, death).await;
    let left = agent.take_all(home, "left").await;
    agent.end(death).await;
    if matches!(death, Death::Hangup | Death::Delete) {
        // An orderly end frees at once.
        assert_eq!(left.look(home).await, ("ended".into(), 0, false, "available".into()));
    }
    // Who waits for it gets it without asking anybody.
    honest.call("acquire_lock", json!({ "name": "left", "wait_ms": 30_000 })).await;
    left.are_free(home).await;
    assert_eq!(kept.look(home).await, ("active".into(), 3, true, "in_progress".into()));
    honest.call("heartbeat_session", json!({})).await;
    honest.end(Death::Hangup).await;
    kept.are_free(home).await;
}

async fn goes_on_elsewhere(service: &Brains) {
    let mut pipe = stdio(&service.home, false).await;
    let started = pipe.call("start_session", json!({ "workspace": app(&service.home) })).await;
    pipe.call("acquire_lock", json!({ "name": "handed-on" })).await;
    let token = started["session_token"].as_str().expect("a token");
    let request = service.client.request(http::Method::POST, "/api/ops/resume_session");
    let request = request.header("x-brains-session-token", token);
    let resumed = Client::send(request.body(json!({ "session": started["session_id"] }).to_string())).await;
    assert_eq!(resumed.status, 200, "{}", resumed.text());
    let (mut child, _output) = pipe.hang_up();
    within("the process to end", child.wait()).await.expect("it ends");
    let token = json!({ "session_token": resumed.json()["session_token"] });
    service.client.operation("heartbeat_session", &token).await;
    let id = started["session_id"].as_str().expect("an id");
    let shown = told(&service.home, &["session", "show", id]).await;
    assert_eq!(shown["locks"][0]["resource"], "handed-on", "{shown}");
    service.client.operation("end_session", &token).await;
}
