//! Canonical events as one `text_completion`, and its relatives: a whole one as a stream, a stream as a whole one.

use crate::canon::exchange::Frame;
use crate::canon::{BlockKind, Event, Fault, Json, Usage};
use crate::fault::protocol;
use crate::ingress::AnswerIdentity;
use crate::json::{Members, Node, array, quote};
use crate::openai_chat::{finish_word, usage};

use super::DONE_FRAME;

/// A choice as it grows.
#[derive(Debug, Default)]
struct Choice {
    number: u32,
    /// Blocks whose text is shown.
    shown: Vec<u32>,
    text: String,
    finish: Option<String>,
}

/// Writes the completion. Fails when a choice never finished: that is no answer but a piece of one.
pub(super) fn completion(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
    let mut choices: Vec<Choice> = Vec::new();
    let mut counted: Option<&Usage> = None;
    for event in events {
        match event {
            Event::BlockStart(block) => {
                let choice = choice(&mut choices, block.choice);
                if is_shown(&block.kind) {
                    choice.shown.push(block.index);
                }
            }
            Event::Delta(delta) => {
                let choice = choice(&mut choices, delta.choice);
                if choice.shown.contains(&delta.index) {
                    choice.text.push_str(&delta.text);
                }
            }
            Event::Finish(finish) => {
                choice(&mut choices, finish.choice).finish = Some(finish_word(&finish.reason).to_owned());
            }
            Event::Usage(said) => counted = Some(said),
            Event::Start(_) | Event::Annotation(_) | Event::BlockEnd(_) | Event::Other(_) => {}
        }
    }
    written(choices, counted.map(usage::json).as_deref(), identity)
}

/// Whether a block is text of the answer; a thought is none.
pub(super) const fn is_shown(kind: &BlockKind) -> bool {
    matches!(kind, BlockKind::Text | BlockKind::Refusal)
}

fn choice(choices: &mut Vec<Choice>, number: u32) -> &mut Choice {
    let at = choices.iter().position(|choice| choice.number == number).unwrap_or(choices.len());
    if at == choices.len() {
        choices.push(Choice { number, ..Choice::default() });
    }
    #[expect(clippy::indexing_slicing, reason = "`at` was found or just pushed")]
    &mut choices[at]
}

fn written(mut choices: Vec<Choice>, usage: Option<&str>, identity: &AnswerIdentity) -> Result<Json, Fault> {
    if choices.is_empty() {
        return Err(protocol("the answer is empty"));
    }
    choices.sort_by_key(|choice| choice.number);
    let one = |choice: &Choice| Some(entry(choice.number, &choice.text, Some(choice.finish.as_deref()?)));
    let entries: Option<Vec<Json>> = choices.iter().map(one).collect();
    let entries = entries.ok_or_else(|| protocol("the answer has no finish reason"))?;
    let mut out = Members::new();
    out.string("id", &identity.id)
        .string("object", "text_completion")
        .plain("created", identity.created)
        .string("model", &identity.model)
        .raw("choices", &array(&entries));
    if let Some(usage) = usage {
        out.raw("usage", usage);
    }
    Ok(out.finish())
}

/// One entry of `choices`.
pub(super) fn entry(number: u32, text: &str, finish: Option<&str>) -> Json {
    let mut out = Members::new();
    out.string("text", text)
        .plain("index", number)
        .raw("logprobs", "null")
        .raw("finish_reason", &finish.map_or_else(|| "null".to_owned(), quote));
    out.finish()
}

/// A completion that has been judged to be one, as a stream: on this wire a chunk looks as a whole answer does.
pub(super) fn replay(body: &str, include_usage: bool) -> Result<String, Fault> {
    let wrong = |_| protocol("the upstream's answer is not a JSON object");
    let mut object = Node::root(body).object().map_err(wrong)?;
    let usage = object.optional("usage").ok().flatten();
    let mut out = String::new();
    let mut chunk = |choices: Option<&str>, usage: Option<&str>| {
        let mut chunk = Members::new();
        for (name, node) in object.iter() {
            match (name, choices) {
                ("choices", Some(choices)) => chunk.raw(name, choices),
                _ => chunk.raw(name, node.text()),
            };
        }
        if let Some(usage) = usage {
            chunk.raw("usage", usage);
        }
        out.push_str("data: ");
        out.push_str(&chunk.finish().replace(['\n', '\r'], " "));
        out.push_str("\n\n");
    };
    chunk(None, None);
    if let Some(usage) = usage.filter(|_| include_usage) {
        chunk(Some("[]"), Some(usage.text()));
    }
    out.push_str(DONE_FRAME);
    Ok(out)
}

/// A stream that has been judged to be whole, as the answer that it tells.
pub(super) fn joined(frames: &[Frame], identity: &AnswerIdentity) -> Result<Json, Fault> {
    let mut choices: Vec<Choice> = Vec::new();
    let mut counted = None;
    for frame in frames {
        let Ok(mut object) = Node::root(&frame.data).object() else { continue };
        if let Some(usage) = object.optional("usage").ok().flatten() {
            counted = Some(usage.text());
        }
        for entry in object.array("choices").unwrap_or_default() {
            let Ok(mut entry) = entry.object() else { continue };
            let number =
                entry.optional("index").ok().flatten().and_then(|node| node.unsigned().ok()).unwrap_or(0);
            let choice = choice(&mut choices, number);
            choice.text.push_str(&entry.string("text").ok().flatten().unwrap_or_default());
            let finish = entry.string("finish_reason").ok().flatten();
            choice.finish = finish.filter(|word| !word.is_empty()).or_else(|| choice.finish.take());
        }
    }
    written(choices, counted, identity)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sse::Frames;

    #[test]
    fn an_answer_there_and_back_stays_the_same() {
        let identity =
            AnswerIdentity { id: "cmpl-1".into(), created: 5, model: "m".into(), echo: Arc::default() };
        let whole = concat!(
            r#"{"id":"cmpl-1","object":"text_completion","created":5,"model":"m","choices":["#,
            r#"{"text":"a \"b\"","index":0,"logprobs":null,"finish_reason":"stop"},"#,
            r#"{"text":"","index":1,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":3}}"#
        );
        let told = replay(whole, true).unwrap();
        assert!(told.ends_with(DONE_FRAME) && told.matches("\"usage\"").count() == 1, "{told}");
        let frames = Frames::default().push(told.as_bytes()).unwrap();
        assert_eq!(joined(&frames, &identity).unwrap(), whole);
        assert!(!replay(whole, false).unwrap().contains("usage"));
    }
}
