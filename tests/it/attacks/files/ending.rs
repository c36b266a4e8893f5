//! The end and the start: whatever hangs, a signal ends the process, and what others may write starts nothing.

use std::sync::Arc;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use brains_tests::dead::DeadMount;
use brains_tests::service::Home;
use brains_tests::{Brains, Client, Setup, until, within};
use serde_json::json;
use tokio::net::TcpListener;

use super::super::Before::{Fell, Held};
use super::super::Row;
use super::{Traps, fifo, row};

/// A service with a request under way that hangs.
async fn hanging(path: &str, operation: &str) -> Brains {
    let brains = Brains::plain().await;
    let input = match operation {
        "check_config" => json!({"document": format!("api_key: ${{FILE:{path}}}\n")}),
        "set_config" => json!({"key": "components.acme", "value": {"source": path}}),
        _ => json!({"workspace": path}),
    };
    let request = brains.client.request(http::Method::POST, &format!("/api/ops/{operation}"));
    let request = request.header("content-type", "application/json").body(input.to_string());
    drop(tokio::spawn(async move { drop(request.send().await) }));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    brains
}

pub(super) fn rows() -> Vec<Row<Traps>> {
    let mut rows = Vec::new();
    for operation in ["show_workspace", "check_config", "set_config"] {
        rows.push(row(
            "security 1",
            format!("SIGTERM while {operation} hangs in a dead mount"),
            Fell,
            move |_: Arc<Traps>| async move {
                let dead = DeadMount::default();
                let path = dead.path().join("x.wasm").display().to_string();
                let brains = hanging(&path, operation).await;
                let (_home, status) = brains.stop().await;
                assert!(status.success(), "{status}");
            },
        ));
    }
    rows.push(row(
        "security 1",
        "a second SIGTERM ends it at once, in a dead mount",
        Fell,
        |_: Arc<Traps>| async move {
            let dead = DeadMount::default();
            let brains = hanging(&dead.path().join("x").display().to_string(), "set_config").await;
            brains.signal("TERM");
            let (_home, status) = brains.stop().await;
            assert!(status.success(), "{status}");
        },
    ));
    rows.push(row(
        "security 1",
        "SIGTERM while the database says nothing at the start",
        Held,
        |_: Arc<Traps>| async move {
            let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = silent.local_addr().expect("an address");
            let home = Home::default();
            home.write_config(&format!("db_url: postgres://u@{address}/x\n"));
            let mut child = start(&home);
            let _spoken_to = within("the program to ask its database", silent.accept()).await.expect("asked");
            term(&child);
            within("the start to end", child.wait()).await.expect("ended");
        },
    ));
    for (what, make) in [
        ("a FIFO", (|home: &Home, _| fifo(&home.state().join("config.yaml"))) as fn(&Home, &DeadMount)),
        ("on a dead mount", |home, dead| {
            super::link(dead.path().join("config.yaml"), &home.state().join("config.yaml"));
        }),
    ] {
        rows.push(row(
            "security 1",
            format!("a start whose configuration is {what} says so or ends"),
            Fell,
            move |_: Arc<Traps>| async move {
                let (home, dead) = (Home::default(), DeadMount::default());
                fs_err::create_dir_all(home.state()).expect("made");
                make(&home, &dead);
                let mut child = start(&home);
                let status = within("the start to end", child.wait()).await.expect("ended");
                assert!(!status.success(), "{status}");
            },
        ));
    }
    for (what, mode) in [("everybody", 0o777), ("a group", 0o770)] {
        rows.push(row(
            "security low",
            format!("a state directory that {what} may write"),
            Fell,
            move |_: Arc<Traps>| async move {
                let home = Home::default();
                fs_err::create_dir_all(home.state()).expect("made");
                let open = std::fs::Permissions::from_mode(mode);
                fs_err::set_permissions(home.state(), open).expect("changed");
                let output = within("the refusal", start(&home).wait_with_output()).await.expect("ended");
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(!output.status.success(), "{told}");
                assert!(told.contains(&format!("chmod go-w '{}'", home.state().display())), "{told}");
            },
        ));
    }
    rows.push(row("security low", "a key file that others may write", Fell, |_: Arc<Traps>| async move {
        let home = Home::default();
        fs_err::create_dir_all(home.state()).expect("made");
        let key = home.state().join("admin-key");
        fs_err::write(&key, "0123456789012345678901234567890123456789").expect("written");
        fs_err::set_permissions(&key, std::fs::Permissions::from_mode(0o622)).expect("changed");
        let output = within("the refusal", start(&home).wait_with_output()).await.expect("ended");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("chmod go-w"), "{told}");
    }));
    rows.push(row(
        "security low",
        "everything that a service makes is closed to others",
        Fell,
        |_: Arc<Traps>| async move {
            let brains = Brains::start(Setup::default()).await;
            let mut folders = vec![brains.home.state().join("components"), brains.home.state().join("logs")];
            let mut seen = 0;
            while let Some(folder) = folders.pop() {
                for entry in fs_err::read_dir(&folder).into_iter().flatten().flatten() {
                    let found = entry.metadata().expect("there");
                    assert_eq!(found.permissions().mode() & 0o077, 0, "{}", entry.path().display());
                    seen += 1;
                    if found.is_dir() {
                        folders.push(entry.path());
                    }
                }
            }
            assert!(seen > 2, "compiled code lies there");
            brains.stop().await;
        },
    ));
    rows.push(row(
        "security 1",
        "an admin key that becomes a FIFO shuts out nobody else, and a rotated one counts at once",
        Fell,
        |scene: Arc<Traps>| async move {
            let key = scene.state("admin-key");
            let kept = fs_err::read_to_string(&key).expect("a key");
            fs_err::remove_file(&key).expect("removed");
            fifo(&key);
            let client = scene.brains.client.with_key(&scene.reader);
            let answers = within("others to be served", async {
                (client.get("/health/ready").await, client.post("/api/ops/list_workspaces", "{}").await)
            });
            let (ready, listed) = answers.await;
            assert_eq!((ready.status, listed.status), (200, 200), "{}", listed.text());
            fs_err::remove_file(&key).expect("removed");
            for round in 0..5 {
                let fresh = format!("another-key-0123456789abcdef-{round}");
                fs_err::write(&key, &fresh).expect("written");
                let answer =
                    scene.brains.client.with_key(&fresh).post("/api/ops/list_workspaces", "{}").await;
                assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
            }
            fs_err::write(&key, kept).expect("written");
            until("the key to be back", async || {
                Client::send(scene.operation(&scene.admin(), "list_workspaces", &json!({}))).await.status
                    == 200
            })
            .await;
            scene.goes_on().await;
        },
    ));
    rows
}

fn start(home: &Home) -> tokio::process::Child {
    let mut command = home.command(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn term(child: &tokio::process::Child) {
    let pid = child.id().expect("it runs").to_string();
    let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -TERM");
}
