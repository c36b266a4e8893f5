//! The schema: numbered migrations, embedded, checksummed, applied once under a lock. Forward only; a schema
//! that is newer than this program, or whose migrations differ from ours, is refused.

use brains_core::plane::audit::SealingKey;
use brains_core::secret::sha256_hex;
use brains_core::{Ambient, Millis};

use crate::audit;
use crate::error::StoreError;
use crate::rows::{Conn, Rows, execute, fetch_all, fetch_optional, from_row, sqlite};

/// One step of the schema, in the text of each database.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal)+) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

pub(crate) const MIGRATIONS: &[Migration] = migrations! {
    1 "0001_foundation" 2 "0002_component_versions" 3 "0003_coordination" 4 "0004_work" 5 "0005_audit_seal"
    6 "0006_overlay_text" 7 "0007_ledger" 8 "0008_authors" 9 "0009_answers_of_a_party"
    10 "0010_session_key" 11 "0011_mail_confirmed" 12 "0012_rising_ids"
    13 "0013_repository"
    14 "0014_client_facts"
    15 "0015_responses"
    16 "0016_costs"
    17 "0017_warm_place"
    18 "0018_spending"
    19 "0019_usage_parts"
};

/// The migration from which on heads of the audit log are signed.
const SEALS: i64 = 5;

/// `brains` as a number: the advisory lock under which the schema changes.
const LOCK_POSTGRES: &str = "SELECT pg_advisory_xact_lock(108170603751027)";
const EXISTS_SQLITE: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migration'";
const EXISTS_POSTGRES: &str = "
    SELECT COUNT(*) FROM information_schema.tables
    WHERE table_schema = CURRENT_SCHEMA AND table_name = 'schema_migration'";
const APPLIED: &str = "SELECT number, checksum FROM schema_migration ORDER BY number";
const NOTE: &str =
    "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";

struct Applied {
    number: i64,
    checksum: String,
}

from_row! {
    row => Applied { Ok(Self { number: row.try_get(0)?, checksum: row.try_get(1)? }) }
}

impl Migration {
    fn text(&self, postgres: bool) -> &'static str {
        if postgres { self.postgres } else { self.sqlite }
    }
}

/// Brings the database to the newest schema. A Postgres session is in a transaction already; a SQLite one is
/// not, and comes back as it was. On an error the session is to be dropped, which rolls back.
pub(crate) async fn bring_up(
    rows: &mut Rows,
    ambient: &dyn Ambient,
    sealing: &SealingKey,
) -> Result<(), StoreError> {
    if pending(rows).await?.is_empty() {
        return Ok(());
    }
    let postgres = rows.is_postgres();
    execute!(rows, if postgres { LOCK_POSTGRES } else { "BEGIN IMMEDIATE" })?;
    // Another process may have done it while we waited for the lock.
    for migration in pending(rows).await? {
        let failed =
            |source: StoreError| StoreError::Migration { number: migration.number, source: Box::new(source) };
        script(rows, migration.text(postgres)).await.map_err(failed)?;
        let checksum = sha256_hex(migration.text(postgres).as_bytes());
        let Millis(at) = ambient.now();
        execute!(rows, NOTE, migration.number, migration.name, checksum, at).map_err(failed)?;
        if migration.number == SEALS {
            audit::seal_all(rows, sealing, ambient.now()).await.map_err(failed)?;
        }
    }
    if !postgres {
        execute!(rows, "COMMIT")?;
    }
    Ok(())
}

/// The migrations that are still to apply; an error when the schema is not one of ours.
async fn pending(rows: &mut Rows) -> Result<Vec<&'static Migration>, StoreError> {
    let postgres = rows.is_postgres();
    let tables = fetch_optional!(rows, i64, if postgres { EXISTS_POSTGRES } else { EXISTS_SQLITE })?;
    if tables == Some(0) {
        return Ok(MIGRATIONS.iter().collect());
    }
    let applied = fetch_all!(rows, Applied, APPLIED)?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if let Some(newest) = applied.last().filter(|newest| newest.number > known) {
        return Err(StoreError::Newer { found: newest.number, known });
    }
    let mut waiting = MIGRATIONS.iter();
    for past in &applied {
        let ours = waiting.next().filter(|ours| {
            ours.number == past.number && sha256_hex(ours.text(postgres).as_bytes()) == past.checksum
        });
        if ours.is_none() {
            return Err(StoreError::Altered { number: past.number });
        }
    }
    Ok(waiting.collect())
}

/// Runs a text of several statements.
async fn script(rows: &mut Rows, text: &'static str) -> Result<(), StoreError> {
    let done = match rows.conn().await? {
        Conn::Sqlite(conn) => sqlite::script(conn, text),
        // A large table takes its time.
        Conn::Postgres(conn, _) => {
            sqlx::raw_sql(text).execute(conn).await.map(drop).map_err(StoreError::from)
        }
    };
    done.map_err(|error| rows.fail(error))
}
