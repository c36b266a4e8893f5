//! Traces: what was answered, by whom, how fast.

use brains_core::id::{Id, Trace};
use brains_core::plane::trace::TraceRecord;
use brains_core::principal::{KeyScope, Role};
use brains_core::{Fault, Principal};
use brains_store::{Rows, TraceFilter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::input::TimePoint;
use crate::input::page;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::plane::key::{self, VisibleKeys};
use crate::tool::ToolShape;

const NOUN: &str = "trace";

/// Lists requests as they went, newest first. A member sees their own, a key for models alone
/// what was asked with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTraces {
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Only from this moment on: a time, or how long ago, e.g. `24h`.
    since: Option<TimePoint>,
    /// Only before this moment.
    until: Option<TimePoint>,
    /// Only those that this provider instance answered.
    provider: Option<String>,
    /// Only those that this model answered.
    model: Option<String>,
    /// Only those of this tier.
    tier: Option<String>,
    /// Only those with this HTTP status.
    #[schemars(range(min = 100, max = 599))]
    status: Option<u16>,
    /// Only those that ended in an error.
    #[serde(default)]
    failed: bool,
    /// Only those of this operator.
    operator: Option<String>,
    /// Continue behind this trace: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of traces.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TracePage {
    traces: Vec<TraceRecord>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListTraces {
    const NAME: &'static str = "list_traces";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const SCOPE: KeyScope = KeyScope::Gateway;
    const CLI: CliShape =
        CliShape::new(&["trace", "list"]).aliases(&[Alias { path: &["traces"], hidden: false }]).table(
            "traces",
            &[
                "at",
                "status",
                "model",
                "latency_ms",
                "task",
                "tier",
                "provider",
                "attempts",
                "operator",
                "requested_model",
                "request_class",
                "native_session",
                "usage.input_tokens",
                "usage.output_tokens",
                "id",
            ],
        );
    const EXAMPLES: &'static [Example] = &[
        Example { title: "The last twenty", command: "traces", input: "{}" },
        Example {
            title: "What failed today",
            command: "traces --failed --since 24h",
            input: r#"{"failed": true, "since": "24h"}"#,
        },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = TracePage;

    async fn run(self, cx: &Cx<'_>) -> Result<TracePage, Fault> {
        let limit = page::limit(self.limit)?;
        let before = match &self.cursor {
            Some(cursor) => Some(Id::<Trace>::parse(cursor).ok_or_else(page::bad_cursor)?),
            None => None,
        };
        let (operator, key) = match key::visible_keys(cx.principal, self.operator) {
            VisibleKeys::Everybody => (None, None),
            VisibleKeys::Only(slug) => (Some(slug), None),
            VisibleKeys::Own(key) => (Some(cx.principal.operator.clone()), Some(key)),
            VisibleKeys::Nobody => return Ok(TracePage { traces: Vec::new(), next_cursor: None }),
        };
        let now = cx.now();
        let filter = TraceFilter {
            operator,
            key,
            provider: self.provider,
            model: self.model,
            tier: self.tier,
            status: self.status,
            failed: self.failed,
            since: self.since.map(|moment| moment.resolve(now)),
            until: self.until.map(|moment| moment.resolve(now)),
            before,
            ..TraceFilter::default()
        };
        // Not each filter meets an index, and traces are large.
        let listed = cx
            .control
            .store
            .scan(move |view| Box::pin(async move { Ok(view.traces(&filter, limit + 1).await?) }));
        let mut traces = listed.await?;
        for trace in &mut traces {
            // Bodies are for the single trace: a page of them would be megabytes.
            trace.request_body = None;
            trace.response_body = None;
        }
        let next_cursor = cx.budget.cut(&mut traces, limit, |trace| trace.id.to_string());
        Ok(TracePage { traces, next_cursor })
    }
}

/// Shows one request as it went, attempt by attempt. A member sees their own, a key for models alone
/// what was asked with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowTrace {
    /// The trace's id (`x-brains-trace-id`), or the request's (`x-request-id`).
    id: String,
}

/// A trace.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TraceShown {
    trace: TraceRecord,
}

impl Operation for ShowTrace {
    const NAME: &'static str = "show_trace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const SCOPE: KeyScope = KeyScope::Gateway;
    const CLI: CliShape = CliShape::new(&["trace", "show"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Show a request by its `x-brains-trace-id`",
        command: "trace show trace_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"id": "trace_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = TraceShown;

    async fn run(self, cx: &Cx<'_>) -> Result<TraceShown, Fault> {
        let sight = key::visible_keys(cx.principal, None);
        let mut view = cx.control.store.read().await?;
        let found = match Id::<Trace>::parse(&self.id) {
            Some(id) => view.trace(&id).await?,
            None => of_request(&mut view, &self.id, cx.principal).await?,
        };
        found
            .filter(|trace| sight.holds(&trace.operator, trace.key.as_ref()))
            .map(|trace| TraceShown { trace })
            .ok_or_else(|| {
                Fault::not_found("trace", self.id.chars().take(128).collect::<String>())
                    .param("id")
                    .hint("`brains traces` shows the newest; old ones are deleted by the retention")
            })
    }
}

/// The newest trace of a request's id. Clients choose these ids, and two operators may choose the same: a member finds
/// their own; an administrator theirs, else the only one there is, else is told which there are.
async fn of_request(
    view: &mut Rows,
    request_id: &str,
    principal: &Principal,
) -> Result<Option<TraceRecord>, Fault> {
    let own = view.trace_of_request(request_id, &principal.operator).await?;
    if own.is_some() || key::visible_keys(principal, None) != VisibleKeys::Everybody {
        return Ok(own);
    }
    let operators = view.operators_of_request(request_id).await?;
    let mut found = Vec::new();
    for operator in &operators {
        found.extend(view.trace_of_request(request_id, operator).await?);
    }
    if found.len() > 1 {
        let choices = found.iter().map(|trace| format!("`{}` ({})", trace.id, trace.operator));
        return Err(Fault::conflict("requests of several operators went by this id")
            .code("ambiguous_request_id")
            .param("id")
            .hint(format!("ask for one of them: {}", choices.collect::<Vec<_>>().join(", "))));
    }
    Ok(found.pop())
}
