//! Token counts as this wire writes them, and back.

use crate::canon::Usage;
use crate::json::{Members, Node, Object, member};

/// What a wire of this vendor calls the counts.
pub(crate) struct CountNames {
    pub(crate) input: &'static str,
    pub(crate) output: &'static str,
    pub(crate) input_details: &'static str,
    pub(crate) output_details: &'static str,
    /// Where servers say what came from the cache that do not say it among the details.
    pub(crate) cache_hit: Option<&'static str>,
}

const NAMES: CountNames = CountNames {
    input: "prompt_tokens",
    output: "completion_tokens",
    input_details: "prompt_tokens_details",
    output_details: "completion_tokens_details",
    cache_hit: Some("prompt_cache_hit_tokens"),
};

/// Reads a `usage` object. Anything that is no object says nothing.
pub(crate) fn parse(node: &Node<'_>) -> Option<Usage> {
    parse_named(node, &NAMES)
}

/// The same of a wire with these names: what came from the cache is part of the input, thoughts are part of the output.
pub(crate) fn parse_named(node: &Node<'_>, names: &CountNames) -> Option<Usage> {
    let mut object = node.object().ok()?;
    let mut usage = Usage {
        input: count(&mut object, names.input),
        output: count(&mut object, names.output),
        ..Usage::default()
    };
    // The sum says nothing new, and is written from the parts.
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
    details(names.input_details, &mut |inner| {
        usage.cached_input = count(inner, "cached_tokens");
        usage.cache_write = count(inner, "cache_write_tokens");
    });
    details(names.output_details, &mut |inner| usage.reasoning = count(inner, "reasoning_tokens"));
    if let Some(cache_hit) = names.cache_hit.filter(|_| usage.cached_input == 0) {
        usage.cached_input = count(&mut object, cache_hit);
    }
    usage.cost = object.optional("cost").ok().flatten().map(|node| node.text().to_owned());
    extra.extra(object.rest().as_deref(), &[]);
    usage.extra = Some(extra.finish()).filter(|text| text != "{}");
    Some(usage)
}

fn count(object: &mut Object<'_>, name: &str) -> u64 {
    object.optional(name).ok().flatten().map_or(0, |node| node.count())
}

pub(crate) fn json(usage: &Usage) -> String {
    let extra = usage.extra.as_deref();
    let mut prompt = Members::new();
    prompt.plain("cached_tokens", usage.cached_input);
    if usage.cache_write > 0 {
        prompt.plain("cache_write_tokens", usage.cache_write);
    }
    prompt.extra(member(extra, "prompt_tokens_details").as_deref(), &[]);
    let mut completion = Members::new();
    completion.plain("reasoning_tokens", usage.reasoning);
    completion.extra(member(extra, "completion_tokens_details").as_deref(), &[]);
    let mut out = Members::new();
    out.plain("prompt_tokens", usage.input)
        .plain("completion_tokens", usage.output)
        .plain("total_tokens", usage.input.saturating_add(usage.output))
        .raw("prompt_tokens_details", &prompt.finish())
        .raw("completion_tokens_details", &completion.finish());
    if let Some(cost) = usage.cost.as_deref().filter(|cost| crate::json::check(cost).is_ok()) {
        out.raw("cost", cost);
    }
    out.extra(extra, &["prompt_tokens_details", "completion_tokens_details"]);
    out.finish()
}
