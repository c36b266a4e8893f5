//! How hard a model is told to think, where it is told in words or as a budget of tokens: what each word is worth, which words a
//! model takes, and how much may be thought so that there is an answer.

/// Every word, the least first.
pub(crate) const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
/// What each is worth, for models that are told a number.
pub(crate) const BUDGETS: [u32; 5] = [2048, 8192, 24_576, 32_768, 49_152];
/// The least that an upstream may be told to think.
pub(crate) const LEAST_BUDGET: u32 = 1024;
/// The least that stays for the answer, and a quarter of the limit at that.
const LEAST_ANSWER: u32 = 512;

/// The word that was asked for, or the strongest below it that `takes`.
pub(crate) fn strongest_below(asked: usize, takes: impl Fn(&str) -> bool) -> Option<&'static str> {
    EFFORTS.iter().take(asked + 1).rfind(|word| takes(word)).copied()
}

/// How much may be thought of an answer of so many tokens; without a limit, of what the model gives at most.
pub(crate) fn room(limit: Option<u32>, max_output: Option<u32>, default_max_tokens: u32) -> u32 {
    match limit {
        Some(limit) => limit.saturating_sub(LEAST_ANSWER.max(limit / 4)),
        None => max_output.map_or(u32::MAX, |most| most.saturating_sub(default_max_tokens.min(most / 4))),
    }
}
