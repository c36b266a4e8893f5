//! A client's body changed for the upstream of the same wire: our instructions first, what the component edits, and no
//! thought that another vendor had. Every other byte stays.

#[cfg(test)]
mod tests;

use crate::anthropic_messages::signature::{MARK, is_marked};
use crate::canon::Json;
use crate::envelope::{Envelope, Splice, SpliceError};
use crate::ingress::{RelayChanges, Spliced};
use crate::json::{JsonKind, Members, Node, array, quote};

const MESSAGES: &str = "messages";
const SYSTEM: &str = "system";

/// The body with the changes in it.
pub(super) fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
    let RelayChanges { instructions, edits, withheld, .. } = *changes;
    let mut splice = envelope.splice();
    let mut edited = splice.apply(edits, withheld)?;
    if !instructions.is_empty() {
        instruct(&mut splice, instructions)?;
    }
    let marked = splice
        .value(MESSAGES)?
        .filter(|text| memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_some());
    if let Some(own) = marked.and_then(without_foreign_thoughts) {
        splice.set_sound(MESSAGES, own)?;
        edited.lose("messages.reasoning_content");
    }
    Ok(Spliced { body: splice.finish(), edited })
}

/// Puts blocks before the client's own instructions, as they are after the edits.
fn instruct(splice: &mut Splice<'_, '_>, instructions: &[&str]) -> Result<(), SpliceError> {
    let block = |text: &str| format!("{{\"type\":\"text\",\"text\":{text}}}");
    let ours: Vec<Json> = instructions.iter().map(|text| block(&quote(text))).collect();
    let mut out = format!("[{}", ours.join(","));
    if let Some(text) = splice.value(SYSTEM)?.map(str::trim) {
        let node = Node::at(text, SYSTEM);
        match node.kind()? {
            JsonKind::Null => {}
            // A blank text is no block.
            JsonKind::String if node.string()?.trim().is_empty() => {}
            JsonKind::String => {
                out.push(',');
                out.push_str(&block(text));
            }
            JsonKind::Array => {
                let rest = text.strip_prefix('[').unwrap_or_default();
                if !rest.trim_start().starts_with(']') {
                    out.push(',');
                }
                out.push_str(rest.trim_end().strip_suffix(']').unwrap_or(rest));
            }
            JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
                return Err(node.expected("a string or an array of blocks").into());
            }
        }
    }
    out.push(']');
    splice.set_sound(SYSTEM, out)?;
    Ok(())
}

/// The messages without thoughts that bear our mark; none when there is none. A turn that was nothing else goes whole.
fn without_foreign_thoughts(messages: &str) -> Option<Json> {
    let messages = Node::root(messages).array().ok()?;
    let left: Vec<Left> = messages.iter().map(left).collect();
    if left.iter().all(|left| matches!(left, Left::All)) {
        return None;
    }
    let kept = messages.iter().zip(left).filter_map(|(message, left)| match left {
        Left::All => Some(message.text().to_owned()),
        Left::Rest(json) => Some(json),
        Left::Nothing => None,
    });
    Some(array(&kept.collect::<Vec<_>>()))
}

/// What is left of a message.
enum Left {
    All,
    Rest(Json),
    Nothing,
}

fn left(message: &Node<'_>) -> Left {
    let Some(mut object) = message.object().ok().filter(|_| message.text().contains(MARK)) else {
        return Left::All;
    };
    let content = object.optional("content").ok().flatten().and_then(|node| node.array().ok());
    let Some(content) = content.filter(|content| content.iter().any(is_foreign)) else { return Left::All };
    let kept = content.iter().filter(|block| !is_foreign(block)).map(|block| block.text().to_owned());
    let kept: Vec<Json> = kept.collect();
    if kept.is_empty() {
        return Left::Nothing;
    }
    let mut out = Members::new();
    for (name, node) in object.iter() {
        out.raw(name, node.text());
    }
    out.raw("content", &array(&kept));
    Left::Rest(out.finish())
}

fn is_foreign(block: &Node<'_>) -> bool {
    let Ok(mut object) = block.object() else { return false };
    let mut text = |name: &str| object.string(name).ok().flatten().unwrap_or_default();
    match text("type").as_str() {
        "thinking" => is_marked(&text("signature")),
        "redacted_thinking" => is_marked(&text("data")),
        _ => false,
    }
}
