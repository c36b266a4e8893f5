//! Which block a piece of an answer belongs to, on wires that have no blocks: they open with their first piece; text,
//! reasoning and refusal follow one another; calls that come in pieces stay open until the choice is finished, whole
//! ones end at once.

use crate::canon::{
    BlockEnd, BlockKind, BlockStart, Delta, Event, Fault, Finish, Reasoning, StopReason, ToolCall, ToolStart,
};
use crate::fault::protocol;
use crate::json::Members;

/// The blocks of one answer. Every method appends the events that its piece completes.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    choices: Vec<Choice>,
    calls: u32,
}

#[derive(Debug)]
struct Choice {
    number: u32,
    next: u32,
    open: Option<(u32, Flow)>,
    /// The signature of the thought that is open, and who signed it.
    signature: Option<(String, Option<String>)>,
    calls: Vec<Call>,
    finished: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Text,
    Reasoning,
    Refusal,
}

/// One call, waiting until its name is known.
#[derive(Debug, Default)]
struct Call {
    wire_index: Option<u32>,
    id: Option<String>,
    name: Option<String>,
    waiting: String,
    block: Option<u32>,
    signature: Option<String>,
    origin: Option<String>,
    ended: bool,
}

/// What a chunk says about a call. Which call it continues is found by `index`, else by `id`, else a piece with a name
/// opens a call and one without continues the last.
#[derive(Debug, Default)]
pub struct CallPiece {
    pub index: Option<u32>,
    /// Its place in the chunk's list.
    pub position: usize,
    pub id: Option<String>,
    pub name: Option<String>,
    /// A piece of the arguments' text, which need not be JSON by itself.
    pub arguments: String,
    pub signature: Option<String>,
    /// Who signed it.
    pub origin: Option<String>,
}

impl BlockBuilder {
    /// A choice has been seen, though nothing of it was said.
    pub fn touch(&mut self, number: u32) {
        self.choice(number);
    }

    /// The block that annotations of a choice belong to.
    pub fn current(&self, number: u32) -> u32 {
        let choice = self.choices.iter().find(|choice| choice.number == number);
        choice.map_or(0, |choice| choice.next.saturating_sub(1))
    }

    /// Whether at least one choice was seen and none is unfinished.
    pub fn finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished)
    }

    /// A piece of text.
    pub fn text(&mut self, choice: u32, text: String, events: &mut Vec<Event>) {
        self.flow(choice, Flow::Text, text, events);
    }

    /// A piece of a thought.
    pub fn reasoning(&mut self, choice: u32, text: String, events: &mut Vec<Event>) {
        self.flow(choice, Flow::Reasoning, text, events);
    }

    /// What a vendor says of a thought beyond its text: the signature of the one that is open, or one that nobody
    /// may read.
    pub fn signed(&mut self, number: u32, thought: Reasoning, events: &mut Vec<Event>) {
        let Reasoning { text, signature, redacted, origin, .. } = thought;
        let choice = self.choice(number);
        if let Some(data) = redacted {
            choice.close_flow(events);
            let index = choice.next;
            choice.next += 1;
            let kind = BlockKind::RedactedReasoning(data);
            events.push(Event::BlockStart(BlockStart { choice: number, index, kind }));
            let extra = signer(origin);
            events.push(Event::BlockEnd(BlockEnd { choice: number, index, signature: None, extra }));
        } else if let Some(signature) = signature {
            if choice.signature.as_ref().is_some_and(|(known, _)| *known == signature) {
                // Said twice.
                return;
            }
            // One that is signed already is another thought, which nobody may read.
            if !matches!(choice.open, Some((_, Flow::Reasoning))) || choice.signature.is_some() {
                self.reasoning(number, text, events);
            }
            self.choice(number).signature = Some((signature, origin));
        }
    }

    /// A piece of a refusal.
    pub fn refusal(&mut self, choice: u32, text: String, events: &mut Vec<Event>) {
        self.flow(choice, Flow::Refusal, text, events);
    }

    /// A piece of a call. `seed` is part of the ids of calls that come without one.
    pub fn tool_call(&mut self, number: u32, piece: CallPiece, seed: &str, events: &mut Vec<Event>) {
        let choice = choice(&mut self.choices, number);
        choice.close_flow(events);
        let slot = choice.slot(&piece);
        let Some(call) = choice.calls.get_mut(slot) else { return };
        call.id = call.id.take().or(piece.id);
        call.name = call.name.take().or(piece.name);
        call.signature = call.signature.take().or(piece.signature);
        call.origin = call.origin.take().or(piece.origin);
        let Some(index) = call.block else {
            call.waiting.push_str(&piece.arguments);
            call.open(number, &mut choice.next, &mut self.calls, seed, events);
            return;
        };
        if !piece.arguments.is_empty() {
            events.push(Event::Delta(Delta { choice: number, index, text: piece.arguments }));
        }
    }

    /// A call that comes whole, and ends at once. An empty id is none.
    pub fn whole_call(&mut self, number: u32, call: ToolCall, seed: &str, events: &mut Vec<Event>) {
        let ToolCall { id, name, arguments, signature, origin, .. } = call;
        let choice = choice(&mut self.choices, number);
        choice.close_flow(events);
        let id = Some(id).filter(|id| !id.is_empty());
        let mut call =
            Call { id, name: Some(name), waiting: arguments, signature, origin, ..Call::default() };
        call.open(number, &mut choice.next, &mut self.calls, seed, events);
        call.end(number, events);
        choice.calls.push(call);
    }

    /// The choice has ended. What is open is closed; a call whose name never came is a fault.
    pub fn finish(&mut self, number: u32, reason: StopReason, events: &mut Vec<Event>) -> Result<(), Fault> {
        let choice = self.choice(number);
        if std::mem::replace(&mut choice.finished, true) {
            return Ok(());
        }
        choice.close_flow(events);
        for call in &mut choice.calls {
            if call.block.is_none() {
                return Err(protocol("a tool call of the upstream's answer has no name"));
            }
            call.end(number, events);
        }
        let reason = reason.with_calls(!choice.calls.is_empty());
        events.push(Event::Finish(Finish { choice: number, reason, stop_sequence: None }));
        Ok(())
    }

    fn flow(&mut self, number: u32, flow: Flow, text: String, events: &mut Vec<Event>) {
        let choice = self.choice(number);
        let index = match choice.open {
            // A thought that is signed has ended.
            Some((index, open)) if open == flow && choice.signature.is_none() => index,
            Some(_) | None => {
                choice.close_flow(events);
                let index = choice.next;
                choice.next += 1;
                choice.open = Some((index, flow));
                let kind = match flow {
                    Flow::Text => BlockKind::Text,
                    Flow::Reasoning => BlockKind::Reasoning,
                    Flow::Refusal => BlockKind::Refusal,
                };
                events.push(Event::BlockStart(BlockStart { choice: number, index, kind }));
                index
            }
        };
        if !text.is_empty() {
            events.push(Event::Delta(Delta { choice: number, index, text }));
        }
    }

    fn choice(&mut self, number: u32) -> &mut Choice {
        choice(&mut self.choices, number)
    }
}

fn choice(choices: &mut Vec<Choice>, number: u32) -> &mut Choice {
    let at = choices.iter().position(|choice| choice.number == number).unwrap_or(choices.len());
    if at == choices.len() {
        choices.push(Choice::new(number));
    }
    #[expect(clippy::indexing_slicing, reason = "`at` was found or just pushed")]
    &mut choices[at]
}

/// Who signed a thought, as the end of its block says it.
fn signer(origin: Option<String>) -> Option<String> {
    origin.map(|origin| {
        let mut extra = Members::new();
        extra.string("origin", &origin);
        extra.finish()
    })
}

impl Call {
    /// Opens its block, once its name is known, with the arguments that have come so far.
    fn open(&mut self, choice: u32, next: &mut u32, count: &mut u32, seed: &str, events: &mut Vec<Event>) {
        let Some(name) = self.name.clone() else { return };
        *count += 1;
        let id = self.id.get_or_insert_with(|| format!("call_{seed}_{count}")).clone();
        let index = *next;
        *next += 1;
        self.block = Some(index);
        let signature = self.signature.take();
        let origin = self.origin.clone();
        let kind = BlockKind::ToolCall(ToolStart { id, name, namespace: None, signature, origin });
        events.push(Event::BlockStart(BlockStart { choice, index, kind }));
        let text = std::mem::take(&mut self.waiting);
        if !text.is_empty() {
            events.push(Event::Delta(Delta { choice, index, text }));
        }
    }

    /// Closes its block, unless that has been done.
    fn end(&mut self, choice: u32, events: &mut Vec<Event>) {
        let Some(index) = self.block.filter(|_| !self.ended) else { return };
        self.ended = true;
        // One that came behind the beginning.
        let signature = self.signature.take();
        let extra = signature.as_ref().and(signer(self.origin.take()));
        events.push(Event::BlockEnd(BlockEnd { choice, index, signature, extra }));
    }
}

impl Choice {
    const fn new(number: u32) -> Self {
        Self { number, next: 0, open: None, signature: None, calls: Vec::new(), finished: false }
    }

    fn close_flow(&mut self, events: &mut Vec<Event>) {
        let signed = self.signature.take();
        if let Some((index, _)) = self.open.take() {
            let (signature, origin) = signed.map_or((None, None), |(text, origin)| (Some(text), origin));
            let extra = signer(origin);
            events.push(Event::BlockEnd(BlockEnd { choice: self.number, index, signature, extra }));
        }
    }

    /// Finds the call that a piece continues, or makes room for a new one: by index, else by id, else a piece
    /// with a name opens a call and one without continues the last.
    fn slot(&mut self, piece: &CallPiece) -> usize {
        let found = match (piece.index, &piece.id) {
            (Some(index), _) => self.calls.iter().position(|call| call.wire_index == Some(index)),
            (None, Some(id)) => self.calls.iter().position(|call| call.id.as_ref() == Some(id)),
            (None, None) if piece.name.is_some() || piece.position >= self.calls.len() => None,
            (None, None) => Some(self.calls.len().saturating_sub(1)),
        };
        found.unwrap_or_else(|| {
            self.calls.push(Call { wire_index: piece.index, ..Call::default() });
            self.calls.len() - 1
        })
    }
}
