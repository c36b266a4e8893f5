//! A client's body changed for the upstream of the same wire: our instructions first, counts asked for, and what the
//! component edits. Every other byte stays.

#[cfg(test)]
mod tests;

use super::head::messages;
use crate::envelope::{Envelope, Splice, SpliceError};
use crate::ingress::RelayChanges;
use crate::json::quote;

const MESSAGES: &str = "messages";
const STREAM_OPTIONS: &str = "stream_options";
const INCLUDE_USAGE: &str = "include_usage";

/// The body with the changes in it.
pub(super) fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<String, SpliceError> {
    let RelayChanges { instructions, stream, edits } = *changes;
    let mut splice = envelope.splice();
    if !instructions.is_empty() {
        messages(envelope)?;
    }
    if stream {
        want_usage(envelope, &mut splice)?;
    }
    splice.apply(edits)?;
    if !instructions.is_empty() {
        instruct(&mut splice, instructions)?;
    }
    Ok(splice.finish())
}

/// Sets `stream_options.include_usage` and keeps what else is in there.
fn want_usage(envelope: &Envelope<'_>, splice: &mut Splice<'_, '_>) -> Result<(), SpliceError> {
    let value = match envelope.node(STREAM_OPTIONS)? {
        None => "{\"include_usage\":true}".to_owned(),
        Some(node) => {
            node.object()?.optional(INCLUDE_USAGE)?.map_or(Ok(false), |node| node.boolean())?;
            let options = Envelope::scan_text(node.text())?;
            let mut inner = options.splice();
            inner.set_sound(INCLUDE_USAGE, "true".to_owned())?.finish()
        }
    };
    splice.set_sound(STREAM_OPTIONS, value)?;
    Ok(())
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
