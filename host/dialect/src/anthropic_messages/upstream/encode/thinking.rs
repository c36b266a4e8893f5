//! Whether a model is told to think, and how hard: by a word, by a budget of tokens, or not at all, as it can.

use super::settings::SettingsWriter;
use super::{AnthropicMessagesOptions, Thinking};
use crate::canon::Fault;
use crate::effort::{BUDGETS, EFFORTS, LEAST_BUDGET, room, strongest_below};

/// What the upstream is told of thinking.
pub(super) enum Thought {
    Silent,
    Adaptive,
    Budget(u32),
}

const fn adaptive(forced: bool) -> Thought {
    if forced { Thought::Silent } else { Thought::Adaptive }
}

impl SettingsWriter<'_, '_> {
    /// Whether and how to think, and the word for `output_config.effort`. A forced tool cannot be thought about,
    /// and a budget cannot begin in the middle of a loop of tools whose first thought is not there.
    pub(super) fn thinking(
        &mut self,
        no_budget: bool,
        forced: bool,
    ) -> Result<(Thought, Option<&'static str>), Fault> {
        let request = self.request;
        let effort = match request.effort.as_deref() {
            None => None,
            Some("none") => return Ok((Thought::Silent, None)),
            Some("minimal") => Some(0),
            Some(word) => {
                let known = EFFORTS.iter().position(|effort| *effort == word);
                if known.is_none() {
                    self.losses.cannot("reasoning_effort")?;
                }
                known
            }
        };
        let budget = match (request.thinking_budget, effort, self.options.thinking) {
            (None, None, _) => return Ok((Thought::Silent, None)),
            (_, _, Thinking::Off) => {
                self.losses.cannot("reasoning_effort")?;
                return Ok((Thought::Silent, None));
            }
            (None, Some(asked), Thinking::Either | Thinking::Adaptive) => {
                return Ok((adaptive(forced), self.effort(asked)));
            }
            (Some(budget), asked, Thinking::Adaptive) => {
                self.losses.name("thinking_budget");
                // The word whose worth is nearest from below.
                let worth = BUDGETS.iter().rposition(|worth| *worth <= budget).unwrap_or(0);
                return Ok((adaptive(forced), self.effort(asked.unwrap_or(worth))));
            }
            (Some(budget), _, Thinking::Budget | Thinking::Either) => budget,
            (None, Some(asked), Thinking::Budget) => BUDGETS.get(asked).copied().unwrap_or(LEAST_BUDGET),
        };
        let budget = budget.max(LEAST_BUDGET).min(self.room());
        if no_budget || budget < LEAST_BUDGET {
            self.losses.cannot("reasoning_effort")?;
            return Ok((Thought::Silent, None));
        }
        Ok((Thought::Budget(budget), None))
    }

    /// The word that was asked for, or the strongest below it that the model takes.
    fn effort(&mut self, asked: usize) -> Option<&'static str> {
        let AnthropicMessagesOptions { efforts, .. } = self.options;
        let given = strongest_below(asked, |word| efforts.iter().any(|effort| effort == word));
        if given != EFFORTS.get(asked).copied() {
            self.losses.name("reasoning_effort");
        }
        given
    }

    /// How much may be thought so that there is an answer.
    fn room(&self) -> u32 {
        let AnthropicMessagesOptions { max_output, default_max_tokens, .. } = self.options;
        room(self.request.sampling.max_output_tokens, *max_output, *default_max_tokens)
    }
}
