//! What users of other queues, locks and boards met, tried here: names that frameworks give to files, one thing under many
//! spellings, circles of those who wait, mail to readers that go away, agents that come back. On both databases.

use brains_tests::client::Client;
use brains_tests::mcp::{self, Connection, structured};
use brains_tests::service::Brains;
use brains_tests::team::{Agent, Database, Team};
use brains_tests::{on_both_databases, until, within};
use serde_json::{Value, json};

on_both_databases! {
    paths_are_what_the_file_system_has globs_shut_out_what_they_match one_task_is_one_lock_and_one_focus
    a_holder_passes_those_whom_it_keeps_waiting who_would_wait_for_ever_through_a_queue_is_told
    blocks_and_dependencies_are_one_graph nothing_to_take_says_why mail_comes_until_its_reader_got_it
    a_reader_that_hangs_up_loses_nothing an_agent_finds_its_session_after_a_restart what_shows_nothing_is_refused
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {path}: {value}"))
}

/// vercel/next.js#88660, Aider-AI/aider#2616.
async fn paths_are_what_the_file_system_has(database: Database) {
    let team = Team::start(database).await;
    let (one, two) = (team.agent(0).await, team.agent(0).await);
    let root = fs_err::canonicalize(team.path("app")).expect("a directory").display().to_string();
    let mut inside = vec![
        ("app/[slug]/page.tsx".to_owned(), "app/[slug]/page.tsx"),
        ("app/[...rest]/route.ts".to_owned(), "app/[...rest]/route.ts"),
        ("app/(shop)/@modal/[[...all]]/page.tsx".to_owned(), "app/(shop)/@modal/[[...all]]/page.tsx"),
        ("{{cookiecutter.slug}}/setup.py".to_owned(), "{{cookiecutter.slug}}/setup.py"),
        ("~$report.docx".to_owned(), "~$report.docx"),
        ("routes/$id.tsx".to_owned(), "routes/$id.tsx"),
        ("src/../src/a.rs".to_owned(), "src/a.rs"),
    ];
    inside.push((format!("{root}/lib/b.rs"), "lib/b.rs"));
    for (given, kept) in inside {
        let lock = one.does("acquire_lock", json!({ "path": given })).await;
        assert_eq!(text(&lock, "/lock/resource"), kept);
        two.refused("acquire_lock", json!({ "path": kept }), "lock_held").await;
        let blocked = two.looks("who_blocks", json!({ "path": given, "workspace": "app" })).await;
        assert_eq!(blocked["free"], false, "{given}");
        let focus = two.does("set_focus", json!({ "paths": [given] })).await;
        assert_eq!(focus["focus"]["paths"], json!([kept]));
        assert_eq!(focus["warnings"][0]["locked"], true, "{focus}");
        assert_eq!(one.does("release_lock", json!({ "path": given })).await["released"], true);
    }
    for outside in [
        "/etc/passwd",
        "../other/a.rs",
        "src/../../a",
        "~/a.rs",
        &format!("{root}/../x"),
        &format!("{root}x/a"),
    ] {
        one.refused("acquire_lock", json!({ "path": outside }), "invalid_path").await;
        one.refused("set_focus", json!({ "paths": [outside] }), "invalid_path").await;
    }
    team.stop().await;
}

async fn globs_shut_out_what_they_match(database: Database) {
    let team = Team::start(database).await;
    let (one, two) = (team.agent(0).await, team.agent(0).await);
    one.does("acquire_lock", json!({ "path": "src/**/*.rs" })).await;
    for free in ["src/README.md", "docs/guide.md", "src/**/*.md", "Cargo.toml"] {
        two.does("acquire_lock", json!({ "path": free })).await;
    }
    for held in ["src/cart.rs", "src/a/b/c.rs", "src", "src/", "**/*.rs", "src/a", "**"] {
        two.refused("acquire_lock", json!({ "path": held }), "lock_held").await;
    }
    two.refused("acquire_lock", json!({}), "lock_held").await;
    team.stop().await;
}

async fn one_task_is_one_lock_and_one_focus(database: Database) {
    let team = Team::start(database).await;
    let (one, two) = (team.agent(0).await, team.agent(0).await);
    let task = one.does("create_task", json!({ "title": "t" })).await["task"].clone();
    let (code, id) = (text(&task, "/code").to_owned(), text(&task, "/id").to_owned());
    let spellings = [code.clone(), id, code.to_lowercase(), format!(" {code} ")];
    for spelling in &spellings {
        let lock = one.does("acquire_lock", json!({ "task": spelling })).await;
        assert_eq!(text(&lock, "/lock/resource"), code);
        for other in &spellings {
            two.refused("acquire_lock", json!({ "task": other }), "lock_held").await;
            let seen = two.looks("who_blocks", json!({ "task": other, "workspace": "app" })).await;
            assert_eq!(seen["free"], false);
        }
        one.does("set_focus", json!({ "task": spelling })).await;
        let focus = two.does("set_focus", json!({ "task": code })).await;
        let warnings = focus["warnings"].as_array().expect("a list");
        assert_eq!(warnings.len(), 2, "at it and holding it: {focus}");
        assert_eq!(
            one.does("release_lock", json!({ "task": spelling, "all": true })).await["released"],
            true
        );
    }
    for unknown in ["APP-999", "nothing", "task_01kax3v7yqe5nbp8w0c4mzt6rd"] {
        for name in ["acquire_lock", "set_focus", "release_lock"] {
            one.refused(name, json!({ "task": unknown }), "task_not_found").await;
        }
    }
    team.stop().await;
}

async fn waits(team: &Team, count: usize) {
    until("somebody to wait", async || {
        let listed = team.admin().operation("list_locks", &json!({ "workspace": "app" })).await;
        listed["waiting"].as_array().is_some_and(|waiting| waiting.len() == count)
    })
    .await;
}

/// As Postgres lets one who holds a lock pass those whom it keeps waiting.
async fn a_holder_passes_those_whom_it_keeps_waiting(database: Database) {
    let team = Team::start(database).await;
    let (holder, other) = (team.agent(0).await, team.agent(0).await);
    let held = holder.does("acquire_lock", json!({ "path": "src" })).await;
    let wait = other.does("acquire_lock", json!({ "path": "src", "wait_ms": 60_000 }));
    let pass = async {
        waits(&team, 1).await;
        let inner = holder.does("acquire_lock", json!({ "path": "src/x.rs" })).await;
        holder.does("release_lock", json!({ "id": inner["lock"]["id"] })).await;
        holder.does("release_lock", json!({ "id": held["lock"]["id"] })).await;
    };
    within("the waiter is served", futures_util::future::join(wait, pass)).await;
    team.stop().await;
}

/// cockroachdb/cockroach#110435.
async fn who_would_wait_for_ever_through_a_queue_is_told(database: Database) {
    let team = Team::start(database).await;
    let (a, b, c) = (team.agent(0).await, team.agent(0).await, team.agent(0).await);
    let shared = a.does("acquire_lock", json!({ "name": "r", "mode": "shared" })).await;
    let mine = b.does("acquire_lock", json!({ "name": "q" })).await;
    let alone = c.does("acquire_lock", json!({ "name": "r", "wait_ms": 60_000 }));
    let behind = async {
        waits(&team, 1).await;
        b.does("acquire_lock", json!({ "name": "r", "mode": "shared", "wait_ms": 60_000 })).await
    };
    let told = async {
        waits(&team, 2).await;
        let refused =
            a.refused("acquire_lock", json!({ "name": "q", "wait_ms": 60_000 }), "lock_deadlock").await;
        assert!(refused["hint"].is_string(), "{refused}");
        a.does("release_lock", json!({ "id": shared["lock"]["id"] })).await;
        waits(&team, 1).await;
        c.does("release_lock", json!({ "name": "r" })).await;
        b.does("release_lock", json!({ "id": mine["lock"]["id"] })).await;
    };
    let all = Box::pin(async { futures_util::join!(alone, behind, told) });
    within("everybody is served", all).await;
    team.stop().await;
}

/// gastownhall/beads#4814, #6506.
async fn blocks_and_dependencies_are_one_graph(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    let task = async |title: &str, needs: Value| {
        let made = agent.does("create_task", json!({ "title": title, "depends_on": needs })).await;
        text(&made, "/task/code").to_owned()
    };
    let first = task("first", json!([])).await;
    let second = task("second", json!([first])).await;
    let third = task("third", json!([second])).await;
    // A dependency, then a block that would close the circle, however long it is.
    for on in [&second, &third] {
        let refused = agent
            .refused("block_task", json!({ "task": first, "reason": "r", "on": on }), "dependency_circle")
            .await;
        assert_eq!(refused["param"], "on");
        assert!(text(&refused, "/message").contains(&format!("{first} waits for {on}")), "{refused}");
    }
    // A block, then a dependency.
    let fourth = task("fourth", json!([])).await;
    agent.does("block_task", json!({ "task": fourth, "reason": "r", "on": third })).await;
    let closes = json!({ "task": first, "depends_on": [fourth] });
    agent.refused("update_task", closes, "dependency_circle").await;
    let itself = json!({ "task": first, "reason": "r", "on": first });
    agent.refused("block_task", itself, "dependency_circle").await;
    // What closes no circle goes on, and each is done in its turn.
    for code in [&first, &second, &third, &fourth] {
        let next = agent.does("next_task", json!({})).await;
        assert_eq!(text(&next, "/task/code"), code);
        agent.does("complete_task", json!({ "task": code })).await;
    }
    team.stop().await;
}

async fn nothing_to_take_says_why(database: Database) {
    let team = Team::start(database).await;
    let (one, two) = (team.agent(0).await, team.agent(0).await);
    let why = async |agent: &Agent, input: Value| {
        let next = agent.does("next_task", input).await;
        assert_eq!(next["task"], Value::Null, "{next}");
        text(&next, "/why").to_owned()
    };
    assert_eq!(why(&one, json!({})).await, "no task of `app` is open");
    let make = async |input: Value| text(&one.does("create_task", input).await, "/task/code").to_owned();
    let held = make(json!({ "title": "held" })).await;
    two.does("claim_task", json!({ "task": held })).await;
    let blocked = make(json!({ "title": "blocked" })).await;
    one.does("block_task", json!({ "task": blocked, "reason": "no key for the shop" })).await;
    let waits = make(json!({ "title": "waits", "depends_on": [held] })).await;
    let theirs = make(json!({ "title": "theirs", "assignee": two.id })).await;
    let told = why(&one, json!({})).await;
    for part in [
        format!("`{held}` is held by `{}`", two.id),
        format!("`{blocked}` is blocked: no key for the shop"),
        format!("`{waits}` waits for `{held}` (in_progress)"),
        format!("`{theirs}` is for `{}` alone", two.id),
    ] {
        assert!(told.contains(&part), "{part} in {told}");
    }
    let tagged = why(&one, json!({ "tags": ["none"] })).await;
    assert!(tagged.contains("with these tags"), "{tagged}");
    team.stop().await;
}

fn subjects(read: &Value) -> Vec<String> {
    let messages = read["messages"].as_array().expect("messages");
    messages.iter().map(|letter| text(letter, "/subject").to_owned()).collect()
}

async fn mail_comes_until_its_reader_got_it(database: Database) {
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    let mut ids = Vec::new();
    for number in 0..5 {
        let sent = ann.does("send_message", json!({ "subject": format!("m{number}"), "to": [bob.id] })).await;
        ids.push(sent["message"]["id"].clone());
    }
    let receipt = async |at: usize| {
        ann.does("show_message", json!({ "message": ids[at] })).await["receipts"][0]["read_at"].clone()
    };
    let first = bob.does("read_messages", json!({ "limit": 2 })).await;
    assert_eq!((subjects(&first), first["unread"].as_u64()), (vec!["m0".into(), "m1".into()], Some(3)));
    assert_eq!(receipt(0).await, Value::Null, "that an answer was given is no reading");
    let again = bob.does("read_messages", json!({ "limit": 2 })).await;
    assert_eq!(subjects(&again), subjects(&first), "the first may have been lost on its way");
    let next = bob.does("read_messages", json!({ "limit": 2, "cursor": again["next_cursor"] })).await;
    assert_eq!(subjects(&next), ["m2", "m3"]);
    assert!(receipt(0).await.is_string() && receipt(1).await.is_string());
    assert_eq!(receipt(2).await, Value::Null);
    // One by one, out of turn; and the line about mail counts what is left.
    let rest = bob.does("read_messages", json!({ "ack": [ids[3], ids[0]] })).await;
    assert_eq!(subjects(&rest), ["m2", "m4"]);
    let told = bob.call("heartbeat_session", json!({})).await;
    assert_eq!(told.header("x-brains-mail"), "2 unread messages: read_messages shows them");
    let wait = bob.does("wait_messages", json!({ "cursor": rest["next_cursor"], "timeout_ms": 0 })).await;
    assert_eq!(wait["messages"], json!([]));
    assert_eq!(bob.call("heartbeat_session", json!({})).await.header("x-brains-mail"), "");
    // Who takes the risk says so.
    ann.does("send_message", json!({ "subject": "last", "to": [bob.id] })).await;
    let at_once = bob.does("read_messages", json!({ "mark_read": true })).await;
    assert_eq!((subjects(&at_once), &at_once["next_cursor"]), (vec!["last".into()], &Value::Null));
    assert_eq!(bob.does("read_messages", json!({})).await["messages"], json!([]));
    bob.refused("read_messages", json!({ "cursor": "no cursor!" }), "invalid_value").await;
    team.stop().await;
}

/// `mcp_agent_mail_rust#229`: readers that hang up while they are answered.
async fn a_reader_that_hangs_up_loses_nothing(database: Database) {
    const MESSAGES: usize = 60;
    let team = Team::start(database).await;
    let (ann, bob) = (team.agent(0).await, team.agent(0).await);
    for number in 0..MESSAGES {
        ann.does("send_message", json!({ "subject": format!("m{number:02}"), "to": [bob.id] })).await;
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut cursor = Value::Null;
    for round in 0..400_u64 {
        let call = bob.call("read_messages", json!({ "limit": 3, "cursor": cursor }));
        // Every other answer is not waited for to its end.
        let patience = std::time::Duration::from_micros(if round % 2 == 0 {
            200 + round * 37 % 4_000
        } else {
            30_000_000
        });
        let Ok(answer) = tokio::time::timeout(patience, call).await else { continue };
        let read = answer.json();
        let subjects = subjects(&read);
        if subjects.is_empty() {
            break;
        }
        seen.extend(subjects);
        cursor = read["next_cursor"].clone();
    }
    assert_eq!(seen.len(), MESSAGES, "{seen:?}");
    team.stop().await;
}

/// Reconnects after a restart of the service: the ids of its connections are of the process before.
async fn an_agent_finds_its_session_after_a_restart(database: Database) {
    let mut team = Team::start(database).await;
    let mcp = team.services[0].mcp.clone();
    let connection = Connection::open(&mcp).await;
    let started = structured(&connection.call("start_session", json!({ "workspace": "app" })).await);
    structured(&connection.call("acquire_lock", json!({ "path": "src" })).await);
    assert!(started["welcome"]["hints"].to_string().contains("`resume_session`"), "{started}");
    let native = async |mcp: &Client, tool: &str, arguments: Value| {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": { "threadId": "thread-1" } });
        mcp::reply(&Client::send(mcp::stateless(mcp, "/mcp", "tools/call", params)).await)
    };
    let known = structured(&native(&mcp, "start_session", json!({ "workspace": "app" })).await);
    structured(&native(&mcp, "acquire_lock", json!({ "path": "docs" })).await);

    let home = team.services.remove(0).kill().await;
    team.services.push(Brains::start_in(home, team.setup()).await);
    let mcp = team.services[0].mcp.clone();
    let connection = Connection::open(&mcp).await;
    let refused = mcp::refused(&connection.call("release_lock", json!({ "path": "src" })).await);
    assert_eq!(refused["code"], "session_required");
    assert!(text(&refused, "/hint").contains("`resume_session` with your `session_token`"), "{refused}");
    let token = json!({ "session_token": started["session_token"] });
    let resumed = structured(&connection.call("resume_session", token.clone()).await);
    assert_eq!((&resumed["session_id"], &resumed["session"]["epoch"]), (&started["session_id"], &json!(2)));
    assert_eq!(resumed["locks"][0]["resource"], "src");
    let released = structured(&connection.call("release_lock", json!({ "path": "src" })).await);
    assert_eq!(released["released"], true);
    let stale = mcp::refused(&Connection::open(&mcp).await.call("resume_session", token).await);
    assert!(stale["code"].is_string(), "its token of before is void: {stale}");

    // One who is known by an id of its own is the same, whether it starts again or goes on.
    let again = structured(&native(&mcp, "start_session", json!({ "workspace": "app" })).await);
    assert_eq!(again["session_id"], known["session_id"], "{again}");
    assert!(again["welcome"]["hints"].to_string().contains("that you had before"), "{again}");
    let released = structured(&native(&mcp, "release_lock", json!({ "path": "docs" })).await);
    assert_eq!(released["released"], true);
    team.stop().await;
}

async fn what_shows_nothing_is_refused(database: Database) {
    let team = Team::start(database).await;
    let agent = team.agent(0).await;
    let task = agent.does("create_task", json!({ "title": "t" })).await["task"]["code"].clone();
    for blank in ["\u{200b}", "\u{200b}\u{feff} ", "\u{3164}", "\u{202e}"] {
        for (name, input) in [
            ("create_task", json!({ "title": blank })),
            ("update_task", json!({ "task": task, "title": blank })),
            ("comment_task", json!({ "task": task, "body": blank })),
            ("block_task", json!({ "task": task, "reason": blank })),
            ("send_message", json!({ "subject": blank })),
            ("set_handoff", json!({ "title": blank })),
            ("acquire_lock", json!({ "name": blank })),
            ("append_event", json!({ "kind": "k", "message": blank })),
        ] {
            agent.refused(name, input, "invalid_value").await;
        }
    }
    let made = agent.does("create_task", json!({ "title": "nul", "body": "a\u{0}b" })).await;
    assert_eq!(made["task"]["body"], "a\u{fffd}b");
    assert!(made["warnings"].to_string().contains("`body` held NUL"), "{made}");
    team.stop().await;
}
