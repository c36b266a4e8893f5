//! A client's request into the canonical form. Strict about types, and every error names its member; what the canonical
//! form has no place for is kept below the name of this wire.

mod content;
mod message;
mod settings;
#[cfg(test)]
mod tests;

use crate::anthropic_messages::DIALECT;
use crate::calls;
use crate::canon::{ChatRequest, Json, Message, Role};
use crate::envelope::Envelope;
use crate::invalid::Invalid;
use crate::json::{Members, Node, Object};

/// Reads a body that has been scanned.
pub(super) fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
    let mut object = Node::root(envelope.text()).object()?;
    let mut request = ChatRequest { model: object.required_string("model")?, ..ChatRequest::default() };
    if let Some(system) = object.optional("system")? {
        let parts = content::parts(&system)?;
        if !parts.is_empty() {
            request.messages.push(Message { role: Role::System, name: None, parts, extra: None });
        }
    }
    for node in object.required("messages")?.array()? {
        message::read(&node, &mut request.messages)?;
    }
    calls::make_unique(&mut request.messages);
    let tools = object.array("tools")?;
    request.tools = tools.iter().map(settings::tool).collect::<Result<_, _>>()?;
    let (mut kept, mut shared) = (Members::new(), Members::new());
    settings::read(&mut object, &mut request, &mut kept, &mut shared)?;
    kept.extra(object.rest().as_deref(), &[]);
    let kept = kept.finish();
    if kept != "{}" {
        shared.raw(DIALECT, &kept);
    }
    request.extra = Some(shared.finish()).filter(|text| text != "{}");
    Ok(request)
}

/// Where the first block stands that no other wire has.
pub(super) fn unknown_block(envelope: &Envelope<'_>) -> Option<String> {
    let messages = envelope.node("messages").ok()??.array().ok()?;
    messages.iter().find_map(|message| {
        let content = message.object().ok()?.optional("content").ok()??;
        content::unknown(&content)
    })
}

/// Leftovers, below the name of this wire.
fn own(object: Object<'_>) -> Option<Json> {
    object.rest().map(|rest| wrapped(&rest))
}

fn wrapped(json: &str) -> Json {
    let mut out = Members::new();
    out.raw(DIALECT, json);
    out.finish()
}

fn boolean(object: &mut Object<'_>, name: &str) -> Result<Option<bool>, Invalid> {
    object.optional(name)?.map(|node| node.boolean()).transpose()
}

/// `cache_control: {"type": "ephemeral", "ttl": "5m"}`. What it cannot be read as stays among the leftovers.
fn cache(object: &mut Object<'_>) -> Result<Option<String>, Invalid> {
    const CACHE: &str = "cache_control";
    let Some(node) = object.optional(CACHE)? else { return Ok(None) };
    let mark = (|| {
        let mut mark = node.object().ok()?;
        let ephemeral = mark.string("type").ok()?? == "ephemeral";
        let ttl = mark.string("ttl").ok()?.unwrap_or_else(|| "5m".to_owned());
        (ephemeral && mark.is_empty()).then_some(ttl)
    })();
    if mark.is_none() {
        object.put_back(CACHE, node);
    }
    Ok(mark)
}
