//! How a task should be gone about, from what the classifier found. Advice in a header; nothing is fetched here.

use serde::Serialize;
use serde_json::Value;

use brains_dialect::canon::task::Verdict;

/// What a classifier of tasks adds to its label, read from the verdict's `extra`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Traits {
    /// trivial, easy, medium or hard; empty when the classifier does not say.
    pub complexity: String,
    /// The tier that the classifier recommends; empty when it does not say.
    pub tier: String,
    pub needs_codebase: bool,
    pub needs_external_docs: bool,
    pub freshness_required: bool,
}

/// Reads the traits; whatever is missing or of another type counts as unsaid.
pub(crate) fn traits(verdict: &Verdict) -> Traits {
    let extra: Value =
        verdict.extra.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let word = |name: &str| extra.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let flag = |name: &str| extra.get(name).and_then(Value::as_bool).unwrap_or(false);
    Traits {
        complexity: word("complexity"),
        tier: word("tier"),
        needs_codebase: flag("needs_codebase"),
        needs_external_docs: flag("needs_external_docs"),
        freshness_required: flag("freshness_required"),
    }
}

/// The strategy of spec/gateway.md 11, step 2.
pub(crate) fn strategy(label: &str, traits: &Traits) -> &'static str {
    match label {
        "code_fix" if traits.needs_codebase => "repo_search",
        "docs_lookup" if traits.freshness_required => "docs_freshness",
        "architecture" if traits.needs_codebase && traits.needs_external_docs => "repo_and_docs",
        _ => "direct",
    }
}
