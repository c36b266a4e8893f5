//! What the relay lane learns from an answer that it forwards untouched: usage, why it stopped, errors, whether
//! it ended as it should. Reads each frame once and keeps nothing of its text.

#[cfg(test)]
mod tests;

use crate::canon::Fault;
use crate::fault::protocol;
use crate::ingress::{FrameOutcome, ObservedAnswer, WireTee};
use crate::json::{JsonKind, Node, Reader, Syntax, nonfinite_as_null};
use crate::openai_chat::{DONE, stop_reason, usage};
use crate::{finish, refusal, said};

/// Watches one answer.
#[derive(Debug, Default)]
pub struct OpenAiChatTee {
    observed: ObservedAnswer,
    /// Number, finished.
    choices: Vec<(u32, bool)>,
    malformed: bool,
}

#[derive(Debug, Default)]
struct Payload<'a> {
    id: Option<String>,
    model: Option<String>,
    usage: Option<&'a str>,
    error: Option<&'a str>,
    choices: Option<usize>,
    /// A member that no client must have holds a list of something.
    lists_something: bool,
}

impl WireTee for OpenAiChatTee {
    fn observed(&self) -> &ObservedAnswer {
        &self.observed
    }

    fn frame(&mut self, data: Option<&str>) -> FrameOutcome {
        let Some(data) = data.map(str::trim).filter(|data| !data.is_empty()) else {
            return FrameOutcome::Forward;
        };
        if data == DONE {
            self.observed.done = true;
            return FrameOutcome::Done;
        }
        if let Ok(payload) = self.read(data, "delta") {
            return self.judge(payload).unwrap_or(FrameOutcome::Forward);
        }
        let mended = nonfinite_as_null(data).unwrap_or_default();
        let Ok(payload) = self.read(&mended, "delta") else {
            self.malformed = true;
            return FrameOutcome::Malformed;
        };
        let outcome = self.judge(payload);
        outcome.unwrap_or_else(|| FrameOutcome::Rewritten(format!("data: {}\n\n", mended.replace('\n', " "))))
    }

    /// Whether the answer has begun: a choice said something, or that it has nothing to say. A role alone is a promise.
    fn begun(&self) -> bool {
        self.observed.content || self.choices.iter().any(|(_, finished)| *finished)
    }

    /// Whether the stream is a whole answer: every choice that began has said why it stopped, and nothing
    /// went wrong. `[DONE]` is not required, as not every upstream sends it.
    fn ended(&self) -> bool {
        self.observed.error.is_none()
            && !self.malformed
            && !self.choices.is_empty()
            && self.choices.iter().all(|(_, finished)| *finished)
    }

    /// Looks at a whole answer: a JSON object with at least one choice, each with a message.
    fn whole(&mut self, body: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(body).map_err(|_| protocol("the upstream's answer is not UTF-8"))?;
        let payload =
            self.read(text, "message").map_err(|_| protocol("the upstream's answer is not a JSON object"))?;
        let choices = payload.choices.unwrap_or(0);
        self.note(payload);
        match &self.observed.error {
            Some(fault) => Err(fault.clone()),
            None if choices == 0 => {
                Err(refusal::in_place_of_an_answer(&Node::root(text), "the upstream's answer has no choices"))
            }
            None if self.choices.len() != choices => {
                Err(protocol("a choice of the upstream's answer has no message"))
            }
            None => Ok(()),
        }
    }
}

impl OpenAiChatTee {
    /// What is to be done with a frame; none when it goes on.
    fn judge(&mut self, payload: Payload<'_>) -> Option<FrameOutcome> {
        // Some say with the counts what the answer rests on: that is not counts alone.
        let counts_alone =
            payload.choices.unwrap_or(0) == 0 && payload.usage.is_some() && !payload.lists_something;
        self.note(payload);
        match &self.observed.error {
            Some(fault) => Some(FrameOutcome::Error(fault.clone())),
            None => counts_alone.then_some(FrameOutcome::UsageOnly),
        }
    }
}

impl OpenAiChatTee {
    /// Reads one payload in one pass; `content` names the member of a choice that holds what was said.
    fn read<'a>(&mut self, text: &'a str, content: &str) -> Result<Payload<'a>, Syntax> {
        let mut payload = Payload::default();
        let mut reader = Reader::new(text);
        reader.object(|reader, key| {
            let kind = reader.kind()?;
            match (&*key.name(), kind) {
                ("id", JsonKind::String) => payload.id = Some(reader.string()?.into_owned()),
                ("model", JsonKind::String) => payload.model = Some(reader.string()?.into_owned()),
                ("usage", JsonKind::Object) => payload.usage = Some(reader.skip()?),
                ("error", _) if kind != JsonKind::Null => payload.error = Some(reader.skip()?),
                ("choices", JsonKind::Array) => {
                    let mut count = 0;
                    reader.array(|reader| {
                        count += 1;
                        if reader.kind()? == JsonKind::Object {
                            self.choice(reader, content)
                        } else {
                            reader.skip().map(drop)
                        }
                    })?;
                    payload.choices = Some(count);
                }
                (_, JsonKind::Array) => payload.lists_something |= !is_blank(reader.skip()?),
                _ => drop(reader.skip()?),
            }
            Ok(())
        })?;
        reader.end()?;
        Ok(payload)
    }

    fn choice(&mut self, reader: &mut Reader<'_>, content: &str) -> Result<(), Syntax> {
        let (mut number, mut said, mut something, mut finish) = (0, false, false, None);
        let mut failed = None;
        reader.object(|reader, key| {
            let kind = reader.kind()?;
            let name = key.name();
            match (&*name, kind) {
                ("index", JsonKind::Number) => number = reader.skip()?.parse().unwrap_or(0),
                ("finish_reason", JsonKind::String) => match finish::reason(&reader.string()?) {
                    Ok(reason) => finish = reason.map(stop_reason),
                    Err(fault) => failed = failed.take().or(Some(fault)),
                },
                // It says more than the reason does.
                ("error", _) if kind != JsonKind::Null => {
                    failed = Some(refusal::inside(&Node::root(reader.skip()?)));
                }
                (name, JsonKind::Object) if name == content => {
                    said = true;
                    let said = reader.skip()?;
                    let bytes = said::bytes(said);
                    self.observed.said_bytes += bytes;
                    something = bytes > 0 || speaks(said);
                }
                _ => drop(reader.skip()?),
            }
            Ok(())
        })?;
        self.observed.content |= something;
        if failed.is_some() {
            self.observed.error = failed;
            return Ok(());
        }
        // Of a whole answer only the message counts, of a stream the end may come without a delta.
        if !said && (finish.is_none() || content == "message") {
            return Ok(());
        }
        let at = self.choices.iter().position(|(seen, _)| *seen == number).unwrap_or_else(|| {
            self.choices.push((number, false));
            self.choices.len() - 1
        });
        if let Some(reason) = finish {
            if let Some((_, finished)) = self.choices.get_mut(at) {
                *finished = true;
            }
            if at == 0 {
                self.observed.finish = Some(reason);
            }
        }
        Ok(())
    }

    fn note(&mut self, payload: Payload<'_>) {
        self.observed.id = self.observed.id.take().or(payload.id.filter(|id| !id.is_empty()));
        self.observed.model = self.observed.model.take().or(payload.model.filter(|model| !model.is_empty()));
        if let Some(counted) = payload.usage.and_then(|text| usage::parse(&Node::root(text))) {
            self.observed.usage = Some(counted);
        }
        if let Some(text) = payload.error {
            self.observed.error = Some(refusal::inside(&Node::root(text)));
        }
    }
}

/// Whether a delta or message holds more than a role and empty text.
fn speaks(object: &str) -> bool {
    let mut something = false;
    let read = Reader::new(object).object(|reader, key| {
        let role = key.name() == "role";
        let value = reader.skip()?;
        something |= !role && !is_blank(value);
        Ok(())
    });
    read.is_ok() && something
}

fn is_blank(value: &str) -> bool {
    matches!(value, "\"\"" | "null" | "[]" | "{}")
}
