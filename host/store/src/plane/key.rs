//! Keys. The store has their hashes only; a key that somebody presents is found by its hash.

use brains_core::id::Key;
use brains_core::plane::key::KeyRecord;
use brains_core::plane::operator::OperatorRecord;
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::generation::Topic;
use crate::rows::{Rows, column_list, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, from_json, id, list, storable};
use crate::write::Tx;

/// `last_used_at` is kept to the minute.
const USED_EVERY_MS: i64 = 60_000;

const INSERT: &str = "
    INSERT INTO api_key (id, name, operator, scopes, agent, fingerprint, hash, created_at, expires_at, role)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
/// The columns of a key.
macro_rules! key_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] id, name, operator, scopes, role, agent, fingerprint, hash, created_at, expires_at, revoked_at, last_used_at)
    };
}

statements! {
    LIST = "
    SELECT ", key_columns!(), "
    FROM api_key ORDER BY id";
    LIST_OF = "
    SELECT ", key_columns!(), "
    FROM api_key WHERE operator = $1 ORDER BY id";
    GET = "
    SELECT ", key_columns!(), "
    FROM api_key WHERE id = $1";
    BY_HASH = "
    SELECT ", key_columns!(), "
    FROM api_key WHERE hash = $1";
    REVOKE = "
    UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
    RETURNING ", key_columns!(), "";
}

const REVOKE_OF: &str = "UPDATE api_key SET revoked_at = $2 WHERE operator = $1 AND revoked_at IS NULL";
const USED: &str = "
    UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";

from_row! {
    row => KeyRecord {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            name: row.try_get("name")?,
            operator: row.try_get("operator")?,
            scopes: from_json("scopes", row.try_get("scopes")?)?,
            role: from_enum_name("role", row.try_get("role")?)?,
            agent: row.try_get::<i64, _>("agent")? != 0,
            fingerprint: row.try_get("fingerprint")?,
            hash: row.try_get("hash")?,
            created_at: Millis(row.try_get("created_at")?),
            expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(Millis),
            revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Millis),
            last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(Millis),
        })
    }
}

/// A presented key and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    pub key: KeyRecord,
    /// None for a built-in operator.
    pub operator: Option<OperatorRecord>,
}

impl Rows {
    /// All keys, or those of one operator, oldest first; revoked ones too.
    pub async fn keys(&mut self, operator: Option<&str>) -> Result<Vec<KeyRecord>, StoreError> {
        let Some(operator) = operator else { return fetch_all!(self, KeyRecord, LIST) };
        fetch_all!(self, KeyRecord, LIST_OF, operator)
    }

    pub async fn key(&mut self, id: &Id<Key>) -> Result<Option<KeyRecord>, StoreError> {
        fetch_optional!(self, KeyRecord, GET, id.as_str())
    }

    /// The key whose SHA-256 in hex is `hash`, working or not, with its operator.
    pub async fn credential(&mut self, hash: &str) -> Result<Option<StoredCredential>, StoreError> {
        let Some(key) = fetch_optional!(self, KeyRecord, BY_HASH, hash)? else { return Ok(None) };
        let operator = self.operator(&key.operator).await?;
        Ok(Some(StoredCredential { key, operator }))
    }
}

impl Tx {
    /// Adds a key. Its name is taken when an active key of the same operator has it.
    pub async fn insert_key(&mut self, key: &KeyRecord) -> Result<(), StoreError> {
        let added = execute!(
            &mut self.rows,
            INSERT,
            key.id.as_str(),
            storable(&key.name).as_ref(),
            &key.operator,
            list(&key.scopes),
            i64::from(key.agent),
            &key.fingerprint,
            &key.hash,
            key.created_at.0,
            key.expires_at.map(|at| at.0),
            enum_name(&key.role)
        )?;
        if added == 0 {
            return Err(StoreError::Taken { noun: "key", name: key.name.clone() });
        }
        self.bump(Topic::Credentials).await
    }

    /// Takes a key back; none when it is not there or was taken back before.
    pub async fn revoke_key(&mut self, id: &Id<Key>) -> Result<Option<KeyRecord>, StoreError> {
        let at = self.now().0;
        let revoked = fetch_optional!(&mut self.rows, KeyRecord, REVOKE, id.as_str(), at)?;
        if revoked.is_some() {
            self.bump(Topic::Credentials).await?;
        }
        Ok(revoked)
    }

    pub(crate) async fn revoke_keys_of(&mut self, operator: &str) -> Result<u64, StoreError> {
        let at = self.now().0;
        execute!(&mut self.rows, REVOKE_OF, operator, at)
    }

    /// Notes that a key was presented. It is no change that a cache must notice.
    pub async fn use_key(&mut self, id: &Id<Key>) -> Result<(), StoreError> {
        let at = self.now().0;
        execute!(&mut self.rows, USED, id.as_str(), at, at - USED_EVERY_MS).map(drop)
    }
}
