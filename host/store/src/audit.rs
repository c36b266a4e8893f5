//! The audit log: one hash chain per scope. A write locks the head row of its scope, appends entries and
//! moves the head, all in its own transaction. Every column of an entry is hashed together with the hash
//! before it, so an edit, a deletion, a swap or a cut-off end breaks the chain where it happened.

use brains_core::id::{AuditEntry, Key};
use brains_core::redact::redact_json;
use brains_core::secret::sha256_hex;
use brains_core::{Id, Millis};
use serde::Serialize;
use serde_json::Value;

use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_all, fetch_optional, from_row};
use crate::text::{canonical, storable, word};
use crate::write::{Actor, Scope, Tx};

/// What stands before the first entry.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Entries read at a time while a chain is verified.
const PAGE: i64 = 1_000;

const HEAD: &str = "SELECT seq, hash FROM audit_head WHERE scope = $1";
const HEAD_POSTGRES: &str = "SELECT seq, hash FROM audit_head WHERE scope = $1 FOR UPDATE";
const OPEN_SCOPE: &str =
    "INSERT INTO audit_head (scope, seq, hash) VALUES ($1, 0, $2) ON CONFLICT (scope) DO NOTHING";
const MOVE_HEAD: &str = "UPDATE audit_head SET seq = $2, hash = $3 WHERE scope = $1";
const APPEND: &str = "
    INSERT INTO audit_entry (id, scope, seq, at, operator, key_id, session, surface, action, detail, prev_hash, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const EMIT: &str = "
    INSERT INTO event (scope, seq, at, kind, operator, session, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const PAGE_UP: &str = "
    SELECT id, scope, seq, at, operator, key_id, session, surface, action, detail, prev_hash, hash FROM audit_entry
    WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const PAGE_DOWN: &str = "
    SELECT id, scope, seq, at, operator, key_id, session, surface, action, detail, prev_hash, hash FROM audit_entry
    WHERE scope = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
const SCOPES: &str = "SELECT scope FROM audit_head UNION SELECT scope FROM audit_entry ORDER BY 1";
const EVENTS: &str = "
    SELECT seq, at, kind, operator, session, detail FROM event WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// The newest position of one scope's chain, held by the running write.
#[derive(Debug)]
pub(crate) struct Head {
    scope: Scope,
    seq: i64,
    hash: String,
    moved: bool,
}

impl Head {
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Reads the head; on Postgres also locks it until the transaction ends.
    pub(crate) async fn lock(rows: &mut Rows, scope: &Scope) -> Result<Self, StoreError> {
        let text = if rows.is_postgres() { HEAD_POSTGRES } else { HEAD };
        let mut found = fetch_optional!(rows, (i64, String), text, scope.as_str())?;
        if found.is_none() {
            execute!(rows, OPEN_SCOPE, scope.as_str(), GENESIS)?;
            found = fetch_optional!(rows, (i64, String), text, scope.as_str())?;
        }
        let (seq, hash) = found.ok_or(StoreError::Scope)?;
        Ok(Self { scope: scope.clone(), seq, hash, moved: false })
    }
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub id: String,
    pub scope: String,
    /// Position in the chain of its scope, from 1.
    pub seq: i64,
    pub at: Millis,
    /// Slug of the operator.
    pub operator: String,
    pub key: Option<String>,
    /// The session that did it, when one did.
    pub session: Option<String>,
    /// Through which door it came: `cli`, `http` or `mcp`.
    pub surface: Option<String>,
    pub action: String,
    /// Canonical JSON, as it was hashed.
    pub detail: String,
    pub prev_hash: String,
    pub hash: String,
}

from_row! {
    row => Entry {
        Ok(Self {
            id: row.try_get("id")?,
            scope: row.try_get("scope")?,
            seq: row.try_get("seq")?,
            at: Millis(row.try_get("at")?),
            operator: row.try_get("operator")?,
            key: row.try_get("key_id")?,
            session: row.try_get("session")?,
            surface: row.try_get("surface")?,
            action: row.try_get("action")?,
            detail: row.try_get("detail")?,
            prev_hash: row.try_get("prev_hash")?,
            hash: row.try_get("hash")?,
        })
    }
    row => Event {
        Ok(Self {
            seq: row.try_get("seq")?,
            at: Millis(row.try_get("at")?),
            kind: row.try_get("kind")?,
            operator: row.try_get("operator")?,
            session: row.try_get("session")?,
            detail: row.try_get("detail")?,
        })
    }
}

impl Entry {
    /// SHA-256 over the canonical JSON of every column but the hash itself.
    fn digest(&self) -> String {
        let mut columns = serde_json::json!({
            "action": self.action, "at": self.at.0, "detail": self.detail, "id": self.id, "key": self.key,
            "operator": self.operator, "prev_hash": self.prev_hash, "scope": self.scope, "seq": self.seq,
        });
        // Entries from before these columns have neither, and keep the digest that they were given.
        for (name, value) in [("session", &self.session), ("surface", &self.surface)] {
            if let (Some(value), Some(columns)) = (value, columns.as_object_mut()) {
                columns.insert(name.to_owned(), value.as_str().into());
            }
        }
        sha256_hex(canonical(&columns).as_bytes())
    }
}

/// Something that happened, for whoever follows the scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Position within the scope; ask for what came after it.
    pub seq: i64,
    pub at: Millis,
    pub kind: String,
    pub operator: String,
    /// The session that did it, when one did.
    pub session: Option<String>,
    /// Canonical JSON.
    pub detail: String,
}

/// What verifying one chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    pub scope: String,
    /// Entries that are sound, counted from the first.
    pub entries: i64,
    /// The first thing that is wrong.
    pub broken: Option<Break>,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The position at which it was noticed.
    pub seq: i64,
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An entry is not where the order wants it: something before it was deleted or moved.
    Missing,
    /// An entry does not follow from the one before it.
    Unlinked,
    /// A column of the entry was changed.
    Edited,
    /// The head does not name the last entry: the end was cut off, or the head was changed.
    Head,
}

impl Tx {
    /// Writes down what this write does, in its first scope: audit entry and event, kept or lost with it.
    /// Secrets in `detail` are redacted.
    pub async fn record(&mut self, action: &str, detail: Value) -> Result<(), StoreError> {
        let Some(scope) = self.first_scope() else { return Err(StoreError::Scope) };
        self.record_in(&scope, action, detail).await
    }

    /// As [`Tx::record`], in another scope of this write.
    pub async fn record_in(
        &mut self,
        scope: &Scope,
        action: &str,
        mut detail: Value,
    ) -> Result<(), StoreError> {
        redact_json(&mut detail);
        let Some(cause) = &self.cause else { return Err(StoreError::Scope) };
        let actor = cause.actor.clone();
        let Some(head) = self.heads.iter_mut().find(|head| head.scope == *scope) else {
            return Err(StoreError::Scope);
        };
        let mut entry = Entry {
            id: Id::<AuditEntry>::mint(&*self.ambient).as_str().to_owned(),
            scope: scope.as_str().to_owned(),
            seq: head.seq.saturating_add(1),
            at: self.at,
            operator: storable(&actor.operator).into_owned(),
            key: actor.key.as_ref().map(|key: &Id<Key>| key.as_str().to_owned()),
            session: actor.session.as_ref().map(|session| session.as_str().to_owned()),
            surface: actor.surface.as_ref().map(word),
            action: storable(action).into_owned(),
            detail: canonical(&detail),
            prev_hash: head.hash.clone(),
            hash: String::new(),
        };
        entry.hash = entry.digest();
        head.seq = entry.seq;
        head.hash.clone_from(&entry.hash);
        head.moved = true;
        let rows = &mut self.rows;
        execute!(
            rows,
            APPEND,
            &entry.id,
            &entry.scope,
            entry.seq,
            entry.at.0,
            &entry.operator,
            &entry.key,
            &entry.session,
            &entry.surface,
            &entry.action,
            &entry.detail,
            &entry.prev_hash,
            &entry.hash
        )?;
        execute!(
            rows,
            EMIT,
            &entry.scope,
            entry.seq,
            entry.at.0,
            &entry.action,
            &entry.operator,
            &entry.session,
            &entry.detail
        )?;
        Ok(())
    }

    /// As [`Tx::record`], as something that the program did by itself.
    pub async fn record_by_system(&mut self, action: &str, detail: Value) -> Result<(), StoreError> {
        let Some(cause) = &mut self.cause else { return Err(StoreError::Scope) };
        let actor = std::mem::replace(&mut cause.actor, Actor::system());
        let recorded = self.record(action, detail).await;
        if let Some(cause) = &mut self.cause {
            cause.actor = actor;
        }
        recorded
    }

    pub(crate) async fn save_heads(&mut self) -> Result<(), StoreError> {
        for head in self.heads.iter().filter(|head| head.moved) {
            execute!(&mut self.rows, MOVE_HEAD, head.scope.as_str(), head.seq, &head.hash)?;
            self.announced.push(head.scope.as_str().to_owned());
        }
        Ok(())
    }
}

impl Rows {
    /// Every scope that has a chain.
    pub async fn audit_scopes(&mut self) -> Result<Vec<Scope>, StoreError> {
        Ok(fetch_all!(self, String, SCOPES)?.into_iter().map(Scope::stored).collect())
    }

    /// Entries of one scope, newest first, older than `before`.
    pub async fn audit_entries(
        &mut self,
        scope: &Scope,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        fetch_all!(self, Entry, PAGE_DOWN, scope.as_str(), before.unwrap_or(i64::MAX), i64::from(limit))
    }

    /// Events of one scope, oldest first, newer than `after`.
    pub async fn events(&mut self, scope: &Scope, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        fetch_all!(self, Event, EVENTS, scope.as_str(), after, i64::from(limit))
    }

    /// Walks one chain from its first entry to its head, in pages; memory does not grow with its length.
    pub async fn verify_audit(&mut self, scope: &Scope) -> Result<Verification, StoreError> {
        let mut seq = 0;
        let mut hash = GENESIS.to_owned();
        let broken = 'chain: loop {
            let page = fetch_all!(self, Entry, PAGE_UP, scope.as_str(), seq, PAGE)?;
            if page.is_empty() {
                break None;
            }
            for entry in page {
                let reason = if entry.seq != seq + 1 {
                    Reason::Missing
                } else if entry.digest() != entry.hash {
                    Reason::Edited
                } else if entry.prev_hash != hash {
                    Reason::Unlinked
                } else {
                    seq = entry.seq;
                    hash = entry.hash;
                    continue;
                };
                break 'chain Some(Break { seq: seq + 1, reason });
            }
        };
        let scope = scope.as_str().to_owned();
        if broken.is_some() {
            return Ok(Verification { scope, entries: seq, broken });
        }
        // A scope that nobody has written to has neither head nor entries.
        let head =
            fetch_optional!(self, (i64, String), HEAD, &scope)?.unwrap_or_else(|| (0, GENESIS.to_owned()));
        let broken = (head != (seq, hash)).then_some(Break { seq, reason: Reason::Head });
        Ok(Verification { scope, entries: seq, broken })
    }
}
