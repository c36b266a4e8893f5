//! A client's body changed for the upstream of the same wire: our instructions first, and what the component edits. Every
//! other byte stays.

#[cfg(test)]
mod tests;

use super::head::messages;
use crate::envelope::{Envelope, Splice, SpliceError};
use crate::ingress::{RelayChanges, Spliced};
use crate::json::quote;

const MESSAGES: &str = "messages";

/// The body with the changes in it.
pub(super) fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
    let RelayChanges { instructions, edits, withheld, .. } = *changes;
    let mut splice = envelope.splice();
    if !instructions.is_empty() {
        messages(envelope)?;
    }
    let edited = splice.apply(edits, withheld)?;
    if !instructions.is_empty() {
        instruct(&mut splice, instructions)?;
    }
    Ok(Spliced { body: splice.finish(), edited })
}

/// Puts system messages before all others, whatever the edits did to `messages`.
fn instruct(splice: &mut Splice<'_, '_>, instructions: &[&str]) -> Result<(), SpliceError> {
    let array = splice.value(MESSAGES)?.and_then(|text| text.trim_start().strip_prefix('['));
    let rest = array.ok_or(SpliceError::NoPlace { member: MESSAGES })?;
    let own: usize = instructions.iter().map(|text| text.len() + 64).sum();
    let mut out = String::with_capacity(rest.len() + own);
    out.push('[');
    for (at, text) in instructions.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        out.push_str(comma);
        out.push_str("{\"role\":\"system\",\"content\":");
        out.push_str(&quote(text));
        out.push('}');
    }
    if !rest.trim_start().starts_with(']') {
        out.push(',');
    }
    out.push_str(rest);
    splice.set_sound(MESSAGES, out)?;
    Ok(())
}
