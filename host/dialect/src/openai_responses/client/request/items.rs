//! The items of an input as turns: what the assistant thought, said and called one after another is one of them.

use super::{content, message, unsupported};
use crate::canon::{Content, Message, Part, Reasoning, Role, ToolCall, ToolResult};
use crate::invalid::Invalid;
use crate::json::{Members, Node, Object};
use crate::openai_responses::client::call::INPUT;
use crate::openai_responses::client::compaction;
use crate::openai_responses::client::thought::{Unsealed, opened};

#[derive(Debug, Default)]
struct Turns {
    messages: Vec<Message>,
    /// Signatures of calls, by the calls' ids.
    signatures: Vec<(String, String, Option<String>)>,
    /// Kinds of items of which other wires have nothing.
    lost: Vec<String>,
}

/// Reads the items behind the messages that are there; what is lost of them goes into `own`.
pub(super) fn read(node: &Node<'_>, messages: &mut Vec<Message>, own: &mut Members) -> Result<(), Invalid> {
    let mut turns = Turns { messages: std::mem::take(messages), ..Turns::default() };
    let items = node.array()?;
    for (at, item) in items.iter().enumerate() {
        turns.item(item, at + 1 == items.len())?;
    }
    turns.sign();
    for kind in &turns.lost {
        own.plain(&format!("input.{kind}"), true);
    }
    *messages = turns.messages;
    Ok(())
}

impl Turns {
    fn item(&mut self, node: &Node<'_>, last: bool) -> Result<(), Invalid> {
        let mut object = node.object()?;
        let kind = object.string("type")?;
        match kind.as_deref().unwrap_or("message") {
            "message" => self.message(&mut object),
            "reasoning" => self.thought(&mut object),
            "item_reference" => Err(unsupported(node, "the item is not kept here; send it as it is")),
            // Asked for when all else has been read.
            compaction::TRIGGER if last => Ok(()),
            compaction::TRIGGER => Err(node.invalid("expected it behind all other items")),
            kind if compaction::is_item(kind) => self.summary(node, &mut object),
            kind if kind.ends_with("_output") => self.result(&mut object),
            kind if kind.ends_with("_call") => {
                if let Some(id) = object.string("call_id")? {
                    return self.call(kind, id, &mut object);
                }
                // A tool that the vendor ran: what it found stands in what was said.
                self.lose(kind);
                Ok(())
            }
            _ => Err(unsupported(node, "a kind of item that other wires do not have")),
        }
    }

    fn message(&mut self, object: &mut Object<'_>) -> Result<(), Invalid> {
        let role = object.required("role")?;
        let word = role.string()?;
        let parts = content::parts(&object.required("content")?)?;
        let extra = content::own(object, &[]);
        let role = match word.as_ref() {
            "user" => Role::User,
            "system" => Role::System,
            "developer" => Role::Developer,
            "assistant" => {
                let turn = self.assistant();
                turn.parts.extend(parts);
                turn.extra = turn.extra.take().or(extra);
                return Ok(());
            }
            _ => return Err(role.invalid("expected one of `user`, `assistant`, `system` and `developer`")),
        };
        self.messages.push(Message { extra, ..message(role, parts) });
        Ok(())
    }

    /// What stands for the turns before it.
    fn summary(&mut self, node: &Node<'_>, object: &mut Object<'_>) -> Result<(), Invalid> {
        let sealed = object.required("encrypted_content")?.string()?;
        let why = "only the vendor that made this summary of the conversation can read it; start a new one";
        let words = compaction::opened(&sealed).ok_or_else(|| unsupported(node, why))?;
        self.messages.push(message(Role::User, vec![Part::plain(Content::Text(words))]));
        Ok(())
    }

    fn thought(&mut self, object: &mut Object<'_>) -> Result<(), Invalid> {
        let mut text = String::new();
        let mut parts = object.array("summary")?;
        if parts.is_empty() {
            parts = object.array("content")?;
        }
        for part in parts {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&part.object()?.required("text")?.string()?);
        }
        let thought = match object.string("encrypted_content")? {
            Some(sealed) => match opened(&sealed, text) {
                Unsealed::Call { id, signature, origin } => {
                    self.signatures.push((id, signature, origin));
                    return Ok(());
                }
                Unsealed::Thought(thought) => thought,
            },
            // A thought that says nothing and bears nothing is none.
            None if text.is_empty() => return Ok(()),
            None => Reasoning { text, ..Reasoning::default() },
        };
        self.say(Content::Reasoning(thought));
        Ok(())
    }

    fn call(&mut self, kind: &str, id: String, object: &mut Object<'_>) -> Result<(), Invalid> {
        // What has no name of its own goes by its kind.
        let own = kind.strip_suffix("_call").unwrap_or(kind);
        let name = object.string("name")?.unwrap_or_else(|| own.to_owned());
        let namespace = object.string("namespace")?;
        let arguments = match kind {
            "custom_tool_call" => {
                let mut wrapped = Members::new();
                wrapped.string(INPUT, &object.required("input")?.string()?);
                wrapped.finish()
            }
            "function_call" => object.required("arguments")?.string()?.into_owned(),
            _ => {
                let mut said = None;
                for member in ["arguments", "action", "operation"] {
                    said = said.or(object.optional(member)?);
                }
                said.map_or_else(|| "{}".to_owned(), |node| node.text().to_owned())
            }
        };
        let extra = content::own(object, &[]);
        let call = ToolCall { id, name, namespace, arguments, extra, ..ToolCall::default() };
        self.say(Content::ToolCall(call));
        Ok(())
    }

    fn result(&mut self, object: &mut Object<'_>) -> Result<(), Invalid> {
        let call_id = object.required("call_id")?.string()?.into_owned();
        let content = match object.optional("output")? {
            Some(output) => content::result(&output)?,
            None => Vec::new(),
        };
        let result = ToolResult { call_id, is_error: false, content, extra: content::own(object, &["name"]) };
        self.messages.push(message(Role::Tool, vec![Part::plain(Content::ToolResult(result))]));
        Ok(())
    }

    fn say(&mut self, content: Content) {
        self.assistant().parts.push(Part::plain(content));
    }

    /// The assistant's turn that goes on, or the next.
    fn assistant(&mut self) -> &mut Message {
        if self.messages.last().is_none_or(|last| last.role != Role::Assistant) {
            self.messages.push(message(Role::Assistant, Vec::new()));
        }
        let last = self.messages.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "it was there or has just been pushed")]
        &mut self.messages[last]
    }

    fn lose(&mut self, kind: &str) {
        if !self.lost.iter().any(|known| known == kind) {
            self.lost.push(kind.to_owned());
        }
    }

    /// Gives calls the signatures that came for them.
    fn sign(&mut self) {
        for part in self.messages.iter_mut().flat_map(|message| &mut message.parts) {
            let Content::ToolCall(call) = &mut part.content else { continue };
            if let Some(at) = self.signatures.iter().position(|(id, ..)| *id == call.id) {
                let (_, signature, origin) = self.signatures.remove(at);
                (call.signature, call.origin) = (Some(signature), origin);
            }
        }
    }
}
