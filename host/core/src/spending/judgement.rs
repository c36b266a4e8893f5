//! Whether a request is admitted: what is settled, what others under way have reserved, and what it may cost itself, against
//! each budget that it counts in.

use super::{SpendingAmount, SpendingCount, SpendingCounter};
use crate::config::{AtLimit, SpendingBudget};

/// A budget that a request counts in, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetStanding {
    pub name: String,
    pub budget: SpendingBudget,
    pub counter: SpendingCounter,
    pub count: SpendingCount,
}

/// What a request would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendingWish {
    /// The most that it may cost.
    pub worth: SpendingAmount,
    /// Nobody knows what it costs at one of its candidates.
    pub unpriced: bool,
    /// Its client left the choice of the model to us.
    pub automatic: bool,
    /// It may still be planned anew.
    pub may_move: bool,
}

/// What is wrong with a limit for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overrun {
    /// It fits.
    None,
    /// It fits as soon as others are settled that have reserved more than they will need.
    Reserved,
    /// It does not fit into what is left.
    Spent,
}

/// What becomes of a request. A number is a place in the list of standings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpendingVerdict {
    /// Its worth is to be reserved.
    Admit,
    /// It is to be planned in this tier, because of this budget.
    Cheaper(usize, String),
    /// Candidates whose price nobody knows are not to be asked.
    Unpriced(usize),
    /// It may come back in a moment.
    Wait(usize),
    /// Not before the window's end.
    Stop(usize),
}

/// Judges a request. A cheaper tier goes before a refusal: what does not fit dear may fit there.
pub fn judge(standings: &[BudgetStanding], wish: SpendingWish) -> SpendingVerdict {
    let is_unknown = |standing: &BudgetStanding| wish.unpriced && standing.budget.refuses_unpriced();
    if let Some(at) = standings.iter().position(is_unknown) {
        return SpendingVerdict::Unpriced(at);
    }
    for (at, standing) in standings.iter().enumerate() {
        if let Some(cheaper) = &standing.budget.cheaper
            && wish.may_move
            && (wish.automatic || cheaper.named)
            && standing.used_percent_with(wish.worth) >= u64::from(cheaper.at_percent)
        {
            return SpendingVerdict::Cheaper(at, cheaper.tier.clone());
        }
    }
    let stopping =
        standings.iter().enumerate().filter(|(_, standing)| standing.budget.at_limit == AtLimit::Stop);
    // Of several the worst, and of those the one that begins anew last.
    let worst =
        stopping.max_by_key(|(_, standing)| (standing.overrun(wish.worth), standing.counter.window.ends_at));
    match worst.map(|(at, standing)| (at, standing.overrun(wish.worth))) {
        Some((at, Overrun::Spent)) => SpendingVerdict::Stop(at),
        Some((at, Overrun::Reserved)) => SpendingVerdict::Wait(at),
        Some((_, Overrun::None)) | None => SpendingVerdict::Admit,
    }
}

/// The budget of which most is used, which is the one that is told.
pub fn nearest_limit(standings: &[BudgetStanding]) -> Option<&BudgetStanding> {
    standings.iter().max_by_key(|standing| (standing.used_permille(), standing.counter.window.ends_at))
}

impl BudgetStanding {
    /// Thousandths of the limit that are settled or reserved, of whichever of its measures is nearer to it.
    pub fn used_permille(&self) -> u64 {
        self.part_with(SpendingAmount::default(), 1_000)
    }

    /// Whether it is told as a warning.
    pub fn warns(&self) -> bool {
        self.used_permille() >= u64::from(self.budget.warn_at_percent) * 10
    }

    /// Hundredths of the limit that would be used with a request of this worth.
    pub fn used_percent_with(&self, worth: SpendingAmount) -> u64 {
        self.part_with(worth, 100)
    }

    fn part_with(&self, worth: SpendingAmount, whole: i128) -> u64 {
        let used = self.count.spent.plus(self.count.reserved).plus(worth);
        let part = |used: i128, limit: i128| if limit > 0 { used * whole / limit } else { whole };
        let money = self.budget.limit_usd.map(|limit| part(used.usd.0.into(), limit.0.into()));
        let tokens = self.budget.limit_tokens.map(|limit| part(used.tokens.into(), limit.into()));
        let part = money.into_iter().chain(tokens).max().unwrap_or(0);
        u64::try_from(part.max(0)).unwrap_or(u64::MAX)
    }

    /// What is left of the limits, less what is reserved; nothing where there is no such limit.
    pub fn left(&self) -> (Option<i64>, Option<u64>) {
        let used = self.count.spent.plus(self.count.reserved);
        let money = self.budget.limit_usd.map(|limit| limit.0.saturating_sub(used.usd.0).max(0));
        (money, self.budget.limit_tokens.map(|limit| limit.saturating_sub(used.tokens)))
    }

    /// Whether nothing is left even when everything that is reserved comes back.
    pub fn is_used_up(&self) -> bool {
        let spent = self.count.spent;
        self.budget.limit_usd.is_some_and(|limit| spent.usd >= limit)
            || self.budget.limit_tokens.is_some_and(|limit| spent.tokens >= limit)
    }

    /// Whether a request of this worth fits.
    pub fn overrun(&self, worth: SpendingAmount) -> Overrun {
        let settled = self.count.spent.plus(worth);
        if self.exceeds(settled) {
            Overrun::Spent
        } else if self.exceeds(settled.plus(self.count.reserved)) {
            Overrun::Reserved
        } else {
            Overrun::None
        }
    }

    fn exceeds(&self, amount: SpendingAmount) -> bool {
        self.budget.limit_usd.is_some_and(|limit| amount.usd > limit)
            || self.budget.limit_tokens.is_some_and(|limit| amount.tokens > limit)
    }
}
