//! Token counts as clients of this wire read them: input without what came from or went into the cache.

use crate::canon::{Json, Usage};
use crate::json::{Members, member};

/// What this wire counts beyond the canonical form.
const BEYOND: [&str; 3] = ["cache_creation", "server_tool_use", "service_tier"];

pub(super) fn json(usage: &Usage) -> Json {
    let fresh = usage.input.saturating_sub(usage.cached_input).saturating_sub(usage.cache_write);
    let mut out = Members::new();
    out.plain("input_tokens", fresh)
        .plain("cache_creation_input_tokens", usage.cache_write)
        .plain("cache_read_input_tokens", usage.cached_input)
        .plain("output_tokens", usage.output);
    for name in BEYOND {
        if let Some(value) = member(usage.extra.as_deref(), name) {
            out.raw(name, &value);
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_not_input() {
        let usage = Usage {
            input: 11,
            output: 7,
            cached_input: 3,
            cache_write: 2,
            extra: Some(r#"{"service_tier":"standard","x":1}"#.to_owned()),
            ..Usage::default()
        };
        assert_eq!(
            json(&usage),
            r#"{"input_tokens":6,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":7,"service_tier":"standard"}"#
        );
    }
}
