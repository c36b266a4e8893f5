//! An answer that broke off, as its client got it: the text so far, and a writer that goes on with it.

use super::stream::AnthropicMessagesWriter;
use crate::canon::exchange::Frame;
use crate::ingress::AnswerIdentity;
use crate::json::Node;

/// None where anything else than one text was said, or that text has ended.
pub(super) fn resumed(
    frames: &[Frame],
    identity: &AnswerIdentity,
) -> Option<(String, AnthropicMessagesWriter)> {
    let (mut identity, mut text) = (identity.clone(), String::new());
    let (mut begun, mut open) = (false, None);
    for frame in frames {
        let mut event = Node::root(&frame.data).object().ok()?;
        let kind = event.string("type").ok()??;
        let number = event.optional("index").ok()?.map(|node| node.count());
        match kind.as_str() {
            "ping" => {}
            "message_start" => {
                let mut message = event.required("message").ok()?.object().ok()?;
                identity.id = message.string("id").ok()??;
                identity.model = message.string("model").ok()?.unwrap_or(identity.model);
                begun = true;
            }
            "content_block_start" if open.is_none() => {
                let mut block = event.required("content_block").ok()?.object().ok()?;
                if block.string("type").ok()?? != "text" || !block.array("citations").ok()?.is_empty() {
                    return None;
                }
                text.push_str(&block.string("text").ok()?.unwrap_or_default());
                open = Some(number?);
            }
            "content_block_delta" if open == number && open.is_some() => {
                let mut delta = event.required("delta").ok()?.object().ok()?;
                if delta.string("type").ok()?? != "text_delta" {
                    return None;
                }
                text.push_str(&delta.string("text").ok()??);
            }
            _ => return None,
        }
    }
    let number = u32::try_from(open?).ok()?;
    begun.then(|| (text, AnthropicMessagesWriter::resumed(&identity, number)))
}
