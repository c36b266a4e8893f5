//! Background duties: whichever process holds the lease of one does it, however many there are.

use brains_core::Millis;

use crate::error::StoreError;
use crate::rows::{execute, fetch_optional};
use crate::write::Tx;

const TAKE: &str = "
    INSERT INTO duty (name, holder, lease_until) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
    WHERE duty.holder = excluded.holder OR duty.lease_until <= $4
    RETURNING holder";
const DROP: &str = "DELETE FROM duty WHERE name = $1 AND holder = $2";

impl Tx {
    /// Takes or renews a duty until `until`; tells whether `holder` has it now.
    pub async fn take_duty(&mut self, name: &str, holder: &str, until: Millis) -> Result<bool, StoreError> {
        let now = self.now().0;
        Ok(fetch_optional!(&mut self.rows, String, TAKE, name, holder, until.0, now)?.is_some())
    }

    /// Lets go of a duty, so that another process need not wait for the lease.
    pub async fn drop_duty(&mut self, name: &str, holder: &str) -> Result<(), StoreError> {
        execute!(&mut self.rows, DROP, name, holder).map(drop)
    }
}
