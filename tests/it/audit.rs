//! The audit log from outside: every way of changing the database behind its back is found, on both databases, and an
//! export is checked by somebody who knows nothing but a public key.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use brains_tests::team::{Database, Team};
use brains_tests::{on_both_databases, until, within};
use serde_json::{Value, json};

on_both_databases! {
    every_kind_of_tampering_is_found an_export_is_checked_without_a_secret a_new_key_takes_over_while_the_service_runs
    an_older_database_put_back_is_known
}

/// Runs SQL as somebody who can write to the database and knows nothing of us.
fn sql(url: &str, text: &str) {
    let done = match url.strip_prefix("sqlite://") {
        Some(path) => {
            // Python brings SQLite along.
            let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=20); c.executescript(sys.argv[2]); c.close()";
            Command::new("python3").args(["-c", script, path, text]).output()
        }
        None => Command::new("psql").args([url, "-q", "-v", "ON_ERROR_STOP=1", "-c", text]).output(),
    };
    let done = done.expect("a database shell");
    assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A verb on the command line, with the key that the team's services share.
async fn run(team: &Team, arguments: &[&str]) -> Output {
    let mut command = team.services[0].home.command(arguments);
    within("the verb", command.env("BRAINS_API_KEY", &team.admin().key).output())
        .await
        .expect("the program starts")
}

async fn verified(team: &Team) -> Value {
    team.admin().operation("verify_audit", &json!({})).await
}

/// The fault of the only chain that has one.
fn fault(verified: &Value) -> Option<String> {
    let chains = verified["chains"].as_array().expect("chains");
    chains.iter().find_map(|chain| chain["fault"].as_str().map(str::to_owned))
}

async fn with_entries(database: Database) -> Team {
    let team = Team::start(database).await;
    for slug in ["ann", "bob", "cid", "dan", "eve"] {
        team.admin().operation("add_operator", &json!({"slug": slug})).await;
    }
    // The program writes down what it loaded at its start; only then nothing but the test writes.
    let mut before = None;
    until("the log to be quiet", async || {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let entries = verified(&team).await["chains"].clone();
        before.replace(entries.clone()) == Some(entries)
    })
    .await;
    team
}

async fn every_kind_of_tampering_is_found(database: Database) {
    let team = with_entries(database).await;
    assert_eq!(verified(&team).await["ok"], json!(true));
    sql(
        &team.url,
        "CREATE TABLE spare AS SELECT * FROM audit_entry; CREATE TABLE spare_head AS SELECT * FROM audit_head;",
    );
    let restore = "DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM spare;
        DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM spare_head;";
    let newest = "(SELECT MAX(seq) FROM spare WHERE scope = 'global')";
    let mut changes: Vec<(String, &str)> = Vec::new();
    for column in ["id", "operator", "key_id", "session", "surface", "action", "detail", "prev_hash", "hash"]
    {
        changes.push((
            format!("UPDATE audit_entry SET {column} = 'other' WHERE scope = 'global' AND seq = 2"),
            "edited",
        ));
    }
    changes.push(("UPDATE audit_entry SET at = at + 1 WHERE scope = 'global' AND seq = 2".into(), "edited"));
    changes.push(("DELETE FROM audit_entry WHERE scope = 'global' AND seq = 1".into(), "missing"));
    changes.push(("DELETE FROM audit_entry WHERE scope = 'global' AND seq = 3".into(), "missing"));
    changes.push((format!("DELETE FROM audit_entry WHERE scope = 'global' AND seq = {newest}"), "head"));
    changes.push(("DELETE FROM audit_entry WHERE scope = 'global'".into(), "head"));
    changes.push((
        "UPDATE audit_entry SET seq = 1000 WHERE scope = 'global' AND seq = 2;
         UPDATE audit_entry SET seq = 2 WHERE scope = 'global' AND seq = 3;
         UPDATE audit_entry SET seq = 3 WHERE scope = 'global' AND seq = 1000"
            .into(),
        "edited",
    ));
    changes.push((
        format!(
            "DELETE FROM audit_entry WHERE scope = 'global' AND seq = {newest};
             UPDATE audit_head SET seq = seq - 1, hash = (SELECT hash FROM spare WHERE scope = 'global' AND seq = {newest} - 1)
             WHERE scope = 'global'"
        ),
        "forged",
    ));
    changes.push(("UPDATE audit_head SET signature = NULL".into(), "unsealed"));
    changes.push(("UPDATE audit_head SET seal_key = signature".into(), "forged"));
    for (change, expected) in changes {
        sql(&team.url, &format!("{change};"));
        let found = verified(&team).await;
        let fault = fault(&found).unwrap_or_default();
        // Once a minute it is written down elsewhere how far the log has come: what was cut off is then known by that.
        let shorter = change.contains("DELETE") && fault == "rolled_back";
        assert_eq!(found["ok"], json!(false), "{change}: {found}");
        assert!(fault == expected || shorter, "{change}: {found}");
        let told = run(&team, &["audit", "verify", "--json"]).await;
        assert_eq!(told.status.code(), Some(1), "{change}");
        sql(&team.url, restore);
        assert_eq!(verified(&team).await["ok"], json!(true), "after {change}");
    }
    team.stop().await;
}

/// Checks an export with the program that the guide hands out.
fn checked(export: &Path, key: &str) -> (bool, String) {
    #[expect(clippy::disallowed_methods, reason = "the runner names its Python by environment")]
    let python = std::env::var("BRAINS_TEST_PYTHON").expect("`cargo xtask test` makes a Python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/audit/verify_export.py");
    let output = Command::new(python)
        .arg(script)
        .arg(export)
        .arg(key)
        .stdin(Stdio::null())
        .output()
        .expect("Python starts");
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), told)
}

async fn an_export_is_checked_without_a_secret(database: Database) {
    let team = with_entries(database).await;
    let exported = async || {
        let output = run(&team, &["audit", "export"]).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let first = verified(&team).await["key"].as_str().expect("a key").to_owned();
    let rotated = team.admin().operation("rotate_audit_key", &json!({})).await;
    team.admin().operation("add_operator", &json!({"slug": "fay"})).await;
    let text = exported().await;
    let file = team.folder().join("audit.jsonl");
    fs_err::write(&file, &text).expect("written");
    for key in [first.as_str(), rotated["to"].as_str().expect("a key")] {
        let (sound, told) = checked(&file, key);
        assert!(sound, "{told}");
    }
    let nobody = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert!(!checked(&file, nobody).0, "a key that vouches for nothing");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 8 && !text.contains(" \"seed\""));
    for gone in 0..lines.len() {
        // The first line is a greeting, and of hand-overs only the one that is needed counts.
        if lines[gone].contains("\"type\":\"export\"") {
            continue;
        }
        let rest: Vec<&str> =
            lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line).collect();
        fs_err::write(&file, rest.join("\n")).expect("written");
        let (sound, told) = checked(&file, &first);
        assert!(!sound, "without line {gone} ({}): {told}", lines[gone]);
    }
    fs_err::write(&file, text.replace("\"operator\":\"admin\"", "\"operator\":\"eve\"")).expect("written");
    assert!(!checked(&file, &first).0);
    team.stop().await;
}

async fn a_new_key_takes_over_while_the_service_runs(database: Database) {
    let team = with_entries(database).await;
    let key = team.services[0].home.state().join("audit-key");
    let before = fs_err::read_to_string(&key).expect("a key");
    assert_eq!(before.trim().len(), 64);
    let refused = run(&team, &["audit", "rotate-key"]).await;
    assert_eq!(refused.status.code(), Some(2), "it asks first");
    let rotated = run(&team, &["audit", "rotate-key", "--yes"]).await;
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let after = fs_err::read_to_string(&key).expect("a key");
    assert_ne!(before, after);
    team.admin().operation("add_operator", &json!({"slug": "gus"})).await;
    let found = verified(&team).await;
    assert_eq!(found["ok"], json!(true), "{found}");
    // An entry that lost its hand-over leaves the new key a stranger.
    sql(&team.url, "UPDATE audit_entry SET action = 'other' WHERE action = 'audit.hand_over';");
    assert_eq!(verified(&team).await["ok"], json!(false));
    team.stop().await;
}

async fn an_older_database_put_back_is_known(database: Database) {
    let mut team = with_entries(database).await;
    sql(
        &team.url,
        "CREATE TABLE older AS SELECT * FROM audit_entry; CREATE TABLE older_head AS SELECT * FROM audit_head;",
    );
    team.admin().operation("add_operator", &json!({"slug": "hal"})).await;
    let heads = run(&team, &["audit", "export", "--heads-only"]).await;
    let anchors = team.folder().join("anchors.jsonl");
    fs_err::write(&anchors, &heads.stdout).expect("written");
    // A service that ends writes down where the log stood.
    let setup = team.setup();
    let (home, status) = team.services.remove(0).stop().await;
    assert!(status.success());
    sql(
        &team.url,
        "DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM older;
         DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM older_head;
         DELETE FROM event WHERE scope = 'global' AND seq > (SELECT MAX(seq) FROM older WHERE scope = 'global');",
    );
    team.services.push(brains_tests::Brains::start_in(home, setup).await);
    let found = verified(&team).await;
    assert_eq!(fault(&found).as_deref(), Some("rolled_back"), "{found}");
    // Without what lies beside the database only the copy elsewhere knows.
    fs_err::remove_file(team.services[0].home.state().join("audit-anchors")).expect("removed");
    assert_eq!(verified(&team).await["ok"], json!(true));
    let anchors = anchors.display().to_string();
    let told = run(&team, &["audit", "verify", "--json", "--anchors", &anchors]).await;
    assert_eq!(told.status.code(), Some(1), "{}", String::from_utf8_lossy(&told.stderr));
    assert!(String::from_utf8_lossy(&told.stdout).contains("rolled_back"));
    team.stop().await;
}
