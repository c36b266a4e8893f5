//! Paths that hang: whoever names one waits alone, by every operation that looks at a directory.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Before::{self, Fell, Held};
use super::super::Row;
use super::{Traps, fifo, link, row, told};

/// Makes a directory with a trap in it, and names it.
type Make = fn(&Traps, &str) -> String;

const KINDS: [(&str, Before, Make); 10] = [
    ("a FIFO as .git", Fell, |scene, name| trap(scene, name, |at| fifo(&at.join(".git")))),
    ("a link to a FIFO as .git", Fell, |scene, name| {
        trap(scene, name, |at| {
            fifo(&at.join("pipe"));
            link("pipe", &at.join(".git"));
        })
    }),
    ("a FIFO as commondir", Fell, |scene, name| {
        trap(scene, name, |at| {
            fs_err::create_dir(at.join(".git")).expect("made");
            fifo(&at.join(".git/commondir"));
        })
    }),
    ("a FIFO as commondir of a linked tree", Fell, |scene, name| {
        trap(scene, name, |at| {
            fs_err::write(at.join(".git"), "gitdir: .\n").expect("written");
            fifo(&at.join("commondir"));
        })
    }),
    ("a path on a dead mount", Fell, |scene, _| scene.dead.path().join("project").display().to_string()),
    ("a link into a dead mount", Fell, |scene, name| {
        link(scene.dead.path(), &scene.path(name));
        scene.path(name).join("x").display().to_string()
    }),
    ("a git directory on a dead mount", Fell, |scene, name| {
        trap(scene, name, |at| {
            let text = format!("gitdir: {}\n", scene.dead.path().join("git").display());
            fs_err::write(at.join(".git"), text).expect("written");
        })
    }),
    ("a socket as .git", Held, |scene, name| {
        trap(scene, name, |at| drop(std::os::unix::net::UnixListener::bind(at.join(".git")).expect("bound")))
    }),
    ("a link to a device as .git", Held, |scene, name| {
        trap(scene, name, |at| link("/dev/zero", &at.join(".git")))
    }),
    ("a file of 1 GiB as .git", Held, |scene, name| {
        trap(scene, name, |at| {
            let file = fs_err::File::create(at.join(".git")).expect("made");
            file.set_len(1 << 30).expect("as large");
        })
    }),
];

fn trap(scene: &Traps, name: &str, make: impl Fn(&std::path::Path)) -> String {
    let at = scene.path(name);
    fs_err::create_dir_all(&at).expect("made");
    make(&at);
    at.display().to_string()
}

/// Who asks, by which surface, for what.
type Ask = fn(&Traps, &str) -> reqwest::RequestBuilder;

const ASKS: [(&str, Ask); 7] = [
    ("show_workspace by a reader", |scene, path| {
        scene.operation(&scene.reader, "show_workspace", &json!({"workspace": path}))
    }),
    ("show_workspace by an agent over MCP", |scene, path| {
        scene.tool(&scene.agent, "show_workspace", &json!({"workspace": path}))
    }),
    ("get_state by an agent over MCP", |scene, path| {
        scene.tool(&scene.agent, "get_state", &json!({"workspace": path}))
    }),
    ("start_session by an agent over MCP", |scene, path| {
        scene.tool(&scene.agent, "start_session", &json!({"workspace": path}))
    }),
    ("register_workspace by an administrator", |scene, path| {
        scene.operation(&scene.admin(), "register_workspace", &json!({"path": path}))
    }),
    ("import_workspaces by an administrator", |scene, path| {
        scene.operation(&scene.admin(), "import_workspaces", &json!({"workspaces": [{"path": path}]}))
    }),
    ("list_tasks from there by a reader", |scene, path| {
        scene.operation(&scene.reader, "list_tasks", &json!({})).header("x-brains-directory", path)
    }),
];

pub(super) fn rows() -> Vec<Row<Traps>> {
    let mut rows = Vec::new();
    for (at, (kind, before, make)) in KINDS.into_iter().enumerate() {
        for (asked, (ask, request)) in ASKS.into_iter().enumerate() {
            // Every kind by two, every operation with the kinds that hang longest.
            if !(at == 0 || at == 4 || asked == at % ASKS.len() || asked == (at + 3) % ASKS.len()) {
                continue;
            }
            let name = format!("trap-{at}-{asked}");
            rows.push(row("security 1", format!("{kind}: {ask}"), before, move |scene: Arc<Traps>| {
                let name = name.clone();
                async move {
                    let path = make(&scene, &name);
                    for answer in scene.attacked_by(|scene| request(scene, &path)).await {
                        told(&answer);
                    }
                }
            }));
        }
    }
    rows.push(row(
        "security 1",
        "fifty requests for a dead mount, then a hundred",
        Fell,
        |scene: Arc<Traps>| async move {
            let path = scene.dead.path().join("many").display().to_string();
            for round in [50, 100] {
                #[expect(clippy::disallowed_methods, reason = "each is waited for below")]
                let all: Vec<_> = (0..round)
                    .map(|_| {
                        let input = json!({"workspace": path});
                        tokio::spawn(brains_tests::Client::send(scene.tool(
                            &scene.agent,
                            "get_state",
                            &input,
                        )))
                    })
                    .collect();
                scene.goes_on().await;
                for one in all {
                    told(&brains_tests::within("an answer", one).await.expect("sent"));
                }
            }
            let ready = scene.brains.client.get("/health/ready").await.json();
            let used = ready["budgets"]["file_threads"]["used"].as_u64().expect("told");
            // Those of other rows are stuck in mounts of their own.
            assert!(used <= 10, "a dead mount costs a couple of threads: {ready}");
            assert!(ready["budgets"]["file_threads"]["refused"].as_u64() > Some(100), "{ready}");
        },
    ));
    rows.push(row(
        "security 1",
        "a refusal says what does not answer and when to come back",
        Fell,
        |scene: Arc<Traps>| async move {
            let path = scene.dead.path().join("told").display().to_string();
            let input = json!({"workspace": path});
            let answer = brains_tests::Client::send(scene.operation(&scene.reader, "show_workspace", &input));
            let answer = brains_tests::within("an answer", answer).await;
            let error: Value = answer.json()["error"].clone();
            assert_eq!((answer.status, &error["code"]), (503, &json!("file_stalled")), "{}", answer.text());
            assert!(!answer.header("retry-after").is_empty(), "{:?}", answer.headers);
            assert!(error["message"].as_str().is_some_and(|text| text.contains(&path)), "{error}");
        },
    ));
    rows
}
