//! What a body holds although the client did not ask for it: an upstream that refuses it by name is asked again without it,
//! and is not sent it any more while the instance lives.

use std::sync::Arc;

use brains_dialect::refused_member;
use brains_runtime::Instance;

use crate::exchange::Refused;
use crate::plan::RankedCandidate;
use crate::provider_state::ProviderStates;

/// The members of one attempt that nobody asked for.
#[derive(Debug)]
pub(crate) struct OwnAccord<'a> {
    states: &'a ProviderStates,
    instance: &'a Arc<Instance>,
    model: &'a str,
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
        let model = candidate.model.as_str();
        Self { states, instance, model, withheld: states.withheld(instance, model), learned: false }
    }

    pub(crate) fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// The members that the upstream refused by name and that are taken back, as people read them; none when it refused
    /// something else. Each is taken back once, so that asking again ends.
    pub(crate) fn take_back(&mut self, refused: &Refused, added: &[String]) -> Option<String> {
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
            self.states.withhold(self.instance, self.model, &self.withheld);
        }
    }
}
