//! How hard a model is told to think: by a level or by a budget, of whatever the request says
//! (<https://ai.google.dev/gemini-api/docs/generate-content/thinking>, read on 2026-11-30).

use super::{GeminiGenerateOptions, ThinkingControl};
use crate::canon::{ChatRequest, Fault, Json};
use crate::json::Members;
use crate::translation::Losses;

/// The words of the wire, the lowest first.
pub(super) const LEVELS: [&str; 4] = ["minimal", "low", "medium", "high"];

/// The most tokens of each level, as the vendor's own chat completions count efforts
/// (<https://ai.google.dev/gemini-api/docs/openai>, "Thinking", read on 2026-11-30). Above the last it is the highest.
const BUDGETS: [(&str, u32); 4] = [("minimal", 1024), ("low", 4096), ("medium", 8192), ("high", 24_576)];

/// `thinkingConfig`; none when nothing was asked for.
pub(super) fn config(
    request: &ChatRequest,
    options: &GeminiGenerateOptions,
    losses: &mut Losses,
) -> Result<Option<Json>, Fault> {
    let (effort, budget) = (request.effort.as_deref(), request.thinking_budget);
    let silent = effort == Some("none");
    let mut out = Members::new();
    match options.thinking {
        _ if effort.is_none() && budget.is_none() => return Ok(None),
        ThinkingControl::Off => {
            if effort.is_some_and(|effort| effort != "none") {
                losses.name("reasoning_effort");
            }
            if budget.is_some() {
                losses.name("thinking_budget");
            }
            return Ok(None);
        }
        ThinkingControl::Level => {
            let (wanted, member) = match (effort, budget) {
                (Some(effort), _) => (effort, "reasoning_effort"),
                (None, budget) => (level_of(budget.unwrap_or_default()), "thinking_budget"),
            };
            let Some((level, exact)) = level(wanted, &options.levels) else {
                return losses.cannot("reasoning_effort").map(|()| None);
            };
            if !exact {
                losses.name(member);
            }
            out.string("thinkingLevel", level);
        }
        ThinkingControl::Budget => {
            let asked = match (budget, effort) {
                (Some(budget), _) => Some(budget),
                (None, effort) => tokens_of(effort.unwrap_or_default()),
            };
            let Some(asked) = asked else { return losses.cannot("reasoning_effort").map(|()| None) };
            let [least, most] = options.budget;
            let tokens = asked.clamp(least, most.max(least));
            if tokens != asked {
                losses.name(if budget.is_some() { "thinking_budget" } else { "reasoning_effort" });
            }
            out.plain("thinkingBudget", tokens);
        }
    }
    if !silent {
        out.plain("includeThoughts", true);
    }
    Ok(Some(out.finish()))
}

/// The level that the model has for a word: the next lower one where it does not have this, or its lowest, and whether that
/// is what was meant. None for a word that nobody knows.
fn level<'o>(effort: &str, levels: &'o [String]) -> Option<(&'o str, bool)> {
    let rank = |word: &str| LEVELS.iter().position(|level| *level == word);
    let (wanted, meant) = match effort {
        // The lowest thinks hardly at all.
        "none" => (0, true),
        "xhigh" | "max" => (LEVELS.len() - 1, false),
        effort => (rank(effort)?, true),
    };
    let known = |level: &&String| rank(level).is_some_and(|rank| rank <= wanted);
    let found = levels.iter().rev().find(known).or_else(|| levels.first())?;
    Some((found, meant && rank(found) == Some(wanted)))
}

fn level_of(tokens: u32) -> &'static str {
    BUDGETS.iter().find(|(_, most)| tokens <= *most).map_or("high", |(level, _)| level)
}

fn tokens_of(effort: &str) -> Option<u32> {
    match effort {
        "none" => Some(0),
        // The vendor counts the two alike.
        "minimal" | "low" => Some(1024),
        "xhigh" | "max" => tokens_of("high"),
        effort => BUDGETS.iter().find(|(level, _)| *level == effort).map(|(_, most)| *most),
    }
}
