//! An answer that broke off, as its client got it: the text so far, and a writer that goes on with it.

use super::stream::OpenAiResponsesWriter;
use crate::canon::exchange::Frame;
use crate::ingress::AnswerIdentity;
use crate::json::Node;

/// Where the text stands that is to be gone on with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OpenMessage {
    pub(super) id: String,
    pub(super) text: String,
    /// The number of the event that comes next.
    pub(super) next: u64,
}

/// None where anything else than one text was said, or that text has ended.
pub(super) fn resumed(
    frames: &[Frame],
    identity: &AnswerIdentity,
) -> Option<(String, OpenAiResponsesWriter)> {
    if identity.echo.compacts {
        return None;
    }
    let (mut identity, mut open, mut is_open) = (identity.clone(), OpenMessage::default(), false);
    for frame in frames {
        let mut event = Node::root(&frame.data).object().ok()?;
        let number = event.required("sequence_number").ok()?.count();
        open.next = number.saturating_add(1);
        let mut is_first =
            |name: &str| Some(event.optional(name).ok()?.is_some_and(|node| node.count() == 0));
        let (item, part) = (is_first("output_index")?, is_first("content_index")?);
        match event.string("type").ok()??.as_str() {
            "response.created" | "response.queued" | "response.in_progress" => {
                let mut response = event.required("response").ok()?.object().ok()?;
                identity.id = response.string("id").ok()??;
                identity.model = response.string("model").ok()?.unwrap_or(identity.model);
                let created = response.optional("created_at").ok()?.map(|node| node.count());
                identity.created = created.and_then(|at| i64::try_from(at).ok()).unwrap_or(identity.created);
            }
            "response.output_item.added" if item && open.id.is_empty() => {
                let mut message = event.required("item").ok()?.object().ok()?;
                if message.string("type").ok()?? != "message" {
                    return None;
                }
                open.id = message.string("id").ok()??;
            }
            "response.content_part.added" if item && part && !is_open => {
                let mut said = event.required("part").ok()?.object().ok()?;
                if said.string("type").ok()?? != "output_text" {
                    return None;
                }
                is_open = true;
            }
            "response.output_text.delta" if item && part && is_open => {
                if !event.array("logprobs").ok()?.is_empty() {
                    return None;
                }
                open.text.push_str(&event.string("delta").ok()??);
            }
            _ => return None,
        }
    }
    (is_open && !open.id.is_empty())
        .then(|| (open.text.clone(), OpenAiResponsesWriter::resumed(&identity, open)))
}
