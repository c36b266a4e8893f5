//! What a body holds although the client did not ask for it: an upstream that refuses it by name is asked again without it,
//! and is not sent it any more while the instance lives.

use std::sync::Arc;

use brains_core::{Fault, Millis};
use brains_dialect::refused_member;
use brains_egress::Upstream;
use brains_runtime::{Exchange, Instance};

use crate::exchange::{Refused, refusal};
use crate::plan::RankedCandidate;
use crate::provider_state::ProviderStates;
use crate::record::Recorder;

/// The members of one attempt that nobody asked for.
#[derive(Debug)]
pub(crate) struct OwnAccord<'a> {
    states: &'a ProviderStates,
    instance: &'a Arc<Instance>,
    candidate: &'a RankedCandidate,
    /// Paths that were refused, now or before.
    withheld: Vec<String>,
    learned: bool,
}

impl<'a> OwnAccord<'a> {
    pub(crate) fn new(
        states: &'a ProviderStates,
        instance: &'a Arc<Instance>,
        candidate: &'a RankedCandidate,
    ) -> Self {
        let withheld = states.withheld(instance, &candidate.model);
        Self { states, instance, candidate, withheld, learned: false }
    }

    pub(crate) fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// An answer that is no success: the fault of the attempt, unless it names members of `added` that are taken back, so
    /// that the request is to be made again.
    pub(crate) async fn refused(
        &mut self,
        component: &mut Exchange,
        upstream: Upstream,
        added: &[String],
        now: Millis,
        recorder: &mut Recorder,
    ) -> Result<(), Fault> {
        let refused = Refused::read(upstream).await;
        let again = self.take_back(&refused, added);
        let fault = refusal(component, self.instance, refused, now).await;
        let Some(names) = again else { return Err(fault) };
        recorder.asked_again(self.candidate, &fault, &names);
        Ok(())
    }

    /// The members that the upstream refused by name and that are taken back, as people read them; none when it refused
    /// something else. Each is taken back once, so that asking again ends.
    fn take_back(&mut self, refused: &Refused, added: &[String]) -> Option<String> {
        let named = refused_member::named(refused.head.status, &refused.body, added);
        let fresh: Vec<&str> =
            named.into_iter().filter(|path| !self.withheld.iter().any(|known| known == path)).collect();
        if fresh.is_empty() {
            return None;
        }
        self.learned = true;
        self.withheld.extend(fresh.iter().map(|&path| path.to_owned()));
        Some(fresh.join(", "))
    }

    /// The upstream took the request. What was taken back for that is remembered: it was the reason.
    pub(crate) fn answered(&self) {
        if self.learned {
            self.states.withhold(self.instance, &self.candidate.model, &self.withheld);
        }
    }
}
