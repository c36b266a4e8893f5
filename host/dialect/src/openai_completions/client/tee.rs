//! What the relay lane learns from an answer that it forwards untouched: usage, why it stopped, errors, whether it ended as it
//! should.

use crate::canon::Fault;
use crate::fault::protocol;
use crate::ingress::{FrameOutcome, ObservedAnswer, WireTee};
use crate::json::{Node, Object, check};
use crate::openai_chat::{DONE, stop_reason, usage};
use crate::{finish, refusal};

/// Watches one answer.
#[derive(Debug, Default)]
pub struct OpenAiCompletionsTee {
    observed: ObservedAnswer,
    /// Number, finished.
    choices: Vec<(u32, bool)>,
    malformed: bool,
}

impl WireTee for OpenAiCompletionsTee {
    fn frame(&mut self, data: Option<&str>) -> FrameOutcome {
        let Some(data) = data.map(str::trim).filter(|data| !data.is_empty()) else {
            return FrameOutcome::Forward;
        };
        if data == DONE {
            self.observed.done = true;
            return FrameOutcome::Done;
        }
        let object = check(data).ok().and_then(|()| Node::root(data).object().ok());
        let Some(object) = object else {
            self.malformed = true;
            return FrameOutcome::Malformed;
        };
        let counts_alone = self.note(object) == 0 && self.observed.usage.is_some();
        match &self.observed.error {
            Some(fault) => FrameOutcome::Error(fault.clone()),
            None if counts_alone => FrameOutcome::UsageOnly,
            None => FrameOutcome::Forward,
        }
    }

    fn whole(&mut self, body: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(body).map_err(|_| protocol("the upstream's answer is not UTF-8"))?;
        let wrong = || protocol("the upstream's answer is not a JSON object");
        check(text.trim()).map_err(|_| wrong())?;
        let choices = self.note(Node::root(text).object().map_err(|_| wrong())?);
        match &self.observed.error {
            Some(fault) => Err(fault.clone()),
            None if choices == 0 => {
                Err(refusal::in_place_of_an_answer(&Node::root(text), "the upstream's answer has no choices"))
            }
            None if self.choices.len() != choices => {
                Err(protocol("a choice of the upstream's answer has no text"))
            }
            None => Ok(()),
        }
    }

    fn begun(&self) -> bool {
        self.observed.content || self.choices.iter().any(|(_, finished)| *finished)
    }

    fn ended(&self) -> bool {
        self.observed.error.is_none()
            && !self.malformed
            && !self.choices.is_empty()
            && self.choices.iter().all(|(_, finished)| *finished)
    }

    fn observed(&self) -> &ObservedAnswer {
        &self.observed
    }
}

impl OpenAiCompletionsTee {
    /// Reads one payload, and says how many choices it has.
    fn note(&mut self, mut object: Object<'_>) -> usize {
        let seen = &mut self.observed;
        let text = |object: &mut Object<'_>, name: &str| object.string(name).ok().flatten();
        seen.id = seen.id.take().or_else(|| text(&mut object, "id").filter(|id| !id.is_empty()));
        seen.model =
            seen.model.take().or_else(|| text(&mut object, "model").filter(|model| !model.is_empty()));
        if let Some(error) = object.optional("error").ok().flatten() {
            seen.error = Some(refusal::inside(&error));
        }
        if let Some(counted) = object.optional("usage").ok().flatten().and_then(|node| usage::parse(&node)) {
            seen.usage = Some(counted);
        }
        let choices = object.array("choices").unwrap_or_default();
        for mut choice in choices.iter().filter_map(|choice| choice.object().ok()) {
            self.choice(&mut choice);
        }
        choices.len()
    }

    fn choice(&mut self, choice: &mut Object<'_>) {
        let number =
            choice.optional("index").ok().flatten().and_then(|node| node.unsigned().ok()).unwrap_or(0);
        let said = choice.string("text").ok().flatten();
        let word = choice.string("finish_reason").ok().flatten().unwrap_or_default();
        let finish = match finish::reason(&word) {
            Ok(reason) => reason.map(stop_reason),
            Err(fault) => {
                self.observed.error.get_or_insert(fault);
                return;
            }
        };
        self.observed.content |= said.as_ref().is_some_and(|text| !text.is_empty());
        self.observed.said_bytes += said.as_ref().map_or(0, |text| text.len() as u64);
        if said.is_none() && finish.is_none() {
            return;
        }
        let at = self.choices.iter().position(|(seen, _)| *seen == number).unwrap_or_else(|| {
            self.choices.push((number, false));
            self.choices.len() - 1
        });
        if let (Some(reason), Some((_, finished))) = (finish, self.choices.get_mut(at)) {
            *finished = true;
            if at == 0 {
                self.observed.finish = Some(reason);
            }
        }
    }
}
