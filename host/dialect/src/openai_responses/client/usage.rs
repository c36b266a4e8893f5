//! Token counts as this wire writes them, and back.

use crate::canon::Usage;
use crate::json::{Members, Node};
use crate::openai_responses::usage;

/// The counts of a `usage` object, and nothing else of it.
pub(super) fn parse(node: &Node<'_>) -> Option<Usage> {
    Some(Usage { cost: None, extra: None, ..usage::parse(node)? })
}

/// Every count: readers give up an answer whose details lack one.
pub(super) fn json(usage: &Usage) -> String {
    let (mut input, mut output, mut out) = (Members::new(), Members::new(), Members::new());
    input.plain("cached_tokens", usage.cached_input).plain("cache_write_tokens", usage.cache_write);
    output.plain("reasoning_tokens", usage.reasoning);
    out.plain("input_tokens", usage.input)
        .raw("input_tokens_details", &input.finish())
        .plain("output_tokens", usage.output)
        .raw("output_tokens_details", &output.finish())
        .plain("total_tokens", usage.input.saturating_add(usage.output));
    out.finish()
}
