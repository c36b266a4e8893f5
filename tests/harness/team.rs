//! Agents that work together: one or several services on one database of either kind, a workspace, and sessions in
//! it that speak HTTP.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::postgres;
use crate::service::{Brains, Home, Setup};
use crate::within;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// The admin key of every service of a team, so that each knows the others' callers.
const KEY: &str = "team-admin-key-0123456789abcdef0123456789";

/// Services on one database, and a workspace that they share.
#[derive(Debug)]
pub struct Team {
    pub services: Vec<Brains>,
    pub url: String,
    folder: tempfile::TempDir,
}

impl Team {
    /// One service.
    pub async fn start(database: Database) -> Self {
        Self::of(database, 1).await
    }

    /// `services` processes on one database, with the workspace `app` registered.
    pub async fn of(database: Database, services: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match database {
            Database::Sqlite => format!("sqlite://{}", folder.path().join("brains.db").display()),
            Database::Postgres => postgres::database(),
        };
        let mut team = Self { services: Vec::new(), url, folder };
        for _ in 0..services {
            let home = Home::default();
            if let Some(first) = team.services.first() {
                // Who shares a database shares the key that signs its audit log.
                let key = fs_err::read(first.home.state().join("audit-key")).expect("a key");
                fs_err::create_dir_all(home.state()).expect("a state directory");
                fs_err::write(home.state().join("audit-key"), key).expect("written");
            }
            team.services.push(Brains::start_in(home, team.setup()).await);
        }
        team.project("app");
        team.admin().operation("register_workspace", &json!({ "path": team.path("app") })).await;
        team
    }

    /// How each service of the team is started.
    pub fn setup(&self) -> Setup {
        Setup::config(format!("db_url: \"{}\"\n", self.url)).env("BRAINS_API_KEY", KEY)
    }

    /// A directory that is a project; not registered yet.
    pub fn project(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs_err::create_dir_all(&path).expect("a directory");
        fs_err::write(path.join("Cargo.toml"), "").expect("a marker");
        path
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The person behind the admin key, at the first service.
    pub fn admin(&self) -> &Client {
        &self.services[0].client
    }

    /// Runs a command beside the first service, with the admin key.
    pub async fn run(&self, words: &[&str]) -> Output {
        self.run_as(KEY, words).await
    }

    /// The same with somebody else's key.
    pub async fn run_as(&self, key: &str, words: &[&str]) -> Output {
        let mut command = self.services[0].home.command(words);
        within(&words.join(" "), command.env("BRAINS_API_KEY", key).output()).await.expect("it runs")
    }

    /// A session in the workspace `app`, at one of the services.
    pub async fn agent(&self, at: usize) -> Agent {
        self.agent_in(at, "app").await
    }

    pub async fn agent_in(&self, at: usize, workspace: &str) -> Agent {
        let client = self.services[at % self.services.len()].client.clone();
        Agent::start(client, workspace).await
    }

    pub async fn agents(&self, count: usize) -> Vec<Agent> {
        let mut agents = Vec::with_capacity(count);
        for at in 0..count {
            agents.push(self.agent(at).await);
        }
        agents
    }

    pub async fn stop(self) {
        for service in self.services {
            service.stop().await;
        }
    }
}

/// One session and how it speaks.
#[derive(Debug, Clone)]
pub struct Agent {
    pub client: Client,
    pub id: String,
    pub token: String,
}

impl Agent {
    pub async fn start(client: Client, workspace: &str) -> Self {
        let started =
            client.operation("start_session", &json!({ "workspace": workspace, "tool": "tester" })).await;
        let text = |name: &str| started[name].as_str().expect("a text").to_owned();
        Self { client, id: text("session_id"), token: text("session_token") }
    }

    /// The same session, through another service.
    #[must_use]
    pub fn through(&self, client: &Client) -> Self {
        Self { client: client.clone(), ..self.clone() }
    }

    /// Calls as this session.
    pub async fn call(&self, name: &str, input: Value) -> Answer {
        let mut input = input;
        input["session"] = self.id.clone().into();
        let request = self
            .client
            .request(http::Method::POST, &format!("/api/ops/{name}"))
            .header("content-type", "application/json")
            .header("x-brains-session-token", &self.token)
            .body(input.to_string());
        Client::send(request).await
    }

    /// Calls, and fails the test when it is refused.
    pub async fn does(&self, name: &str, input: Value) -> Value {
        let told = input.to_string();
        let answer = self.call(name, input).await;
        assert_eq!(answer.status, 200, "{name} {told}: {}", answer.text());
        answer.json()
    }

    /// Looks, which takes no session.
    pub async fn looks(&self, name: &str, input: Value) -> Value {
        self.client.operation(name, &input).await
    }

    /// Calls, and fails the test when it is not refused with this code.
    pub async fn refused(&self, name: &str, input: Value, code: &str) -> Value {
        let told = input.to_string();
        let answer = self.call(name, input).await;
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], code, "{name} {told}: {} {}", answer.status, answer.text());
        error
    }
}

/// Runs each function once on a service over each database.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::team::Database::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::team::Database::Postgres).await;
            })+
        }
    };
}
