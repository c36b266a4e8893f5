use std::collections::BTreeSet;
use std::path::Path;

use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqlSafeStr as _};

use super::bed::{Aside, Bed, on_both};
use crate::migrate::MIGRATIONS;
use crate::{Store, StoreError};

on_both! { applied_once_by_many_at_once newer_and_altered_are_refused every_statement_is_understood }

#[test]
fn migrations_come_in_pairs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let names = |database: &str| -> BTreeSet<String> {
        fs_err::read_dir(root.join(database))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let embedded: BTreeSet<String> =
        MIGRATIONS.iter().map(|migration| format!("{}.sql", migration.name)).collect();
    assert_eq!(names("sqlite"), embedded);
    assert_eq!(names("postgres"), embedded);
    assert!(MIGRATIONS.is_sorted_by(|earlier, later| earlier.number < later.number));
    for migration in MIGRATIONS {
        assert!(migration.name.starts_with(&format!("{:04}_", migration.number)), "{}", migration.name);
    }
}

/// Table, column, whether it may be empty, and its kind.
type Columns = BTreeSet<(String, String, bool, &'static str)>;

fn kind(name: &str) -> &'static str {
    match name.to_uppercase().as_str() {
        "TEXT" => "text",
        "INTEGER" | "BIGINT" | "BOOLEAN" => "integer",
        "REAL" | "DOUBLE PRECISION" => "real",
        _ => "another",
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let mut found: Vec<Columns> = Vec::new();
    for (bed, text) in [
        (
            Bed::sqlite(),
            "SELECT t.name, c.name, c.\"notnull\" = 0, c.type FROM sqlite_master t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'",
        ),
        (
            Bed::postgres().await,
            "SELECT table_name::text, column_name::text, is_nullable = 'YES', data_type::text
             FROM information_schema.columns WHERE table_schema = 'public'",
        ),
    ] {
        bed.open().await.close().await;
        let rows: Columns = match Aside::open(&bed.url).await.unwrap() {
            Aside::Sqlite(conn) => (conn.prepare(text).unwrap())
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, kind(row.get_ref(3)?.as_str()?))))
                .unwrap()
                .map(Result::unwrap)
                .collect(),
            Aside::Postgres(mut conn) => (sqlx::query(text).fetch_all(&mut conn).await.unwrap().iter())
                .map(|row| (row.get(0), row.get(1), row.get(2), kind(row.get(3))))
                .collect(),
        };
        found.push(rows);
        bed.drop_database().await;
    }
    assert!(found[0].len() > 60);
    assert_eq!(found[0].symmetric_difference(&found[1]).collect::<Vec<_>>(), Vec::<&_>::new());
}

async fn applied_once_by_many_at_once(bed: &Bed) {
    let stores = futures_util::future::join_all((0..6).map(|_| bed.open())).await;
    let again = bed.open().await;
    for store in stores.iter().chain([&again]) {
        store.close().await;
    }
    assert_eq!(
        rows_of(bed, "SELECT COUNT(*) FROM schema_migration").await,
        i64::try_from(MIGRATIONS.len()).unwrap()
    );
}

async fn rows_of(bed: &Bed, text: &'static str) -> i64 {
    match Aside::open(&bed.url).await.unwrap() {
        Aside::Sqlite(conn) => conn.query_one(text, [], |row| row.get(0)).unwrap(),
        Aside::Postgres(mut conn) => sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap(),
    }
}

async fn refusal(bed: &Bed) -> StoreError {
    match Store::open(&bed.url, bed.options()).await.unwrap_err() {
        StoreError::Open { source, .. } => *source,
        other => other,
    }
}

async fn newer_and_altered_are_refused(bed: &Bed) {
    bed.open().await.close().await;
    bed.statement(
        "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (99, 'x', 'x', 0)",
    )
    .await;
    let newest = MIGRATIONS.last().unwrap().number;
    assert_eq!(refusal(bed).await, StoreError::Newer { found: 99, known: newest });
    bed.statement("DELETE FROM schema_migration WHERE number = 99").await;
    bed.open().await.close().await;
    bed.statement("UPDATE schema_migration SET checksum = 'other' WHERE number = 1").await;
    assert_eq!(refusal(bed).await, StoreError::Altered { number: 1 });
}

/// Statements that are put together from pieces, by the file that has them.
const COMPOSED: [(&str, &[(&str, &str)]); 13] = [
    ("audit.rs", crate::audit::STATEMENTS),
    ("plane/component.rs", crate::plane::component::STATEMENTS),
    ("plane/config.rs", crate::plane::config::STATEMENTS),
    ("plane/focus.rs", crate::plane::focus::STATEMENTS),
    ("plane/key.rs", crate::plane::key::STATEMENTS),
    ("plane/lock.rs", crate::plane::lock::STATEMENTS),
    ("plane/operator.rs", crate::plane::operator::STATEMENTS),
    ("plane/session.rs", crate::plane::session::STATEMENTS),
    ("plane/session/checkpoint.rs", crate::plane::session::checkpoint::STATEMENTS),
    ("plane/session/link.rs", crate::plane::session::link::STATEMENTS),
    ("plane/session/reap.rs", crate::plane::session::reap::STATEMENTS),
    ("plane/workspace.rs", crate::plane::workspace::STATEMENTS),
    ("spending/rows.rs", crate::spending::rows::STATEMENTS),
];

/// Reads the constants out of the sources, so that none is forgotten.
fn statements() -> Vec<(String, String)> {
    fn visit(folder: &Path, sources: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // The texts that begin and end a transaction run in every test.
            if path.ends_with("tests") || path.ends_with("write") {
                continue;
            }
            if path.is_dir() {
                visit(&path, sources, found);
                continue;
            }
            let source = fs_err::read_to_string(&path).unwrap();
            let name = path.strip_prefix(sources).unwrap().to_string_lossy();
            if source.contains("\nstatements! {") {
                let composed = COMPOSED.iter().find(|(file, _)| *file == name);
                let (_, texts) = composed.unwrap_or_else(|| panic!("{name} is not among those composed"));
                found.extend(texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
            }
            for part in source.split("const ").skip(1) {
                let Some((name, rest)) = part.split_once(": &str =") else { continue };
                let Some(text) = rest.trim_start().strip_prefix('"') else { continue };
                let text = text.split('"').next().unwrap();
                let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE"];
                if verbs.iter().any(|verb| text.trim_start().starts_with(verb)) {
                    found.push((name.to_owned(), text.to_owned()));
                }
            }
        }
    }
    let mut found = Vec::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    visit(&sources, &sources, &mut found);
    found
}

async fn every_statement_is_understood(bed: &Bed) {
    bed.open().await.close().await;
    let statements = statements();
    assert!(statements.len() > 140, "{}", statements.len());
    let mut aside = Aside::open(&bed.url).await.unwrap();
    for (name, text) in statements {
        let prepared = match &mut aside {
            Aside::Sqlite(_) if name.ends_with("_POSTGRES") => continue,
            Aside::Postgres(_) if name.ends_with("_SQLITE") => continue,
            Aside::Sqlite(conn) => conn.prepare(&text).map(drop).map_err(StoreError::from),
            Aside::Postgres(conn) => {
                let text = AssertSqlSafe(text).into_sql_str();
                conn.prepare(text).await.map(drop).map_err(StoreError::from)
            }
        };
        assert!(prepared.is_ok(), "{name}: {prepared:?}");
    }
    aside.close().await;
}
