//! Traces: one row per request. Texts that a client chose are redacted on the way in.

use std::borrow::Cow;
use std::sync::LazyLock;

use brains_core::id::{Request, Trace};
use brains_core::plane::trace::{Attempt, TraceRecord, TraceUsage};
use brains_core::price::NanoDollars;
use brains_core::redact::redact;
use brains_core::{Id, Millis};

use crate::bounds::{BODY, ENTRIES, LINE, WORD, cut};
use crate::error::StoreError;
use crate::rows::{Rows, execute, fetch_all, fetch_optional, from_row, insert_all, many};
use crate::text::{from_json, id, list, signed, storable, unsigned};
use crate::write::Tx;

/// Rows deleted by one statement, so that a prune never holds the writer for long.
const PRUNE_CHUNK: i64 = 500;

const INSERT: &str = "
    INSERT INTO trace (
        id, request_id, at, operator, key_id, client, api, requested_model, model, provider, tier, task,
        complexity, confidence, strategy, reason, attempts, status, error_kind, error_code, first_byte_ms,
        latency_ms, input_tokens, output_tokens, cached_tokens, reasoning_tokens, usage_estimated, cost_nanos,
        stream, request_bytes, response_bytes, preamble_hash, loss, request_body, response_body,
        native_session, request_class, cache_write_5m_tokens, cache_write_1h_tokens, price
    ) VALUES (
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
        $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37,
        $38, $39, $40
    ) ON CONFLICT (id) DO NOTHING";
static MANY: LazyLock<&str> = LazyLock::new(|| many(INSERT));
const GET: &str = "SELECT * FROM trace WHERE id = $1";
const BY_REQUEST: &str =
    "SELECT * FROM trace WHERE request_id = $1 AND operator = $2 ORDER BY id DESC LIMIT 1";
const OPERATORS_OF_REQUEST: &str =
    "SELECT DISTINCT operator FROM trace WHERE request_id = $1 ORDER BY operator LIMIT 16";
const OLDEST_KEPT: &str = "SELECT id FROM trace ORDER BY id DESC LIMIT 1 OFFSET $1";
const PRUNE_ROWS: &str =
    "DELETE FROM trace WHERE id IN (SELECT id FROM trace WHERE id <= $1 ORDER BY id LIMIT $2)";
const PRUNE_AGE: &str =
    "DELETE FROM trace WHERE id IN (SELECT id FROM trace WHERE at < $1 ORDER BY at LIMIT $2)";

from_row! {
    row => TraceRecord {
        Ok(Self {
            id: id("id", row.try_get("id")?)?,
            request_id: row.try_get("request_id")?,
            at: Millis(row.try_get("at")?),
            operator: row.try_get("operator")?,
            key: match row.try_get::<Option<&str>, _>("key_id")? {
                Some(key) => Some(id("key_id", key)?),
                None => None,
            },
            client: row.try_get("client")?,
            native_session: row.try_get("native_session")?,
            request_class: row.try_get("request_class")?,
            api: row.try_get("api")?,
            requested_model: row.try_get("requested_model")?,
            model: row.try_get("model")?,
            provider: row.try_get("provider")?,
            tier: row.try_get("tier")?,
            task: row.try_get("task")?,
            complexity: row.try_get("complexity")?,
            confidence: row.try_get("confidence")?,
            strategy: row.try_get("strategy")?,
            reason: row.try_get("reason")?,
            attempts: from_json("attempts", row.try_get("attempts")?)?,
            status: u16::try_from(row.try_get::<i64, _>("status")?).unwrap_or(0),
            error_kind: row.try_get("error_kind")?,
            error_code: row.try_get("error_code")?,
            first_byte_ms: row.try_get::<Option<i64>, _>("first_byte_ms")?.map(unsigned),
            latency_ms: unsigned(row.try_get("latency_ms")?),
            usage: TraceUsage {
                input_tokens: unsigned(row.try_get("input_tokens")?),
                output_tokens: unsigned(row.try_get("output_tokens")?),
                cached_tokens: unsigned(row.try_get("cached_tokens")?),
                cache_write_5m_tokens: unsigned(row.try_get("cache_write_5m_tokens")?),
                cache_write_1h_tokens: unsigned(row.try_get("cache_write_1h_tokens")?),
                reasoning_tokens: unsigned(row.try_get("reasoning_tokens")?),
                estimated: row.try_get("usage_estimated")?,
            },
            cost_usd: row.try_get::<Option<i64>, _>("cost_nanos")?.map(NanoDollars),
            price: match row.try_get::<Option<&str>, _>("price")? {
                Some(price) => Some(from_json("price", price)?),
                None => None,
            },
            stream: row.try_get("stream")?,
            request_bytes: unsigned(row.try_get("request_bytes")?),
            response_bytes: unsigned(row.try_get("response_bytes")?),
            preamble_hash: row.try_get("preamble_hash")?,
            loss: from_json("loss", row.try_get("loss")?)?,
            request_body: row.try_get("request_body")?,
            response_body: row.try_get("response_body")?,
        })
    }
}

/// How many traces are kept; none means no bound of that sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    pub rows: Option<u64>,
    pub days: Option<u64>,
}

impl Rows {
    pub async fn trace(&mut self, id: &Id<Trace>) -> Result<Option<TraceRecord>, StoreError> {
        fetch_optional!(self, TraceRecord, GET, id.as_str())
    }

    /// The newest trace of one operator's request id, which a client may have chosen and used twice.
    pub async fn trace_of_request(
        &mut self,
        request_id: &str,
        operator: &str,
    ) -> Result<Option<TraceRecord>, StoreError> {
        fetch_optional!(self, TraceRecord, BY_REQUEST, request_name(request_id).as_ref(), operator)
    }

    /// Whose requests went by an id: some clients choose theirs, and nobody keeps two from choosing the same.
    pub async fn operators_of_request(&mut self, request_id: &str) -> Result<Vec<String>, StoreError> {
        fetch_all!(self, String, OPERATORS_OF_REQUEST, request_name(request_id).as_ref())
    }
}

/// Binds one row's values to a statement, in the order of its columns.
macro_rules! bind_row {
    ($query:expr, $trace:expr) => {{
        let trace: &TraceRecord = $trace;
        let attempts: Vec<Attempt> = trace.attempts.iter().take(ENTRIES).map(covered).collect();
        let loss: Vec<Cow<'_, str>> = trace.loss.iter().take(ENTRIES).map(|loss| name_text(loss)).collect();
        $query
            .bind(trace.id.as_str())
            .bind(request_name(&trace.request_id))
            .bind(trace.at.0)
            .bind(trace.operator.as_str())
            .bind(trace.key.as_ref().map(Id::as_str))
            .bind(trace.client.as_deref().map(name_text))
            .bind(trace.api.as_str())
            .bind(name_text(&trace.requested_model))
            .bind(trace.model.as_deref().map(name_text))
            .bind(trace.provider.as_deref().map(name_text))
            .bind(trace.tier.as_deref().map(name_text))
            .bind(trace.task.as_deref().map(name_text))
            .bind(trace.complexity.as_deref().map(name_text))
            .bind(trace.confidence)
            .bind(trace.strategy.as_deref().map(name_text))
            .bind(trace.reason.as_deref().map(line_text))
            .bind(list(&attempts))
            .bind(i64::from(trace.status))
            .bind(trace.error_kind.as_deref().map(name_text))
            .bind(trace.error_code.as_deref().map(name_text))
            .bind(trace.first_byte_ms.map(signed))
            .bind(signed(trace.latency_ms))
            .bind(signed(trace.usage.input_tokens))
            .bind(signed(trace.usage.output_tokens))
            .bind(signed(trace.usage.cached_tokens))
            .bind(signed(trace.usage.reasoning_tokens))
            .bind(trace.usage.estimated)
            .bind(trace.cost_usd.map(|cost| cost.0))
            .bind(trace.stream)
            .bind(signed(trace.request_bytes))
            .bind(signed(trace.response_bytes))
            .bind(trace.preamble_hash.as_deref())
            .bind(list(&loss))
            .bind(trace.request_body.as_deref().map(body_text))
            .bind(trace.response_body.as_deref().map(body_text))
            .bind(trace.native_session.as_deref().map(name_text))
            .bind(trace.request_class.as_deref().map(name_text))
            .bind(signed(trace.usage.cache_write_5m_tokens))
            .bind(signed(trace.usage.cache_write_1h_tokens))
            .bind(trace.price.as_ref().map(list))
    }};
}

impl Tx {
    /// Adds traces. One that is there already stays as it is.
    pub(crate) async fn insert_traces(&mut self, traces: &[TraceRecord]) -> Result<(), StoreError> {
        insert_all!(&mut self.rows, INSERT, MANY, traces, bind_row)
    }

    /// Deletes some of what is beyond the retention; true when there may be more.
    pub(crate) async fn prune_traces(&mut self, retention: Retention) -> Result<bool, StoreError> {
        const DAY_MS: i64 = 86_400_000;
        let mut deleted = 0;
        if let Some(days) = retention.days {
            let oldest = self.at.0.saturating_sub(signed(days).saturating_mul(DAY_MS));
            deleted += execute!(&mut self.rows, PRUNE_AGE, oldest, PRUNE_CHUNK)?;
        }
        if let Some(rows) = retention.rows
            && let Some(first_gone) = fetch_optional!(&mut self.rows, String, OLDEST_KEPT, signed(rows))?
        {
            deleted += execute!(&mut self.rows, PRUNE_ROWS, first_gone, PRUNE_CHUNK)?;
        }
        Ok(deleted >= unsigned(PRUNE_CHUNK))
    }
}

fn covered(attempt: &Attempt) -> Attempt {
    let mut attempt = attempt.clone();
    attempt.model = name_text(&attempt.model).into_owned();
    attempt.cause = attempt.cause.as_deref().map(|cause| name_text(cause).into_owned());
    attempt
}

fn name_text(text: &str) -> Cow<'_, str> {
    cut(safe(text), WORD)
}

fn line_text(text: &str) -> Cow<'_, str> {
    cut(safe(text), LINE)
}

fn body_text(text: &str) -> Cow<'_, str> {
    cut(safe(text), BODY)
}

/// Redacted, and such that both databases take it.
fn safe(text: &str) -> Cow<'_, str> {
    match redact(text) {
        Cow::Borrowed(text) => storable(text),
        Cow::Owned(text) => Cow::Owned(storable(&text).into_owned()),
    }
}

/// A request id: ours as it is, a client's only as far as it is no secret.
fn request_name(text: &str) -> Cow<'_, str> {
    if Id::<Request>::parse(text).is_some() { Cow::Borrowed(text) } else { name_text(text) }
}
