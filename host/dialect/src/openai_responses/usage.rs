//! Token counts as this wire's vendor calls them.

use crate::canon::Usage;
use crate::json::Node;
use crate::openai_chat::usage::{CountNames, parse_named};

const NAMES: CountNames = CountNames {
    input: "input_tokens",
    output: "output_tokens",
    input_details: "input_tokens_details",
    output_details: "output_tokens_details",
    cache_hit: None,
};

/// Reads a `usage` object. Anything that is no object says nothing.
pub(super) fn parse(node: &Node<'_>) -> Option<Usage> {
    parse_named(node, &NAMES)
}
