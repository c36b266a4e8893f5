//! Rows of budgets. A counter's `spent` is what the ledger's rows of its window come to, its `reserved` what its reservations
//! do; each statement that changes the one changes the other in the same transaction. Counters are locked in one order, and
//! reservations before counters, so that nobody waits in a circle.

use std::collections::BTreeMap;

use brains_core::id::Trace;
use brains_core::price::NanoDollars;
use brains_core::spending::{SpendingAmount, SpendingCount, SpendingCounter, SpendingScope, SpendingWindow};
use brains_core::{Id, Millis};

use crate::error::StoreError;
use crate::rows::{Rows, execute, execute_deferred, fetch_all, fetch_optional, from_row, statements};
use crate::text::{enum_name, from_enum_name, list, signed, unsigned};
use crate::write::Tx;

/// A counter that begins with what the ledger has of its window. The ledger is locked meanwhile on Postgres: what is being
/// added to it would be in neither.
macro_rules! opening {
    ($whose:literal) => {
        concat!(
            "INSERT INTO spending_counter (per, subject, starts_at, ends_at, spent_nanos, spent_tokens, unpriced,
                reserved_nanos, reserved_tokens)
            SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT),
                CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT),
                CAST(COALESCE(SUM(input_tokens + output_tokens), 0) AS BIGINT),
                COUNT(CASE WHEN cost_nanos IS NULL THEN 1 END), 0, 0
            FROM ledger WHERE ",
            $whose,
            " AND at >= CAST($3 AS BIGINT) AND at < CAST($4 AS BIGINT)
            ON CONFLICT (per, subject, starts_at, ends_at) DO NOTHING"
        )
    };
}

statements! {
    OPEN_KEY = opening!("key_id = $2");
    OPEN_OPERATOR = opening!("operator = $2");
    OPEN_WORKSPACE = opening!("workspace = $2");
    OPEN_SESSION = opening!("(session = $2 OR session IS NULL AND native_session = $2)");
}

/// One process at a time gives back what the dead held: two would wait for each other's rows.
const REAPER_POSTGRES: &str = "SELECT pg_advisory_xact_lock(108170603751028)";
const LOCK_LEDGER_POSTGRES: &str = "LOCK TABLE ledger IN SHARE MODE";
const COUNTER: &str = "
    SELECT * FROM spending_counter WHERE per = $1 AND subject = $2 AND starts_at = $3 AND ends_at = $4";
const COUNTER_POSTGRES: &str = "
    SELECT * FROM spending_counter WHERE per = $1 AND subject = $2 AND starts_at = $3 AND ends_at = $4 FOR UPDATE";
const COUNTERS_AT: &str = "
    SELECT * FROM spending_counter WHERE starts_at <= $1 AND ends_at > $1 ORDER BY per, subject, starts_at, ends_at LIMIT $2";
const COUNTERS_OF_SQLITE: &str = "
    SELECT * FROM spending_counter
    WHERE subject IN (SELECT value FROM json_each($1)) AND ends_at > $2 AND starts_at <= $3";
const COUNTERS_OF_POSTGRES: &str = "
    SELECT * FROM spending_counter
    WHERE subject IN (SELECT json_array_elements_text(CAST($1 AS JSON))) AND ends_at > $2 AND starts_at <= $3";
const RESERVE: &str = "
    INSERT INTO spending_reservation (trace, per, subject, starts_at, ends_at, holder, nanos, tokens)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const RELEASE_SQLITE: &str = "
    DELETE FROM spending_reservation WHERE trace IN (SELECT value FROM json_each($1)) RETURNING *";
const RELEASE_POSTGRES: &str = "
    DELETE FROM spending_reservation WHERE trace IN (SELECT json_array_elements_text(CAST($1 AS JSON))) RETURNING *";
const RELEASE_OF: &str = "DELETE FROM spending_reservation WHERE holder = $1 RETURNING *";
const RELEASE_EXPIRED: &str = "
    DELETE FROM spending_reservation
    WHERE holder NOT IN (SELECT holder FROM spending_holder WHERE lease_until > $1) RETURNING *";
const COUNT: &str = "
    UPDATE spending_counter SET spent_nanos = spent_nanos + $5, spent_tokens = spent_tokens + $6,
        unpriced = unpriced + $7, reserved_nanos = reserved_nanos + $8, reserved_tokens = reserved_tokens + $9
    WHERE per = $1 AND subject = $2 AND starts_at = $3 AND ends_at = $4";
const RENEW: &str = "
    INSERT INTO spending_holder (holder, lease_until) VALUES ($1, $2)
    ON CONFLICT (holder) DO UPDATE SET lease_until = excluded.lease_until";
const DROP_HOLDER: &str = "DELETE FROM spending_holder WHERE holder = $1";
const DROP_EXPIRED: &str = "DELETE FROM spending_holder WHERE lease_until <= $1";
const PRUNE_RESERVATIONS: &str = "DELETE FROM spending_reservation WHERE ends_at <= $1";
const PRUNE_COUNTERS: &str = "DELETE FROM spending_counter WHERE ends_at <= $1";

/// A counter with what is in it.
pub(crate) struct CounterRow {
    pub(crate) counter: SpendingCounter,
    pub(crate) count: SpendingCount,
}

/// What was reserved of a counter.
struct ReservedRow {
    counter: SpendingCounter,
    amount: SpendingAmount,
}

macro_rules! counter {
    ($row:ident) => {
        SpendingCounter {
            per: from_enum_name("per", $row.try_get("per")?)?,
            subject: $row.try_get("subject")?,
            window: SpendingWindow {
                starts_at: Millis($row.try_get("starts_at")?),
                ends_at: Millis($row.try_get("ends_at")?),
            },
        }
    };
}

macro_rules! amount {
    ($row:ident, $nanos:literal, $tokens:literal) => {
        SpendingAmount { usd: NanoDollars($row.try_get($nanos)?), tokens: unsigned($row.try_get($tokens)?) }
    };
}

from_row! {
    row => CounterRow {
        Ok(Self {
            counter: counter!(row),
            count: SpendingCount {
                spent: amount!(row, "spent_nanos", "spent_tokens"),
                reserved: amount!(row, "reserved_nanos", "reserved_tokens"),
                unpriced: unsigned(row.try_get("unpriced")?),
            },
        })
    }
    row => ReservedRow {
        Ok(Self { counter: counter!(row), amount: amount!(row, "nanos", "tokens") })
    }
}

/// What a transaction adds to counters, and takes from them.
#[derive(Default)]
pub(crate) struct CounterChanges(BTreeMap<SpendingCounter, CounterChange>);

#[derive(Default)]
struct CounterChange {
    spent: SpendingAmount,
    unpriced: i64,
    released: SpendingAmount,
}

impl CounterChanges {
    pub(crate) fn spend(&mut self, counter: SpendingCounter, spent: SpendingAmount, is_unpriced: bool) {
        let change = self.0.entry(counter).or_default();
        change.spent = change.spent.plus(spent);
        change.unpriced += i64::from(is_unpriced);
    }

    fn release(&mut self, reserved: Vec<ReservedRow>) {
        for row in reserved {
            let change = self.0.entry(row.counter).or_default();
            change.released = change.released.plus(row.amount);
        }
    }
}

impl Rows {
    /// Counters of windows that are under way at `now`.
    pub(crate) async fn counters_at(
        &mut self,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<CounterRow>, StoreError> {
        fetch_all!(self, CounterRow, COUNTERS_AT, now.0, i64::from(limit))
    }

    /// What is in a counter; none when nobody has counted there.
    pub(crate) async fn counter(
        &mut self,
        counter: &SpendingCounter,
        lock: bool,
    ) -> Result<Option<SpendingCount>, StoreError> {
        let text = if lock && self.is_postgres() { COUNTER_POSTGRES } else { COUNTER };
        let SpendingCounter { per, subject, window } = counter;
        let (per, starts_at, ends_at) = (enum_name(per), window.starts_at.0, window.ends_at.0);
        let found = fetch_optional!(self, CounterRow, text, per, subject.as_str(), starts_at, ends_at)?;
        Ok(found.map(|row| row.count))
    }

    /// Counters of these subjects whose windows begin by `last` and end after `first`.
    pub(crate) async fn counters_of(
        &mut self,
        subjects: &[&str],
        first: Millis,
        last: Millis,
    ) -> Result<Vec<SpendingCounter>, StoreError> {
        let text = if self.is_postgres() { COUNTERS_OF_POSTGRES } else { COUNTERS_OF_SQLITE };
        let found = fetch_all!(self, CounterRow, text, list(&subjects), first.0, last.0)?;
        Ok(found.into_iter().map(|row| row.counter).collect())
    }
}

impl Tx {
    /// Makes counters that are not there. On Postgres the transaction must hold no other.
    pub(crate) async fn open_counters(&mut self, counters: &[SpendingCounter]) -> Result<(), StoreError> {
        if self.is_postgres() {
            execute!(&mut self.rows, LOCK_LEDGER_POSTGRES)?;
        }
        for SpendingCounter { per, subject, window } in counters {
            let text = match per {
                SpendingScope::Key => OPEN_KEY,
                SpendingScope::Operator => OPEN_OPERATOR,
                SpendingScope::Workspace => OPEN_WORKSPACE,
                SpendingScope::Session => OPEN_SESSION,
            };
            let (per, starts_at, ends_at) = (enum_name(per), window.starts_at.0, window.ends_at.0);
            execute!(&mut self.rows, text, per, subject.as_str(), starts_at, ends_at)?;
        }
        Ok(())
    }

    /// Reserves an amount of a counter that this transaction holds.
    pub(crate) async fn reserve(
        &mut self,
        trace: &Id<Trace>,
        holder: &str,
        counter: &SpendingCounter,
        amount: SpendingAmount,
    ) -> Result<(), StoreError> {
        let SpendingCounter { per, subject, window } = counter;
        let (starts_at, ends_at) = (window.starts_at.0, window.ends_at.0);
        let (nanos, tokens) = (amount.usd.0, signed(amount.tokens));
        execute_deferred!(
            &mut self.rows,
            RESERVE,
            trace.as_str(),
            enum_name(per),
            subject.as_str(),
            starts_at,
            ends_at,
            holder,
            nanos,
            tokens
        )?;
        let none = 0_i64;
        execute_deferred!(
            &mut self.rows,
            COUNT,
            enum_name(per),
            subject.as_str(),
            starts_at,
            ends_at,
            none,
            none,
            none,
            nanos,
            tokens
        )
    }

    /// Gives back what these requests reserved.
    pub(crate) async fn release(
        &mut self,
        traces: &[&str],
        changes: &mut CounterChanges,
    ) -> Result<(), StoreError> {
        if traces.is_empty() {
            return Ok(());
        }
        let text = if self.is_postgres() { RELEASE_POSTGRES } else { RELEASE_SQLITE };
        changes.release(fetch_all!(&mut self.rows, ReservedRow, text, list(&traces))?);
        Ok(())
    }

    /// Writes changes, counter by counter in their order.
    pub(crate) async fn change_counters(&mut self, changes: CounterChanges) -> Result<(), StoreError> {
        for (SpendingCounter { per, subject, window }, change) in changes.0 {
            let CounterChange { spent, unpriced, released } = change;
            execute!(
                &mut self.rows,
                COUNT,
                enum_name(&per),
                subject,
                window.starts_at.0,
                window.ends_at.0,
                spent.usd.0,
                signed(spent.tokens),
                unpriced,
                -released.usd.0,
                -signed(released.tokens)
            )?;
        }
        Ok(())
    }

    /// The holder lives until then.
    pub(crate) async fn renew_holder(&mut self, holder: &str, until: Millis) -> Result<(), StoreError> {
        execute_deferred!(&mut self.rows, RENEW, holder, until.0)
    }

    /// Gives back everything that a holder reserved, at its end.
    pub(crate) async fn drop_holder(&mut self, holder: &str) -> Result<(), StoreError> {
        let mut changes = CounterChanges::default();
        changes.release(fetch_all!(&mut self.rows, ReservedRow, RELEASE_OF, holder)?);
        self.change_counters(changes).await?;
        execute!(&mut self.rows, DROP_HOLDER, holder).map(drop)
    }

    /// Gives back what holders reserved whose lease is over; tells how many reservations there were.
    pub(crate) async fn release_expired(&mut self) -> Result<usize, StoreError> {
        let now = self.at.0;
        if self.is_postgres() {
            execute!(&mut self.rows, REAPER_POSTGRES)?;
        }
        let reserved = fetch_all!(&mut self.rows, ReservedRow, RELEASE_EXPIRED, now)?;
        let released = reserved.len();
        let mut changes = CounterChanges::default();
        changes.release(reserved);
        self.change_counters(changes).await?;
        execute!(&mut self.rows, DROP_EXPIRED, now)?;
        Ok(released)
    }

    /// Forgets counters of windows that ended before then.
    pub(crate) async fn prune_counters(&mut self, before: Millis) -> Result<(), StoreError> {
        execute!(&mut self.rows, PRUNE_RESERVATIONS, before.0)?;
        execute!(&mut self.rows, PRUNE_COUNTERS, before.0).map(drop)
    }
}
