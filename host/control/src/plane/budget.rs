//! Budgets as they stand: what `spending` in the configuration allows, against what is settled and reserved.

use brains_core::config::{Spending, SpendingBudget};
use brains_core::id::Id;
use brains_core::price::NanoDollars;
use brains_core::principal::Role;
use brains_core::spending::{
    BudgetStanding, SpendingAmount, SpendingCount, SpendingCounter, SpendingPeriod, SpendingScope, time_zone,
    window_at,
};
use brains_core::{Fault, Millis};
use brains_store::{Rows, UsageFilter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Lists budgets as they stand in their windows: what is spent, what requests under way have reserved, and what is left.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListBudgets {
    /// Only this one.
    name: Option<String>,
}

/// A budget, of one of those whose spending it limits.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BudgetLine {
    name: String,
    per: SpendingScope,
    /// The key, operator, workspace or session; none where nobody has spent anything yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    window: SpendingPeriod,
    /// When it begins anew.
    ends_at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_usd: Option<NanoDollars>,
    spent_usd: NanoDollars,
    /// What requests under way may cost.
    reserved_usd: NanoDollars,
    /// What is left, less what is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_usd: Option<NanoDollars>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_tokens: Option<u64>,
    spent_tokens: u64,
    reserved_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_tokens: Option<u64>,
    /// Of whichever limit is nearer.
    used_percent: u64,
    /// Requests of unknown price: they are in no amount of money.
    unpriced: u64,
}

/// Budgets by name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BudgetList {
    budgets: Vec<BudgetLine>,
}

impl BudgetLine {
    fn of(standing: BudgetStanding, has_subject: bool) -> Self {
        let (left_usd, left_tokens) = standing.left();
        let used_percent = standing.used_permille() / 10;
        let BudgetStanding { name, budget, counter, count } = standing;
        let SpendingCount { spent, reserved, unpriced } = count;
        Self {
            name,
            per: budget.per,
            subject: has_subject.then_some(counter.subject),
            window: budget.window,
            ends_at: counter.window.ends_at,
            limit_usd: budget.limit_usd,
            spent_usd: spent.usd,
            reserved_usd: reserved.usd,
            left_usd: left_usd.map(NanoDollars),
            limit_tokens: budget.limit_tokens,
            spent_tokens: spent.tokens,
            reserved_tokens: reserved.tokens,
            left_tokens,
            used_percent,
            unpriced,
        }
    }
}

/// The counter of a subject in the window that is under way; none for a time zone that there is not.
fn counter_of(budget: &SpendingBudget, subject: &str, now: Millis) -> Option<SpendingCounter> {
    let window = window_at(budget.window, &time_zone(&budget.zone)?, now);
    Some(SpendingCounter { per: budget.per, subject: subject.to_owned(), window })
}

/// What is counted there, else what the ledger has: a counter begins with that.
async fn count_of(view: &mut Rows, counter: &SpendingCounter) -> Result<SpendingCount, Fault> {
    if let Some(count) = view.spending_of(counter).await? {
        return Ok(count);
    }
    let SpendingCounter { per, subject, window } = counter;
    let window =
        UsageFilter { since: Some(window.starts_at), until: Some(window.ends_at), ..UsageFilter::default() };
    let filter = match per {
        SpendingScope::Key => UsageFilter { key: Id::parse(subject), ..window },
        SpendingScope::Operator => UsageFilter { operator: Some(subject.clone()), ..window },
        SpendingScope::Workspace => UsageFilter { workspace: Id::parse(subject), ..window },
        SpendingScope::Session => UsageFilter { session: Some(subject.clone()), ..window },
    };
    let sum = view.usage(&filter, None, 1).await?.into_iter().next().unwrap_or_default();
    let tokens = sum.input_tokens.saturating_add(sum.output_tokens);
    let spent = SpendingAmount { usd: sum.cost_usd, tokens };
    Ok(SpendingCount { spent, unpriced: sum.unpriced, ..SpendingCount::default() })
}

/// The budgets that these subjects count in, as they stand.
pub(super) async fn standing_of(
    view: &mut Rows,
    spending: &Spending,
    subjects: &[(SpendingScope, String)],
    now: Millis,
) -> Result<Vec<BudgetLine>, Fault> {
    let mut lines = Vec::new();
    for (name, budget) in spending {
        let mine = subjects.iter().filter(|(per, subject)| {
            *per == budget.per && budget.only.as_ref().is_none_or(|only| only == subject)
        });
        for (_, subject) in mine {
            let Some(counter) = counter_of(budget, subject, now) else { continue };
            let count = count_of(view, &counter).await?;
            let (name, budget) = (name.clone(), budget.clone());
            lines.push(BudgetLine::of(BudgetStanding { name, budget, counter, count }, true));
        }
    }
    Ok(lines)
}

impl Operation for ListBudgets {
    const NAME: &'static str = "list_budgets";
    const NOUN: &'static str = "budget";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    const CLI: CliShape = CliShape::new(&["budget", "list"]).table(
        "budgets",
        &[
            "name",
            "per",
            "subject",
            "used_percent",
            "spent_usd",
            "reserved_usd",
            "left_usd",
            "limit_usd",
            "spent_tokens",
            "left_tokens",
            "ends_at",
        ],
    );
    const EXAMPLES: &'static [Example] =
        &[Example { title: "How budgets stand", command: "budget list", input: "{}" }];
    type Output = BudgetList;

    async fn run(self, cx: &Cx<'_>) -> Result<BudgetList, Fault> {
        let config = cx.control.ports.settings.active().config;
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let counted = view.spending(now).await?;
        let mut budgets = Vec::new();
        let asked = |name: &str| self.name.as_deref().is_none_or(|only| only == name);
        for (name, budget) in config.spending.iter().filter(|(name, _)| asked(name)) {
            let Some(own) = counter_of(budget, budget.only.as_deref().unwrap_or_default(), now) else {
                continue;
            };
            let mut lines = Vec::new();
            for (counter, count) in &counted {
                let is_its = counter.per == own.per
                    && counter.window == own.window
                    && budget.only.as_ref().is_none_or(|only| *only == counter.subject);
                if is_its {
                    let (name, budget, counter) = (name.clone(), budget.clone(), counter.clone());
                    lines.push(BudgetLine::of(BudgetStanding { name, budget, counter, count: *count }, true));
                }
            }
            if lines.is_empty() {
                let count = match budget.only {
                    Some(_) => count_of(&mut view, &own).await?,
                    None => SpendingCount::default(),
                };
                let (name, has_subject) = (name.clone(), budget.only.is_some());
                let standing = BudgetStanding { name, budget: budget.clone(), counter: own, count };
                lines.push(BudgetLine::of(standing, has_subject));
            }
            budgets.append(&mut lines);
        }
        Ok(BudgetList { budgets })
    }
}
