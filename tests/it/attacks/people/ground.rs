//! Directories that are not somebody's to register, and projects that belong to no workspace above them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::People;
use crate::attacks::{Before, Fell, Held, Row, row};

/// Kinds of directories that take an administrator: what each is called, and how one is made.
type Kind = (&'static str, fn(&People) -> String, Before);

const KINDS: [Kind; 10] = [
    ("unmarked", |at| at.directory("plain", None), Fell),
    ("the root", |_| "/".into(), Fell),
    ("a home directory that is a repository", |at| marked(at.team.services[0].home.path()), Fell),
    ("where the homes are", |_| "/home".into(), Fell),
    ("the state directory", |at| marked(&at.team.services[0].home.state()), Fell),
    ("below the state directory", |at| marked(&at.team.services[0].home.state().join("plugins/x")), Fell),
    ("another user's", foreign, Fell),
    ("a link to another's private one", linked, Fell),
    ("below another's private one", |at| at.team.path("diary/src"), Held),
    (
        "a marked one that holds another's",
        |at| {
            at.directory("street/house", Some(".git"));
            at.directory("street", Some(".git"))
        },
        Fell,
    ),
];

pub(super) fn rows() -> Vec<Row<People>> {
    let mut rows = Vec::new();
    for (what, make, before) in KINDS {
        for (slug, agent) in [("stranger", false), ("stranger", true), ("administrator", true)] {
            for name in ["register_workspace", "import_workspaces"] {
                let told = format!("{name} of {what} as {slug}, agent: {agent}");
                rows.push(row("security 11", told, before, move |at: Arc<People>| async move {
                    refuse(&at, name, make(&at), (slug, agent)).await;
                }));
            }
        }
    }
    rows.push(row("security 11", "an agent registers a project for itself alone", Fell, alone));
    for (parent, child) in
        [(".git", ".git"), ("package.json", "Cargo.toml"), (".git", ".hg"), ("plain", "go.mod")]
    {
        for first in ["the parent", "the child"] {
            let told = format!("{child} below {parent}, {first} first");
            let before = if first == "the parent" || child == ".hg" { Fell } else { Held };
            rows.push(row("coordination 4", told, before, move |at: Arc<People>| async move {
                nest(&at, parent, child, first == "the parent").await;
            }));
        }
    }
    rows.push(row("coordination 4", "a worktree below its own repository", Fell, worktree));
    rows.push(row("coordination 4", "a home that is a repository", Fell, home));
    rows.push(row(
        "security 11",
        "honest: members register projects, the administrator anything",
        Held,
        honest,
    ));
    rows
}

fn marked(path: &std::path::Path) -> String {
    fs_err::create_dir_all(path.join(".git")).expect("a marker");
    path.display().to_string()
}

/// A project that belongs to another user; one of the system's where this test may not give anything away.
fn foreign(at: &People) -> String {
    let path = at.directory("foreign", Some(".git"));
    match std::os::unix::fs::chown(&path, Some(12_345), None) {
        Ok(()) => path,
        Err(_) => "/usr".into(),
    }
}

fn linked(at: &People) -> String {
    let link = at.team.folder().join("link");
    drop(fs_err::os::unix::fs::symlink(at.team.folder().join("diary"), &link));
    link.display().to_string()
}

fn input(name: &str, path: &str) -> Value {
    if name == "register_workspace" {
        json!({ "path": path })
    } else {
        json!({ "workspaces": [{ "path": path }] })
    }
}

async fn refuse(at: &People, name: &str, path: String, (slug, agent): (&'static str, bool)) {
    // Somebody else lives below the street.
    if path.ends_with("/street") {
        at.does(at.key("owner", false), "register_workspace", json!({ "path": format!("{path}/house") }))
            .await;
    }
    let before = at.team.admin().operation("list_workspaces", &json!({ "all": true })).await;
    let absent = at.team.path("there/is/nothing");
    let (status, refused) = at.post(at.key(slug, agent), name, &input(name, &path)).await;
    let (_, nothing) = at.post(at.key(slug, agent), name, &input(name, &absent)).await;
    assert_eq!(status, 404, "{refused}");
    assert_eq!(said(&refused, &path), said(&nothing, &absent));
    let after = at.team.admin().operation("list_workspaces", &json!({ "all": true })).await;
    assert_eq!(after, before);
}

/// The words of an error, without the path that it repeats.
fn said(answer: &Value, path: &str) -> String {
    let mut error = answer["error"].clone();
    error["request_id"] = Value::Null;
    error.to_string().replace(&format!("`{path}`"), "PATH")
}

async fn alone(at: Arc<People>) {
    let path = at.directory("alone", Some(".git"));
    let private = json!({ "path": path, "visibility": "private" });
    let (status, answer) = at.post(at.key("member", true), "register_workspace", &private).await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("person_required")), "{answer}");
}

/// Two projects, one below the other, registered in either order: each is its own.
async fn nest(at: &People, parent: &str, child: &str, parent_first: bool) {
    let name = format!("{parent}-{child}-{parent_first}").replace('.', "");
    let outer = at.directory(&name, (parent != "plain").then_some(parent));
    let inner = at.directory(&format!("{name}/inner"), Some(child));
    if parent_first {
        assert_eq!(register(at, &outer).await, outer);
        // Nothing of the inner one lands outside before it is known.
        let lost = at.post(&at.team.admin().key, "show_workspace", &json!({ "workspace": inner })).await;
        assert_eq!(lost.0, 404, "{}", lost.1);
        let started = at.team.admin().operation("start_session", &json!({ "workspace": inner })).await;
        assert_ne!(started["workspace"], json!(name));
    } else {
        assert_eq!(register(at, &inner).await, inner);
        assert_eq!(register(at, &outer).await, outer);
    }
    for (path, root) in [(format!("{inner}/src"), &inner), (format!("{outer}/docs"), &outer)] {
        fs_err::create_dir_all(&path).expect("a directory");
        let shown = at.team.admin().operation("show_workspace", &json!({ "workspace": path })).await;
        assert_eq!(shown["workspace"]["path"], json!(root));
    }
}

async fn register(at: &People, path: &str) -> Value {
    let registered = at.team.admin().operation("register_workspace", &json!({ "path": path })).await;
    registered["workspace"]["path"].clone()
}

async fn worktree(at: Arc<People>) {
    let run = |words: &[&str]| {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(words)
            .current_dir(at.team.folder())
            .output()
            .expect("git runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    run(&["init", "-q", "tree"]);
    run(&["-C", "tree", "commit", "-q", "--allow-empty", "-m", "first"]);
    run(&["-C", "tree", "worktree", "add", "-q", ".claude/worktrees/w1"]);
    at.team.admin().operation("register_workspace", &json!({ "path": at.team.path("tree") })).await;
    let inside = at.team.path("tree/.claude/worktrees/w1");
    let started = at.does(at.key("member", true), "start_session", json!({ "workspace": inside })).await;
    let shown =
        at.team.admin().operation("show_workspace", &json!({ "workspace": started["workspace"] })).await;
    assert_eq!(shown["workspace"]["path"], json!(inside));
    assert_eq!(shown["workspace"]["common_dir"], json!(at.team.path("tree/.git")));
}

async fn home(at: Arc<People>) {
    let home = at.team.services[0].home.path();
    at.team.admin().operation("register_workspace", &json!({ "path": marked(home) })).await;
    let project = home.join("code/shop");
    fs_err::create_dir_all(&project).expect("a directory");
    fs_err::write(project.join("go.mod"), "").expect("a marker");
    let started = at.does(at.key("member", true), "start_session", json!({ "workspace": project })).await;
    assert_eq!(started["workspace"], "shop");
}

async fn honest(at: Arc<People>) {
    for (slug, agent) in [("member", false), ("stranger", true)] {
        let path = at.directory(&format!("own-{slug}-{agent}"), Some(".git"));
        let registered = at.does(at.key(slug, agent), "register_workspace", json!({ "path": path })).await;
        assert_eq!(
            (&registered["registered"], &registered["workspace"]["role"]),
            (&json!(true), &json!("owner"))
        );
        // Again tells the one that is there.
        let again = at.does(at.key(slug, agent), "register_workspace", json!({ "path": path })).await;
        assert_eq!(again["registered"], false);
    }
    let diary = at.directory("own-diary", Some(".git"));
    at.does(at.key("member", false), "register_workspace", json!({ "path": diary, "visibility": "private" }))
        .await;
    // Whoever was shut out is let in by an administrator.
    let invite = json!({ "workspace": "own-diary", "operator": "stranger", "role": "owner" });
    at.does(at.key("administrator", false), "invite_to_workspace", invite).await;
    at.does(at.key("stranger", false), "show_workspace", json!({ "workspace": "own-diary" })).await;
    let notes = at.directory("notes", None);
    at.does(at.key("administrator", false), "register_workspace", json!({ "path": notes })).await;
}
