//! Walks the candidates of a plan: asks for each one's permit, attempts it, again and elsewhere as
//! `core::traffic::attempt` has it, until one answers or none is left. What is attempted is for [`ProviderAttempt`]. A
//! fault of the request itself never wanders through the candidates.

mod hedge;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use brains_core::config::ProviderPolicy;
use brains_core::traffic::attempt::{self, Moment, Next};
use brains_core::{Fault, FaultKind, Origin};
use brains_runtime::ActiveSet;
use brains_runtime::Instance;

use crate::exchange::redact_message;
use crate::plan::RankedCandidate;
use crate::provider_state::{Permit, Rejected};
use crate::record::Recorder;
use crate::upstreams::Upstreams;
use hedge::Hedging;

/// What is asked of a candidate.
pub(crate) trait ProviderAttempt: Sync {
    /// What a candidate that answers gives.
    type Answer: Send;

    /// Asks once. A fault says whether another candidate may answer instead.
    fn attempt(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        recorder: &mut Recorder,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;

    /// A recorder for a second candidate that is asked beside the first; none where two are not to be asked.
    fn beside(&self, _: &mut Recorder) -> Option<Recorder> {
        None
    }
}

/// One request's way along its candidates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) upstreams: &'a Upstreams,
    pub(crate) snapshot: &'a ActiveSet,
    pub(crate) deadline: Instant,
    /// See [`Plan`](crate::Plan).
    pub(crate) hedge_after_ms: Option<u32>,
}

/// A candidate that may be asked.
struct Entered<'a> {
    instance: &'a Arc<Instance>,
    policy: ProviderPolicy,
    permit: Permit,
}

/// A candidate that gave no answer, and what follows.
struct FailedCandidate {
    fault: Fault,
    next: Next,
    /// It was not asked at all.
    skipped: bool,
}

impl<'a> Walk<'a> {
    /// The first answer, or the fault that tells the client most: one of a candidate that was asked says more than
    /// one that rejected, and among those that rejected the one that can be asked first.
    pub(crate) async fn first_answer<A: ProviderAttempt>(
        self,
        asked: &A,
        candidates: &[RankedCandidate],
        recorder: &mut Recorder,
    ) -> Result<A::Answer, Fault> {
        let mut best: Option<FailedCandidate> = None;
        let mut larger_than: Option<u32> = None;
        let mut hedging = Hedging::default();
        'candidates: for (at, candidate) in candidates.iter().enumerate() {
            if hedging.has_asked(at) {
                continue;
            }
            if let Some(window) = larger_than
                && self.window(candidate).is_none_or(|other| other <= window)
            {
                recorder.skipped(candidate, "window_not_larger", "its window is not known to be larger");
                continue;
            }
            let failures = match self.hedged(asked, candidates, at, &mut hedging, recorder).await {
                Ok(answer) => return Ok(answer),
                Err(failures) => failures,
            };
            for (candidate, failed) in failures {
                let next = failed.next;
                best = Some(match best {
                    Some(before) if failed.skipped && !before.skipped => before,
                    Some(before)
                        if failed.skipped && before.fault.retry_after_ms <= failed.fault.retry_after_ms =>
                    {
                        before
                    }
                    _ => failed,
                });
                match next {
                    Next::Other => {}
                    Next::Larger => {
                        if self.window(candidate).is_none() {
                            self.upstreams.refresh_catalogue(self.snapshot).await;
                        }
                        larger_than = larger_than.max(Some(self.window(candidate).unwrap_or(0)));
                    }
                    Next::End | Next::Again { .. } => break 'candidates,
                }
            }
        }
        Err(best.map_or_else(|| Fault::unavailable("no candidate is left"), |failed| failed.fault))
    }

    /// The candidate's window, when it is known.
    fn window(self, candidate: &RankedCandidate) -> Option<u32> {
        self.upstreams.catalogue.find(&candidate.provider, &candidate.model)?.context
    }

    /// All attempts at one candidate, as its policy has it.
    async fn candidate<A: ProviderAttempt>(
        self,
        asked: &A,
        candidate: &RankedCandidate,
        others: usize,
        recorder: &mut Recorder,
    ) -> Result<A::Answer, FailedCandidate> {
        let after_skip = if others > 0 { Next::Other } else { Next::End };
        let Some(instance) = self.snapshot.provider(&candidate.provider) else {
            let fault = Fault::unavailable(format!("provider `{}` is gone", candidate.provider));
            return Err(FailedCandidate { fault, next: after_skip, skipped: true });
        };
        match self.enter(instance, candidate) {
            Ok(entered) => self.entered(asked, candidate, entered, others, recorder).await,
            Err(rejected) => {
                let Rejected { code, fault } = *rejected;
                recorder.skipped(candidate, code, &fault.message);
                Err(FailedCandidate { fault, next: after_skip, skipped: true })
            }
        }
    }

    /// Asks for a candidate's permit.
    fn enter(
        self,
        instance: &'a Arc<Instance>,
        candidate: &RankedCandidate,
    ) -> Result<Entered<'a>, Box<Rejected>> {
        let policy = self.snapshot.config.provider_policy(instance.name(), instance.aliases());
        let permit = self.upstreams.states.enter(instance, &candidate.model, &policy)?;
        Ok(Entered { instance, policy, permit })
    }

    /// All attempts at a candidate that may be asked.
    async fn entered<A: ProviderAttempt>(
        self,
        asked: &A,
        candidate: &RankedCandidate,
        entered: Entered<'a>,
        others: usize,
        recorder: &mut Recorder,
    ) -> Result<A::Answer, FailedCandidate> {
        let Entered { instance, policy, permit } = entered;
        recorder.permitted(permit);
        let price = self.upstreams.price(&self.snapshot.config, instance, &candidate.model);
        let silence = self.snapshot.config.keepalive(Some(&policy));
        let mut attempt = 1;
        loop {
            recorder.attempt(candidate, price.clone(), silence);
            let answer = asked.attempt(instance, candidate, recorder);
            let fault = match tokio::time::timeout_at(self.deadline, answer).await {
                Ok(Ok(answer)) => {
                    recorder.answer_began();
                    return Ok(answer);
                }
                Ok(Err(fault)) => redact_message(fault, instance),
                Err(_) => out_of_time(),
            };
            let moment = Moment {
                attempt,
                others,
                probe: recorder.is_probe(),
                left_ms: self.left_ms(),
                entropy: self.entropy(),
            };
            let next = attempt::next(&fault, policy.retries(), moment);
            let again = if let Next::Again { wait_ms } = next { Some(wait_ms) } else { None };
            recorder.attempt_failed(&fault, again.is_none());
            tracing::info!(
                provider = candidate.provider, model = candidate.model, attempt, cause = %fault.code, ?next,
                "attempt failed"
            );
            let Some(wait_ms) = again else {
                return Err(FailedCandidate { fault, next, skipped: false });
            };
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            attempt += 1;
        }
    }

    fn left_ms(self) -> u64 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    fn entropy(self) -> u64 {
        let mut bytes = [0; 8];
        self.upstreams.ambient.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// With no time left nobody else can answer either.
fn out_of_time() -> Fault {
    Fault::new(FaultKind::Timeout, Origin::Upstream, "the request took longer than its total time")
        .hint("`total_timeout_seconds` sets it")
}
