//! The conversation as this wire wants it: instructions in front, then items. What was said is a message; a thought, a
//! call and a result are items of their own, in the order in which they came.

use std::collections::HashSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{content, own, own_json};
use crate::canon::{
    ChatRequest, Content, Fault, Message, Part, Reasoning, ResultPart, Role, ToolCall, ToolResult,
};
use crate::json::{Members, array, member};
use crate::openai_responses::{DIALECT, origin};
use crate::translation::Losses;

/// What the conversation has become, as JSON texts.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) instructions: Option<String>,
    pub(super) items: Vec<String>,
}

/// The longest id of a call that the vendor takes.
const MOST_ID_BYTES: usize = 64;

/// Between instructions that were several.
const BREAK: &str = "\n\n";

/// How an error is told from a result, for which there is no mark.
const FAILED: &str = "Error: ";

/// Reads it.
pub(super) fn read(request: &ChatRequest, losses: &mut Losses) -> Result<Input, Fault> {
    let mut leading = request.messages.iter().take_while(|message| instructs(message)).count();
    if leading == request.messages.len() {
        // An answer needs something to answer.
        leading = 0;
    }
    let (leading, rest) = request.messages.split_at(leading);
    let mut instructions: Option<String> = None;
    for part in leading.iter().flat_map(|message| &message.parts) {
        if let Content::Text(text) = &part.content {
            content::cache(part.cache.as_deref(), losses)?;
            let said = instructions.get_or_insert_default();
            if !said.is_empty() {
                said.push_str(BREAK);
            }
            said.push_str(text);
        }
    }
    let mut reader =
        ItemsReader { losses, origin: origin(&request.model), items: Vec::new(), custom: HashSet::new() };
    for message in rest {
        reader.message(message)?;
    }
    Ok(Input { instructions, items: reader.items })
}

/// Whether a message says what can stand in `instructions`: texts and nothing beside them.
fn instructs(message: &Message) -> bool {
    let plain = |part: &Part| matches!(part.content, Content::Text(_)) && part.extra.is_none();
    matches!(message.role, Role::System | Role::Developer)
        && message.name.is_none()
        && message.extra.is_none()
        && message.parts.iter().all(plain)
}

struct ItemsReader<'l> {
    losses: &'l mut Losses,
    /// Whose thoughts are taken back.
    origin: String,
    items: Vec<String>,
    /// Ids of calls with free text.
    custom: HashSet<String>,
}

impl ItemsReader<'_> {
    fn message(&mut self, message: &Message) -> Result<(), Fault> {
        let extra = message.extra.as_deref();
        if member(extra, "role").is_some() {
            return self.losses.cannot("messages.role.function");
        }
        if message.name.is_some() && message.role != Role::Tool {
            self.losses.cannot("messages.name")?;
        }
        self.losses.leftovers("messages", extra, &["role", DIALECT])?;
        let mut said = Vec::new();
        for part in &message.parts {
            let item = match &part.content {
                Content::ToolCall(call) => Some(self.call(call)?),
                Content::ToolResult(result) => Some(self.result(result)?),
                Content::Reasoning(thought) => {
                    let own = self.thought(thought);
                    if own.is_none() {
                        self.foreign(thought)?;
                        continue;
                    }
                    own
                }
                // An item that only this wire has.
                Content::Other(json) => own_json(json).filter(|json| is_item(json)),
                _ => None,
            };
            if let Some(item) = item {
                content::cache(part.cache.as_deref(), self.losses)?;
                self.said(message, &mut said);
                self.items.push(item);
            } else if message.role == Role::Assistant {
                said.extend(content::output_part(part, self.losses)?);
            } else {
                said.extend(content::input_part(part, self.losses)?);
            }
        }
        self.said(message, &mut said);
        Ok(())
    }

    /// What a message said up to here, as an item.
    fn said(&mut self, message: &Message, parts: &mut Vec<String>) {
        if parts.is_empty() {
            return;
        }
        let role = match message.role {
            // Behind the beginning the vendor knows one word for both.
            Role::System | Role::Developer => "developer",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let mut out = Members::new();
        out.string("type", "message").string("role", role).raw("content", &array(parts));
        out.extra(own(message.extra.as_deref()).as_deref(), &["type", "role", "content"]);
        parts.clear();
        self.items.push(out.finish());
    }

    fn call(&mut self, call: &ToolCall) -> Result<String, Fault> {
        let extra = call.extra.as_deref();
        if call.signature.is_some() {
            self.losses.cannot("messages.tool_calls.extra_content")?;
        }
        let read = ["type", "custom", "extra_content", DIALECT];
        self.losses.leftovers("messages.tool_calls", extra, &read)?;
        let own = own(extra);
        let custom = [extra, own.as_deref()].into_iter().any(says_custom);
        let mut out = Members::new();
        out.string("type", if custom { "custom_tool_call" } else { "function_call" });
        out.string("call_id", &call_id(&call.id));
        out.string("name", &self.losses.qualified(call.namespace.as_deref(), &call.name));
        if custom {
            self.custom.insert(call.id.clone());
            out.string("input", &call.arguments);
        } else if call.arguments.trim().is_empty() {
            out.string("arguments", "{}");
        } else {
            out.string("arguments", &call.arguments);
        }
        out.extra(own.as_deref(), &["type", "call_id", "name", "namespace", "input", "arguments"]);
        Ok(out.finish())
    }

    fn result(&mut self, result: &ToolResult) -> Result<String, Fault> {
        let extra = result.extra.as_deref();
        self.losses.leftovers("messages", extra, &["type", DIALECT])?;
        let own = own(extra);
        let custom = self.custom.contains(&result.call_id) || says_custom(own.as_deref());
        if result.is_error {
            self.losses.cannot("tool_result_error_mark")?;
        }
        let mut out = Members::new();
        out.string("type", if custom { "custom_tool_call_output" } else { "function_call_output" });
        out.string("call_id", &call_id(&result.call_id));
        match result.content.as_slice() {
            [] => out.string("output", if result.is_error { FAILED.trim_end() } else { "" }),
            [ResultPart::Text(text)] if result.is_error => out.string("output", &failed(text)),
            [ResultPart::Text(text)] => out.string("output", text),
            parts => {
                let mut written = Vec::with_capacity(parts.len());
                if result.is_error && !matches!(parts.first(), Some(ResultPart::Text(text)) if tells(text)) {
                    let mark = ResultPart::Text(FAILED.trim_end().to_owned());
                    written.extend(content::result_part(&mark, self.losses)?);
                }
                for part in parts {
                    written.extend(content::result_part(part, self.losses)?);
                }
                out.raw("output", &array(&written))
            }
        };
        out.extra(own.as_deref(), &["type", "call_id", "output"]);
        Ok(out.finish())
    }

    /// A thought goes back to who encrypted it and to nobody else.
    fn thought(&self, thought: &Reasoning) -> Option<String> {
        let encrypted = thought.signature.as_ref().or(thought.redacted.as_ref())?;
        if thought.origin.as_deref() != Some(&self.origin) {
            return None;
        }
        let mut out = Members::new();
        out.string("type", "reasoning");
        // An id of another's making is refused.
        out.maybe_string("id", thought.id.as_deref().filter(|id| id.starts_with("rs_")));
        let mut summary = Members::new();
        summary.string("type", "summary_text").string("text", &thought.text);
        let summary = if thought.text.is_empty() { Vec::new() } else { vec![summary.finish()] };
        out.raw("summary", &array(&summary)).string("encrypted_content", encrypted);
        Some(out.finish())
    }

    fn foreign(&mut self, thought: &Reasoning) -> Result<(), Fault> {
        let marked = thought.signature.is_some() || thought.redacted.is_some();
        self.losses.cannot(if marked { "messages.reasoning_details" } else { "messages.reasoning_content" })
    }
}

fn says_custom(extra: Option<&str>) -> bool {
    member(extra, "type").is_some_and(|kind| kind.starts_with("\"custom"))
}

/// Whether something stands in the list of items, and not inside a message.
fn is_item(json: &str) -> bool {
    let kind = member(Some(json), "type").unwrap_or_default();
    let part = ["\"input_", "\"output_", "\"refusal\"", "\"summary_text\"", "\"reasoning_text\"", "\"text\""];
    !part.iter().any(|begin| kind.starts_with(begin))
}

/// Whether a text says by itself that something failed.
fn tells(text: &str) -> bool {
    text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"))
}

fn failed(text: &str) -> String {
    if tells(text) { text.to_owned() } else { format!("{FAILED}{text}") }
}

/// The id, or one that is made of it and is always the same: the vendor refuses long ones.
fn call_id(id: &str) -> String {
    if id.len() <= MOST_ID_BYTES {
        return id.to_owned();
    }
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(24).fold("call_".to_owned(), |mut id, byte| {
        let _written = write!(id, "{byte:02x}");
        id
    })
}
