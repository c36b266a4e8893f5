//! What a classifier gets to see of a body of this wire, read on the relay lane without building a tree.

#[cfg(test)]
mod tests;

use super::head::messages;
use crate::canon::Role;
use crate::envelope::Envelope;
use crate::features::{MEDIA_TOKENS, SpokenTurns, ToolNames, Turn, names_json};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Reader, Syntax};

/// Reads a chat body that has been scanned, without building a tree.
pub(super) fn from_envelope(envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid> {
    let mut turns = Vec::new();
    if let Some(messages) = messages(envelope)? {
        let read = Reader::new(messages).array(|reader| {
            if reader.kind()? == JsonKind::Object {
                turns.push(read_turn(reader)?);
            } else {
                reader.skip()?;
            }
            Ok(())
        });
        read.map_err(|wrong| Invalid::syntax(messages, &wrong))?;
    }
    let mut tools = ToolNames::default();
    let mut tool_bytes = 0;
    if let Some(text) = envelope.get("tools")?.filter(|text| text.starts_with('[')) {
        tool_bytes = text.len();
        Reader::new(text).array(|reader| tools.one(reader)).map_err(|wrong| Invalid::syntax(text, &wrong))?;
    }
    let wants_json = envelope.get("response_format")?.is_some_and(names_json);
    Ok(SpokenTurns { turns, tool_names: tools.names, tool_bytes, wants_json })
}

fn read_turn(reader: &mut Reader<'_>) -> Result<Turn, Syntax> {
    let mut turn = Turn::new(Role::User);
    let mut content = Turn::new(Role::User);
    reader.object(|reader, key| {
        let kind = reader.kind()?;
        match (&*key.name(), kind) {
            ("role", JsonKind::String) => {
                turn.role = match &*reader.string()? {
                    "system" => Role::System,
                    "developer" => Role::Developer,
                    "assistant" => Role::Assistant,
                    "tool" | "function" => Role::Tool,
                    _ => Role::User,
                };
            }
            ("content", JsonKind::String) => content.say(&reader.string()?),
            ("content", JsonKind::Array) => reader.array(|reader| read_part(reader, &mut content))?,
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
    if reader.kind()? != JsonKind::Object {
        return reader.skip().map(drop);
    }
    let mut media = (0, 0, 0);
    let mut text = None;
    let mut kind_bytes = 0;
    reader.object(|reader, key| {
        let kind = reader.kind()?;
        match (&*key.name(), kind) {
            ("type", JsonKind::String) => match &*reader.string()? {
                "image_url" | "input_image" | "image" => media.0 = 1,
                "input_audio" | "audio" => media.1 = 1,
                "file" | "input_file" => media.2 = MEDIA_TOKENS * 4,
                _ => {}
            },
            ("text" | "refusal", JsonKind::String) => text = Some(reader.string()?),
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
