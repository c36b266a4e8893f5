//! What can go wrong with a database, told apart by what the operator can do about it. Texts of the
//! drivers are kept as text only: no type of theirs leaves this crate, and no value of a row is in them.

use std::borrow::Cow;

use brains_core::fault::FaultCause;
use brains_core::{Fault, FaultKind, Origin};

/// An error of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("could not open the database {place}")]
    Open {
        /// Where it is, without credentials.
        place: String,
        #[source]
        source: Box<StoreError>,
    },
    #[error("{reason}")]
    Url { reason: &'static str },
    #[error("the database cannot be reached: {detail}")]
    Unreachable { detail: String },
    #[error("the database refused the credentials of `db_url`")]
    Refused,
    #[error("the database is read-only")]
    ReadOnly,
    #[error("the disk of the database is full")]
    Full,
    #[error("the database is locked by another process")]
    Locked,
    #[error("the file is damaged or is not a database: {detail}")]
    Corrupt { detail: String },
    #[error("{how}{}", kept_in(.kept.as_deref()))]
    Replaced {
        how: &'static str,
        /// The file in which what was acknowledged until then was kept.
        kept: Option<String>,
    },
    #[error("the database has schema {found}, this program knows {known}")]
    Newer { found: i64, known: i64 },
    #[error("migration {number} of the database differs from the one in this program")]
    Altered { number: i64 },
    #[error("could not apply migration {number}")]
    Migration {
        number: i64,
        #[source]
        source: Box<StoreError>,
    },
    #[error("the {noun} `{name}` exists already")]
    Taken { noun: &'static str, name: String },
    #[error("the store is overloaded: its write queue stayed full")]
    Overloaded,
    #[error("the store is shutting down")]
    Closed,
    #[error("a write did not end in time and was rolled back")]
    Stalled,
    #[error("a write panicked and was rolled back")]
    Panicked,
    #[error("a write went on after one of its statements was refused, and was rolled back")]
    Poisoned,
    #[error("a write was recorded outside of its scopes, and was rolled back")]
    Scope,
    #[error("the connection was lost while a write was committed: it may have happened")]
    Unknown,
    #[error("the column `{column}` holds something that this program did not write")]
    Value { column: String },
    #[error("the database refused a statement: {detail}")]
    Statement { detail: String },
}

impl StoreError {
    pub(crate) fn at(self, place: &str) -> Self {
        Self::Open { place: place.to_owned(), source: Box::new(self) }
    }

    /// The next action of whoever reads the error.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Open { source, .. } | Self::Migration { source, .. } => return source.hint(),
            Self::Url { .. } => {
                "set `db_url` to `sqlite:///path/brains.db` or `postgres://user@host/database`"
            }
            Self::Unreachable { .. } => {
                "check that the database runs, that its directory exists and that `db_url` names it"
            }
            Self::Refused => "check user and password in `db_url`",
            Self::ReadOnly => {
                "make the database and its directory writable for this user; no restart is needed"
            }
            Self::Full => "free space on the disk of the database; no restart is needed",
            Self::Locked => "end the program that holds the lock on the database, or try again",
            Self::Corrupt { .. } => "restore the database from a backup, or point `db_url` at another file",
            Self::Replaced { .. } => {
                "stop the service, put the database that is to be used in its place, and start it again"
            }
            Self::Newer { .. } => {
                "run the newer version of this program, or restore the backup made before the upgrade"
            }
            Self::Altered { .. } => {
                "run the version of this program that made the database, or restore a backup"
            }
            Self::Taken { .. } => "choose another name",
            Self::Overloaded | Self::Closed | Self::Stalled => "try again",
            Self::Unknown => "look whether the change is there before you repeat it",
            Self::Value { .. } => {
                "the database was changed from outside: verify the audit log or restore a backup"
            }
            Self::Panicked | Self::Poisoned | Self::Scope | Self::Statement { .. } => {
                "this is a bug: please report it with the log of this moment"
            }
        })
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let hint = error.hint();
        // What the driver said stays out of the answer.
        let cause = match &error {
            StoreError::Unreachable { detail }
            | StoreError::Corrupt { detail }
            | StoreError::Statement { detail } => FaultCause::text(detail.as_str()),
            _ => FaultCause::default(),
        };
        let (kind, origin, code, message) = match error {
            StoreError::Open { source, .. } | StoreError::Migration { source, .. } => {
                return (*source).into();
            }
            StoreError::Taken { .. } => {
                (FaultKind::Conflict, Origin::Client, "already_exists", error.to_string())
            }
            StoreError::Url { .. } => (FaultKind::Invalid, Origin::Client, "database_url", error.to_string()),
            StoreError::Unreachable { detail } => {
                tracing::warn!(db.error = detail, "the database cannot be reached");
                unavailable("database_unreachable", "the database cannot be reached".into())
            }
            StoreError::Refused => unavailable("database_refused", error.to_string()),
            StoreError::ReadOnly => unavailable("database_read_only", error.to_string()),
            StoreError::Full => unavailable("database_full", error.to_string()),
            StoreError::Replaced { .. } => unavailable("database_replaced", error.to_string()),
            StoreError::Locked => unavailable("database_locked", error.to_string()),
            StoreError::Overloaded | StoreError::Closed => {
                unavailable("server_is_overloaded", error.to_string())
            }
            StoreError::Unknown => unavailable("database_outcome_unknown", error.to_string()),
            StoreError::Newer { .. } | StoreError::Altered { .. } => {
                unavailable("database_schema", error.to_string())
            }
            StoreError::Corrupt { detail } => {
                tracing::error!(db.error = detail, "the database is damaged");
                internal("database_corrupt", "the database is damaged or is not a database".into())
            }
            StoreError::Statement { detail } => {
                tracing::error!(db.error = detail, "the database refused a statement");
                internal("database_statement", "the database refused a statement".into())
            }
            StoreError::Stalled
            | StoreError::Panicked
            | StoreError::Poisoned
            | StoreError::Scope
            | StoreError::Value { .. } => internal("store_failed", error.to_string()),
        };
        let mut fault = Self::new(kind, origin, message).code(code);
        if kind == FaultKind::Unavailable {
            fault = fault.retry_after_ms(1_000);
        }
        fault.hint = hint.map(str::to_owned);
        fault.cause = cause;
        fault
    }
}

/// Where to find what would else be lost.
fn kept_in(copy: Option<&str>) -> String {
    match copy {
        None | Some("") => String::new(),
        Some(name) => format!("; what was acknowledged until then is in `{name}` beside it"),
    }
}

type Parts = (FaultKind, Origin, &'static str, String);

fn unavailable(code: &'static str, message: String) -> Parts {
    (FaultKind::Unavailable, Origin::Brains, code, message)
}

fn internal(code: &'static str, message: String) -> Parts {
    (FaultKind::Internal, Origin::Brains, code, message)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => {
                let code = refusal.code().unwrap_or(Cow::Borrowed(""));
                postgres_kind(&code).with_detail(|| format!("{} ({code})", refusal.message()))
            }
            sqlx::Error::Io(source) => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
                std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
                _ => Self::Unreachable { detail: source.to_string() },
            },
            sqlx::Error::PoolTimedOut => {
                Self::Unreachable { detail: "no connection became free in time".into() }
            }
            sqlx::Error::Tls(source) => Self::Unreachable { detail: source.to_string() },
            sqlx::Error::WorkerCrashed => Self::Unreachable { detail: "the connection was lost".into() },
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::ColumnDecode { index, .. } => Self::Value { column: index.replace('"', "") },
            other => Self::Statement { detail: other.to_string() },
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let code = failure.extended_code;
                let message = message.unwrap_or_else(|| failure.to_string());
                sqlite_kind(code).with_detail(|| format!("{message} ({code})"))
            }
            other => Self::Statement { detail: other.to_string() },
        }
    }
}

enum BatchTarget {
    Unreachable,
    Refused,
    ReadOnly,
    Full,
    Locked,
    Corrupt,
    Statement,
}

impl BatchTarget {
    fn with_detail(self, detail: impl FnOnce() -> String) -> StoreError {
        match self {
            Self::Unreachable => StoreError::Unreachable { detail: detail() },
            Self::Refused => StoreError::Refused,
            Self::ReadOnly => StoreError::ReadOnly,
            Self::Full => StoreError::Full,
            Self::Locked => StoreError::Locked,
            Self::Corrupt => StoreError::Corrupt { detail: detail() },
            Self::Statement => StoreError::Statement { detail: detail() },
        }
    }
}

/// Extended result codes: <https://www.sqlite.org/rescode.html>.
fn sqlite_kind(code: i32) -> BatchTarget {
    const IOERR_SHMSIZE: i32 = 4_874;
    match (code, code & 0xff) {
        // The shared memory of the log could not grow: the disk is full.
        (IOERR_SHMSIZE, _) | (_, 13) => BatchTarget::Full,
        (_, 5 | 6) => BatchTarget::Locked,
        (_, 8) => BatchTarget::ReadOnly,
        (_, 10 | 14) => BatchTarget::Unreachable,
        (_, 11 | 26) => BatchTarget::Corrupt,
        _ => BatchTarget::Statement,
    }
}

/// SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn postgres_kind(code: &str) -> BatchTarget {
    match code {
        "25006" => BatchTarget::ReadOnly,
        "53100" => BatchTarget::Full,
        // A lock that did not come, a statement cut off, a deadlock, a serialization failure.
        "55P03" | "57014" | "40P01" | "40001" => BatchTarget::Locked,
        // No such database, or one that takes no connections now.
        "3D000" | "55000" => BatchTarget::Unreachable,
        "XX001" | "XX002" => BatchTarget::Corrupt,
        _ if code.starts_with("28") => BatchTarget::Refused,
        // The connection, the server's resources, its operators: starting, ending, cutting off.
        _ if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => BatchTarget::Unreachable,
        _ => BatchTarget::Statement,
    }
}
