//! Operators: people and teams that own keys. The built-in ones have no row.

use brains_core::Millis;
use brains_core::plane::operator::OperatorRecord;

use crate::error::StoreError;
use crate::generation::Topic;
use crate::rows::{Rows, column_list, execute, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, id, storable};
use crate::write::Tx;

const INSERT: &str = "
    INSERT INTO operator (id, slug, display_name, role, created_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

/// The columns of an operator.
macro_rules! operator_columns {
    ($($form:tt)*) => {
        column_list!([$($form)*] id, slug, display_name, role, created_at, revoked_at)
    };
}

statements! {
    LIST = "SELECT ", operator_columns!(), " FROM operator ORDER BY slug";
    GET = "SELECT ", operator_columns!(), " FROM operator WHERE slug = $1";
    REVOKE = "
    UPDATE operator SET revoked_at = $2 WHERE slug = $1 AND revoked_at IS NULL
    RETURNING ", operator_columns!(), "";
}

from_row! {
    row => OperatorRecord {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            slug: row.try_get("slug")?,
            display_name: row.try_get("display_name")?,
            role: from_enum_name("role", row.try_get("role")?)?,
            created_at: Millis(row.try_get("created_at")?),
            revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Millis),
        })
    }
}

impl Rows {
    /// All operators by name; revoked ones too.
    pub async fn operators(&mut self) -> Result<Vec<OperatorRecord>, StoreError> {
        fetch_all!(self, OperatorRecord, LIST)
    }

    pub async fn operator(&mut self, slug: &str) -> Result<Option<OperatorRecord>, StoreError> {
        fetch_optional!(self, OperatorRecord, GET, slug)
    }
}

impl Tx {
    /// Adds an operator. A slug is never used twice, not even after its operator is gone.
    pub async fn insert_operator(&mut self, operator: &OperatorRecord) -> Result<(), StoreError> {
        let added = execute!(
            &mut self.rows,
            INSERT,
            operator.id.as_str(),
            &operator.slug,
            operator.display_name.as_deref().map(storable),
            enum_name(&operator.role),
            operator.created_at.0
        )?;
        if added == 0 {
            return Err(StoreError::Taken { noun: "operator", name: operator.slug.clone() });
        }
        self.bump(Topic::Credentials).await
    }

    /// Revokes an operator and all its keys; none when it is not there or was revoked before. Tells how many
    /// keys stopped working.
    pub async fn revoke_operator(&mut self, slug: &str) -> Result<Option<(OperatorRecord, u64)>, StoreError> {
        let at = self.now().0;
        let Some(operator) = fetch_optional!(&mut self.rows, OperatorRecord, REVOKE, slug, at)? else {
            return Ok(None);
        };
        let keys = self.revoke_keys_of(slug).await?;
        self.bump(Topic::Credentials).await?;
        Ok(Some((operator, keys)))
    }
}
