//! What a classifier gets to see of a body of this wire, read without building a tree of it.

use super::head::INPUT;
use crate::canon::Role;
use crate::envelope::Envelope;
use crate::features::{MEDIA_TOKENS, SpokenTurns, ToolNames, Turn, names_json};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Node, Reader};

/// Reads a body that has been scanned.
pub(super) fn from_envelope(envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid> {
    let mut turns = Vec::new();
    if let Some(text) = envelope.string("instructions")? {
        let mut turn = Turn::new(Role::System);
        turn.say(&text);
        turns.push(turn);
    }
    if let Some(input) = envelope.node(INPUT)? {
        if input.kind()? == JsonKind::String {
            let mut turn = Turn::new(Role::User);
            turn.say(&input.string()?);
            turns.push(turn);
        } else {
            turns.extend(input.array()?.iter().filter_map(item));
        }
    }
    let mut tools = ToolNames::default();
    let mut tool_bytes = 0;
    if let Some(text) = envelope.get("tools")?.filter(|text| text.starts_with('[')) {
        tool_bytes = text.len();
        Reader::new(text).array(|reader| tools.one(reader)).map_err(|wrong| Invalid::syntax(text, &wrong))?;
    }
    let wants_json = envelope.get("text")?.is_some_and(names_json);
    Ok(SpokenTurns { turns, tool_names: tools.names, tool_bytes, wants_json })
}

/// An item as a turn; none where it is no object.
fn item(node: &Node<'_>) -> Option<Turn> {
    let mut object = node.object().ok()?;
    let kind = object.string("type").ok().flatten();
    if kind.as_deref().unwrap_or("message") != "message" {
        let result = kind.is_some_and(|kind| kind.ends_with("_output"));
        let mut turn = Turn::new(if result { Role::Tool } else { Role::Assistant });
        turn.other_bytes = node.text().len();
        return Some(turn);
    }
    let mut turn = Turn::new(match object.string("role").ok().flatten().as_deref() {
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        Some("assistant") => Role::Assistant,
        _ => Role::User,
    });
    let content = object.optional("content").ok().flatten()?;
    if let Ok(text) = content.string() {
        turn.say(&text);
        return Some(turn);
    }
    for part in content.array().unwrap_or_default() {
        let Ok(mut object) = part.object() else { continue };
        match object.string("type").ok().flatten().as_deref() {
            Some("input_image") => turn.images += 1,
            Some("input_audio") => turn.audio += 1,
            Some("input_file") => turn.other_bytes += MEDIA_TOKENS * 4,
            _ => {
                let mut text = |name: &str| object.string(name).ok().flatten();
                match text("text").or_else(|| text("refusal")) {
                    Some(text) => turn.say(&text),
                    None => turn.other_bytes += part.text().len(),
                }
            }
        }
    }
    Some(turn)
}

#[cfg(test)]
mod tests {
    use super::from_envelope;
    use crate::envelope::Envelope;
    use crate::features::from_request;
    use crate::openai_responses::client::request::decode;

    /// Both readings of a request agree on what is said.
    #[test]
    fn a_classifier_sees_the_same_on_both_lanes() {
        let body = br#"{"model":"m","instructions":"Be brief.","input":[
            {"role":"developer","content":"Rules."},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"https://a.example/i.png"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"so"}]},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"c","output":"r"},
            {"role":"user","content":"and?"}],
            "tools":[{"type":"function","name":"f"},{"type":"custom","name":"g"}],"text":{"format":{"type":"json_object"}}}"#;
        let envelope = Envelope::scan(body).unwrap();
        let (seen, decoded) = (from_envelope(&envelope).unwrap(), from_request(&decode(&envelope).unwrap()));
        assert!(seen.opening().parts().eq(decoded.opening().parts()));
        let (seen, decoded) = (seen.features(), decoded.features());
        assert_eq!(seen.last_user_text, "and?");
        assert_eq!(seen.system_head, "Be brief.\nRules.");
        assert!(seen.has_images && seen.wants_json);
        assert_eq!((&seen.recent_text, &seen.tool_names), (&decoded.recent_text, &decoded.tool_names));
        assert_eq!(
            (&seen.last_user_text, &seen.system_head),
            (&decoded.last_user_text, &decoded.system_head)
        );
    }
}
