//! What a classifier gets to see of a conversation: the newest user turn without what agents inject into it,
//! the head of the system prompt, a few older turns, and counts. From the canonical request, or straight from
//! a body on the relay lane.

mod strip;
#[cfg(test)]
mod tests;

use crate::canon::task::Features;
use crate::canon::{ChatRequest, Content, OutputFormat, ResultPart, Role, Tool};
use crate::envelope::Envelope;
use crate::invalid::Invalid;
use crate::json::{Kind, Reader, Syntax};

const SYSTEM_HEAD_BYTES: usize = 2048;
const LAST_USER_BYTES: usize = 32 * 1024;
const RECENT_TURNS: usize = 10;
const RECENT_TURN_BYTES: usize = 1024;
/// What a picture or a sound is taken to cost.
const MEDIA_TOKENS: usize = 800;
/// What each message costs beyond its text.
const MESSAGE_TOKENS: usize = 4;

/// One turn as far as features go.
#[derive(Debug)]
struct Turn {
    role: Role,
    text: String,
    /// Bytes that are sent but not read: tool arguments and results.
    other_bytes: usize,
    images: usize,
    audio: usize,
}

impl Turn {
    const fn new(role: Role) -> Self {
        Self { role, text: String::new(), other_bytes: 0, images: 0, audio: 0 }
    }

    fn say(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }
}

/// Reads the features of a canonical request.
pub fn from_request(request: &ChatRequest) -> Features {
    let mut turns = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        let mut turn = Turn::new(message.role);
        for part in &message.parts {
            match &part.content {
                Content::Text(text) | Content::Refusal(text) => turn.say(text),
                Content::Image(_) => turn.images += 1,
                Content::Audio(_) => turn.audio += 1,
                Content::File(_) => turn.other_bytes += MEDIA_TOKENS * 4,
                Content::ToolCall(call) => turn.other_bytes += call.name.len() + call.arguments.len(),
                Content::ToolResult(result) => {
                    for part in &result.content {
                        match part {
                            ResultPart::Text(text) => turn.other_bytes += text.len(),
                            ResultPart::Media(_) => turn.images += 1,
                            ResultPart::Other(json) => turn.other_bytes += json.len(),
                        }
                    }
                }
                Content::Reasoning(thought) => turn.other_bytes += thought.text.len(),
                Content::Other(json) => turn.other_bytes += json.len(),
            }
        }
        turns.push(turn);
    }
    let mut tool_bytes = 0;
    let mut tool_names = Vec::new();
    for tool in &request.tools {
        match tool {
            Tool::Function(function) => {
                let described = function.description.as_ref().map_or(0, String::len);
                tool_bytes += function.name.len() + described + function.parameters.len();
                tool_names.push(function.name.clone());
            }
            Tool::Other(json) => {
                tool_bytes += json.len();
                let mut seen = Tools::default();
                if seen.one(&mut Reader::new(json)).is_ok() {
                    tool_names.append(&mut seen.names);
                }
            }
        }
    }
    let wants_json = match &request.output {
        OutputFormat::Text => false,
        OutputFormat::JsonObject | OutputFormat::JsonSchema(_) => true,
        OutputFormat::Other(json) => names_json(json),
    };
    assemble(&turns, tool_names, tool_bytes, wants_json)
}

/// Reads the features of a chat body that has been scanned, without building a tree.
pub fn from_envelope(envelope: &Envelope<'_>) -> Result<Features, Invalid> {
    let mut turns = Vec::new();
    if let Some(messages) = envelope.messages()? {
        let read = Reader::new(messages).array(|reader| {
            if reader.kind()? == Kind::Object {
                turns.push(read_turn(reader)?);
            } else {
                reader.skip()?;
            }
            Ok(())
        });
        read.map_err(|wrong| Invalid::syntax(messages, &wrong))?;
    }
    let mut tools = Tools::default();
    let mut tool_bytes = 0;
    if let Some(text) = envelope.get("tools")?.filter(|text| text.starts_with('[')) {
        tool_bytes = text.len();
        Reader::new(text).array(|reader| tools.one(reader)).map_err(|wrong| Invalid::syntax(text, &wrong))?;
    }
    let wants_json = envelope.get("response_format")?.is_some_and(names_json);
    Ok(assemble(&turns, tools.names, tool_bytes, wants_json))
}

fn assemble(turns: &[Turn], tool_names: Vec<String>, tool_bytes: usize, wants_json: bool) -> Features {
    let count = |of: fn(&Turn) -> usize| turns.iter().map(of).sum::<usize>();
    let (images, audio) = (count(|turn| turn.images), count(|turn| turn.audio));
    let bytes = count(|turn| turn.text.len() + turn.other_bytes) + tool_bytes;
    let tokens = bytes / 4 + (images + audio) * MEDIA_TOKENS + turns.len() * MESSAGE_TOKENS;
    let mut features = Features {
        message_count: u32::try_from(turns.len()).unwrap_or(u32::MAX),
        approx_input_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        tool_names,
        has_images: images > 0,
        has_audio: audio > 0,
        wants_json,
        ..Features::default()
    };
    for turn in turns.iter().filter(|turn| matches!(turn.role, Role::System | Role::Developer)) {
        if features.system_head.len() >= SYSTEM_HEAD_BYTES {
            break;
        }
        if !features.system_head.is_empty() {
            features.system_head.push('\n');
        }
        let room = SYSTEM_HEAD_BYTES.saturating_sub(features.system_head.len());
        features.system_head.push_str(head(&turn.text, room));
    }
    // The newest user turn that says something of its own; what comes before it is history, newest first.
    let mut found = false;
    for turn in turns.iter().rev().filter(|turn| matches!(turn.role, Role::User | Role::Assistant)) {
        if found && features.recent_text.len() >= RECENT_TURNS {
            break;
        }
        let own =
            if turn.role == Role::User { strip::injected(&turn.text) } else { turn.text.as_str().into() };
        let own = own.trim();
        if own.is_empty() {
            continue;
        }
        if !found && turn.role == Role::User {
            found = true;
            head(own, LAST_USER_BYTES).clone_into(&mut features.last_user_text);
        } else if features.recent_text.len() < RECENT_TURNS {
            features.recent_text.push(head(own, RECENT_TURN_BYTES).to_owned());
        }
    }
    features
}

fn read_turn(reader: &mut Reader<'_>) -> Result<Turn, Syntax> {
    let mut turn = Turn::new(Role::User);
    let mut content = Turn::new(Role::User);
    reader.object(|reader, key| {
        let kind = reader.kind()?;
        match (&*key.name(), kind) {
            ("role", Kind::String) => {
                turn.role = match &*reader.string()? {
                    "system" => Role::System,
                    "developer" => Role::Developer,
                    "assistant" => Role::Assistant,
                    "tool" | "function" => Role::Tool,
                    _ => Role::User,
                };
            }
            ("content", Kind::String) => content.say(&reader.string()?),
            ("content", Kind::Array) => reader.array(|reader| read_part(reader, &mut content))?,
            ("tool_calls" | "function_call" | "reasoning_content", _) => {
                turn.other_bytes += reader.skip()?.len();
            }
            _ => drop(reader.skip()?),
        }
        Ok(())
    })?;
    (turn.images, turn.audio) = (content.images, content.audio);
    turn.other_bytes += content.other_bytes;
    if turn.role == Role::Tool {
        turn.other_bytes += content.text.len();
    } else {
        turn.text = content.text;
    }
    Ok(turn)
}

fn read_part(reader: &mut Reader<'_>, turn: &mut Turn) -> Result<(), Syntax> {
    if reader.kind()? != Kind::Object {
        return reader.skip().map(drop);
    }
    let mut media = (0, 0, 0);
    let mut text = None;
    let mut kind_bytes = 0;
    reader.object(|reader, key| {
        let kind = reader.kind()?;
        match (&*key.name(), kind) {
            ("type", Kind::String) => match &*reader.string()? {
                "image_url" | "input_image" | "image" => media.0 = 1,
                "input_audio" | "audio" => media.1 = 1,
                "file" | "input_file" => media.2 = MEDIA_TOKENS * 4,
                _ => {}
            },
            ("text" | "refusal", Kind::String) => text = Some(reader.string()?),
            ("cache_control", _) => drop(reader.skip()?),
            _ => kind_bytes += reader.skip()?.len(),
        }
        Ok(())
    })?;
    turn.images += media.0;
    turn.audio += media.1;
    turn.other_bytes += media.2;
    if let Some(text) = text {
        turn.say(&text);
    } else if media == (0, 0, 0) {
        turn.other_bytes += kind_bytes;
    }
    Ok(())
}

/// Names of tools: at the top, or inside the member that is named like the type.
#[derive(Debug, Default)]
struct Tools {
    names: Vec<String>,
}

impl Tools {
    fn one(&mut self, reader: &mut Reader<'_>) -> Result<(), Syntax> {
        if reader.kind()? != Kind::Object {
            return reader.skip().map(drop);
        }
        let names = &mut self.names;
        reader.object(|reader, key| {
            let kind = reader.kind()?;
            match (&*key.name(), kind) {
                ("name", Kind::String) => names.push(reader.string()?.into_owned()),
                ("function" | "custom", Kind::Object) => reader.object(|reader, key| {
                    if key.name() == "name" && reader.kind()? == Kind::String {
                        names.push(reader.string()?.into_owned());
                        return Ok(());
                    }
                    reader.skip().map(drop)
                })?,
                _ => drop(reader.skip()?),
            }
            Ok(())
        })
    }
}

fn names_json(format: &str) -> bool {
    format.contains("\"json_object\"") || format.contains("\"json_schema\"")
}

/// At most `limit_bytes` of the beginning, cut between characters.
fn head(text: &str, limit_bytes: usize) -> &str {
    if text.len() <= limit_bytes {
        return text;
    }
    let mut end = limit_bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
