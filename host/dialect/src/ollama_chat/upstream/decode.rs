//! What an upstream of this wire answers, as canonical events. The wire has no blocks and no ids of calls; only a
//! line with `done` makes an answer whole.

use crate::blocks::{BlockBuilder, CallPiece};
use crate::canon::{Event, Fault, Start, StopReason, Usage};
use crate::decoder::{FrameDecoder, ReadFrame, payload, read_whole};
use crate::fault::protocol;
use crate::finish;
use crate::json::{JsonKind, Members, Node, Object};

/// Decodes one answer, line by line.
pub type OllamaChatDecoder = FrameDecoder<AnswerLines>;

/// Reads the lines of an answer.
#[derive(Debug)]
pub struct AnswerLines {
    /// Part of the ids of calls, which this wire leaves out.
    call_seed: String,
    started: bool,
    blocks: BlockBuilder,
}

impl OllamaChatDecoder {
    /// `call_seed` helps to make ids of calls unique; the request's id does. The time in the first line, which
    /// counts nanoseconds, is the other part: a client may send the same request id twice.
    pub fn new(call_seed: &str) -> Self {
        Self::of(AnswerLines::new(call_seed))
    }
}

impl ReadFrame for AnswerLines {
    const END: &'static str = "its last line";

    fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.blocks.finished() { Ok(()) } else { self.line(data, events) }
    }

    fn is_whole(&self) -> bool {
        self.blocks.finished()
    }
}

impl AnswerLines {
    fn new(call_seed: &str) -> Self {
        let call_seed = call_seed.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        Self { call_seed, started: false, blocks: BlockBuilder::default() }
    }

    fn line(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut object = payload(data)?;
        let done = object.optional("done").ok().flatten().is_some_and(|node| node.boolean() == Ok(true));
        let message = object.optional("message").ok().flatten().and_then(|node| node.object().ok());
        if message.is_none() && !done {
            return Err(protocol("the upstream's answer has no message"));
        }
        self.start(&mut object, events);
        if let Some(message) = message {
            self.message(message, events)?;
        }
        if done {
            let word = object.string("done_reason").ok().flatten().unwrap_or_default();
            let reason = match finish::reason(&word)? {
                // Older servers give none.
                None | Some("stop") => StopReason::EndTurn,
                Some("length") => StopReason::MaxTokens,
                Some("load" | "unload") => {
                    return Err(protocol("the upstream loaded the model and answered nothing"));
                }
                Some(other) => StopReason::Other(other.to_owned()),
            };
            events.extend(usage(&mut object).map(Event::Usage));
            self.blocks.finish(0, reason, events)?;
        }
        Ok(())
    }

    fn start(&mut self, object: &mut Object<'_>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.blocks.touch(0);
        if let Some(time) = object.string("created_at").ok().flatten() {
            self.call_seed.extend(time.chars().filter(char::is_ascii_digit).take(24));
        }
        let model = object.string("model").ok().flatten().filter(|model| !model.is_empty());
        events.push(Event::Start(Start { id: None, model, extra: None }));
    }

    fn message(&mut self, mut message: Object<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let wrong = |_| protocol("the message of the upstream's answer is malformed");
        if let Some(text) = message.string("thinking").map_err(wrong)?.filter(|text| !text.is_empty()) {
            self.blocks.reasoning(0, text, events);
        }
        if let Some(text) = message.string("content").map_err(wrong)?.filter(|text| !text.is_empty()) {
            self.blocks.text(0, text, events);
        }
        if let Some(calls) = message.optional("tool_calls").map_err(wrong)? {
            for (position, call) in calls.array().map_err(wrong)?.iter().enumerate() {
                let piece = call_piece(position, call)?;
                self.blocks.tool_call(0, piece, &self.call_seed, events);
            }
        }
        if let Some(images) = message.optional("images").ok().flatten() {
            let mut other = Members::new();
            other.plain("choice", 0).raw("images", images.text());
            events.push(Event::Other(other.finish()));
        }
        Ok(())
    }
}

/// Decodes a whole answer. `call_seed` as for [`OllamaChatDecoder::new`].
pub fn decode_unary(body: &str, call_seed: &str) -> Result<Vec<Event>, Fault> {
    read_whole(AnswerLines::new(call_seed), body)
}

/// A call comes whole, in one line.
fn call_piece(position: usize, node: &Node<'_>) -> Result<CallPiece, Fault> {
    let wrong = |_| protocol("a tool call of the upstream's answer is malformed");
    let mut call = node.object().map_err(wrong)?;
    let id = call.string("id").map_err(wrong)?.filter(|id| !id.is_empty());
    let mut function = call.required("function").map_err(wrong)?.object().map_err(wrong)?;
    let name = function.string("name").map_err(wrong)?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| protocol("a tool call of the upstream's answer has no name"))?;
    let arguments = match function.optional("arguments").map_err(wrong)? {
        None => None,
        Some(node) if node.kind().map_err(wrong)? == JsonKind::String => {
            Some(node.string().map_err(wrong)?.into_owned()).filter(|text| !text.trim().is_empty())
        }
        Some(node) if node.is_null() => None,
        Some(node) => Some(node.text().to_owned()),
    };
    let arguments = arguments.unwrap_or_else(|| "{}".to_owned());
    Ok(CallPiece { position, id, name: Some(name), arguments, ..CallPiece::default() })
}

fn usage(object: &mut Object<'_>) -> Option<Usage> {
    let mut count = |name: &str| Some(object.optional(name).ok().flatten()?.count());
    let (input, output) = (count("prompt_eval_count"), count("eval_count"));
    // A prompt that is cached whole is not counted at all.
    (input.is_some() || output.is_some()).then(|| Usage {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::decode_unary;
    use crate::canon::Event;

    #[test]
    fn a_call_without_arguments_has_an_empty_object() {
        for arguments in [r#","arguments":"""#, r#","arguments":" ""#, r#","arguments":null"#, ""] {
            let body = format!(
                r#"{{"message":{{"role":"assistant","tool_calls":[{{"function":{{"name":"f"{arguments}}}}}]}},"done":true}}"#
            );
            let events = decode_unary(&body, "seed").unwrap();
            let said = events.iter().find_map(|event| match event {
                Event::Delta(delta) => Some(delta.text.as_str()),
                _ => None,
            });
            assert_eq!(said, Some("{}"), "{body}");
        }
    }
}
