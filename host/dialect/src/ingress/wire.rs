//! What a client's wire must say, as a list that the compiler checks, and the values in it that belong to no wire.

use std::sync::Arc;

use super::state::{AnswerCut, StateEcho};
use crate::canon::exchange::Frame;
use crate::canon::relay::Edit;
use crate::canon::{ChatRequest, Event, Fault, Json, StopReason, Usage};
use crate::envelope::{Edited, Envelope, SpliceError};
use crate::features::SpokenTurns;
use crate::invalid::Invalid;
use crate::openai_chat::client::error;

/// A wire that clients speak. Adding one is a type that implements this, and a variant of
/// [`Ingress`](super::Ingress), which says what each member is for.
pub(crate) trait ClientWire {
    const NAME: &'static str;
    const PATH: &'static str;
    const SURFACE: &'static str;
    const TERMINATOR: &'static str;
    const KEEP_ALIVE: &'static str;
    type Tee: WireTee;
    type Writer: WireWriter;

    fn read_head(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid>;
    /// See [`super::Ingress::class`].
    fn class(_: &Envelope<'_>) -> Option<&'static str> {
        None
    }
    fn turns(envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid>;
    fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError>;
    fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid>;
    /// See [`super::Ingress::place`].
    fn place(_: &Envelope<'_>, _: &str) -> Option<String> {
        None
    }
    fn echo(envelope: &Envelope<'_>, state: StateEcho<'_>) -> Result<RequestEcho, Invalid>;
    fn tee() -> Self::Tee;
    fn is_terminator(data: &str) -> bool;
    fn answer_id(unique: &str) -> String;
    fn answer(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault>;
    fn replay(body: &str, include_usage: bool) -> Result<String, Fault>;
    fn joined(frames: &[Frame], identity: &AnswerIdentity) -> Result<Json, Fault>;
    fn writer(identity: &AnswerIdentity, include_usage: bool) -> Self::Writer;
    /// See [`super::Ingress::broken_answer`].
    fn resumed(_: &[Frame], _: &AnswerIdentity, _: bool) -> Option<(String, Self::Writer)> {
        None
    }
    fn model(model: &ModelListing<'_>) -> Json;
    fn model_list(models: &[ModelListing<'_>]) -> Json;
    fn error_body(error: &ErrorReport<'_>) -> Json;
    fn error_event(error: &ErrorReport<'_>) -> String;
    /// See [`super::Ingress::is_own_error`].
    fn is_own_error(body: &str, code: Option<&str>) -> bool {
        error::is_own(body, code)
    }
}

/// Reads an answer of the wire while it passes.
pub(crate) trait WireTee {
    fn frame(&mut self, data: Option<&str>) -> FrameOutcome;
    fn whole(&mut self, body: &[u8]) -> Result<(), Fault>;
    fn begun(&self) -> bool;
    fn ended(&self) -> bool;
    fn observed(&self) -> &ObservedAnswer;
    /// None where every error ends a stream alike.
    fn failure(&self, _: &ErrorReport<'_>) -> Option<String> {
        None
    }
    /// Nothing where no answers are kept.
    fn keep(&mut self, _: Option<&str>) {}
    fn kept(&self) -> Option<Json> {
        None
    }
    fn cut(&self, _: AnswerCut<'_>) -> Option<Json> {
        None
    }
}

/// Writes an answer as a stream of the wire's frames.
pub(crate) trait WireWriter {
    fn push(&mut self, event: &Event, out: &mut String) -> Result<(), Fault>;
    fn finish(&mut self, out: &mut String) -> Result<(), Fault>;
    fn usage(&self) -> Option<&Usage>;
    /// None where every error ends a stream alike.
    fn failure(&mut self, _: &ErrorReport<'_>) -> Option<String> {
        None
    }
    /// None where no answers are kept.
    fn kept(&mut self) -> Option<Json> {
        None
    }
    fn cut(&self, _: AnswerCut<'_>) -> Option<Json> {
        None
    }
}

/// What a request says to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// As the client wrote it; none when it leaves the choice to us.
    pub model: Option<String>,
    pub stream: bool,
    /// Whether the client wants token counts inside a streamed answer.
    pub include_usage: bool,
}

/// What the host changes of a client's body for an upstream of the same wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct RelayChanges<'a> {
    /// Texts that stand before everything that the client says, in this order.
    pub instructions: &'a [&'a str],
    /// What the component changes.
    pub edits: &'a [Edit],
    /// Paths that the upstream has refused by name, of what need not stand in the body.
    pub withheld: &'a [String],
    pub state: UpstreamState,
}

/// What an upstream of a wire whose vendor keeps conversations is told of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpstreamState {
    /// It is to keep nothing: who answers the next turn may be another.
    pub keeps_nothing: bool,
    /// Earlier turns stand in the request that were kept here.
    pub continued: bool,
}

/// A client's body as the upstream gets it, and what the edits took and gave.
#[derive(Debug)]
pub struct Spliced {
    pub body: String,
    pub edited: Edited,
}

/// What is the same on every piece of an answer that we write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerIdentity {
    /// See [`Ingress::answer_id`](super::Ingress::answer_id).
    pub id: String,
    /// Seconds since the epoch.
    pub created: i64,
    pub model: String,
    pub echo: Arc<RequestEcho>,
}

/// What an answer repeats of its request, and needs of it to call things what the client calls them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestEcho {
    /// Members of the request that the wire's answers repeat, as one JSON object; empty where they repeat none.
    pub members: Json,
    /// Tools that go by another name upstream.
    pub tools: Vec<ToolAlias>,
    /// What the model says is a summary that takes the conversation's place.
    pub compacts: bool,
}

/// A tool that goes by another name upstream, where names are flat and arguments are objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAlias {
    /// Its name upstream.
    pub sent: String,
    pub namespace: Option<String>,
    /// Its name to the client.
    pub name: String,
    /// It takes free text, which goes upstream as the one member `input` of an object.
    pub free_form: bool,
}

/// A model that a request may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelListing<'a> {
    pub id: &'a str,
    pub owner: &'a str,
    /// Seconds since the epoch.
    pub created_s: i64,
    /// In tokens, where it is known.
    pub context_window: Option<u32>,
}

/// An error of ours, as far as wires have a place for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorReport<'a> {
    /// The HTTP status that goes with it, also where it is not sent.
    pub status: u16,
    pub message: &'a str,
    /// The offending member.
    pub param: Option<&'a str>,
    pub code: Option<&'a str>,
}

/// What to do with a frame of a relayed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameOutcome {
    /// Part of the answer, or nothing that we know.
    Forward,
    /// Nothing but token counts: to be held back from a client that did not ask for them.
    UsageOnly,
    /// Part of the answer, which readers bear only as this frame.
    Rewritten(String),
    /// The frame that ends a stream.
    Done,
    /// The same, told as this frame.
    DoneAs(String),
    /// The upstream reports a failure inside the stream.
    Error(Fault),
    /// The same, in a frame that is the wire's own end of an answer that failed: once the answer has begun it goes out.
    Failed(Fault),
    /// Data that is not a JSON object.
    Malformed,
}

/// What a relayed answer has said so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedAnswer {
    pub id: Option<String>,
    pub model: Option<String>,
    pub usage: Option<Usage>,
    /// Of the first choice.
    pub finish: Option<StopReason>,
    pub error: Option<Fault>,
    /// The frame that ends a stream came by.
    pub done: bool,
    /// Something was said: text, a tool call.
    pub content: bool,
    /// How much: see [`said::bytes`](crate::said::bytes).
    pub said_bytes: u64,
}
