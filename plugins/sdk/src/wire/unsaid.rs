//! Which settings of a request a wire has no place for.

use brains_dialect::canon::{ChatRequest, Fault, OutputFormat, Sampling};
use brains_dialect::translation::Losses;

/// Names or refuses, as the table of `losses` says, every setting that the request has and that is not among those that the
/// wire `takes`. Settings go by the names that clients of chat completions give them. Model, messages, tools, the choice of
/// one and whether the answer is streamed are not looked at: every wire has those.
///
/// ```
/// use brains_sdk::canon::{ChatRequest, Sampling};
/// use brains_sdk::wire::{Losses, disposition_in, unsaid};
///
/// let sampling = Sampling { seed: Some(7), temperature: Some(0.5), ..Sampling::default() };
/// let request = ChatRequest { sampling, extra: Some(r#"{"store":true}"#.into()), ..ChatRequest::default() };
/// let mut losses = Losses::by(|member| disposition_in(&[], member));
/// unsaid(&request, &["temperature"], &mut losses).unwrap();
/// assert_eq!(losses.into_names(), ["seed", "store"]);
/// ```
pub fn unsaid(request: &ChatRequest, takes: &[&str], losses: &mut Losses) -> Result<(), Fault> {
    let ChatRequest { parallel_tools, output, sampling, effort, thinking_budget, user, extra, .. } = request;
    let Sampling {
        temperature,
        top_p,
        top_k,
        max_output_tokens,
        stop,
        seed,
        frequency_penalty,
        presence_penalty,
        choices,
    } = sampling;
    let settings = [
        ("temperature", temperature.is_some()),
        ("top_p", top_p.is_some()),
        ("top_k", top_k.is_some()),
        ("max_completion_tokens", max_output_tokens.is_some()),
        ("stop", !stop.is_empty()),
        ("seed", seed.is_some()),
        ("frequency_penalty", frequency_penalty.is_some()),
        ("presence_penalty", presence_penalty.is_some()),
        ("n", choices.is_some_and(|choices| choices > 1)),
        ("parallel_tool_calls", parallel_tools.is_some()),
        ("response_format", *output != OutputFormat::Text),
        ("reasoning_effort", effort.is_some()),
        ("thinking_budget", thinking_budget.is_some()),
        ("user", user.is_some()),
    ];
    for (name, _) in settings.iter().filter(|(name, is_set)| *is_set && !takes.contains(name)) {
        losses.cannot(name)?;
    }
    // How usage is asked for is the host's affair, and the form of the answer has been looked at.
    let read: Vec<&str> = takes.iter().copied().chain(["stream_options", "response_format"]).collect();
    losses.leftovers("", extra.as_deref(), &read)
}
