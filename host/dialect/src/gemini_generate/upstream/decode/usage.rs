//! Token counts: what came from the cache is part of the prompt, thoughts are no part of the candidates, and what the vendor's
//! own tools fed to the model is counted beside the prompt.

use crate::canon::Usage;
use crate::json::Node;

/// Reads `usageMetadata`; none when it counts nothing.
pub(super) fn read(node: &Node<'_>) -> Option<Usage> {
    let mut object = node.object().ok()?;
    let mut count = |name: &str| Some(object.optional(name).ok().flatten()?.count());
    let (prompt, candidates) = (count("promptTokenCount"), count("candidatesTokenCount"));
    let (thoughts, fed) = (count("thoughtsTokenCount"), count("toolUsePromptTokenCount"));
    let cached = count("cachedContentTokenCount");
    // An answer that was cut inside of its thoughts counts no candidates.
    prompt.or(candidates).or(thoughts)?;
    let sum = |one: Option<u64>, other: Option<u64>| one.unwrap_or(0).saturating_add(other.unwrap_or(0));
    Some(Usage {
        input: sum(prompt, fed),
        output: sum(candidates, thoughts),
        cached_input: cached.unwrap_or(0),
        reasoning: thoughts.unwrap_or(0),
        ..Usage::default()
    })
}
