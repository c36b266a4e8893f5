//! Revisions of the configuration, numbered without gaps.

use brains_core::Millis;
use brains_core::plane::config::ConfigRevision;
use serde_json::Value;

use crate::error::StoreError;
use crate::generation::Topic;
use crate::rows::{Rows, column_list, fetch_all, fetch_optional, from_row, statements};
use crate::text::{from_json, id, list, signed, storable, unsigned};
use crate::write::Tx;

const APPEND: &str = "
    INSERT INTO config_revision (id, number, created_at, author, cause, changed, digest, document, text)
    SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM config_revision
    RETURNING number";

/// The columns of a revision.
macro_rules! revision_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] id, number, created_at, author, cause, changed, digest)
    };
}

statements! {
    LIST = "
    SELECT ", revision_columns!(), ", NULL AS document, NULL AS text FROM config_revision
    WHERE number < $1 ORDER BY number DESC LIMIT $2";
    GET = "
    SELECT ", revision_columns!(), ", document, text FROM config_revision
    WHERE number = $1";
    LATEST = "
    SELECT ", revision_columns!(), ", document, text FROM config_revision
    ORDER BY number DESC LIMIT 1";
}

from_row! {
    row => ConfigRevision {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            number: unsigned(row.try_get("number")?),
            created_at: Millis(row.try_get("created_at")?),
            author: row.try_get("author")?,
            cause: row.try_get("cause")?,
            changed: from_json("changed", row.try_get("changed")?)?,
            digest: row.try_get("digest")?,
            document: match row.try_get::<Option<&str>, _>("document")? {
                Some(text) => Some(from_json("document", text)?),
                None => None,
            },
            text: row.try_get("text")?,
        })
    }
}

impl Rows {
    /// Revisions older than number `before`, newest first, without their content.
    pub async fn config_revisions(
        &mut self,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<ConfigRevision>, StoreError> {
        let before = before.map_or(i64::MAX, signed);
        fetch_all!(self, ConfigRevision, LIST, before, i64::from(limit))
    }

    pub async fn config_revision(&mut self, number: u64) -> Result<Option<ConfigRevision>, StoreError> {
        fetch_optional!(self, ConfigRevision, GET, signed(number))
    }

    pub async fn latest_config_revision(&mut self) -> Result<Option<ConfigRevision>, StoreError> {
        fetch_optional!(self, ConfigRevision, LATEST)
    }
}

impl Tx {
    /// Appends a revision and returns its number; the one in `revision` is not looked at.
    pub async fn append_config_revision(&mut self, revision: &ConfigRevision) -> Result<u64, StoreError> {
        let number = fetch_optional!(
            &mut self.rows,
            i64,
            APPEND,
            revision.id.as_str(),
            revision.created_at.0,
            storable(&revision.author).as_ref(),
            storable(&revision.cause).as_ref(),
            list(&revision.changed),
            &revision.digest,
            revision.document.as_ref().map(Value::to_string),
            revision.text.as_deref().map(storable).as_deref()
        )?;
        self.bump(Topic::Config).await?;
        Ok(unsigned(number.unwrap_or(0)))
    }
}
