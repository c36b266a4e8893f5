//! Whether a model is told to think, and how hard, in the words of whoever made it: by a word, by a budget of tokens, or not
//! at all.

use super::settings::ConverseSettings;
use super::{BedrockConverseOptions, ThinkingWords};
use crate::canon::{Fault, Json};
use crate::effort::{BUDGETS, EFFORTS, LEAST_BUDGET, room, strongest_below};

/// What the upstream is told of thinking.
pub(super) enum ThinkingTold {
    Silent,
    /// Its members for it.
    Told(Json),
    /// The same, with so many tokens beside the answer.
    Budget(Json, u32),
}

impl ConverseSettings<'_, '_> {
    /// Whether and how to think. A forced tool cannot be thought about, and a budget cannot begin in the middle of a loop of
    /// tools whose first thought is not there.
    pub(super) fn thinking(&mut self, no_budget: bool, forced: bool) -> Result<ThinkingTold, Fault> {
        let request = self.request;
        let asked = match request.effort.as_deref() {
            None => None,
            Some("none") => return Ok(ThinkingTold::Silent),
            Some("minimal") => Some(0),
            Some(word) => {
                let known = EFFORTS.iter().position(|effort| *effort == word);
                if known.is_none() {
                    self.losses.cannot("reasoning_effort")?;
                }
                known
            }
        };
        let budget = match (request.thinking_budget, asked, self.options.thinking) {
            (None, None, _) => return Ok(ThinkingTold::Silent),
            (_, _, ThinkingWords::Off) => {
                self.losses.cannot("reasoning_effort")?;
                return Ok(ThinkingTold::Silent);
            }
            (Some(budget), _, ThinkingWords::Budget | ThinkingWords::Either) => budget,
            (None, Some(asked), ThinkingWords::Budget) => BUDGETS.get(asked).copied().unwrap_or(LEAST_BUDGET),
            (budget, asked, thinking) => {
                if budget.is_some() {
                    self.losses.name("thinking_budget");
                }
                // The word whose worth is nearest from below.
                let worth = || BUDGETS.iter().rposition(|worth| *worth <= budget.unwrap_or(0)).unwrap_or(0);
                return Ok(self.in_a_word(asked.unwrap_or_else(worth), thinking, forced));
            }
        };
        let budget = budget.max(LEAST_BUDGET).min(self.room());
        if no_budget || budget < LEAST_BUDGET {
            self.losses.cannot("reasoning_effort")?;
            return Ok(ThinkingTold::Silent);
        }
        let told = format!(r#"{{"thinking":{{"type":"enabled","budget_tokens":{budget}}}}}"#);
        Ok(ThinkingTold::Budget(told, budget))
    }

    fn in_a_word(&mut self, asked: usize, thinking: ThinkingWords, forced: bool) -> ThinkingTold {
        let Some(word) = self.effort(asked) else { return ThinkingTold::Silent };
        match thinking {
            ThinkingWords::ReasoningConfig => ThinkingTold::Told(format!(
                r#"{{"reasoningConfig":{{"type":"enabled","maxReasoningEffort":"{word}"}}}}"#
            )),
            ThinkingWords::ReasoningEffort => {
                ThinkingTold::Told(format!(r#"{{"reasoning_effort":"{word}"}}"#))
            }
            // What it thinks of a forced tool it cannot say.
            _ if forced => ThinkingTold::Silent,
            _ => ThinkingTold::Told(format!(
                r#"{{"thinking":{{"type":"adaptive"}},"output_config":{{"effort":"{word}"}}}}"#
            )),
        }
    }

    /// The word that was asked for, or the strongest below it that the model takes.
    fn effort(&mut self, asked: usize) -> Option<&'static str> {
        let BedrockConverseOptions { efforts, .. } = self.options;
        let given = strongest_below(asked, |word| efforts.iter().any(|effort| effort == word));
        if given != EFFORTS.get(asked).copied() {
            self.losses.name("reasoning_effort");
        }
        given
    }

    /// How much may be thought so that there is an answer.
    fn room(&self) -> u32 {
        let BedrockConverseOptions { max_output, default_max_tokens, .. } = self.options;
        room(self.request.sampling.max_output_tokens, *max_output, *default_max_tokens)
    }
}
