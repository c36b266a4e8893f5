//! What a classifier gets to see of a conversation: the newest user turn without what agents inject into it,
//! the head of the system prompt, a few older turns, and counts. From the canonical request; each wire reads them
//! straight from a body of its own, too, for the relay lane.

mod strip;

pub(crate) use strip::injected;

use crate::canon::task::Features;
use crate::canon::{ChatRequest, Content, OutputFormat, ResultPart, Role, Tool};
use crate::json::{JsonKind, Reader, Syntax};

const SYSTEM_HEAD_BYTES: usize = 2048;
const LAST_USER_BYTES: usize = 32 * 1024;
const RECENT_TURNS: usize = 10;
const RECENT_TURN_BYTES: usize = 1024;
/// What a picture or a sound is taken to cost.
pub(crate) const MEDIA_TOKENS: usize = 800;
/// What each message costs beyond its text.
const MESSAGE_TOKENS: usize = 4;

/// One turn as far as features go.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) role: Role,
    pub(crate) text: String,
    /// Bytes that are sent but not read: tool arguments and results.
    pub(crate) other_bytes: usize,
    pub(crate) images: usize,
    pub(crate) audio: usize,
}

impl Turn {
    pub(crate) const fn new(role: Role) -> Self {
        Self { role, text: String::new(), other_bytes: 0, images: 0, audio: 0 }
    }

    pub(crate) fn say(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }
}

/// What a request says, turn by turn, as far as anybody decides by it.
#[derive(Debug)]
pub struct SpokenTurns {
    pub(crate) turns: Vec<Turn>,
    pub(crate) tool_names: Vec<String>,
    pub(crate) tool_bytes: usize,
    pub(crate) wants_json: bool,
}

/// How a conversation begins, which is the same in each of its turns and on each wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening<'a> {
    /// What stands before anything that the user says.
    pub system: Vec<&'a str>,
    pub tool_names: &'a [String],
    /// The first thing that the user says of their own.
    pub said: String,
}

/// Reads a canonical request.
pub fn from_request(request: &ChatRequest) -> SpokenTurns {
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
                let mut seen = ToolNames::default();
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
    SpokenTurns { turns, tool_names, tool_bytes, wants_json }
}

impl SpokenTurns {
    /// What a classifier and a policy get to see of them.
    pub fn features(&self) -> Features {
        let Self { turns, tool_names, tool_bytes, wants_json } = self;
        assemble(turns, tool_names.clone(), *tool_bytes, *wants_json)
    }

    /// How the conversation begins.
    pub fn opening(&self) -> Opening<'_> {
        let own =
            |turn: &Turn| Some(strip::injected(&turn.text).trim().to_owned()).filter(|it| !it.is_empty());
        let users = || self.turns.iter().enumerate().filter(|(_, turn)| turn.role == Role::User);
        // What agents put in may change from turn to turn; only where there is nothing else it counts.
        let spoken = users().find_map(|(at, turn)| Some((at, own(turn)?)));
        let first = spoken.or_else(|| users().next().map(|(at, turn)| (at, turn.text.clone())));
        let (at, said) = first.unwrap_or((self.turns.len(), String::new()));
        let before = self.turns.iter().take(at);
        let system = before.filter(|turn| matches!(turn.role, Role::System | Role::Developer));
        Opening {
            system: system.map(|turn| turn.text.as_str()).collect(),
            tool_names: &self.tool_names,
            said,
        }
    }
}

impl Opening<'_> {
    /// Its parts as texts, each list of them between two marks, so that no two beginnings have the same.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        let tools = self.tool_names.iter().map(String::as_str);
        // How a wire cuts its instructions is its own matter.
        let system = self.system.iter().flat_map(|text| text.split('\n'));
        system.chain(["\n"]).chain(tools).chain(["\n"]).chain([self.said.as_str()])
    }
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

/// Names of tools: at the top, or inside the member that is named like the type.
#[derive(Debug, Default)]
pub(crate) struct ToolNames {
    pub(crate) names: Vec<String>,
}

impl ToolNames {
    pub(crate) fn one(&mut self, reader: &mut Reader<'_>) -> Result<(), Syntax> {
        if reader.kind()? != JsonKind::Object {
            return reader.skip().map(drop);
        }
        let names = &mut self.names;
        reader.object(|reader, key| {
            let kind = reader.kind()?;
            match (&*key.name(), kind) {
                ("name", JsonKind::String) => names.push(reader.string()?.into_owned()),
                ("function" | "custom", JsonKind::Object) => reader.object(|reader, key| {
                    if key.name() == "name" && reader.kind()? == JsonKind::String {
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

pub(crate) fn names_json(format: &str) -> bool {
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

#[cfg(test)]
mod tests;
