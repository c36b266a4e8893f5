//! Canonical events as a stream of `text_completion` frames.

use super::DONE_FRAME;
use super::answer::{entry, is_shown};
use crate::canon::{Event, Fault, Usage};
use crate::fault::protocol;
use crate::ingress::{AnswerIdentity, WireWriter};
use crate::json::quote;
use crate::openai_chat::{finish_word, usage};

/// Writes one streamed answer, event by event, as whole SSE frames.
#[derive(Debug)]
pub struct OpenAiCompletionsWriter {
    /// What is the same on every chunk.
    head: String,
    include_usage: bool,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct Choice {
    number: u32,
    /// Blocks that began, and whether their text is shown.
    blocks: Vec<(u32, bool)>,
    finished: bool,
}

impl OpenAiCompletionsWriter {
    pub(super) fn new(identity: &AnswerIdentity, include_usage: bool) -> Self {
        let AnswerIdentity { id, created, model, .. } = identity;
        let (id, model) = (quote(id), quote(model));
        let head = format!(r#""id":{id},"object":"text_completion","created":{created},"model":{model}"#);
        Self { head, include_usage, choices: Vec::new(), usage: None }
    }

    fn choice(&mut self, number: u32) -> &mut Choice {
        let at = self.choices.iter().position(|choice| choice.number == number).unwrap_or(self.choices.len());
        if at == self.choices.len() {
            self.choices.push(Choice { number, blocks: Vec::new(), finished: false });
        }
        #[expect(clippy::indexing_slicing, reason = "`at` was found or just pushed")]
        &mut self.choices[at]
    }

    fn chunk(&self, choices: &str, usage: &str, out: &mut String) {
        let (before, after) = if self.include_usage { (",\"usage\":", usage) } else { ("", "") };
        for piece in ["data: {", &self.head, ",\"choices\":[", choices, "]", before, after, "}\n\n"] {
            out.push_str(piece);
        }
    }
}

impl WireWriter for OpenAiCompletionsWriter {
    fn push(&mut self, event: &Event, out: &mut String) -> Result<(), Fault> {
        match event {
            Event::BlockStart(block) => {
                self.choice(block.choice).blocks.push((block.index, is_shown(&block.kind)));
            }
            Event::Delta(delta) => {
                let blocks = &self.choice(delta.choice).blocks;
                let block = blocks.iter().rev().find(|(index, _)| *index == delta.index);
                let (_, shown) =
                    block.ok_or_else(|| protocol("the answer has a piece of a block that never began"))?;
                if *shown {
                    self.chunk(&entry(delta.choice, &delta.text, None), "null", out);
                }
            }
            Event::Finish(finish) => {
                self.choice(finish.choice).finished = true;
                self.chunk(&entry(finish.choice, "", Some(finish_word(&finish.reason))), "null", out);
            }
            Event::Usage(said) => self.usage = Some(said.clone()),
            Event::Start(_) | Event::Annotation(_) | Event::BlockEnd(_) | Event::Other(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut String) -> Result<(), Fault> {
        if self.choices.is_empty() {
            return Err(protocol("the answer is empty"));
        }
        if self.choices.iter().any(|choice| !choice.finished) {
            return Err(protocol("the answer has no finish reason"));
        }
        if let Some(counted) = self.usage.as_ref().filter(|_| self.include_usage) {
            self.chunk("", &usage::json(counted), out);
        }
        out.push_str(DONE_FRAME);
        Ok(())
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }
}
