//! The ledger's rows: added once per request, and per part of one that is billed beside it, never changed, never pruned.
//! What a row costs is derived here once, from its tokens and its rates; for whom the request was made is looked up as it is
//! written.

pub(crate) mod work;

use std::collections::HashSet;
use std::sync::LazyLock;

use brains_core::id::Trace;
use brains_core::plane::trace::TraceUsage;
use brains_core::plane::usage::{UsageRecord, UsageSum, UsageWork};
use brains_core::price::{NanoDollars, Settlement};
use brains_core::redact::redact;
use brains_core::spending::{SpendingAmount, SpendingCounter, SpendingScope};
use brains_core::{Id, Millis};

use crate::bounds::{NAME, cut};
use crate::error::StoreError;
use crate::rows::{Rows, fetch_optional, from_row, insert_all_returning, many};
use crate::text::{enum_name, from_enum_name, from_json, id, list, signed, storable, unsigned};
use crate::write::Tx;

use self::work::{Asker, WorkLookup};
use crate::spending::rows::CounterChanges;

/// No request has more tokens of a sort than this: whatever an upstream claims, sums stay within bounds.
const TOKENS_MAX: u64 = 1_000_000_000_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

const INSERT: &str = "
    INSERT INTO ledger (
        trace, at, operator, key_id, provider, model, tier, outcome, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, estimated, cache_write_5m_tokens, cache_write_1h_tokens, price, cost_nanos, saved_nanos,
        cache_write_nanos, label, client, request_class, api, native_session, session, workspace, task,
        part_of
    ) VALUES (
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25, $26, $27, $28
    ) ON CONFLICT (trace) DO NOTHING RETURNING trace";
static MANY: LazyLock<&str> = LazyLock::new(|| many(INSERT));
const GET: &str = "SELECT * FROM ledger WHERE trace = $1";

from_row! {
    row => UsageRecord {
        let text = |name| row.try_get::<Option<String>, _>(name);
        Ok(Self {
            trace: id("trace", row.try_get("trace")?)?,
            part_of: text("part_of")?.map(|trace| id("part_of", &trace)).transpose()?,
            at: Millis(row.try_get("at")?),
            operator: row.try_get("operator")?,
            key: text("key_id")?.map(|key| id("key_id", &key)).transpose()?,
            provider: row.try_get("provider")?,
            model: row.try_get("model")?,
            tier: row.try_get("tier")?,
            label: row.try_get("label")?,
            client: row.try_get("client")?,
            request_class: row.try_get("request_class")?,
            api: row.try_get("api")?,
            native_session: row.try_get("native_session")?,
            work: UsageWork {
                session: text("session")?.map(|session| id("session", &session)).transpose()?,
                workspace: text("workspace")?.map(|workspace| id("workspace", &workspace)).transpose()?,
                task: text("task")?.map(|task| id("task", &task)).transpose()?,
            },
            outcome: from_enum_name("outcome", row.try_get("outcome")?)?,
            usage: TraceUsage {
                input_tokens: unsigned(row.try_get("input_tokens")?),
                output_tokens: unsigned(row.try_get("output_tokens")?),
                cached_tokens: unsigned(row.try_get("cached_tokens")?),
                cache_write_5m_tokens: unsigned(row.try_get("cache_write_5m_tokens")?),
                cache_write_1h_tokens: unsigned(row.try_get("cache_write_1h_tokens")?),
                reasoning_tokens: unsigned(row.try_get("reasoning_tokens")?),
                estimated: row.try_get("estimated")?,
            },
            price: text("price")?.map(|price| from_json("price", &price)).transpose()?,
        })
    }
    row => UsageSum {
        let count = |name| row.try_get::<i64, _>(name).map(unsigned);
        let money = |name| row.try_get::<i64, _>(name).map(NanoDollars);
        Ok(Self {
            group: row.try_get("part")?,
            requests: count("requests")?,
            failed: count("failed")?,
            cancelled: count("cancelled")?,
            parts: count("parts")?,
            input_tokens: count("input_tokens")?,
            output_tokens: count("output_tokens")?,
            cached_tokens: count("cached_tokens")?,
            cache_write_5m_tokens: count("cache_write_5m_tokens")?,
            cache_write_1h_tokens: count("cache_write_1h_tokens")?,
            reasoning_tokens: count("reasoning_tokens")?,
            estimated: count("estimated")?,
            cost_usd: money("cost_nanos")?,
            saved_usd: money("saved_nanos")?,
            cache_write_usd: money("cache_write_nanos")?,
            unpriced: count("unpriced")?,
        })
    }
}

impl Rows {
    /// What the request of this trace used.
    pub async fn usage_of(&mut self, trace: &Id<Trace>) -> Result<Option<UsageRecord>, StoreError> {
        fetch_optional!(self, UsageRecord, GET, trace.as_str())
    }
}

/// A row with what it came to.
struct Settled {
    row: UsageRecord,
    settlement: Option<Settlement>,
}

impl Settled {
    fn of(row: &UsageRecord, work: UsageWork) -> Self {
        let mut row = UsageRecord { work, ..row.clone() };
        let usage = &mut row.usage;
        for tokens in [
            &mut usage.input_tokens,
            &mut usage.output_tokens,
            &mut usage.cached_tokens,
            &mut usage.cache_write_5m_tokens,
            &mut usage.cache_write_1h_tokens,
            &mut usage.reasoning_tokens,
        ] {
            *tokens = (*tokens).min(TOKENS_MAX);
        }
        Self { settlement: row.settlement(), row }
    }

    fn spent(&self) -> SpendingAmount {
        let TraceUsage { input_tokens, output_tokens, .. } = self.row.usage;
        let usd = self.settlement.map(|settled| settled.cost).unwrap_or_default();
        SpendingAmount { usd, tokens: input_tokens.saturating_add(output_tokens) }
    }

    /// Of whom it counts, as its columns say.
    fn subjects(&self) -> Vec<(SpendingScope, String)> {
        let UsageRecord { operator, key, native_session, work, .. } = &self.row;
        let id = |id: Option<&str>| id.map(str::to_owned);
        let session =
            id(work.session.as_ref().map(Id::as_str)).or_else(|| native_session.as_deref().map(chosen));
        let all = [
            (SpendingScope::Operator, Some(operator.clone())),
            (SpendingScope::Key, id(key.as_ref().map(Id::as_str))),
            (SpendingScope::Workspace, id(work.workspace.as_ref().map(Id::as_str))),
            (SpendingScope::Session, session),
        ];
        all.into_iter().filter_map(|(per, subject)| Some((per, subject?))).collect()
    }
}

/// What a client or an upstream chose, as it may be kept.
pub(crate) fn chosen(text: &str) -> String {
    cut(storable(&redact(text)), NAME).into_owned()
}

/// Binds one row's values to a statement, in the order of its columns.
macro_rules! bind_row {
    ($query:expr, $row:expr) => {{
        let Settled { row, settlement } = $row;
        $query
            .bind(row.trace.as_str())
            .bind(row.at.0)
            .bind(row.operator.as_str())
            .bind(row.key.as_ref().map(Id::as_str))
            .bind(storable(&row.provider))
            .bind(chosen(&row.model))
            .bind(row.tier.as_deref().map(storable))
            .bind(enum_name(&row.outcome))
            .bind(signed(row.usage.input_tokens))
            .bind(signed(row.usage.output_tokens))
            .bind(signed(row.usage.cached_tokens))
            .bind(signed(row.usage.reasoning_tokens))
            .bind(row.usage.estimated)
            .bind(signed(row.usage.cache_write_5m_tokens))
            .bind(signed(row.usage.cache_write_1h_tokens))
            .bind(row.price.as_ref().map(list))
            .bind(settlement.map(|settled| settled.cost.0))
            .bind(settlement.map(|settled| settled.saved.0))
            .bind(settlement.map(|settled| settled.cache_write.0))
            .bind(row.label.as_deref().map(chosen))
            .bind(row.client.as_deref().map(chosen))
            .bind(row.request_class.as_deref().map(chosen))
            .bind(row.api.as_str())
            .bind(row.native_session.as_deref().map(chosen))
            .bind(row.work.session.as_ref().map(Id::as_str))
            .bind(row.work.workspace.as_ref().map(Id::as_str))
            .bind(row.work.task.as_ref().map(Id::as_str))
            .bind(row.part_of.as_ref().map(Id::as_str))
    }};
}

impl Tx {
    /// Adds rows, and settles what their requests reserved. One that is there already stays as it is, and counts no further.
    /// `reserved` are requests that hold a reservation, those that used nothing included.
    pub(crate) async fn insert_usages(
        &mut self,
        rows: &[&UsageRecord],
        reserved: &[&str],
    ) -> Result<(), StoreError> {
        let mut lookup = WorkLookup::default();
        let mut settled = Vec::with_capacity(rows.len());
        for row in rows {
            let asker = Asker {
                operator: &row.operator,
                key: row.key.as_ref(),
                native_session: row.native_session.as_deref(),
                at: row.at,
            };
            settled.push(Settled::of(row, lookup.of(&mut self.rows, asker).await?));
        }
        let added = insert_all_returning!(&mut self.rows, String, INSERT, MANY, settled, bind_row)?;
        let added: HashSet<String> = added.into_iter().collect();
        settled.retain(|settled| added.contains(settled.row.trace.as_str()));
        let mut changes = CounterChanges::default();
        self.release(reserved, &mut changes).await?;
        self.count(&settled, &mut changes).await?;
        self.change_counters(changes).await
    }

    /// Counts rows wherever somebody counts them. It is looked for after they were added: from then on nobody makes a counter
    /// that has them already.
    async fn count(&mut self, settled: &[Settled], changes: &mut CounterChanges) -> Result<(), StoreError> {
        let (Some(first), Some(last)) =
            (settled.iter().map(|it| it.row.at).min(), settled.iter().map(|it| it.row.at).max())
        else {
            return Ok(());
        };
        let subjects: HashSet<String> =
            settled.iter().flat_map(Settled::subjects).map(|(_, subject)| subject).collect();
        let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
        let counters = self.rows.counters_of(&subjects, first, last).await?;
        for settled in settled.iter().filter(|_| !counters.is_empty()) {
            for (per, subject) in settled.subjects() {
                let here = |counter: &&SpendingCounter| {
                    counter.per == per && counter.subject == subject && counter.window.holds(settled.row.at)
                };
                for counter in counters.iter().filter(here) {
                    changes.spend(counter.clone(), settled.spent(), settled.settlement.is_none());
                }
            }
        }
        Ok(())
    }
}
