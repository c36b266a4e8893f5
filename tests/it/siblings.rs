//! The working trees of one repository: each a workspace of its own, whose agents see each other (contract 5.17).

use std::path::Path;
use std::process::Command;

use brains_tests::counts::count;
use brains_tests::team::{Agent, Database, Team};
use brains_tests::{Brains, on_both_databases, until};
use proptest::prelude::{Just, Strategy as _};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

on_both_databases! {
    siblings_see_each_other_and_locks_warn_or_refuse
    a_person_frees_what_a_session_holds
    a_task_for_all_working_trees_is_taken_once_in_any_of_them
    a_directory_that_was_moved_is_told_and_keeps_its_workspace
}

fn git(at: &Path, words: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").args(identity).args(words).current_dir(at).output().expect("git runs");
    assert!(output.status.success(), "{words:?}: {output:?}");
}

/// A repository with two working trees, `shop` on `main` and `feat-b` on its own branch.
fn repository(team: &Team) {
    git(team.folder(), &["init", "-q", "shop"]);
    let shop = team.folder().join("shop");
    git(&shop, &["commit", "-q", "--allow-empty", "-m", "one"]);
    git(&shop, &["worktree", "add", "-q", "-b", "feature/b", "../feat-b"]);
}

async fn start(team: &Team, at: &str) -> (Agent, Value) {
    let client = team.services[0].client.clone();
    let input = json!({ "workspace": team.path(at), "tool": "tester" });
    let started = client.operation("start_session", &input).await;
    let text = |name: &str| started[name].as_str().expect("a text").to_owned();
    (Agent { client, id: text("session_id"), token: text("session_token") }, started)
}

async fn siblings_see_each_other_and_locks_warn_or_refuse(database: Database) {
    let team = Team::start(database).await;
    repository(&team);
    let (ann, first) = start(&team, "shop").await;
    assert_eq!(first["welcome"]["siblings"], json!([]), "nobody works elsewhere");
    assert_eq!(
        (&first["session"]["branch"], &first["session"]["worktree"]),
        (&json!("main"), &json!(team.path("shop")))
    );
    ann.does("set_focus", json!({ "intent": "rounding", "paths": ["src/cart"] })).await;
    ann.does("acquire_lock", json!({ "path": "src/cart" })).await;

    // Peers, focus and locks are told at the start and wherever they are listed.
    let (ben, second) = start(&team, "feat-b").await;
    let sibling = &second["welcome"]["siblings"][0];
    assert_eq!((&sibling["worktree"], &sibling["branch"]), (&json!("shop"), &json!("main")), "{second}");
    assert_eq!(sibling["peers"][0]["session"], json!(ann.id), "{second}");
    assert_eq!(sibling["peers"][0]["intent"], json!("rounding"));
    assert_eq!(sibling["locks"][0]["resource"], json!("src/cart"));
    assert!(second["welcome"]["hints"].to_string().contains("shop"), "{second}");
    assert_eq!(second["session"]["branch"], json!("feature/b"));
    for (name, about) in [("list_sessions", "id"), ("list_locks", "session"), ("list_focus", "session")] {
        let listed = ben.client.operation(name, &json!({ "workspace": "feat-b" })).await;
        assert_eq!(listed["siblings"][0][about], json!(ann.id), "{name}: {listed}");
    }
    let warned = ben.does("set_focus", json!({ "paths": ["src/cart/price.rs"] })).await;
    let trees: Vec<&Value> =
        warned["warnings"].as_array().expect("a list").iter().map(|w| &w["worktree"]).collect();
    assert_eq!(trees, [&json!("shop"), &json!("shop")], "focus and lock: {warned}");

    // By default a lock there warns and is no refusal here.
    let asked = json!({ "workspace": "feat-b", "path": "src/cart/price.rs" });
    let blockers = ben.client.operation("who_blocks", &asked).await;
    assert_eq!(blockers["free"], json!(true));
    assert_eq!(blockers["siblings"][0]["note"], json!("held in worktree shop"), "{blockers}");
    let granted = ben.does("acquire_lock", json!({ "path": "src/cart/price.rs" })).await;
    assert_eq!(granted["siblings"][0]["note"], json!("held in worktree shop"), "{granted}");
    ben.does("release_lock", json!({ "id": granted["lock"]["id"] })).await;
    assert_eq!(ben.does("acquire_lock", json!({ "path": "docs" })).await["siblings"], json!([]));

    // Where the operator wants it, it refuses; a waiter is served when it is free there.
    let set = async |rule: &str| {
        let set = json!({ "key": "locks.siblings", "value": rule });
        team.admin().operation("set_config", &set).await;
    };
    set("refuse").await;
    let refused = ben.refused("acquire_lock", json!({ "path": "src/cart/price.rs" }), "lock_held").await;
    assert!(refused["message"].to_string().contains("in worktree `shop`"), "{refused}");
    let wait = ben.does("acquire_lock", json!({ "path": "src/cart/price.rs", "wait_ms": 30_000 }));
    let free = ann.does("release_lock", json!({ "path": "src/cart" }));
    let (served, _) = tokio::join!(wait, free);
    let mine = json!({ "id": served["lock"]["id"] });
    // Of two that ask at once in both trees one gets it.
    for _ in 0..10 {
        ben.does("release_lock", json!({ "path": "src/cart/price.rs" })).await;
        ann.does("release_lock", json!({ "path": "src/cart" })).await;
        let (one, two) = tokio::join!(
            ann.call("acquire_lock", json!({ "path": "src/cart" })),
            ben.call("acquire_lock", json!({ "path": "src/cart/price.rs" })),
        );
        let statuses = [one.status, two.status];
        assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?} {mine}");
    }
    set("off").await;
    let listed = ben.client.operation("list_locks", &json!({ "workspace": "feat-b" })).await;
    assert_eq!(listed["siblings"], json!([]), "{listed}");

    // Mail to everybody reaches the other working tree when it is meant to, and one session at any time.
    ben.does("send_message", json!({ "subject": "here only" })).await;
    ben.does("send_message", json!({ "subject": "all of us", "siblings": true })).await;
    ben.does("send_message", json!({ "subject": "you", "to": [ann.id] })).await;
    let read = ann.does("read_messages", json!({})).await;
    let subjects: Vec<&str> =
        read["messages"].as_array().expect("mail").iter().filter_map(|one| one["subject"].as_str()).collect();
    assert_eq!(subjects, ["all of us", "you"], "{read}");

    // Whoever does not see a working tree hears nothing of it.
    team.admin()
        .operation("set_workspace_visibility", &json!({ "workspace": "shop", "visibility": "private" }))
        .await;
    let added = team.admin().operation("add_operator", &json!({ "slug": "bob" })).await;
    let bob = team.admin().with_key(added["key"].as_str().expect("a key"));
    let started = bob.operation("start_session", &json!({ "workspace": "feat-b" })).await;
    assert_eq!(started["welcome"]["siblings"], json!([]), "{started}");
    for name in ["list_sessions", "list_locks", "list_focus"] {
        let listed = bob.operation(name, &json!({ "workspace": "feat-b" })).await;
        assert_eq!(listed["siblings"], json!([]), "{name}: {listed}");
    }
    team.stop().await;
}

async fn a_person_frees_what_a_session_holds(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    for (verb, wanted) in [("release", "released"), ("steal", "taken_from")] {
        let held = agent.does("acquire_lock", json!({ "path": "src" })).await;
        let id = held["lock"]["id"].as_str().expect("an id").to_owned();
        let words = ["lock", verb, &id, "--reason", "hangs since noon", "--json"];
        let confirmed = [&words[..], &["--yes"]].concat();
        let words = if verb == "steal" { &confirmed[..] } else { &words[..] };
        let freed = team.run(words).await;
        assert!(freed.status.success(), "{verb}: {freed:?}");
        let told: Value = serde_json::from_slice(&freed.stdout).expect("JSON");
        assert!(!told[wanted].is_null(), "{told}");
        let late =
            agent.call("create_task", json!({ "title": "late", "fence": held["lock"]["fence"] })).await;
        assert_eq!(late.json()["error"]["code"], json!("stale_fence"));
        let mail = agent.does("read_messages", json!({})).await;
        assert!(mail.to_string().contains("hangs since noon"), "{mail}");
    }
    // It takes a reason, and a person: an agent needs a session.
    let held = agent.does("acquire_lock", json!({ "path": "src" })).await;
    let id = held["lock"]["id"].as_str().expect("an id");
    let refused = team.run(&["lock", "release", id]).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--reason"), "{refused:?}");
    let made = team.admin().operation("create_key", &json!({ "name": "bot", "agent": true })).await;
    let bot = team.admin().with_key(made["key"].as_str().expect("a key"));
    for name in ["release_lock", "steal_lock"] {
        let answer =
            bot.post(&format!("/api/ops/{name}"), json!({ "id": id, "reason": "r" }).to_string()).await;
        assert_eq!(answer.json()["error"]["code"], json!("session_required"), "{name}: {}", answer.text());
    }
    // A key goes by its name.
    let revoked = team.run(&["key", "revoke", "bot", "--json"]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    team.stop().await;
}

/// Trees that lie in each other and beside, as agents and people lay them: a repository in a repository that is somebody's
/// home, a working tree in the folder of an agent and one outside, a bare repository with its working trees inside, a
/// submodule, a project without git, and a link as the way in. Each with the one whose repository it shares.
const TREES: [(&str, &str); 9] = [
    ("/home", "/home"),
    ("/home/shop", "/home/shop"),
    ("/home/shop/.claude/worktrees/w1", "/home/shop"),
    ("/outside", "/home/shop"),
    ("/home/bare.git/main", "/home/bare.git/main"),
    ("/home/bare.git/feat", "/home/bare.git/main"),
    ("/home/shop/vendor/lib", "/home/shop/vendor/lib"),
    ("/notes", "/notes"),
    ("/notes/inner", "/notes/inner"),
];

fn lay(team: &Team, number: usize) -> String {
    let top = team.folder().join(format!("site{number}"));
    fs_err::create_dir(&top).expect("a directory");
    let begin = |at: &Path, name: &str| {
        git(at, &["init", "-q", name]);
        git(&at.join(name), &["commit", "-q", "--allow-empty", "-m", "one"]);
    };
    begin(&top, "home");
    let home = top.join("home");
    begin(&home, "shop");
    let shop = home.join("shop");
    git(&shop, &["worktree", "add", "-q", ".claude/worktrees/w1"]);
    git(&shop, &["worktree", "add", "-q", "../../outside"]);
    begin(&top, "lib");
    let library = top.join("lib").display().to_string();
    git(&shop, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", &library, "vendor/lib"]);
    git(&home, &["clone", "-q", "--bare", "shop", "bare.git"]);
    let bare = home.join("bare.git");
    git(&bare, &["worktree", "add", "-q", "main", "main"]);
    git(&bare, &["worktree", "add", "-q", "-b", "feat", "feat"]);
    for project in ["notes", "notes/inner"] {
        fs_err::create_dir(top.join(project)).expect("a directory");
        fs_err::write(top.join(project).join("Cargo.toml"), "").expect("a marker");
    }
    std::os::unix::fs::symlink("home", top.join("way")).expect("a link");
    top.display().to_string()
}

/// In whatever order they are registered, by whichever way in, each is its own workspace, and so is what lies in it
/// (gastownhall/beads#1653, #2190). The rule over generated layouts: `ports::places::tests::layouts` of the program.
#[tokio::test(flavor = "multi_thread")]
async fn nested_trees_are_workspaces_of_their_own_in_any_order() {
    let team = Team::start(Database::Sqlite).await;
    for (number, (order, through_link)) in orders(count(6, 60)).into_iter().enumerate() {
        let top = lay(&team, number);
        let mut slugs = std::collections::BTreeMap::new();
        for (tree, repository) in order.iter().filter_map(|at| TREES.get(*at)) {
            let path = format!("{top}{tree}");
            let way = tree.strip_prefix("/home").filter(|_| through_link);
            let way = way.map_or(path.clone(), |rest| format!("{top}/way{rest}"));
            let made = team.admin().operation("register_workspace", &json!({ "path": way })).await;
            assert_eq!(
                (&made["registered"], &made["workspace"]["path"]),
                (&json!(true), &json!(path)),
                "{order:?} {made}"
            );
            slugs.insert(
                *tree,
                (made["workspace"]["slug"].clone(), *repository, made["workspace"]["common_dir"].clone()),
            );
            // What is registered later changes nothing of what was found before, nor below.
            for (tree, (slug, repository, common)) in &slugs {
                for below in ["", "/src/not/there"] {
                    let asked = json!({ "workspace": format!("{top}{tree}{below}") });
                    let found = team.admin().operation("show_workspace", &asked).await;
                    assert_eq!(found["workspace"]["slug"], *slug, "{order:?} {asked}");
                }
                if let Some((_, _, shared)) = slugs.get(repository) {
                    assert_eq!(shared, common, "{tree} and {repository} share a repository");
                }
            }
        }
        let shared: std::collections::BTreeSet<String> =
            slugs.values().map(|(_, _, common)| common.to_string()).collect();
        assert_eq!(shared.len(), 6, "no others do: {slugs:?}");
    }
    team.stop().await;
}

/// So many orders of the trees, the same in every run, and whether they are registered through the link.
fn orders(many: usize) -> Vec<(Vec<usize>, bool)> {
    let mut runner = TestRunner::deterministic();
    let all: Vec<usize> = (0..TREES.len()).collect();
    let orders = (Just(all).prop_shuffle(), proptest::bool::ANY);
    (0..many).map(|_| orders.new_tree(&mut runner).expect("an order").current()).collect()
}

/// Who is who: the program as its client names it, its key, its working tree and branch, what it is at and what it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_tells_agents_apart_over_all_workspaces() {
    let team = Team::start(Database::Sqlite).await;
    repository(&team);
    let service: &Brains = &team.services[0];
    for (name, at) in [("laptop", "shop"), ("desktop", "feat-b")] {
        let made = team.admin().operation("create_key", &json!({ "name": name, "agent": true })).await;
        let mcp = service.mcp.with_key(made["key"].as_str().expect("a key"));
        let connection = brains_tests::mcp::Connection::open_at(&mcp, "/mcp", "2025-11-25", name).await;
        let started = connection.call("start_session", json!({ "workspace": team.path(at) })).await;
        brains_tests::mcp::structured(&started);
        let held = connection.call("acquire_lock", json!({ "path": "src" })).await;
        brains_tests::mcp::structured(&held);
    }
    let watched = team.run(&["watch", "--once", "--json"]).await;
    let told: Value = serde_json::from_slice(&watched.stdout).expect("JSON");
    let line = |at: &str| {
        let mut all = told["sessions"].as_array().expect("sessions").iter();
        let found = all.find(|line| line["workspace"] == at).expect("a line");
        json!([found["tool"], found["key"], found["branch"], found["worktree"], found["holds"]])
    };
    assert_eq!(
        line("shop"),
        json!(["laptop", "laptop", "main", team.path("shop"), ["the path `src`"]]),
        "{told}"
    );
    assert_eq!(
        line("feat-b"),
        json!(["desktop", "desktop", "feature/b", team.path("feat-b"), ["the path `src`"]])
    );

    // Followed, it tells each change, and ends with the service.
    let mut following = service.home.command(&["watch", "--json"]);
    following
        .env("BRAINS_API_KEY", &service.client.key)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true);
    let mut following = following.spawn().expect("it runs");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(
        following.stdout.take().expect("its output"),
    ));
    let next = lines.next_line().await.expect("a line").expect("a line");
    assert_eq!(next.matches("\"id\"").count(), 2, "{next}");
    let third = team.agent(0).await;
    until("the third session", async || {
        let line = lines.next_line().await.expect("a line").expect("a line");
        line.contains(&third.id)
    })
    .await;
    team.stop().await;
    assert_eq!(following.wait().await.expect("it ends").code(), Some(6));
}

async fn a_task_for_all_working_trees_is_taken_once_in_any_of_them(database: Database) {
    let team = Team::start(database).await;
    repository(&team);
    let ((ann, _), (ben, _)) = (start(&team, "shop").await, start(&team, "feat-b").await);
    let stranger = team.agent(0).await;
    let make = async |title: &str, siblings: bool| {
        let made = ann.does("create_task", json!({ "title": title, "siblings": siblings })).await;
        assert_eq!(made["task"]["siblings"], json!(siblings), "{made}");
        made["task"]["code"].clone()
    };
    let (ours, mine) = (make("for all", true).await, make("here", false).await);
    let own = ben.does("create_task", json!({ "title": "younger, there", "priority": "p2" })).await;
    let codes = async |workspace: &str| -> Vec<Value> {
        let listed = ben.client.operation("list_tasks", &json!({ "workspace": workspace })).await;
        listed["tasks"].as_array().expect("tasks").iter().map(|task| task["code"].clone()).collect()
    };
    assert_eq!(codes("feat-b").await, [ours.clone(), own["task"]["code"].clone()], "the oldest first");
    assert_eq!(codes("shop").await, [ours.clone(), mine.clone()]);
    assert_eq!(codes("app").await, Vec::<Value>::new());
    stranger.refused("claim_task", json!({ "task": ours }), "session_elsewhere").await;
    ben.refused("claim_task", json!({ "task": mine }), "session_elsewhere").await;

    // Of both trees, asked at once and again and again, one gets it.
    for _ in 0..5 {
        let claim = || json!({ "task": ours });
        let (one, two) = tokio::join!(ann.call("claim_task", claim()), ben.call("claim_task", claim()));
        let statuses = [one.status, two.status];
        assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?}");
        let holder = if one.status == 200 { &ann } else { &ben };
        holder.does("release_task", json!({ "task": ours })).await;
    }
    let given = ben.does("next_task", json!({})).await;
    assert_eq!((&given["task"]["code"], &given["task"]["holder"]), (&ours, &json!(ben.id)), "{given}");
    let next = ann.does("next_task", json!({})).await;
    assert_eq!(next["task"]["code"], mine, "the other is taken");
    ann.does("release_task", json!({ "task": mine })).await;
    ben.does("comment_task", json!({ "task": ours, "body": "half way" })).await;
    let state = ben.client.operation("get_state", &json!({ "workspace": "feat-b" })).await;
    assert!(state["active_tasks"].to_string().contains("for all"), "{state}");
    assert_eq!(
        (&state["siblings"][0]["worktree"], &state["siblings"][0]["branch"]),
        (&json!("shop"), &json!("main")),
        "{state}"
    );
    // It is free when its holder's session ends, in whatever tree that was.
    ben.does("end_session", json!({ "summary": "done for today" })).await;
    until("the task to be free", async || {
        let shown = ann.looks("show_task", json!({ "task": ours })).await;
        shown["task"]["status"] == json!("available")
    })
    .await;
    let (cat, _) = start(&team, "feat-b").await;
    cat.does("claim_task", json!({ "task": ours })).await;
    let done = cat.does("complete_task", json!({ "task": ours, "summary": "both" })).await;
    assert_eq!(done["task"]["status"], json!("done"), "{done}");

    // Whoever does not see the tree that it was made in does not see it.
    make("hidden", true).await;
    team.admin()
        .operation("set_workspace_visibility", &json!({ "workspace": "shop", "visibility": "private" }))
        .await;
    let added = team.admin().operation("add_operator", &json!({ "slug": "bob" })).await;
    let bob = team.admin().with_key(added["key"].as_str().expect("a key"));
    let listed = bob.operation("list_tasks", &json!({ "workspace": "feat-b" })).await;
    assert!(!listed.to_string().contains("hidden"), "{listed}");
    let bob = Agent::start(bob, "feat-b").await;
    let given = bob.does("next_task", json!({})).await;
    assert_eq!(given["task"]["code"], own["task"]["code"], "{given}");
    team.stop().await;
}

async fn a_directory_that_was_moved_is_told_and_keeps_its_workspace(database: Database) {
    let team = Team::start(database).await;
    repository(&team);
    let shop = team.folder().join("shop");
    let ((ann, _), (ben, first)) = (start(&team, "shop").await, start(&team, "feat-b").await);
    let made = ben.does("create_task", json!({ "title": "kept" })).await;
    ben.does("acquire_lock", json!({ "path": "src" })).await;
    let before = ben.looks("show_workspace", json!({ "workspace": "feat-b" })).await["workspace"].clone();
    let moved = async |from: &str, to: &str, workspace: &str| {
        for name in ["register_workspace", "start_session"] {
            let member = if name == "start_session" { "workspace" } else { "path" };
            let asked = json!({ member: team.path(to) }).to_string();
            let refused = team.admin().post(&format!("/api/ops/{name}"), asked).await;
            let error = refused.json()["error"].clone();
            assert_eq!((refused.status, &error["code"]), (409, &json!("workspace_moved")), "{name} {error}");
            let told = format!("{} {}", error["message"], error["hint"]);
            assert!(told.contains("move_workspace") && told.contains(&team.path(from)), "{told}");
        }
        let done = team.run(&["workspace", "move", workspace, &team.path(to), "--json"]).await;
        assert!(done.status.success(), "{done:?}");
    };
    // One of them is still there: nothing is moved.
    let there = json!({ "workspace": "feat-b", "path": team.path("app") }).to_string();
    let refused = team.admin().post("/api/ops/move_workspace", there).await;
    assert_eq!(refused.json()["error"]["code"], json!("workspace_in_place"), "{}", refused.text());
    git(&shop, &["worktree", "move", "../feat-b", "../trees-b"]);
    moved("feat-b", "trees-b", "feat-b").await;
    let after =
        ben.looks("show_workspace", json!({ "workspace": team.path("trees-b") })).await["workspace"].clone();
    assert_eq!((&after["id"], &after["slug"]), (&before["id"], &before["slug"]), "{after}");
    assert_eq!(after["path"], json!(team.path("trees-b")));
    let (cat, second) = start(&team, "trees-b").await;
    assert_eq!(second["workspace"], first["workspace"]);
    assert_eq!(second["welcome"]["locks"][0]["session"], json!(ben.id), "{second}");
    cat.does("claim_task", json!({ "task": made["task"]["code"] })).await;

    // The repository itself is moved: its other working trees go on as its siblings.
    fs_err::rename(&shop, team.folder().join("store")).expect("moved");
    moved("shop", "store", "shop").await;
    let listed = ann.looks("list_sessions", json!({ "workspace": "shop" })).await;
    assert_eq!(listed["siblings"].as_array().map(Vec::len), Some(2), "{listed}");
    // A directory that is a later one with the same name is none that was moved.
    git(team.folder(), &["init", "-q", "fresh"]);
    let made = team.admin().operation("register_workspace", &json!({ "path": team.path("fresh") })).await;
    fs_err::remove_dir_all(team.folder().join("fresh")).expect("gone");
    git(team.folder(), &["init", "-q", "later"]);
    let other = team.admin().operation("register_workspace", &json!({ "path": team.path("later") })).await;
    assert_ne!(made["workspace"]["id"], other["workspace"]["id"]);
    team.stop().await;
}
