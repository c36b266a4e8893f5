//! Token counts as this wire writes them: what came from the cache is part of the input, thoughts are part of the output.

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
    // The sum says nothing new.
    count(&mut object, "total_tokens");
    let mut extra = Members::new();
    let mut details = |name: &str, read: &mut dyn FnMut(&mut Object<'_>)| {
        let inner = object.optional(name).ok().flatten().and_then(|node| node.object().ok());
        let Some(mut inner) = inner else { return };
        read(&mut inner);
        if let Some(rest) = inner.rest() {
            extra.raw(name, &rest);
        }
    };
    details("input_tokens_details", &mut |inner| {
        usage.cached_input = count(inner, "cached_tokens");
        usage.cache_write = count(inner, "cache_write_tokens");
    });
    details("output_tokens_details", &mut |inner| usage.reasoning = count(inner, "reasoning_tokens"));
    usage.cost = object.optional("cost").ok().flatten().map(|node| node.text().to_owned());
    extra.extra(object.rest().as_deref(), &[]);
    usage.extra = Some(extra.finish()).filter(|text| text != "{}");
    Some(usage)
}

fn count(object: &mut Object<'_>, name: &str) -> u64 {
    object.optional(name).ok().flatten().map_or(0, |node| node.count())
}
