//! Budgets of all processes on one database: a request reserves what it may cost before anybody is called, in one transaction
//! that holds the counters it counts in, and its row in the ledger settles that. What a process reserved is held under its
//! lease, which it renews; when it is gone, whoever finds no room gives back what the dead held. The rules are
//! `core::spending`.

pub(crate) mod rows;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use brains_core::config::SpendingBudget;
use brains_core::id::{Connection, Id, Key, Trace};
use brains_core::plane::usage::UsageWork;
use brains_core::spending::{
    BudgetStanding, SpendingCount, SpendingCounter, SpendingScope, SpendingVerdict, SpendingWish, judge,
    time_zone, window_at,
};
use brains_core::{Fault, Millis};
use tokio::sync::OnceCell;
use tokio::time::Duration;

use crate::engine::StoreShared;
use crate::error::StoreError;
use crate::plane::usage::chosen;
use crate::plane::usage::work::{Asker, WorkLookup};
use crate::rows::Rows;
use crate::usage_ledger::UsageSlot;
use crate::write::Tx;

/// How long what a process reserved outlives it at most.
const LEASE_MS: i64 = 15_000;
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How often a process that finds no room looks for what the dead held.
const LOOK_EVERY_MS: i64 = 1_000;
/// Counters stay for so long behind their window: rows of the ledger may come late.
const KEPT_MS: i64 = 2 * 86_400_000;
/// Counters that are shown at most.
const SHOWN: u32 = 1_000;

/// What a request asks of the budgets that it may count in.
#[derive(Debug, Clone)]
pub struct SpendingAsk {
    pub trace: Id<Trace>,
    /// When the request came in: it counts in the windows of that moment.
    pub at: Millis,
    pub operator: String,
    pub key: Option<Id<Key>>,
    pub native_session: Option<String>,
    /// Budgets by name.
    pub budgets: Vec<(String, SpendingBudget)>,
    pub wish: SpendingWish,
}

/// What became of it.
#[derive(Debug)]
pub struct SpendingAnswer {
    pub verdict: SpendingVerdict,
    /// The budgets that the request counts in, as they stood before it.
    pub standings: Vec<BudgetStanding>,
}

/// The way in. Clones are the same.
#[derive(Debug, Clone)]
pub struct SpendingBook {
    shared: StoreShared,
    holder: Arc<Holder>,
}

/// This process, as the one that reserved.
#[derive(Debug)]
struct Holder {
    name: String,
    /// The lease as it is written.
    until_ms: AtomicI64,
    looked_ms: AtomicI64,
    /// Set with the first reservation: the lease is renewed from then on.
    renewing: OnceCell<()>,
}

/// What one look at the counters gave.
enum Look {
    Judged(SpendingAnswer, Option<Millis>),
    /// These are not there yet.
    Missing(Vec<SpendingCounter>),
}

impl SpendingBook {
    pub(crate) fn new(shared: StoreShared) -> Self {
        let name = Id::<Connection>::mint(&*shared.context.ambient).to_string();
        let holder = Holder {
            name,
            until_ms: AtomicI64::new(i64::MIN),
            looked_ms: AtomicI64::new(i64::MIN),
            renewing: OnceCell::new(),
        };
        Self { shared, holder: Arc::new(holder) }
    }

    /// Asks for room, and reserves it when there is: the slot then settles the reservation with its row, or gives it back
    /// when it is dropped. A caller that goes away meanwhile leaves nothing reserved.
    pub async fn reserve(
        &self,
        slot: UsageSlot,
        ask: SpendingAsk,
    ) -> Result<(UsageSlot, SpendingAnswer), Fault> {
        let (book, (reply, answer)) = (self.clone(), tokio::sync::oneshot::channel());
        self.shared.tasks.spawn(async move {
            // A slot that nobody takes is dropped, with what it reserved.
            drop(reply.send(book.ask(slot, ask).await));
        });
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    async fn ask(&self, mut slot: UsageSlot, ask: SpendingAsk) -> Result<(UsageSlot, SpendingAnswer), Fault> {
        self.holder.renewing.get_or_init(async || self.renew()).await;
        let ask = Arc::new(ask);
        let mut has_looked = false;
        loop {
            let (holder, until_ms) = (self.holder.name.clone(), self.holder.until_ms.load(Ordering::Relaxed));
            let asked = Arc::clone(&ask);
            let looked = self.shared.submit(None, move |tx| {
                Box::pin(async move { Ok(tx.ask_spending(&asked, &holder, Millis(until_ms)).await?) })
            });
            match looked.await? {
                Look::Missing(counters) => {
                    let opened = self.shared.submit(None, move |tx| {
                        Box::pin(async move { Ok(tx.open_counters(&counters).await?) })
                    });
                    opened.await?;
                }
                Look::Judged(answer, renewed) => {
                    if let Some(until) = renewed {
                        self.holder.until_ms.fetch_max(until.0, Ordering::Relaxed);
                    }
                    match answer.verdict {
                        SpendingVerdict::Admit if answer.standings.is_empty() => {}
                        SpendingVerdict::Admit => slot.reserved(&ask.trace),
                        // What the dead hold is no reason.
                        SpendingVerdict::Wait(_) if !has_looked && self.release_expired().await? => {
                            has_looked = true;
                            continue;
                        }
                        SpendingVerdict::Wait(_)
                        | SpendingVerdict::Stop(_)
                        | SpendingVerdict::Unpriced(_)
                        | SpendingVerdict::Cheaper(..) => {}
                    }
                    return Ok((slot, answer));
                }
            }
        }
    }

    /// Gives back what the dead held, if nobody here has looked just now; tells whether there was anything.
    async fn release_expired(&self) -> Result<bool, Fault> {
        let now = self.shared.context.ambient.now().0;
        let before = self.holder.looked_ms.load(Ordering::Relaxed);
        if now.saturating_sub(before) < LOOK_EVERY_MS
            || self
                .holder
                .looked_ms
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return Ok(false);
        }
        let released =
            self.shared.submit(None, |tx| Box::pin(async move { Ok(tx.release_expired().await?) })).await?;
        if released > 0 {
            tracing::info!(spending.released = released, "what processes had reserved that are gone is free");
        }
        Ok(released > 0)
    }

    /// Renews the lease until the store closes.
    fn renew(&self) {
        let book = self.clone();
        self.shared.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = book.shared.closing.cancelled() => return,
                    () = tokio::time::sleep(RENEW_EVERY) => {}
                }
                if let Err(fault) = book.renew_once().await {
                    tracing::debug!(%fault, "the lease of what is reserved was not renewed; it is tried again");
                }
            }
        });
    }

    /// Renews the lease, gives back what the dead held, and forgets counters that are long over.
    pub(crate) async fn renew_once(&self) -> Result<(), Fault> {
        let holder = self.holder.name.clone();
        let renewed = self.shared.submit(None, move |tx| {
            Box::pin(async move {
                let until = tx.at.plus_ms(LEASE_MS);
                tx.renew_holder(&holder, until).await?;
                Ok(until)
            })
        });
        self.holder.until_ms.fetch_max(renewed.await?.0, Ordering::Relaxed);
        // Apart from that: who holds its own lease waits for nobody else's.
        let cleared = self.shared.submit(None, |tx| {
            Box::pin(async move {
                tx.release_expired().await?;
                let before = tx.at.plus_ms(-KEPT_MS);
                Ok(tx.prune_counters(before).await?)
            })
        });
        cleared.await
    }

    /// Gives back what is still reserved, at the end: the ledger has written its rows.
    pub(crate) async fn close(&self) {
        if !self.holder.renewing.initialized() {
            return;
        }
        let holder = self.holder.name.clone();
        let dropped =
            self.shared.submit(None, move |tx| Box::pin(async move { Ok(tx.drop_holder(&holder).await?) }));
        if let Err(fault) = dropped.await {
            tracing::debug!(%fault, "what is reserved was not given back; its lease runs out");
        }
    }
}

impl Rows {
    /// What is counted in windows that are under way at `now`.
    pub async fn spending(
        &mut self,
        now: Millis,
    ) -> Result<Vec<(SpendingCounter, SpendingCount)>, StoreError> {
        let found = self.counters_at(now, SHOWN).await?;
        Ok(found.into_iter().map(|row| (row.counter, row.count)).collect())
    }

    /// What is in one counter; none when nobody has counted there.
    pub async fn spending_of(
        &mut self,
        counter: &SpendingCounter,
    ) -> Result<Option<SpendingCount>, StoreError> {
        self.counter(counter, false).await
    }

    /// The budgets that a request counts in, each with its counter.
    async fn counting(
        &mut self,
        ask: &SpendingAsk,
    ) -> Result<Vec<(String, SpendingBudget, SpendingCounter)>, StoreError> {
        let by_work = |per| matches!(per, SpendingScope::Workspace | SpendingScope::Session);
        let work = if ask.budgets.iter().any(|(_, budget)| by_work(budget.per)) {
            let asker = Asker {
                operator: &ask.operator,
                key: ask.key.as_ref(),
                native_session: ask.native_session.as_deref(),
                at: ask.at,
            };
            WorkLookup::default().of(self, asker).await?
        } else {
            UsageWork::default()
        };
        let subject = |per| match per {
            SpendingScope::Key => ask.key.as_ref().map(|key| key.as_str().to_owned()),
            SpendingScope::Operator => Some(ask.operator.clone()),
            SpendingScope::Workspace => work.workspace.as_ref().map(|id| id.as_str().to_owned()),
            SpendingScope::Session => work
                .session
                .as_ref()
                .map(|id| id.as_str().to_owned())
                .or_else(|| ask.native_session.as_deref().map(chosen)),
        };
        let counting = ask.budgets.iter().filter_map(|(name, budget)| {
            let subject = subject(budget.per)?;
            if budget.only.as_ref().is_some_and(|only| *only != subject) {
                return None;
            }
            let window = window_at(budget.window, &time_zone(&budget.zone)?, ask.at);
            Some((name.clone(), budget.clone(), SpendingCounter { per: budget.per, subject, window }))
        });
        Ok(counting.collect())
    }
}

impl Tx {
    async fn ask_spending(
        &mut self,
        ask: &SpendingAsk,
        holder: &str,
        until: Millis,
    ) -> Result<Look, StoreError> {
        let counting = self.counting(ask).await?;
        let counters: BTreeSet<&SpendingCounter> = counting.iter().map(|(_, _, counter)| counter).collect();
        let (mut counts, mut missing) = (Vec::with_capacity(counters.len()), Vec::new());
        for counter in counters {
            match self.counter(counter, true).await? {
                Some(count) => counts.push((counter, count)),
                None => missing.push(counter.clone()),
            }
        }
        if !missing.is_empty() {
            return Ok(Look::Missing(missing));
        }
        let standings = counting.iter().filter_map(|(name, budget, counter)| {
            let (_, count) = counts.iter().find(|(counted, _)| *counted == counter)?;
            let (name, budget, counter) = (name.clone(), budget.clone(), counter.clone());
            Some(BudgetStanding { name, budget, counter, count: *count })
        });
        let standings: Vec<BudgetStanding> = standings.collect();
        let verdict = judge(&standings, ask.wish);
        let mut renewed = None;
        if verdict == SpendingVerdict::Admit && !counts.is_empty() {
            // No reservation stands on a lease that may be over before its next renewal.
            if until.since(self.at) < LEASE_MS / 2 {
                let until = self.at.plus_ms(LEASE_MS);
                self.renew_holder(holder, until).await?;
                renewed = Some(until);
            }
            for (counter, _) in &counts {
                self.reserve(&ask.trace, holder, counter, ask.wish.worth).await?;
            }
        }
        Ok(Look::Judged(SpendingAnswer { verdict, standings }, renewed))
    }
}
