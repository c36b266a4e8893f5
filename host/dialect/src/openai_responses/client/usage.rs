//! Token counts as this wire writes them, and back.

use crate::canon::Usage;
use crate::json::{Members, Node, Object};

/// Reads a `usage` object. Anything that is no object says nothing.
pub(super) fn parse(node: &Node<'_>) -> Option<Usage> {
    let mut object = node.object().ok()?;
    let mut usage = Usage {
        input: count(&mut object, "input_tokens"),
        output: count(&mut object, "output_tokens"),
        ..Usage::default()
    };
    let mut details = |name: &str, read: &mut dyn FnMut(&mut Object<'_>)| {
        let inner = object.optional(name).ok().flatten().and_then(|node| node.object().ok());
        if let Some(mut inner) = inner {
            read(&mut inner);
        }
    };
    details("input_tokens_details", &mut |inner| {
        usage.cached_input = count(inner, "cached_tokens");
        usage.cache_write = count(inner, "cache_write_tokens");
    });
    details("output_tokens_details", &mut |inner| usage.reasoning = count(inner, "reasoning_tokens"));
    Some(usage)
}

fn count(object: &mut Object<'_>, name: &str) -> u64 {
    object.optional(name).ok().flatten().map_or(0, |node| node.count())
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
