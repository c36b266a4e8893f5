//! Token counts as this wire writes them: input without what came from or went into the cache, in pieces that
//! add up over a stream.

use crate::canon::Usage;
use crate::json::{Members, Node, Object};

/// What has been counted so far.
#[derive(Debug, Default)]
pub(in crate::anthropic_messages) struct Counted {
    input: u64,
    cache_write: u64,
    cache_read: u64,
    output: u64,
    extra: Option<String>,
}

impl Counted {
    /// Takes in a `usage` object. Counts are running totals: a later one replaces an earlier one.
    pub(in crate::anthropic_messages) fn add(&mut self, node: &Node<'_>) {
        let Ok(mut object) = node.object() else { return };
        take(&mut object, "input_tokens", &mut self.input);
        take(&mut object, "cache_creation_input_tokens", &mut self.cache_write);
        take(&mut object, "cache_read_input_tokens", &mut self.cache_read);
        take(&mut object, "output_tokens", &mut self.output);
        let mut extra = Members::new();
        for (name, node) in object.iter().filter(|(_, node)| !node.is_null()) {
            extra.raw(name, node.text());
        }
        let said = extra.finish();
        if said != "{}" {
            let before = self.extra.take();
            let mut both = Members::new();
            let again: Vec<&str> = object.iter().map(|(name, _)| name).collect();
            both.extra(before.as_deref(), &again).extra(Some(&said), &[]);
            self.extra = Some(both.finish());
        }
    }

    pub(in crate::anthropic_messages) fn usage(&self) -> Usage {
        Usage {
            input: self.input.saturating_add(self.cache_write).saturating_add(self.cache_read),
            output: self.output,
            cached_input: self.cache_read,
            cache_write: self.cache_write,
            reasoning: 0,
            cost: None,
            extra: self.extra.clone(),
        }
    }
}

fn take(object: &mut Object<'_>, name: &str, total: &mut u64) {
    if let Ok(Some(node)) = object.optional(name) {
        *total = node.count();
    }
}
