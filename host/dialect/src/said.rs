//! How much a model said, where nobody counted its tokens: bytes of text, reasoning and calls. A whole answer and a stream of the same
//! words give the same number, on every wire, and so does what had come of either when it was cut.

use crate::canon::Event;
use crate::json::{JsonKind, Reader, Syntax};

/// Members that hold what was said.
const SAID: [&str; 10] = [
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
    "text",
    "thinking",
    "arguments",
    "partial_json",
    "input",
    "response",
];

/// Members in which those stand.
const AROUND: [&str; 12] = [
    "candidates",
    "choices",
    "message",
    "delta",
    "content",
    "output",
    "summary",
    "tool_calls",
    "function",
    "content_block",
    "functionCall",
    "parts",
];

/// Bytes that an answer, or a piece of one, says; of text that is torn, as far as it goes.
pub fn bytes(json: &str) -> u64 {
    let mut said = 0;
    let ended = walk(&mut Reader::new(json), &mut said);
    if ended.is_err() {
        said = 0;
        // Closes a string that is torn. Where none is open it begins one, which says nothing for it never ends.
        let closed = format!("{}\"", json.trim_end_matches('\\'));
        let _torn = walk(&mut Reader::new(&closed), &mut said);
    }
    said
}

/// Bytes that a string says, as it stands in JSON.
pub(crate) fn string_bytes(json: &str) -> u64 {
    Reader::new(json).string().map_or(0, |text| text.len() as u64)
}

/// Bytes that events say.
pub fn bytes_of_events(events: &[Event]) -> u64 {
    let text = |event: &Event| if let Event::Delta(delta) = event { delta.text.len() as u64 } else { 0 };
    events.iter().map(text).sum()
}

fn walk(reader: &mut Reader<'_>, said: &mut u64) -> Result<(), Syntax> {
    match reader.kind()? {
        JsonKind::Array => reader.array(|reader| walk(reader, said)),
        JsonKind::Object => reader.object(|reader, key| {
            let name = key.name();
            let says = SAID.contains(&&*name);
            match reader.kind()? {
                JsonKind::String if says => *said += reader.string()?.len() as u64,
                // Arguments that are an object: a stream tells them as text.
                JsonKind::Object if matches!(&*name, "input" | "arguments" | "args") => {
                    let value = reader.skip()?;
                    *said += if value == "{}" { 0 } else { value.len() as u64 };
                }
                JsonKind::Object | JsonKind::Array if AROUND.contains(&&*name) => walk(reader, said)?,
                _ => drop(reader.skip()?),
            }
            Ok(())
        }),
        _ => reader.skip().map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_answers_and_their_pieces_say_as_much() {
        let pairs: [(&str, &[&str]); 5] = [
            (
                r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"a \"b\"","reasoning_content":"hm","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]},"finish_reason":"tool_calls"}]}"#,
                &[
                    r#"{"role":"assistant","content":""}"#,
                    r#"{"reasoning_content":"hm"}"#,
                    r#"{"content":"a \"b\""}"#,
                    r#"{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"x\""}}]}"#,
                    r#"{"tool_calls":[{"index":0,"function":{"arguments":": 1}"}}]}"#,
                ],
            ),
            (
                r#"{"type":"message","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"gr\u00fc\u00df"},{"type":"tool_use","id":"t","name":"f","input":{"x":1}}]}"#,
                &[
                    r#"{"type":"thinking","thinking":"","signature":""}"#,
                    r#"{"type":"thinking_delta","thinking":"hm"}"#,
                    r#"{"type":"signature_delta","signature":"s"}"#,
                    r#"{"type":"text_delta","text":"grüß"}"#,
                    r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#,
                    r#"{"type":"input_json_delta","partial_json":"{\"x\":"}"#,
                    r#"{"type":"input_json_delta","partial_json":"1}"}"#,
                ],
            ),
            (
                r#"{"model":"m","message":{"role":"assistant","content":"hi","thinking":"hm"},"done":true}"#,
                &[
                    r#"{"message":{"role":"assistant","thinking":"hm","content":""},"done":false}"#,
                    r#"{"message":{"role":"assistant","content":"hi"},"done":true}"#,
                ],
            ),
            (
                r#"{"id":"r","instructions":"be","tools":[{"description":"d"}],"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"hi"}]},{"type":"function_call","arguments":"{}"}]}"#,
                &[r#"{"text":"hm"}"#, r#"{"text":"hi"}"#, r#"{"arguments":"{}"}"#],
            ),
            (
                r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hi","thoughtSignature":"c2ln"},{"functionCall":{"name":"f","args":{"x":1}}}]},"finishReason":"STOP"}]}"#,
                &[
                    r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"h"}]}}]}"#,
                    r#"{"candidates":[{"content":{"parts":[{"text":"i"},{"functionCall":{"name":"f","args":{"x":1}}}]}}]}"#,
                ],
            ),
        ];
        for (whole, pieces) in pairs {
            let said: u64 = pieces.iter().map(|piece| bytes(piece)).sum();
            assert!(said > 0);
            assert_eq!(bytes(whole), said, "{whole}");
        }
    }

    #[test]
    fn a_torn_answer_says_what_came_of_it() {
        let whole = r#"{"choices":[{"message":{"content":"some words \" more"}}]}"#;
        for (at, _) in whole.char_indices() {
            let (torn, _) = whole.split_at(at);
            let came = torn.split_once("\"content\":\"").map_or("", |(_, text)| text);
            let came = came.trim_end_matches('\\').replace("\\\"", "\u{1}");
            let text = came.split('"').next().unwrap_or_default();
            assert_eq!(bytes(torn), text.len() as u64, "{torn}");
        }
        assert_eq!(bytes("not JSON"), 0);
    }
}
