//! Budgets at admission: before anybody is called, a request reserves what it may cost of every budget that it counts in, at
//! the dearest of its candidates, so that it stays within that whoever answers. Near a limit it may be planned in a cheaper
//! tier; where there is no room it is refused in its wire's words. Without budgets nothing is asked. The rules are
//! `core::spending`, the rows the store's.

use std::fmt::Write as _;

use brains_core::config::{AtLimit, Spending, SpendingBudget};
use brains_core::price::NanoDollars;
use brains_core::spending::{
    ASSUMED_OUTPUT_TOKENS, BudgetStanding, RequestSize, SpendingAmount, SpendingScope, SpendingVerdict,
    SpendingWish, calls_at_most, dearest_cost, nearest_limit,
};
use brains_core::{Fault, FaultKind, Id, Millis, Origin, Principal};
use brains_dialect::ingress::{Ingress, LimitReport};
use brains_runtime::ActiveSet;
use brains_store::{SpendingAsk, UsageSlot};

use crate::compose::Composed;
use crate::plan::{Plan, PlanContext, RankedCandidate, plan};
use crate::record::Recorder;
use crate::request::{ClientRequest, GatewayCall};
use crate::routing_headers::RoutingHeaders;
use crate::upstreams::Upstreams;
use crate::{GatewayState, resolve};

/// Tells how much of a budget is used.
const BUDGET: &str = "x-brains-budget";
/// Who waits for others to be settled is told to come back so soon.
const COME_BACK_MS: u64 = 1_000;
const BYTES_PER_TOKEN: usize = 4;

/// A request as budgets see it.
pub(crate) struct SpendingRequest<'a> {
    pub(crate) call: &'a GatewayCall,
    /// The client's wire, where it has words for limits.
    pub(crate) ingress: Option<Ingress>,
    pub(crate) size: RequestSize,
    /// Its client left the choice to us.
    pub(crate) automatic: bool,
    budgets: Vec<(String, SpendingBudget)>,
}

/// What a request that found room goes on with.
pub(crate) enum Reserved {
    Here(UsageSlot),
    /// It is to be planned in this tier, with the words for why, and to ask again.
    InTier(UsageSlot, String, String),
}

impl<'a> SpendingRequest<'a> {
    /// The request, if there is a budget that it may count in. `size` is only asked for then.
    pub(crate) fn of(
        call: &'a GatewayCall,
        ingress: Option<Ingress>,
        size: impl FnOnce() -> Result<RequestSize, Fault>,
    ) -> Result<Option<Self>, Fault> {
        let budgets = applying(&call.active.config.spending, &call.principal);
        if budgets.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { call, ingress, size: size()?, automatic: false, budgets }))
    }

    fn ask(&self, recorder: &Recorder, wish: SpendingWish) -> SpendingAsk {
        let (trace, at) = recorder.trace();
        SpendingAsk {
            trace: trace.clone(),
            at,
            operator: self.call.principal.operator.clone(),
            key: self.call.principal.key.clone(),
            native_session: self.call.told.native_session.clone(),
            budgets: self.budgets.clone(),
            wish,
        }
    }
}

/// The budgets that a caller may count in, as far as that is known without looking at rows.
fn applying(spending: &Spending, principal: &Principal) -> Vec<(String, SpendingBudget)> {
    let may_count = |budget: &SpendingBudget| {
        let only = |subject: Option<&str>| match (&budget.only, subject) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(only), Some(subject)) => only == subject,
        };
        match budget.per {
            SpendingScope::Key => only(principal.key.as_ref().map(Id::as_str)),
            SpendingScope::Operator => only(Some(&principal.operator)),
            SpendingScope::Workspace | SpendingScope::Session => true,
        }
    };
    let counting = spending.iter().filter(|(_, budget)| may_count(budget));
    counting.map(|(name, budget)| (name.clone(), budget.clone())).collect()
}

impl GatewayState {
    /// Reserves what a generation may cost; the plan is another one where a budget says so.
    pub(crate) async fn reserve_generation(
        &self,
        client: &ClientRequest<'_>,
        call: &GatewayCall,
        composed: &Composed<'_>,
        mut planned: Plan,
        recorder: &mut Recorder,
    ) -> Result<(UsageSlot, Plan), Fault> {
        let mut slot = self.ledger.place().await?;
        let size = || {
            let preamble = composed.preamble_bytes() / BYTES_PER_TOKEN;
            let asked = u64::from(client.features()?.approx_input_tokens);
            let answers = client.ingress.answers(&client.envelope);
            let allowed = client.ingress.output_limit(&client.envelope);
            Ok(RequestSize {
                input_tokens: asked.saturating_add(preamble as u64),
                output_tokens: allowed.unwrap_or(ASSUMED_OUTPUT_TOKENS.saturating_mul(answers)),
            })
        };
        let Some(mut request) = SpendingRequest::of(call, Some(client.ingress), size)? else {
            return Ok((slot, planned));
        };
        request.automatic = resolve::is_automatic(&client.model);
        let mut may_move = true;
        loop {
            match self.reserve(&request, &mut planned, may_move, slot, recorder).await? {
                Reserved::Here(slot) => return Ok((slot, planned)),
                Reserved::InTier(back, tier, why) => {
                    (slot, may_move) = (back, false);
                    if planned.attempts.first().is_some_and(|first| first.tier == tier) {
                        continue;
                    }
                    let context = PlanContext { snapshot: &call.active, upstreams: &self.upstreams };
                    let asked = |is_choice| client.asked(Some(&call.principal), is_choice);
                    // A tier that nobody answers in is no reason to refuse what there may be room for.
                    let Ok(moved) = plan(&format!("brains-{tier}"), asked, context).await else { continue };
                    planned = Plan {
                        requested: planned.requested,
                        reason: format!("{why}; {}", moved.reason),
                        ..moved
                    };
                    recorder.planned(&planned);
                }
            }
        }
    }

    /// Reserves what the dearest candidate of the plan may cost. Candidates that a budget does not let be asked leave it.
    pub(crate) async fn reserve(
        &self,
        request: &SpendingRequest<'_>,
        planned: &mut Plan,
        may_move: bool,
        mut slot: UsageSlot,
        recorder: &mut Recorder,
    ) -> Result<Reserved, Fault> {
        let active = &request.call.active;
        loop {
            let costs = costs(&self.upstreams, active, request.size, &planned.attempts);
            let usd = costs.iter().flatten().copied().max().unwrap_or_default();
            let tier = planned.attempts.first().and_then(|first| active.config.models.get(&first.tier));
            let calls = calls_at_most(tier, planned.attempts.len());
            let worth = SpendingAmount { usd, tokens: request.size.tokens() }.times(calls);
            let wish = SpendingWish {
                worth,
                unpriced: costs.iter().any(Option::is_none),
                automatic: request.automatic,
                may_move,
            };
            let (back, answer) = match self.spending.reserve(slot, request.ask(recorder, wish)).await {
                Ok(answered) => answered,
                Err(fault) => return self.unseen(request, &fault).await,
            };
            slot = back;
            let at = |at: usize| answer.standings.get(at);
            let refusal = match answer.verdict {
                SpendingVerdict::Admit => {
                    if let Some(nearest) = nearest_limit(&answer.standings) {
                        recorder.limited(headers(request.ingress, nearest, false));
                    }
                    return Ok(Reserved::Here(slot));
                }
                SpendingVerdict::Cheaper(by, tier) => {
                    let why = at(by).map(|standing| moved(standing, worth, &tier)).unwrap_or_default();
                    return Ok(Reserved::InTier(slot, tier, why));
                }
                SpendingVerdict::Unpriced(by) => {
                    let Some(standing) = at(by) else { return Ok(Reserved::Here(slot)) };
                    let (known, unknown) = parted(std::mem::take(&mut planned.attempts), &costs);
                    for candidate in &unknown {
                        recorder.skipped(candidate, "price_unknown", &unpriced_cause(standing));
                    }
                    planned.attempts = known;
                    if planned.attempts.is_empty() {
                        return Err(unpriced(standing, &unknown));
                    }
                    continue;
                }
                SpendingVerdict::Wait(by) => at(by).map(|standing| (standing, waits(standing))),
                SpendingVerdict::Stop(by) => {
                    at(by).map(|standing| (standing, stopped(standing, worth, self.upstreams.ambient.now())))
                }
            };
            let Some((standing, fault)) = refusal else { return Ok(Reserved::Here(slot)) };
            recorder.limited(headers(request.ingress, standing, true));
            return Err(fault);
        }
    }

    /// The database did not answer. Where a limit stops requests nothing is admitted that was not seen to fit.
    async fn unseen(&self, request: &SpendingRequest<'_>, fault: &Fault) -> Result<Reserved, Fault> {
        tracing::warn!(cause = %fault.chain(), "what is left of budgets cannot be seen");
        if request.budgets.iter().all(|(_, budget)| budget.at_limit == AtLimit::Warn) {
            return Ok(Reserved::Here(self.ledger.place().await?));
        }
        Err(Fault::unavailable("what is left of the budgets cannot be seen just now")
            .code("budget_unknown")
            .retry_after_ms(COME_BACK_MS)
            .cause(fault.clone()))
    }
}

/// What a request of this size may cost at each candidate; none where its price is not known.
fn costs(
    upstreams: &Upstreams,
    snapshot: &ActiveSet,
    size: RequestSize,
    candidates: &[RankedCandidate],
) -> Vec<Option<NanoDollars>> {
    let cost = |candidate: &RankedCandidate| {
        let instance = snapshot.provider(&candidate.provider)?;
        let (origin, price) = upstreams.price(&snapshot.config, instance, &candidate.model)?;
        dearest_cost(origin, &price, size)
    };
    candidates.iter().map(cost).collect()
}

/// Candidates with a cost, and those without.
fn parted(
    candidates: Vec<RankedCandidate>,
    costs: &[Option<NanoDollars>],
) -> (Vec<RankedCandidate>, Vec<RankedCandidate>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (candidate, cost) in candidates.into_iter().zip(costs) {
        if cost.is_some() { known.push(candidate) } else { unknown.push(candidate) }
    }
    (known, unknown)
}

/// What a client learns of the budget of which most is used.
fn headers(ingress: Option<Ingress>, standing: &BudgetStanding, refused: bool) -> RoutingHeaders {
    let ends_at = standing.counter.window.ends_at;
    let used = standing.used_permille();
    let mut words = format!("{}: {}.{}% used", standing.name, used / 10, used % 10);
    let (usd, tokens) = standing.left();
    if let Some(usd) = usd {
        let _ = write!(words, ", {} USD left", NanoDollars(usd));
    }
    if let Some(tokens) = tokens {
        let _ = write!(words, ", {tokens} tokens left");
    }
    let _ = write!(words, ", until {ends_at}");
    let report = LimitReport {
        used_permille: used,
        warn_at_percent: standing.budget.warn_at_percent,
        warns: standing.warns(),
        refused,
        resets_at_s: ends_at.0.div_euclid(1_000),
    };
    let mut headers = vec![(BUDGET, words)];
    headers.extend(ingress.into_iter().flat_map(|ingress| ingress.limit_headers(report)));
    headers
}

fn moved(standing: &BudgetStanding, worth: SpendingAmount, tier: &str) -> String {
    format!("budget `{}` would be {}% used: tier `{tier}`", standing.name, standing.used_percent_with(worth))
}

fn unpriced_cause(standing: &BudgetStanding) -> String {
    format!("nobody knows its price, and the budget `{}` is in money", standing.name)
}

fn unpriced(standing: &BudgetStanding, candidates: &[RankedCandidate]) -> Fault {
    let names: Vec<String> = candidates.iter().map(|it| format!("`{}/{}`", it.provider, it.model)).collect();
    let what = format!(
        "nobody knows what {} costs, and the budget `{}` is in money",
        names.join(" or "),
        standing.name
    );
    Fault::new(FaultKind::Forbidden, Origin::Brains, what).code("price_unknown").hint(format!(
        "`brains price set` tells its price, also that it is 0; `spending.{}.unpriced: count` lets it be asked",
        standing.name
    ))
}

/// What is used of the limits that a budget has.
fn used_of(standing: &BudgetStanding, amount: SpendingAmount) -> String {
    let money = standing.budget.limit_usd.map(|limit| format!("{} of {limit} USD", amount.usd));
    let tokens = standing.budget.limit_tokens.map(|limit| format!("{} of {limit} tokens", amount.tokens));
    money.into_iter().chain(tokens).collect::<Vec<_>>().join(" and ")
}

fn waits(standing: &BudgetStanding) -> Fault {
    let used = used_of(standing, standing.count.spent.plus(standing.count.reserved));
    let what = format!("requests under way hold what is left of the budget `{}`: {used}", standing.name);
    Fault::new(FaultKind::RateLimited, Origin::Brains, what)
        .code("budget_reserved")
        .retry_after_ms(COME_BACK_MS)
}

fn stopped(standing: &BudgetStanding, worth: SpendingAmount, now: Millis) -> Fault {
    let BudgetStanding { name, budget, counter, count } = standing;
    let used = used_of(standing, count.spent);
    let ends_at = counter.window.ends_at;
    let is_over = standing.is_used_up();
    let may_take = match (budget.limit_usd.is_some(), budget.limit_tokens.is_some()) {
        (true, false) => format!("{} USD", worth.usd),
        (false, _) => format!("{} tokens", worth.tokens),
        (true, true) => format!("{} USD and {} tokens", worth.usd, worth.tokens),
    };
    let (what, hint) = if is_over {
        (format!("the budget `{name}` is used up: {used}; it begins anew at {ends_at}"), "raise")
    } else {
        let what = format!(
            "the budget `{name}` has no room for this request: {used} are used, and it may take up to {may_take}; it begins \
             anew at {ends_at}"
        );
        (what, "allow a shorter answer, or raise")
    };
    let wait_ms = u64::try_from(ends_at.since(now)).unwrap_or(0).max(1);
    Fault::new(FaultKind::Quota, Origin::Brains, what)
        .retry_after_ms(wait_ms)
        .hint(format!("{hint} the limit in `spending.{name}`"))
}
