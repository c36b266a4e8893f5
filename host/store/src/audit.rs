//! The audit log: one hash chain per scope. A write locks the head row of its scope, appends entries, moves the head
//! and signs it, all in its own transaction. What a sound chain is, is `brains_core`'s; here are its rows.

pub(crate) mod head;
pub(crate) mod sealing;
mod verify;

use brains_core::canonical::canonical;
use brains_core::id::{AuditEntry, Key};
use brains_core::plane::audit::{CHECKPOINT, Entry, HAND_OVER, HandOver, Seal, SealingKey};
use brains_core::redact::redact_json;
use brains_core::{Id, Millis};
use serde::Serialize;
use serde_json::Value;

use crate::error::StoreError;
use crate::rows::{Rows, execute, execute_deferred, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, storable};
use crate::write::{Actor, Scope, Tx};

pub use verify::{Verification, VerifyFrom};

// What a hand that passes by the rules left without a value is read as none: then no digest fits it.
macro_rules! entry_columns {
    () => {
        "COALESCE(id, '') AS id, scope, seq, COALESCE(at, 0) AS at, COALESCE(operator, '') AS operator, key_id, session,
        surface, COALESCE(action, '') AS action, COALESCE(detail, '') AS detail,
        COALESCE(prev_hash, '') AS prev_hash, COALESCE(hash, '') AS hash, agent"
    };
}
macro_rules! seal_columns {
    () => {
        "scope, seq, COALESCE(hash, '') AS hash, COALESCE(sealed_at, 0) AS sealed_at,
        COALESCE(seal_key, '') AS seal_key, COALESCE(signature, '') AS signature"
    };
}
macro_rules! head_columns {
    () => {
        "scope, COALESCE(seq, -1) AS seq, COALESCE(hash, '') AS hash, sealed_at, seal_key, signature"
    };
}
/// The columns of an event.
macro_rules! event_columns {
    ($($form:tt)*) => {
        $crate::rows::column_list!([$($form)*] seq, at, kind, operator, session, detail, agent)
    };
}
pub(crate) use event_columns;

statements! {
    SEALED_HEAD = "
    SELECT ", head_columns!(), "
    FROM audit_head WHERE scope = $1";
    SEALED_HEADS = "
    SELECT ", head_columns!(), "
    FROM audit_head ORDER BY scope";
    SEALS_UP = "
    SELECT ", seal_columns!(), " FROM audit_seal
    WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    LAST_SEAL = "
    SELECT ", seal_columns!(), " FROM audit_seal
    WHERE scope = $1 AND seq > 0 ORDER BY seq DESC LIMIT 1";
    PAGE_UP = "
    SELECT ", entry_columns!(), " FROM audit_entry
    WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    PAGE_DOWN = "
    SELECT ", entry_columns!(), " FROM audit_entry
    WHERE scope = $1 AND seq > 0
        AND seq < (SELECT CASE WHEN h.seq < $2 THEN h.seq + 1 ELSE $2 END FROM audit_head h WHERE h.scope = $1)
    ORDER BY seq DESC LIMIT $3";
    EVENTS = "
    SELECT ", event_columns!(), " FROM event WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3";
}

const MOVE_HEAD: &str = "
    UPDATE audit_head SET seq = $2, hash = $3, sealed_at = $4, seal_key = $5, signature = $6, born_ms = $7
    WHERE scope = $1";
const SIGN_HEAD: &str = "
    UPDATE audit_head SET seq = $2, hash = $3, sealed_at = $4, seal_key = $5, signature = $6 WHERE scope = $1";
const KEEP_SEAL: &str = "
    INSERT INTO audit_seal (scope, seq, hash, sealed_at, seal_key, signature) VALUES ($1, $2, $3, $4, $5, $6)";
const APPEND: &str = "
    INSERT INTO audit_entry (id, scope, seq, at, operator, key_id, session, surface, action, detail, prev_hash, hash, agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const EMIT: &str = "
    INSERT INTO event (scope, seq, at, kind, operator, session, detail, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const SCOPES: &str = "
    SELECT scope FROM audit_head UNION SELECT COALESCE(scope, '') FROM audit_entry
    UNION SELECT COALESCE(scope, '') FROM audit_seal ORDER BY 1";

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
            agent: row.try_get::<Option<bool>, _>("agent")?.unwrap_or(false),
            action: row.try_get("action")?,
            detail: row.try_get("detail")?,
            prev_hash: row.try_get("prev_hash")?,
            hash: row.try_get("hash")?,
        })
    }
    row => Seal {
        Ok(Self {
            scope: row.try_get("scope")?,
            seq: row.try_get("seq")?,
            hash: row.try_get("hash")?,
            at: row.try_get("sealed_at")?,
            key: row.try_get("seal_key")?,
            signature: row.try_get("signature")?,
        })
    }
    row => SealedHead {
        let (scope, seq, hash): (String, i64, String) =
            (row.try_get("scope")?, row.try_get("seq")?, row.try_get("hash")?);
        let at: Option<i64> = row.try_get("sealed_at")?;
        let key: Option<String> = row.try_get("seal_key")?;
        let signature: Option<String> = row.try_get("signature")?;
        let seal = match (at, key, signature) {
            (Some(at), Some(key), Some(signature)) => {
                Some(Seal { scope: scope.clone(), seq, hash: hash.clone(), at, key, signature })
            }
            _ => None,
        };
        Ok(Self { scope, seq, hash, seal })
    }
    row => StoredEvent {
        Ok(Self {
            seq: row.try_get("seq")?,
            at: Millis(row.try_get("at")?),
            kind: row.try_get("kind")?,
            operator: row.try_get("operator")?,
            session: row.try_get("session")?,
            agent: row.try_get("agent")?,
            detail: row.try_get("detail")?,
        })
    }
}

/// A head as it stands: its seal is missing as long as nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHead {
    pub scope: String,
    pub seq: i64,
    pub hash: String,
    pub seal: Option<Seal>,
}

/// Something that happened, for whoever follows the scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredEvent {
    /// Position within the scope; ask for what came after it.
    pub seq: i64,
    pub at: Millis,
    pub kind: String,
    pub operator: String,
    /// The session that did it, when one did.
    pub session: Option<String>,
    /// Whether an agent did it, rather than a person or the program.
    pub agent: bool,
    /// Canonical JSON.
    pub detail: String,
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
        self.append(scope, action, &detail).await
    }

    async fn append(&mut self, scope: &Scope, action: &str, detail: &Value) -> Result<(), StoreError> {
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
            surface: actor.surface.as_ref().map(enum_name),
            agent: actor.agent,
            action: storable(action).into_owned(),
            detail: canonical(detail),
            prev_hash: head.hash.clone(),
            hash: String::new(),
        };
        entry.hash = entry.digest();
        head.seq = entry.seq;
        head.hash.clone_from(&entry.hash);
        let rows = &mut self.rows;
        execute_deferred!(
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
            &entry.hash,
            entry.agent.then_some(true)
        )?;
        execute_deferred!(
            rows,
            EMIT,
            &entry.scope,
            entry.seq,
            entry.at.0,
            &entry.action,
            &entry.operator,
            &entry.session,
            &entry.detail,
            entry.agent
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

    /// As [`Tx::record`] in the scope of all, for a hand-over of sealing: signatures look like secrets, and are none.
    pub async fn record_hand_over(&mut self, hand_over: &HandOver) -> Result<(), StoreError> {
        let detail = serde_json::to_value(hand_over).unwrap_or_default();
        self.append(&Scope::global(), HAND_OVER, &detail).await
    }

    /// Lets wait what says where the chains stand now, signed: once for all closures of a transaction, because nobody
    /// sees it before the commit. Every so often a seal is kept for good.
    pub(crate) async fn seal(&mut self) -> Result<(), StoreError> {
        let key = self.sealing.current();
        let earlier = self.held.iter().filter(|held| self.heads.iter().all(|head| head.scope != held.scope));
        for head in self.heads.iter().chain(earlier).filter(|head| head.seq > head.began) {
            let Seal { scope, seq, hash, at, key, signature } =
                key.seal(head.scope.as_str(), head.seq, &head.hash, self.at.0);
            let rows = &mut self.rows;
            execute_deferred!(rows, MOVE_HEAD, &scope, seq, &hash, at, &key, &signature, head.born_ms)?;
            if head.began / CHECKPOINT < seq / CHECKPOINT {
                execute_deferred!(rows, KEEP_SEAL, &scope, seq, &hash, at, &key, &signature)?;
            }
        }
        Ok(())
    }

    /// A closure is done: those behind it in the same transaction go on from its heads. One that fails takes its locks
    /// along, and leaves them as they were.
    pub(crate) fn keep_heads(&mut self) {
        for head in std::mem::take(&mut self.heads) {
            let held = self.held.iter_mut().find(|held| held.scope == head.scope);
            if held.as_ref().is_none_or(|held| held.seq < head.seq) && head.seq > head.began {
                self.announced.push(head.scope.as_str().to_owned());
            }
            match held {
                Some(held) => *held = head,
                None => self.held.push(head),
            }
        }
    }

    /// What the chains say is sealed: there is nothing left to say of them before the commit.
    pub(crate) fn heads_are_sealed(&mut self) {
        for head in &mut self.held {
            head.began = head.seq;
        }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.held.iter().all(|head| head.seq == head.began)
    }
}

/// Signs the heads of chains that were begun before heads were signed. Done once, by the process that changes the
/// schema: later a head without a signature is a sign of tampering.
pub(crate) async fn seal_all(rows: &mut Rows, key: &SealingKey, now: Millis) -> Result<(), StoreError> {
    for head in fetch_all!(rows, SealedHead, SEALED_HEADS)? {
        if head.seq > 0 {
            let seal = key.seal(&head.scope, head.seq, &head.hash, now.0);
            execute!(
                rows,
                SIGN_HEAD,
                &seal.scope,
                seal.seq,
                &seal.hash,
                seal.at,
                &seal.key,
                &seal.signature
            )?;
        }
    }
    Ok(())
}

impl Rows {
    /// Every scope that has a chain.
    pub async fn audit_scopes(&mut self) -> Result<Vec<Scope>, StoreError> {
        Ok(fetch_all!(self, String, SCOPES)?.into_iter().map(Scope::stored).collect())
    }

    /// Entries of one scope, newest first, older than `before`: those between the first position and its head, for what
    /// stands elsewhere belongs to no chain.
    pub async fn audit_entries(
        &mut self,
        scope: &Scope,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        fetch_all!(self, Entry, PAGE_DOWN, scope.as_str(), before.unwrap_or(i64::MAX), i64::from(limit))
    }

    /// Events of one scope, oldest first, newer than `after`.
    pub async fn events(
        &mut self,
        scope: &Scope,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        fetch_all!(self, StoredEvent, EVENTS, scope.as_str(), after, i64::from(limit))
    }

    /// Where every chain stands.
    pub async fn audit_heads(&mut self) -> Result<Vec<SealedHead>, StoreError> {
        fetch_all!(self, SealedHead, SEALED_HEADS)
    }

    /// Where one chain stands.
    pub async fn audit_head(&mut self, scope: &Scope) -> Result<Option<SealedHead>, StoreError> {
        fetch_optional!(self, SealedHead, SEALED_HEAD, scope.as_str())
    }

    /// Entries of one scope, oldest first, newer than `after`.
    pub async fn audit_entries_after(
        &mut self,
        scope: &Scope,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        fetch_all!(self, Entry, PAGE_UP, scope.as_str(), after, i64::from(limit))
    }

    /// Seals that were kept of one scope, oldest first, of positions behind `after`.
    pub async fn audit_seals(
        &mut self,
        scope: &Scope,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Seal>, StoreError> {
        fetch_all!(self, Seal, SEALS_UP, scope.as_str(), after, i64::from(limit))
    }

    /// The newest seal that was kept of one scope.
    pub async fn last_audit_seal(&mut self, scope: &Scope) -> Result<Option<Seal>, StoreError> {
        fetch_optional!(self, Seal, LAST_SEAL, scope.as_str())
    }
}
