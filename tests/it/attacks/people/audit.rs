//! The audit log, altered by somebody who may change the rules of the database too: rows that belong to no chain are found
//! and never listed.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use brains_tests::team::{Database, Team};
use brains_tests::until;
use serde_json::{Value, json};

use crate::attacks::{Before, Fell, Held, Row, Scene, row, withstand};

/// A service over a database of one kind, quiet, and the means to write past it.
pub(super) struct Altered<const POSTGRES: bool> {
    team: Team,
}

impl<const POSTGRES: bool> Scene for Altered<POSTGRES> {
    async fn open() -> Self {
        super::opened(Self::fresh())
    }
}

impl<const POSTGRES: bool> Altered<POSTGRES> {
    async fn fresh() -> Self {
        let team = Team::start(if POSTGRES { Database::Postgres } else { Database::Sqlite }).await;
        for slug in ["ann", "bob", "cid"] {
            team.admin().operation("add_operator", &json!({ "slug": slug })).await;
        }
        let this = Self { team };
        // What the program writes down by itself at its start is done.
        let mut before = None;
        until("the log to be quiet", async || {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let chains = this.verified().await["chains"].clone();
            before.replace(chains.clone()) == Some(chains)
        })
        .await;
        if POSTGRES {
            this.sql(
                "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_seq_check;
                 ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_scope_seq_key;
                 ALTER TABLE audit_entry ALTER seq DROP NOT NULL; ALTER TABLE audit_entry ALTER scope DROP NOT NULL;
                 ALTER TABLE audit_entry ALTER at DROP NOT NULL; ALTER TABLE audit_entry ALTER operator DROP NOT NULL;
                 ALTER TABLE audit_head DROP CONSTRAINT audit_head_seq_check;
                 ALTER TABLE audit_seal DROP CONSTRAINT audit_seal_seq_check",
            );
        }
        this
    }

    fn sql(&self, text: &str) {
        let done = match self.team.url.strip_prefix("sqlite://") {
            Some(path) => {
                let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=20); c.executescript('PRAGMA ignore_check_constraints = ON;' + sys.argv[2]); c.close()";
                Command::new("python3").args(["-c", script, path, text]).output()
            }
            None => Command::new("psql")
                .args([&self.team.url, "-q", "-v", "ON_ERROR_STOP=1", "-c", text])
                .output(),
        };
        let done = done.expect("a database shell");
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
    }

    async fn verified(&self) -> Value {
        self.team.admin().operation("verify_audit", &json!({})).await
    }
}

/// What is forged, for both databases or for Postgres alone, whose rules may all be taken away.
type Forgery = (&'static str, &'static str, bool, Before);

const COPY: &str = "INSERT INTO audit_entry (id, scope, seq, at, operator, action, detail, prev_hash, hash)
    SELECT 'aud_forged', SCOPE, SEQ, at, 'eve', 'key.create', detail, prev_hash, hash
    FROM audit_entry WHERE scope = 'global' AND seq = 2";

const FORGERIES: [Forgery; 9] = [
    ("at position 0", "'global', 0", false, Fell),
    ("at position -1", "'global', -1", false, Fell),
    ("at the lowest position there is", "'global', -9223372036854775806", false, Fell),
    (
        "right behind the head",
        "'global', (SELECT seq + 1 FROM audit_head WHERE scope = 'global')",
        false,
        Fell,
    ),
    ("far behind the head", "'global', 9223372036854775806", false, Fell),
    ("in a scope that has no head", "'workspace:ws_forged', 1", false, Fell),
    ("beside another", "'global', 3", true, Held),
    ("at no position", "'global', NULL", true, Fell),
    ("in no scope", "NULL, 1", true, Fell),
];

pub(super) fn rows<const POSTGRES: bool>() -> Vec<Row<Altered<POSTGRES>>> {
    let mut rows = Vec::new();
    for (what, place, postgres, before) in FORGERIES {
        if postgres && !POSTGRES {
            continue;
        }
        let told = format!("an entry {what}, Postgres: {POSTGRES}");
        rows.push(row("security low: audit", told, before, move |at: Arc<Altered<POSTGRES>>| async move {
            let (scope, seq) = place.split_once(", ").expect("two columns");
            at.sql(&COPY.replace("SCOPE", scope).replace("SEQ", seq));
            let found = at.verified().await;
            at_most(&at, scope.trim_matches('\'')).await;
            at.sql("DELETE FROM audit_entry WHERE id = 'aud_forged'");
            assert_eq!(found["ok"], false, "{found}");
            assert_eq!(at.verified().await["ok"], true);
        }));
    }
    let seal = "INSERT INTO audit_seal (scope, seq, hash, sealed_at, seal_key, signature) VALUES ('global', 0, 'h', 0, 'k', 's')";
    for (what, change, undo, before) in [
        ("a seal at position 0", seal, "DELETE FROM audit_seal WHERE seq = 0", Fell),
        (
            "a head without entries",
            "INSERT INTO audit_head (scope, seq, hash) VALUES ('forged', 3, 'h')",
            "DELETE FROM audit_head WHERE scope = 'forged'",
            Held,
        ),
        (
            "a head before the first entry",
            "INSERT INTO audit_head (scope, seq, hash) VALUES ('forged', -3, 'h')",
            "DELETE FROM audit_head WHERE scope = 'forged'",
            Held,
        ),
        (
            "an entry at another time",
            "UPDATE audit_entry SET at = at - 1 WHERE scope = 'global' AND seq = 2",
            "UPDATE audit_entry SET at = at + 1 WHERE scope = 'global' AND seq = 2",
            Held,
        ),
        (
            "an entry by an agent",
            "UPDATE audit_entry SET agent = TRUE WHERE scope = 'global' AND seq = 2",
            "UPDATE audit_entry SET agent = NULL WHERE scope = 'global' AND seq = 2",
            Fell,
        ),
    ] {
        let told = format!("{what}, Postgres: {POSTGRES}");
        rows.push(row("security low: audit", told, before, move |at: Arc<Altered<POSTGRES>>| async move {
            at.sql(change);
            let found = at.verified().await;
            at.sql(undo);
            assert_eq!(found["ok"], false, "{found}");
            assert_eq!(at.verified().await["ok"], true);
        }));
    }
    if POSTGRES {
        rows.push(row("security low: audit", "an entry without a time", Fell, move |at: Arc<Altered<POSTGRES>>| async move {
            at.sql("CREATE TABLE spare AS SELECT * FROM audit_entry; UPDATE audit_entry SET at = NULL WHERE seq = 2");
            let found = at.verified().await;
            at.sql("DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM spare; DROP TABLE spare");
            assert_eq!(found["ok"], false, "{found}");
        }));
    }
    rows.push(row(
        "security low: audit",
        "honest: an untouched log is whole and listed whole",
        Held,
        move |at: Arc<Altered<POSTGRES>>| async move {
            assert_eq!(at.verified().await["ok"], true);
            let listed = at.team.admin().operation("list_audit", &json!({ "limit": 1000 })).await;
            let seqs: Vec<i64> = listed["entries"]
                .as_array()
                .expect("entries")
                .iter()
                .filter_map(|one| one["seq"].as_i64())
                .collect();
            assert!(!seqs.is_empty() && seqs.iter().rev().copied().eq(1..=seqs[0]), "{seqs:?}");
        },
    ));
    rows
}

/// Nothing that was forged is listed as if it belonged to the chain.
async fn at_most<const POSTGRES: bool>(at: &Altered<POSTGRES>, scope: &str) {
    let scope = if scope == "NULL" { "global" } else { scope };
    let listed = at
        .team
        .admin()
        .post("/api/ops/list_audit", json!({ "scope": scope, "limit": 1000 }).to_string())
        .await;
    let text = listed.text();
    // Beside another of the same position none can be told from the other; the check finds both.
    let positions = listed.json()["entries"]
        .as_array()
        .map_or(0, |entries| entries.iter().filter(|one| one["seq"] == 3).count());
    assert!(positions > 1 || !text.contains("aud_forged"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_entry_is_found_on_sqlite() {
    withstand(rows::<false>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_entry_is_found_on_postgres() {
    withstand(rows::<true>()).await;
}
