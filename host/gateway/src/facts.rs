//! What a caller is told of the routing, in headers only: the body stays the dialect's own.

use brains_core::id::{Id, Trace};
use brains_core::secret::sha256_hex;

use crate::plan::{Plan, RankedCandidate};

/// The routing facts of one request. Texts may hold anything; the surface makes headers of them.
#[derive(Debug, Clone)]
pub struct Facts {
    pub trace: Id<Trace>,
    pub task: Option<String>,
    pub complexity: Option<String>,
    pub confidence: Option<f32>,
    pub tier: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub strategy: Option<&'static str>,
    pub reason: Option<String>,
    /// Attempts that were made.
    pub attempts: u32,
    /// Each candidate that did not answer, attempt by attempt, with the word for why.
    pub causes: Vec<String>,
    pub losses: Vec<String>,
    /// The first 16 hex digits of the preamble's SHA-256.
    pub preamble: Option<String>,
}

impl Facts {
    pub(crate) const fn new(trace: Id<Trace>) -> Self {
        Self {
            trace,
            task: None,
            complexity: None,
            confidence: None,
            tier: None,
            provider: None,
            model: None,
            strategy: None,
            reason: None,
            attempts: 0,
            causes: Vec::new(),
            losses: Vec::new(),
            preamble: None,
        }
    }

    pub(crate) fn planned(&mut self, plan: &Plan) {
        let non_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.task = non_empty(&plan.task);
        self.complexity = non_empty(&plan.traits.complexity);
        self.confidence = (!plan.task.is_empty()).then_some(plan.confidence);
        self.strategy = Some(plan.strategy);
        self.reason = non_empty(&plan.reason);
    }

    pub(crate) fn tried(&mut self, candidate: &RankedCandidate) {
        self.tier = (!candidate.tier.is_empty()).then(|| candidate.tier.clone());
        self.provider = Some(candidate.provider.clone());
        self.model = Some(candidate.model.clone());
        self.attempts += 1;
        self.losses.clear();
    }

    /// The candidate did not answer, or was not asked.
    pub(crate) fn failed(&mut self, candidate: &RankedCandidate, cause: &str) {
        self.causes.push(format!("{}/{} {cause}", candidate.provider, candidate.model));
    }

    pub(crate) fn preamble(&mut self, preamble: &str) {
        self.preamble = sha256_hex(preamble.as_bytes()).get(..16).map(str::to_owned);
    }

    /// Name (without the `x-brains-` in front) and value of each header, in the contract's order.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("trace-id", self.trace.to_string())];
        let mut add = |name, value: Option<String>| headers.extend(value.map(|value| (name, value)));
        add("task", self.task.clone());
        add("complexity", self.complexity.clone());
        add("confidence", self.confidence.map(|confidence| format!("{confidence:.2}")));
        add("tier", self.tier.clone());
        add("provider", self.provider.clone());
        add("model", self.model.clone());
        add("strategy", self.strategy.map(str::to_owned));
        add("attempts", (self.attempts > 0).then(|| self.attempts.to_string()));
        add("attempt-causes", (!self.causes.is_empty()).then(|| self.causes.join(", ")));
        add("route-reason", self.reason.clone());
        add("loss", (!self.losses.is_empty()).then(|| self.losses.join(", ")));
        add("preamble", self.preamble.clone());
        headers
    }
}
