//! The database file is taken away, replaced or written over under the running service: nothing is acknowledged that
//! would be gone at the next start, everybody is told, and what was acknowledged before is kept.

mod stalled;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use brains_tests::service::Home;
use brains_tests::{Brains, Client, Setup, mcp, until};
use fs_err as fs;
use serde_json::{Value, json};

use super::{Before, Fell, Held, Row, Scene, kinds_of, row, withstand};

/// Each attack ends its own service.
pub(super) struct Nothing;

impl Scene for Nothing {
    async fn open() -> Self {
        Self
    }
}

const KIND: &str = "coordination 1";

/// The files of a database.
struct Files(PathBuf);

impl Files {
    fn at(&self, ending: &str) -> PathBuf {
        self.0.join(format!("brains.db{ending}"))
    }

    fn backup(&self) -> PathBuf {
        self.at(".backup")
    }
}

/// What is done, and which operators the next start finds: of `early`, who is in the backup, and `late`, who is not.
struct Deed {
    what: &'static str,
    before: Before,
    done: fn(&Files),
    found: &'static [&'static str],
    /// Whether a copy of everything lies beside it then.
    kept: bool,
}

const DEEDS: &[Deed] = &[
    Deed {
        what: "the file is deleted",
        before: Fell,
        done: |files| remove(files, &[""]),
        found: &[],
        kept: true,
    },
    Deed {
        what: "the file, its log and its index are deleted",
        before: Fell,
        done: |files| remove(files, &["", "-wal", "-shm"]),
        found: &[],
        kept: true,
    },
    Deed {
        what: "the log is deleted",
        before: Fell,
        done: |files| remove(files, &["-wal"]),
        found: &["early"],
        kept: true,
    },
    Deed {
        what: "an older copy is moved over it",
        before: Fell,
        done: |files| fs::rename(files.backup(), files.at("")).expect("moved"),
        found: &["early"],
        kept: true,
    },
    Deed {
        what: "an older copy is written into it",
        before: Fell,
        done: |files| assert!(fs::copy(files.backup(), files.at("")).expect("copied") > 0),
        found: &["early"],
        kept: false,
    },
    Deed {
        what: "an empty file is put in its place",
        before: Fell,
        done: |files| {
            remove(files, &[""]);
            fs::write(files.at(""), "").expect("written");
        },
        found: &[],
        kept: true,
    },
    Deed {
        what: "something that is no database is put in its place",
        before: Fell,
        done: |files| {
            fs::write(files.at(".text"), "no database at all\n".repeat(1_000)).expect("written");
            fs::rename(files.at(".text"), files.at("")).expect("moved");
        },
        found: &[],
        kept: true,
    },
    Deed {
        what: "a link to an older copy is put in its place",
        before: Fell,
        done: |files| {
            remove(files, &[""]);
            fs::os::unix::fs::symlink(files.backup(), files.at("")).expect("a link");
        },
        found: &["early"],
        kept: true,
    },
];

fn remove(files: &Files, endings: &[&str]) {
    for ending in endings {
        fs::remove_file(files.at(ending)).expect("removed");
    }
}

pub(super) fn rows() -> Vec<Row<Nothing>> {
    let mut rows: Vec<_> = DEEDS
        .iter()
        .map(|deed| row(KIND, deed.what, deed.before, move |_: Arc<Nothing>| taken_away(deed)))
        .collect();
    rows.push(row(KIND, "it is moved away and back", Held, |_| moved_and_back()));
    rows.extend(stalled::ends());
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_the_file_that_was_opened() {
    withstand(rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_says_nothing_holds_up_nobody_else() {
    withstand(stalled::on_sqlite()).await;
    withstand(stalled::on_postgres()).await;
}

async fn add(client: &Client, slug: &str) {
    client.operation("add_operator", &json!({ "slug": slug })).await;
}

fn slugs(listed: &Value) -> Vec<String> {
    let operators = listed["operators"].as_array().expect("a list").iter();
    let slugs = operators.map(|operator| operator["slug"].as_str().expect("a slug").to_owned());
    slugs.filter(|slug| slug != "admin").collect()
}

fn state(home: &Home) -> Files {
    Files(home.state())
}

/// A service with a backup that is older than it.
async fn service() -> Brains {
    let service = Brains::plain().await;
    add(&service.client, "early").await;
    let (home, _) = service.stop().await;
    let files = state(&home);
    fs::copy(files.at(""), files.backup()).expect("a backup");
    let service = Brains::start_in(home, Setup::default()).await;
    add(&service.client, "late").await;
    service
}

async fn taken_away(deed: &Deed) {
    let service = service().await;
    let files = state(&service.home);
    (deed.done)(&files);
    let refused = |told: &Value| {
        assert_eq!(told["code"], "database_replaced", "{told}");
        assert!(told["message"].is_string() && told["hint"].is_string(), "{told}");
    };
    // Nothing is acknowledged from here on, by whichever door.
    let input = json!({ "slug": "lost" });
    let answer = service.client.post("/api/ops/add_operator", input.to_string()).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    refused(&answer.json()["error"]);
    refused(&mcp::refused(
        &mcp::call(&service.mcp, "register_workspace", json!({ "path": project(&service.home) })).await,
    ));
    let command = service.home.run(&["operator", "add", "lost", "--json"]).await;
    assert_eq!(command.status.code(), Some(6), "{}", String::from_utf8_lossy(&command.stderr));
    until("readers to be told", async || {
        let read = service.client.post("/api/ops/list_operators", "{}").await;
        read.status == 503 && read.json()["error"]["code"] == "database_replaced"
    })
    .await;
    let ready = service.client.get("/health/ready").await;
    assert_eq!(ready.status, 503, "{}", ready.text());
    until("the log to say so", async || service.log().contains("the database is not where it was opened"))
        .await;
    // Whoever only lives from memory goes on: the process answers.
    assert_eq!(service.client.get("/health").await.status, 200);
    let (home, _) = service.stop().await;
    let copy = files.at(".rescued-1");
    assert_eq!(copy.exists(), deed.kept, "what was acknowledged is kept beside it");
    if deed.kept {
        assert_eq!(operators_in(&copy).await, ["early", "late"]);
    }
    if fs::read(files.at("")).is_ok_and(|bytes| bytes.starts_with(b"no database")) {
        // It is left as it is, and the next start says what is wrong.
        return;
    }
    let service = Brains::start_in(home, Setup::default()).await;
    let listed = service.client.operation("list_operators", &json!({})).await;
    let mut found = slugs(&listed);
    // What was only in the log that somebody deleted may be in the file, or not.
    found.retain(|slug| deed.what != "the log is deleted" || slug == "early");
    assert_eq!(found, deed.found);
    let verified = service.client.operation("verify_audit", &json!({})).await;
    let chains = verified["chains"].as_array().expect("chains").iter();
    let sound = |chain: &&Value| chain["fault"].is_null() || chain["fault"] == "rolled_back";
    assert!(chains.clone().all(|chain| sound(&chain)), "an older state at most: {verified}");
    service.stop().await;
}

fn project(home: &Home) -> String {
    let path = home.path().join("project");
    fs::create_dir_all(&path).expect("a directory");
    fs::write(path.join("Cargo.toml"), "").expect("a marker");
    path.display().to_string()
}

/// Who is in a copy of the database.
async fn operators_in(copy: &Path) -> Vec<String> {
    let home = Home::default();
    fs::create_dir_all(home.state()).expect("a state directory");
    fs::copy(copy, home.state().join("brains.db")).expect("copied");
    let listed = home.run(&["operator", "list", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    slugs(&listed)
}

async fn moved_and_back() {
    let service = service().await;
    let files = state(&service.home);
    fs::rename(files.at(""), files.at(".away")).expect("moved");
    fs::rename(files.at(".away"), files.at("")).expect("moved back");
    add(&service.client, "later").await;
    let (home, _) = service.stop().await;
    let service = Brains::start_in(home, Setup::default()).await;
    let listed = service.client.operation("list_operators", &json!({})).await;
    assert_eq!(slugs(&listed), ["early", "late", "later"]);
    service.stop().await;
}

/// What the rows of this area stand for.
pub(super) fn kinds() -> Vec<&'static str> {
    [kinds_of(&rows()), kinds_of(&stalled::on_sqlite()), kinds_of(&stalled::on_postgres())].concat()
}
