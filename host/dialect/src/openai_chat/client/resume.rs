//! An answer that broke off, as its client got it: the text so far, and a writer that goes on with it.

use super::stream::OpenAiChatWriter;
use crate::canon::exchange::Frame;
use crate::ingress::AnswerIdentity;
use crate::json::Node;

/// None where anything else than one text was said, or the answer has said why it stopped.
pub(super) fn resumed(
    frames: &[Frame],
    identity: &AnswerIdentity,
    include_usage: bool,
) -> Option<(String, OpenAiChatWriter)> {
    let (mut identity, mut text, mut begun) = (identity.clone(), String::new(), false);
    for frame in frames {
        let mut chunk = Node::root(&frame.data).object().ok()?;
        if chunk.optional("error").ok()?.is_some() {
            return None;
        }
        if !std::mem::replace(&mut begun, true) {
            identity.id = chunk.string("id").ok()??;
            identity.model = chunk.string("model").ok()?.unwrap_or(identity.model);
            let created = chunk.optional("created").ok()?;
            identity.created = created.and_then(|node| node.integer().ok()).unwrap_or(identity.created);
        }
        for choice in chunk.array("choices").ok()? {
            let mut choice = choice.object().ok()?;
            let number = choice.optional("index").ok()?.map_or(0, |node| node.count());
            let ended = choice.optional("finish_reason").ok()?.is_some();
            if number != 0 || ended || choice.optional("logprobs").ok()?.is_some() {
                return None;
            }
            let Some(delta) = choice.optional("delta").ok()? else { continue };
            for (name, value) in delta.object().ok()?.iter() {
                match (name, value.text()) {
                    ("role", _) | (_, "null" | "\"\"" | "[]" | "{}") => {}
                    ("content", _) => text.push_str(&value.string().ok()?),
                    _ => return None,
                }
            }
        }
    }
    begun.then(|| (text, OpenAiChatWriter::resumed(&identity, include_usage)))
}
