//! What a classifier gets to see of a body of this wire, read on the relay lane without building a tree.

use super::head::messages;
use crate::canon::Role;
use crate::envelope::Envelope;
use crate::features::{MEDIA_TOKENS, SpokenTurns, ToolNames, Turn, names_json};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Reader, Syntax};

/// Reads a body that has been scanned.
pub(super) fn from_envelope(envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid> {
    let mut turns = Vec::new();
    if let Some(system) = envelope.get("system")? {
        let mut turn = Turn::new(Role::System);
        content(&mut Reader::new(system), &mut turn).map_err(|wrong| Invalid::syntax(system, &wrong))?;
        if !turn.text.is_empty() {
            turns.push(turn);
        }
    }
    if let Some(messages) = messages(envelope)? {
        let read = Reader::new(messages).array(|reader| {
            if reader.kind()? == JsonKind::Object {
                turns.push(message(reader)?);
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
    let wants_json = envelope.get("output_config")?.is_some_and(names_json)
        || envelope.get("output_format")?.is_some_and(names_json);
    Ok(SpokenTurns { turns, tool_names: tools.names, tool_bytes, wants_json })
}

fn message(reader: &mut Reader<'_>) -> Result<Turn, Syntax> {
    let mut turn = Turn::new(Role::User);
    reader.object(|reader, key| {
        let kind = reader.kind()?;
        match (&*key.name(), kind) {
            ("role", JsonKind::String) => {
                turn.role = match &*reader.string()? {
                    "system" => Role::System,
                    "assistant" => Role::Assistant,
                    _ => Role::User,
                };
            }
            ("content", _) => content(reader, &mut turn)?,
            _ => drop(reader.skip()?),
        }
        Ok(())
    })?;
    Ok(turn)
}

fn content(reader: &mut Reader<'_>, turn: &mut Turn) -> Result<(), Syntax> {
    match reader.kind()? {
        JsonKind::String => turn.say(&reader.string()?),
        JsonKind::Array => reader.array(|reader| block(reader, turn))?,
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => drop(reader.skip()?),
    }
    Ok(())
}

fn block(reader: &mut Reader<'_>, turn: &mut Turn) -> Result<(), Syntax> {
    if reader.kind()? != JsonKind::Object {
        return reader.skip().map(drop);
    }
    let (mut kind, mut text, mut inside, mut bytes) = (String::new(), None, None, 0);
    reader.object(|reader, key| {
        match (&*key.name(), reader.kind()?) {
            ("type", JsonKind::String) => kind = reader.string()?.into_owned(),
            ("text", JsonKind::String) => text = Some(reader.string()?),
            ("content", JsonKind::String | JsonKind::Array) => inside = Some(reader.skip()?),
            ("cache_control" | "id" | "tool_use_id" | "signature", _) => drop(reader.skip()?),
            _ => bytes += reader.skip()?.len(),
        }
        Ok(())
    })?;
    match (kind.as_str(), text, inside) {
        ("text", Some(text), _) => turn.say(&text),
        ("image", ..) => turn.images += 1,
        ("document", ..) => turn.other_bytes += MEDIA_TOKENS * 4,
        (_, _, Some(inside)) => {
            // What a tool answered is sent but not read; its pictures cost what pictures cost.
            let mut result = Turn::new(Role::Tool);
            content(&mut Reader::new(inside), &mut result)?;
            turn.other_bytes += result.text.len() + result.other_bytes;
            turn.images += result.images;
        }
        (_, text, None) => turn.other_bytes += bytes + text.map_or(0, |text| text.len()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::from_envelope;
    use crate::envelope::Envelope;

    #[test]
    fn the_newest_turn_of_the_user_is_what_counts() {
        let body = r#"{"system":[{"type":"text","text":"Be brief."}],"tools":[{"name":"f","input_schema":{}}],
            "output_config":{"format":{"type":"json_schema","schema":{}}},"messages":[
            {"role":"user","content":"first"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hmm","signature":"s"},
                {"type":"tool_use","id":"a","name":"f","input":{}}]},
            {"role":"user","content":[
                {"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"SECRET"},
                    {"type":"image","source":{"type":"base64","data":"AAAA"}}]},
                {"type":"text","text":"<system-reminder>x</system-reminder>"},{"type":"text","text":"second"}]},
            {"role":"system","content":"And kind."}]}"#;
        let features = from_envelope(&Envelope::scan(body.as_bytes()).unwrap()).unwrap().features();
        assert_eq!(features.last_user_text.trim(), "second");
        assert_eq!(features.system_head, "Be brief.\nAnd kind.");
        assert_eq!(features.tool_names, ["f"]);
        assert_eq!(features.message_count, 5);
        assert!(features.has_images && features.wants_json && !features.has_audio);
        assert!(!format!("{features:?}").contains("SECRET"));
    }

    #[test]
    fn pictures_cost_what_pictures_cost_and_not_their_bytes() {
        let data = "A".repeat(100_000);
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","data":"{data}"}}}},
            {{"type":"document","source":{{"type":"base64","data":"{data}"}}}}]}}]}}"#
        );
        let features = from_envelope(&Envelope::scan(body.as_bytes()).unwrap()).unwrap().features();
        assert!(features.approx_input_tokens < 2000, "{}", features.approx_input_tokens);
    }
}
