//! A second candidate beside one that is slow to begin: who begins first answers, and the other is given up. One such candidate a
//! request, of the same tier, as long as the tier's share allows it; an attempt that fails meanwhile leaves it to the other, and a
//! fault of the request itself ends both.

use std::pin::{Pin, pin};
use std::time::Duration;

use brains_core::traffic::attempt::Next;
use brains_core::traffic::breaker::State;
use brains_core::traffic::hedge;

use super::{Entered, FailedCandidate, ProviderAttempt, Walk};
use crate::plan::RankedCandidate;
use crate::provider_state::CandidateState;
use crate::record::Recorder;

/// Who fails more often than that is no help.
const ERROR_RATE_MAX: f32 = 0.5;

/// What was made of it for one request.
#[derive(Debug, Default)]
pub(super) struct Hedging {
    /// The request has earned its share.
    is_counted: bool,
    /// The candidate that was asked beside another.
    second: Option<usize>,
}

impl Hedging {
    pub(super) fn has_asked(&self, at: usize) -> bool {
        self.second == Some(at)
    }
}

/// How two candidates ended that were asked at the same time.
enum Raced<T> {
    First(T),
    Second(T),
    Neither {
        /// None of one that was still running when the other ended the request.
        first: Option<Box<FailedCandidate>>,
        second: Option<Box<FailedCandidate>>,
    },
}

/// What came of a candidate, and of the one that was asked beside it.
struct RacedCandidates<'c, T> {
    /// How far behind the first the other stands; none when there was none.
    behind: Option<usize>,
    answer: Result<T, Failures<'c>>,
}

/// Candidates that gave no answer.
type Failures<'c> = Vec<(&'c RankedCandidate, FailedCandidate)>;

impl<'a> Walk<'a> {
    /// All attempts at the candidate at this place, and where that is slow at one behind it as well.
    pub(super) async fn hedged<'c, A: ProviderAttempt>(
        self,
        asked: &A,
        candidates: &'c [RankedCandidate],
        at: usize,
        hedging: &mut Hedging,
        recorder: &mut Recorder,
    ) -> Result<A::Answer, Failures<'c>> {
        let Some((candidate, others)) = candidates.get(at..).and_then(<[_]>::split_first) else {
            return Err(Vec::new());
        };
        let beside = match self.hedge_after(candidate, others, hedging) {
            Some(delay) => asked.beside(recorder).map(|second| (delay, second)),
            None => None,
        };
        match beside {
            None => {
                let answer = self.candidate(asked, candidate, others.len(), recorder).await;
                answer.map_err(|failed| vec![(candidate, failed)])
            }
            Some(beside) => {
                // What takes room for two stands apart: most requests never need it.
                let raced = Box::pin(self.raced(asked, (candidate, others), beside, recorder)).await;
                hedging.second = raced.behind.map(|behind| at + 1 + behind);
                raced.answer
            }
        }
    }

    /// A candidate, and one behind it when that is slow.
    async fn raced<'c, A: ProviderAttempt>(
        self,
        asked: &A,
        (candidate, others): (&'c RankedCandidate, &'c [RankedCandidate]),
        (delay, mut second): (Duration, Recorder),
        recorder: &mut Recorder,
    ) -> RacedCandidates<'c, A::Answer> {
        let alone = |answer: Result<_, _>| RacedCandidates {
            behind: None,
            answer: answer.map_err(|failed| vec![(candidate, failed)]),
        };
        let (raced, behind, other) = {
            let mut first = pin!(self.candidate(asked, candidate, others.len(), recorder));
            tokio::select! {
                biased;
                ended = &mut first => return alone(ended),
                () = tokio::time::sleep(delay) => {}
            }
            let Some((behind, other, entered)) = self.second(candidate, others) else {
                return alone(first.await);
            };
            let RankedCandidate { provider, model, .. } = other;
            tracing::info!(provider, model, beside = candidate.provider, "a second candidate is asked");
            let asking = pin!(self.entered(asked, other, entered, others.len(), &mut second));
            (race(first, asking).await, behind, other)
        };
        recorder.because(&format!(
            "hedged after {} ms with {}/{}",
            delay.as_millis(),
            other.provider,
            other.model
        ));
        let answer = match raced {
            Raced::First(answer) => {
                recorder.outpaces(second, &began_first(candidate));
                Ok(answer)
            }
            Raced::Second(answer) => {
                recorder.gives_way(second, &began_first(other));
                Ok(answer)
            }
            Raced::Neither { first, second: failed } => {
                let why = "what was asked fails everywhere";
                recorder.outpaces(second, why);
                recorder.hedged_out(why);
                let failures = [(candidate, first), (other, failed)];
                Err(failures.into_iter().filter_map(|(of, failed)| Some((of, *failed?))).collect())
            }
        };
        RacedCandidates { behind: Some(behind), answer }
    }

    /// How long a candidate may take to begin before another one is asked beside it; none where none is.
    fn hedge_after(
        self,
        candidate: &RankedCandidate,
        others: &[RankedCandidate],
        hedging: &mut Hedging,
    ) -> Option<Duration> {
        let tier = self.snapshot.config.models.get(&candidate.tier)?;
        let after_ms = tier.hedge_after_ms?;
        if hedging.second.is_some() || !others.iter().any(|other| other.tier == candidate.tier) {
            return None;
        }
        if !std::mem::replace(&mut hedging.is_counted, true) {
            let max_percent = tier.hedge_max_percent.unwrap_or(hedge::MAX_PERCENT);
            self.upstreams.hedge_shares.earn(&candidate.tier, max_percent);
        }
        Some(Duration::from_millis(self.hedge_after_ms.unwrap_or(after_ms).into()))
    }

    /// The first other candidate of the tier that is well and has room, if the tier may ask one more.
    fn second<'c>(
        self,
        candidate: &RankedCandidate,
        others: &'c [RankedCandidate],
    ) -> Option<(usize, &'c RankedCandidate, Entered<'a>)> {
        let is_other = |other: &RankedCandidate| {
            other.tier == candidate.tier
                && (&other.provider, &other.model) != (&candidate.provider, &candidate.model)
        };
        let mut able = others.iter().enumerate().filter(|(_, other)| is_other(other));
        let found = able.find_map(|(behind, other)| {
            let instance = self.snapshot.provider(&other.provider)?;
            let CandidateState { circuit, health } =
                self.upstreams.states.candidate(instance, &other.model, &self.snapshot.config);
            if circuit != State::Closed || health.error_rate > ERROR_RATE_MAX {
                return None;
            }
            Some((behind, other, self.enter(instance, other).ok()?))
        })?;
        // Only what would be asked takes of the share.
        self.upstreams.hedge_shares.spend(&candidate.tier).then_some(found)
    }
}

/// Both, until one answers or none is left to. Others are behind each of them, so one that ends here fails for what was asked.
async fn race<T>(
    mut first: Pin<&mut impl Future<Output = Result<T, FailedCandidate>>>,
    mut second: Pin<&mut impl Future<Output = Result<T, FailedCandidate>>>,
) -> Raced<T> {
    tokio::select! {
        biased;
        ended = &mut first => match ended {
            Ok(answer) => Raced::First(answer),
            Err(failed) if failed.next == Next::End => Raced::Neither { first: Some(Box::new(failed)), second: None },
            Err(failed) => match second.await {
                Ok(answer) => Raced::Second(answer),
                Err(other) => Raced::Neither { first: Some(Box::new(failed)), second: Some(Box::new(other)) },
            },
        },
        ended = &mut second => match ended {
            Ok(answer) => Raced::Second(answer),
            Err(failed) if failed.next == Next::End => Raced::Neither { first: None, second: Some(Box::new(failed)) },
            Err(failed) => match first.await {
                Ok(answer) => Raced::First(answer),
                Err(other) => Raced::Neither { first: Some(Box::new(other)), second: Some(Box::new(failed)) },
            },
        },
    }
}

fn began_first(candidate: &RankedCandidate) -> String {
    format!("{}/{} began to answer first", candidate.provider, candidate.model)
}
