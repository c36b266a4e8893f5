//! Messages. Results of tools become messages of their own, before what else the user's turn says.

use super::{content, own};
use crate::canon::{Content, Message, Part, Role};
use crate::invalid::Invalid;
use crate::json::Node;

/// Reads one message of the client into those that it is.
pub(super) fn read(node: &Node<'_>, messages: &mut Vec<Message>) -> Result<(), Invalid> {
    let mut object = node.object()?;
    let role_node = object.required("role")?;
    let role = match role_node.string()?.as_ref() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(role_node.invalid("expected one of `user`, `assistant` and `system`")),
    };
    let parts = content::parts(&object.required("content")?)?;
    let is_result = |part: &Part| matches!(part.content, Content::ToolResult(_));
    let (results, parts): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(is_result);
    let answered = !results.is_empty();
    messages.extend(results.into_iter().map(|part| Message {
        role: Role::Tool,
        name: None,
        parts: vec![part],
        extra: None,
    }));
    let extra = own(object);
    match messages.last_mut().filter(|_| answered && parts.is_empty()) {
        Some(last) => last.extra = extra,
        None => messages.push(Message { role, name: None, parts, extra }),
    }
    Ok(())
}
