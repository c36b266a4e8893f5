//! The ledger of tokens, added up.

use brains_core::Fault;
use brains_core::Millis;
use brains_core::id::{Id, Key, Task};
use brains_core::plane::usage::{UsageGroup, UsageSum};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::price::NanoDollars;
use brains_core::principal::{KeyScope, Role};
use brains_core::spending::SpendingScope;
use brains_store::UsageFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::input::TimePoint;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::budget::{self, BudgetLine};
use crate::plane::key::{self, VisibleKeys};
use crate::tool::ToolShape;

/// Adds up what requests used: tokens and cost, also of those that failed or whose client left. A member sees
/// their own, a key for models alone what was asked with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListUsage {
    /// What a line stands for.
    #[serde(default)]
    by: UsageGroup,
    /// Only from this moment on: a time, or how long ago, e.g. `24h`.
    since: Option<TimePoint>,
    /// Only before this moment.
    until: Option<TimePoint>,
    /// Only requests of this operator.
    operator: Option<String>,
    /// Only requests made with this key.
    key: Option<Id<Key>>,
    /// Only requests that this provider instance answered.
    provider: Option<String>,
    /// Only requests that this model answered.
    model: Option<String>,
    /// Only requests of this tier.
    tier: Option<String>,
    /// Only requests of this session: one of ours, or a client's own id of one.
    of_session: Option<String>,
    /// Only requests for this task.
    task: Option<Id<Task>>,
    /// Only requests of sessions in this workspace: slug, id, or a path in it.
    of_workspace: Option<String>,
    /// Only requests of this client program.
    client: Option<String>,
    /// Only requests that their client says are for this, e.g. `compaction`.
    request_class: Option<String>,
    /// How many lines at most.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
}

const fn most() -> u32 {
    100
}

/// Sums, the newest day or the most tokens first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageShown {
    usage: Vec<UsageSum>,
    /// Of everything that was asked for, lines that did not fit included.
    total: UsageSum,
}

impl Operation for ListUsage {
    const NAME: &'static str = "list_usage";
    const NOUN: &'static str = "usage";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const SCOPE: KeyScope = KeyScope::Gateway;
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    const CLI: CliShape = CliShape::new(&["usage"]).table(
        "usage",
        &[
            "group",
            "cost_usd",
            "requests",
            "input_tokens",
            "cached_tokens",
            "output_tokens",
            "saved_usd",
            "failed",
            "cancelled",
            "unpriced",
            "estimated",
            "parts",
            "cache_write_usd",
            "reasoning_tokens",
            "cache_write_5m_tokens",
            "cache_write_1h_tokens",
        ],
    );
    const EXAMPLES: &'static [Example] = &[
        Example { title: "By model, of all time", command: "usage", input: "{}" },
        Example {
            title: "By day, of the last week",
            command: "usage --by day --since 7d",
            input: r#"{"by": "day", "since": "7d"}"#,
        },
        Example {
            title: "What each session cost, and what caching saved it",
            command: "usage --by session --since 24h",
            input: r#"{"by": "session", "since": "24h"}"#,
        },
    ];
    type Output = UsageShown;

    async fn run(self, cx: &Cx<'_>) -> Result<UsageShown, Fault> {
        let limit = page::limit(self.limit)?;
        let (operator, key) = match key::visible_keys(cx.principal, self.operator) {
            VisibleKeys::Everybody => (None, self.key),
            VisibleKeys::Only(slug) => (Some(slug), self.key),
            VisibleKeys::Own(own) if self.key.as_ref().is_none_or(|asked| *asked == own) => {
                (Some(cx.principal.operator.clone()), Some(own))
            }
            VisibleKeys::Own(_) | VisibleKeys::Nobody => {
                return Ok(UsageShown { usage: Vec::new(), total: UsageSum::default() });
            }
        };
        let now = cx.now();
        let workspace = match &self.of_workspace {
            Some(reference) => {
                let mut view = cx.control.store.read().await?;
                let access = cx.workspace(&mut view, Some(reference), WorkspaceRole::Reader).await?;
                Some(access.workspace.id)
            }
            None => None,
        };
        let filter = UsageFilter {
            operator,
            key,
            session: self.of_session,
            task: self.task,
            workspace,
            client: self.client,
            request_class: self.request_class,
            provider: self.provider,
            model: self.model,
            tier: self.tier,
            since: self.since.map(|moment| moment.resolve(now)),
            until: self.until.map(|moment| moment.resolve(now)),
        };
        let by = self.by;
        let sums = cx.control.store.scan(move |view| {
            Box::pin(async move {
                let usage = view.usage(&filter, Some(by), limit).await?;
                let total = view.usage(&filter, None, 1).await?.into_iter().next().unwrap_or_default();
                Ok(UsageShown { usage, total })
            })
        });
        sums.await
    }
}

/// Tells what you have spent: tokens and cost of your session and of your key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetUsage {
    /// Only from this moment on: a time, or how long ago, e.g. `24h`.
    since: Option<TimePoint>,
}

/// What was spent. What is not there is not known: no session, or no key of its own.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageSpent {
    /// By the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<UsageTotal>,
    /// With the key, by all that use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<UsageTotal>,
    /// The budgets that your requests count in, as they stand.
    budgets: Vec<BudgetLine>,
}

/// A sum.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageTotal {
    requests: u64,
    input_tokens: u64,
    cached_tokens: u64,
    output_tokens: u64,
    /// US dollars.
    cost_usd: NanoDollars,
    /// What the cache saved.
    saved_usd: NanoDollars,
    /// Requests of unknown price.
    unpriced: u64,
}

impl From<UsageSum> for UsageTotal {
    fn from(sum: UsageSum) -> Self {
        let UsageSum { requests, input_tokens, cached_tokens, output_tokens, .. } = sum;
        let UsageSum { cost_usd, saved_usd, unpriced, .. } = sum;
        Self { requests, input_tokens, cached_tokens, output_tokens, cost_usd, saved_usd, unpriced }
    }
}

impl Operation for GetUsage {
    const NAME: &'static str = "get_usage";
    const NOUN: &'static str = "usage";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const SCOPE: KeyScope = KeyScope::Gateway;
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    const CLI: CliShape = CliShape::new(&["spent"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "What have I spent today",
        command: "spent --since 24h",
        input: r#"{"since": "24h"}"#,
    }];
    type Output = UsageSpent;

    async fn run(self, cx: &Cx<'_>) -> Result<UsageSpent, Fault> {
        let since: Option<Millis> = self.since.map(|moment| moment.resolve(cx.now()));
        let now = cx.now();
        let session = cx.acting_alive().await?;
        let operator = Some(cx.principal.owner().to_owned());
        let subjects = [
            (SpendingScope::Operator, operator.clone()),
            (SpendingScope::Key, cx.principal.key.as_ref().map(ToString::to_string)),
            (SpendingScope::Session, session.as_ref().map(|session| session.id.to_string())),
            (SpendingScope::Workspace, session.as_ref().map(|session| session.workspace.to_string())),
        ];
        let subjects: Vec<(SpendingScope, String)> =
            subjects.into_iter().filter_map(|(per, subject)| Some((per, subject?))).collect();
        let session = session.map(|session| session.id);
        let config = cx.control.ports.settings.active().config;
        let base = UsageFilter { operator, since, ..UsageFilter::default() };
        let of_session =
            session.map(|id| UsageFilter { session: Some(id.as_str().to_owned()), ..base.clone() });
        let of_key = cx.principal.key.clone().map(|key| UsageFilter { key: Some(key), ..base });
        let spent = cx.control.store.scan(move |view| {
            Box::pin(async move {
                let mut sums = [None, None];
                for (sum, filter) in sums.iter_mut().zip([of_session, of_key]) {
                    if let Some(filter) = filter {
                        *sum = view.usage(&filter, None, 1).await?.into_iter().next().map(UsageTotal::from);
                    }
                }
                let [session, key] = sums;
                let budgets = budget::standing_of(view, &config.spending, &subjects, now).await?;
                Ok(UsageSpent { session, key, budgets })
            })
        });
        spent.await
    }
}
