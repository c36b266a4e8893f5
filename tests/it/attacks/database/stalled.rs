//! The database says nothing while the service serves: its server is frozen or the way to it is lost, or another program
//! keeps it locked. Whoever needs it is told so in time, whoever does not goes on, and nothing is done twice.

use std::process::Stdio;
use std::sync::Arc;

use brains_tests::line::Line;
use brains_tests::team::Database;
use brains_tests::{Answer, Brains, Client, Setup, Upstream, mcp, model, postgres, until, within};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::super::Before::{self, Fell, Held};
use super::super::{Row, Scene, row};
use super::project;

const KIND: &str = "security 1";

/// A service whose database can be made to say nothing.
pub(super) struct Stalled<const POSTGRES: bool> {
    service: Brains,
    stall: Stall,
    _upstream: Upstream,
}

enum Stall {
    Line(Line),
    /// The file that another program locks.
    File(String),
}

/// It says nothing as long as this is there.
enum Stalling<'s> {
    Line(&'s Line),
    Program(Child),
}

impl Stall {
    async fn begin(&self) -> Stalling<'_> {
        match self {
            Self::Line(line) => {
                line.hold();
                Stalling::Line(line)
            }
            Self::File(path) => Stalling::Program(lock(path).await),
        }
    }
}

impl Stalling<'_> {
    async fn end(self) {
        match self {
            Self::Line(line) => line.release(),
            Self::Program(mut program) => {
                drop(program.stdin.take());
                within("the lock to be let go", program.wait()).await.expect("waited");
            }
        }
    }
}

/// Another program that has the database to itself for writing, until its input ends.
async fn lock(path: &str) -> Child {
    let script = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)\n\
        c.execute('BEGIN EXCLUSIVE')\nprint('locked', flush=True)\nsys.stdin.read()";
    let mut program = Command::new("python3")
        .args(["-c", script, path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python");
    let mut told = String::new();
    let mut output = BufReader::new(program.stdout.take().expect("its output"));
    within("the lock", output.read_line(&mut told)).await.expect("read");
    assert_eq!(told, "locked\n");
    program
}

impl<const POSTGRES: bool> Scene for Stalled<POSTGRES> {
    async fn open() -> Self {
        let upstream = Upstream::start(model::answer).await;
        let setup = Setup::upstream(&upstream.base());
        let (service, stall) = if POSTGRES {
            let url = postgres::database();
            let server = postgres::address(&url);
            let line = Line::to(server).await;
            let held = url.replace(&server.to_string(), &line.address.to_string());
            (Brains::start(setup.and(&format!("db_url: \"{held}\""))).await, Stall::Line(line))
        } else {
            let service = Brains::start(setup).await;
            let file = service.home.state().join("brains.db").display().to_string();
            (service, Stall::File(file))
        };
        service.client.operation("register_workspace", &json!({ "path": project(&service.home) })).await;
        Self { service, stall, _upstream: upstream }
    }
}

impl<const POSTGRES: bool> Stalled<POSTGRES> {
    /// What needs no database, and must not notice.
    async fn goes_on(&self) {
        let chat =
            json!({"model": "openai_compatible/m", "messages": [{"role": "user", "content": "hello"}]});
        let (health, other, chat) = within("who needs no database", async {
            tokio::join!(
                self.service.client.get("/health"),
                self.service.mcp.get("/health"),
                self.service.client.chat(&chat)
            )
        })
        .await;
        assert_eq!((health.status, other.status, chat.status), (200, 200, 200), "{}", chat.text());
    }
}

/// What is asked meanwhile.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Operation(&'static str),
    Tool(&'static str),
    Command(&'static str),
    Get(&'static str),
}

/// Each with whether it writes.
const ASKS: [(Ask, bool); 11] = [
    (Ask::Operation("add_operator"), true),
    (Ask::Operation("create_key"), true),
    (Ask::Operation("list_operators"), false),
    (Ask::Operation("verify_audit"), false),
    (Ask::Operation("list_traces"), false),
    (Ask::Operation("list_usage"), false),
    (Ask::Tool("create_task"), true),
    (Ask::Tool("list_tasks"), false),
    (Ask::Command("add"), true),
    (Ask::Command("list"), false),
    (Ask::Get("/health/ready"), false),
];

impl Ask {
    fn word(self) -> &'static str {
        match self {
            Self::Operation(word) | Self::Tool(word) | Self::Command(word) | Self::Get(word) => word,
        }
    }

    /// Status as HTTP has it, and code.
    async fn of<const POSTGRES: bool>(self, scene: &Stalled<POSTGRES>, number: u32) -> (u16, Value) {
        let Brains { home, client, mcp, .. } = &scene.service;
        let name = format!("name-{number}");
        let input = match self.word() {
            "add_operator" => json!({ "slug": name }),
            "create_key" => json!({ "name": name }),
            "create_task" => json!({ "workspace": project(home), "title": name }),
            "list_tasks" => json!({ "workspace": project(home) }),
            _ => json!({}),
        };
        match self {
            Self::Operation(operation) => {
                told(&client.post(&format!("/api/ops/{operation}"), input.to_string()).await)
            }
            Self::Get(path) => (client.get(path).await.status, Value::Null),
            Self::Tool(tool) => {
                let reply = mcp::call(mcp, tool, input).await;
                if reply["result"]["isError"] == true {
                    (503, mcp::refused(&reply)["code"].clone())
                } else {
                    (200, Value::Null)
                }
            }
            Self::Command(verb) => {
                let named = (verb == "add").then_some(&*name);
                let arguments: Vec<_> =
                    ["operator", verb].into_iter().chain(named).chain(["--json"]).collect();
                let output = home.run(&arguments).await;
                if output.status.success() {
                    return (200, Value::Null);
                }
                let told: Value = serde_json::from_slice(&output.stderr).unwrap_or_default();
                assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
                (503, told["error"]["code"].clone())
            }
        }
    }
}

fn told(answer: &Answer) -> (u16, Value) {
    if answer.status == 200 {
        return (200, Value::Null);
    }
    assert!(!answer.header("retry-after").is_empty(), "{:?}", answer.headers);
    (answer.status, answer.json()["error"]["code"].clone())
}

/// Everything at once, for each is given up in its own time.
fn row_of<const POSTGRES: bool>(database: &str, before: Before) -> Row<Stalled<POSTGRES>> {
    let what = format!("everything that is asked while {database}");
    row(KIND, what, before, |scene: Arc<Stalled<POSTGRES>>| async move {
        let stalling = scene.stall.begin().await;
        let all = futures_util::future::join_all((0..).zip(ASKS).map(async |(number, (ask, writes))| {
            let what = format!("an answer to {ask:?}");
            let (status, code) = within(&what, ask.of(&scene, number)).await;
            let codes = ["database_unreachable", "database_locked"];
            let refused = status == 503 && codes.iter().any(|told| code == *told);
            // Readers of a file that another program writes go on.
            let stands = status == 200 && !POSTGRES && !writes;
            assert!(refused || stands || matches!(ask, Ask::Get(_)), "{ask:?}: {status} {code}");
        }));
        tokio::join!(all, scene.goes_on());
        stalling.end().await;
        // What was refused was not done: it is no conflict now.
        for (number, (ask, _)) in (0..).zip(ASKS) {
            until(&format!("{ask:?} to be answered again"), async || ask.of(&scene, number).await.0 == 200)
                .await;
        }
    })
}

/// The end comes in time, with a request under way that needs the database.
fn end_row(database: &'static str, on: Database) -> Row<super::Nothing> {
    row(KIND, format!("SIGTERM while {database}"), Fell, move |_| async move {
        match on {
            Database::Sqlite => end::<false>().await,
            Database::Postgres => end::<true>().await,
        }
    })
}

async fn end<const POSTGRES: bool>() {
    let scene = Stalled::<POSTGRES>::open().await;
    let stalling = scene.stall.begin().await;
    let request = scene.service.client.request(http::Method::POST, "/api/ops/add_operator");
    let request = request.header("content-type", "application/json").body(json!({"slug": "x"}).to_string());
    #[expect(clippy::disallowed_methods, reason = "it hangs on purpose and goes with the test")]
    drop(tokio::spawn(Client::send(request)));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let (_home, status) = scene.service.stop().await;
    assert!(status.success(), "{status}");
    stalling.end().await;
}

pub(super) fn on_sqlite() -> Vec<Row<Stalled<false>>> {
    vec![row_of("another program has it locked", Held)]
}

pub(super) fn on_postgres() -> Vec<Row<Stalled<true>>> {
    vec![row_of("its server says nothing", Fell)]
}

pub(super) fn ends() -> Vec<Row<super::Nothing>> {
    vec![
        end_row("another program has the database locked", Database::Sqlite),
        end_row("the database's server says nothing", Database::Postgres),
    ]
}
