//! Answers that must not tell what somebody may not know: what exists is told in the words of what does not.

use std::sync::Arc;

use serde_json::{Value, json};

use super::People;
use crate::attacks::{Before, Fell, Held, Row, row};

/// What is hidden from a stranger, or is not theirs to take.
type Hidden = (&'static str, fn(&People) -> String);

const HIDDEN: [Hidden; 4] = [
    ("somebody's private project", |at| at.team.path("diary")),
    ("below somebody's private project", |at| {
        at.directory("diary/src", None);
        at.team.path("diary/src")
    }),
    ("a directory that is no project", |at| at.directory("letters", None)),
    ("a file", |at| {
        let path = at.team.folder().join("secret.txt");
        fs_err::write(&path, "s").expect("written");
        path.display().to_string()
    }),
];

type Ask = (&'static str, fn(&str) -> Value);

const ASKS: [Ask; 5] = [
    ("register_workspace", |path| json!({ "path": path })),
    ("import_workspaces", |path| json!({ "workspaces": [{ "path": path, "slug": "mine" }] })),
    ("start_session", |path| json!({ "workspace": path })),
    ("show_workspace", |path| json!({ "workspace": path })),
    ("send_message", |path| json!({ "workspace": path, "subject": "s" })),
];

pub(super) fn rows() -> Vec<Row<People>> {
    let mut rows = Vec::new();
    for (what, make) in HIDDEN {
        for (name, ask) in ASKS {
            let told = format!("{name} of {what}");
            rows.push(row(
                "security low: oracles",
                told,
                before(what, name),
                move |at: Arc<People>| async move {
                    let (hidden, absent) = (make(&at), at.team.path("there/is/nothing"));
                    let stranger = at.key("stranger", false);
                    let found = at.post(stranger, name, &ask(&hidden)).await;
                    let nothing = at.post(stranger, name, &ask(&absent)).await;
                    assert_eq!(words(&found, &hidden), words(&nothing, &absent));
                    assert_eq!(found.0, 404);
                },
            ));
        }
    }
    for (what, pid) in
        [("process 1", 1_u32), ("the service", 0), ("no process", 4_194_303), ("no id", u32::MAX)]
    {
        let before = if pid > 1 { Fell } else { Held };
        let told = format!("start_session with the id of {what}");
        rows.push(row("security low: oracles", told, before, move |at: Arc<People>| async move {
            let pid = if pid == 0 { at.team.services[0].pid() } else { pid };
            let key = at.key("member", true);
            let started = at.does(key, "start_session", json!({ "workspace": "yard", "pid": pid })).await;
            let own = json!({ "workspace": "yard", "pid": std::process::id() });
            let alive = at.does(key, "start_session", own).await;
            for member in ["state", "ended_at", "ending", "agent"] {
                assert_eq!(started["session"][member], alive["session"][member]);
            }
            assert_eq!(
                (&started["session"]["pid"], &alive["session"]["pid"]),
                (&json!(pid), &json!(std::process::id()))
            );
        }));
    }
    rows
}

/// Registering and importing told a missing directory from a hidden one, and starting a session a plain one.
fn before(what: &str, name: &str) -> Before {
    match (name, what) {
        ("register_workspace" | "import_workspaces", what) if what != "a file" => Fell,
        ("start_session", what) if what.contains("private") => Fell,
        _ => Held,
    }
}

fn words(answer: &(u16, Value), path: &str) -> String {
    let mut error = answer.1["error"].clone();
    error["request_id"] = Value::Null;
    format!("{} {}", answer.0, error.to_string().replace(&format!("`{path}`"), "PATH"))
}
