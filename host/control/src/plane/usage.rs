//! The ledger of tokens, added up.

use brains_core::Fault;
use brains_core::id::{Id, Key};
use brains_core::plane::usage::{UsageGroup, UsageSum};
use brains_core::principal::{KeyScope, Role};
use brains_store::UsageFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::input::TimePoint;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
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
            "requests",
            "failed",
            "cancelled",
            "input_tokens",
            "cached_tokens",
            "output_tokens",
            "reasoning_tokens",
            "estimated",
            "cost_usd",
            "unpriced",
        ],
    );
    const EXAMPLES: &'static [Example] = &[
        Example { title: "By model, of all time", command: "usage", input: "{}" },
        Example {
            title: "By day, of the last week",
            command: "usage --by day --since 7d",
            input: r#"{"by": "day", "since": "7d"}"#,
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
        let filter = UsageFilter {
            operator,
            key,
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
