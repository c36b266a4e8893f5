//! The wires that clients speak. Who serves a client holds an [`Ingress`] and names no wire: what differs between them
//! is said once a wire, by its `ClientWire`. The set is closed, so every match here is whole.

mod broken;
mod cache;
mod count;
mod pages;
mod spending;
mod state;
#[cfg(test)]
mod tests;
mod touch;
mod twice;
mod wire;

pub use broken::BrokenAnswer;
pub use spending::LimitReport;
pub use state::{AnswerCut, AnswerNames, ItemPage, KeptTurn, StateEcho, StateHead};
pub use wire::{
    AnswerIdentity, ErrorReport, FrameOutcome, ModelListing, ObservedAnswer, RelayChanges, RequestEcho,
    RequestHead, Spliced, ToolAlias, UpstreamState,
};
pub(crate) use wire::{ClientWire, WireTee, WireWriter};

use crate::anthropic_messages::client::{
    AnthropicMessagesClient, AnthropicMessagesTee, AnthropicMessagesWriter,
};
use crate::canon::exchange::Frame;
use crate::canon::{ChatRequest, Event, Fault, Json, Usage};
use crate::envelope::{Envelope, SpliceError};
use crate::features::SpokenTurns;
use crate::invalid::Invalid;
use crate::openai_chat::client::{OpenAiChatClient, OpenAiChatTee, OpenAiChatWriter};
use crate::openai_completions::client::{
    OpenAiCompletionsClient, OpenAiCompletionsTee, OpenAiCompletionsWriter,
};
use crate::openai_responses::client::{
    OpenAiCompactionClient, OpenAiResponsesClient, OpenAiResponsesTee, OpenAiResponsesWriter,
};

/// The wire of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingress {
    /// `POST /v1/chat/completions`.
    OpenAiChat,
    /// `POST /v1/responses`.
    OpenAiResponses,
    /// `POST /v1/messages`.
    AnthropicMessages,
    /// `POST /v1/completions`.
    OpenAiCompletions,
    /// `POST /v1/responses/compact`.
    OpenAiCompaction,
}

/// Calls the client's wire.
macro_rules! wire {
    ($ingress:expr, $client:ident => $said:expr) => {
        match $ingress {
            Ingress::OpenAiChat => {
                type $client = OpenAiChatClient;
                $said
            }
            Ingress::OpenAiResponses => {
                type $client = OpenAiResponsesClient;
                $said
            }
            Ingress::AnthropicMessages => {
                type $client = AnthropicMessagesClient;
                $said
            }
            Ingress::OpenAiCompletions => {
                type $client = OpenAiCompletionsClient;
                $said
            }
            Ingress::OpenAiCompaction => {
                type $client = OpenAiCompactionClient;
                $said
            }
        }
    };
}

impl Ingress {
    /// The wires. What clients of Responses ask at a path of its own is on theirs.
    pub const ALL: [Self; 4] =
        [Self::OpenAiChat, Self::OpenAiResponses, Self::AnthropicMessages, Self::OpenAiCompletions];

    /// The wire's name: the dialect of surfaces, and the api in traces.
    pub const fn name(self) -> &'static str {
        wire!(self, Client => Client::NAME)
    }

    /// Where its clients send requests.
    pub const fn path(self) -> &'static str {
        wire!(self, Client => Client::PATH)
    }

    /// The surface whose component may relay a request of this wire.
    pub const fn surface(self) -> &'static str {
        wire!(self, Client => Client::SURFACE)
    }

    /// Whether what is asked can be had of a wire that has no path of its own for it. Servers of Responses are older than
    /// that path, and not every one has it.
    pub const fn is_had_by_generating(self) -> bool {
        match self {
            Self::OpenAiCompaction => true,
            Self::OpenAiChat | Self::OpenAiResponses | Self::AnthropicMessages | Self::OpenAiCompletions => {
                false
            }
        }
    }

    /// What the request says to the host. Fails when nobody could serve it.
    pub fn read_head(self, envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
        wire!(self, Client => Client::read_head(envelope))
    }

    /// What a request is for, where its body says so by the wire's own word.
    pub fn class(self, envelope: &Envelope<'_>) -> Option<&'static str> {
        wire!(self, Client => Client::class(envelope))
    }

    /// What the request says, as far as anybody decides by it.
    pub fn turns(self, envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid> {
        wire!(self, Client => Client::turns(envelope))
    }

    /// Relay lane: the body for an upstream of the same wire.
    pub fn splice(self, envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
        wire!(self, Client => Client::splice(envelope, changes))
    }

    /// Translate lane: the request in canonical form.
    pub fn decode(self, envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
        wire!(self, Client => Client::decode(envelope))
    }

    /// Where in a body stands what was refused by this name of the translation table, where the name itself does not say it.
    pub fn place(self, envelope: &Envelope<'_>, member: &str) -> Option<String> {
        wire!(self, Client => Client::place(envelope, member))
    }

    /// What an answer in this wire repeats of the request, and needs of it to call things what the client calls them.
    pub fn echo(self, envelope: &Envelope<'_>, state: StateEcho<'_>) -> Result<RequestEcho, Invalid> {
        wire!(self, Client => Client::echo(envelope, state))
    }

    /// Relay lane: reads an answer while it passes.
    pub fn tee(self) -> RelayTee {
        match self {
            Self::OpenAiChat => RelayTee::OpenAiChat(OpenAiChatClient::tee()),
            Self::OpenAiResponses | Self::OpenAiCompaction => {
                RelayTee::OpenAiResponses(OpenAiResponsesClient::tee())
            }
            Self::AnthropicMessages => RelayTee::AnthropicMessages(AnthropicMessagesClient::tee()),
            Self::OpenAiCompletions => RelayTee::OpenAiCompletions(OpenAiCompletionsClient::tee()),
        }
    }

    /// Whether a frame of this data ends a stream.
    pub fn is_terminator(self, data: &str) -> bool {
        wire!(self, Client => Client::is_terminator(data))
    }

    /// The frame that ends a whole stream.
    pub const fn terminator(self) -> &'static str {
        wire!(self, Client => Client::TERMINATOR)
    }

    /// What keeps a connection over which a stream goes: its clients read over it.
    pub const fn keep_alive(self) -> &'static str {
        wire!(self, Client => Client::KEEP_ALIVE)
    }

    /// How the id of an answer looks. `unique` is the part of a minted id behind its prefix.
    pub fn answer_id(self, unique: &str) -> String {
        wire!(self, Client => Client::answer_id(unique))
    }

    /// Translate lane: the whole answer. Fails when the events are only a piece of one.
    pub fn answer(self, events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
        wire!(self, Client => Client::answer(events, identity))
    }

    /// Relay lane: a whole answer, which has been judged, as the stream that was asked for.
    pub fn replay(self, body: &str, include_usage: bool) -> Result<String, Fault> {
        wire!(self, Client => Client::replay(body, include_usage))
    }

    /// Relay lane: a stream, which has been judged, as the whole answer that was asked for.
    pub fn joined(self, frames: &[Frame], identity: &AnswerIdentity) -> Result<Json, Fault> {
        wire!(self, Client => Client::joined(frames, identity))
    }

    /// Translate lane: the answer as a stream, with counts in it when the client asked for them.
    pub fn stream_writer(self, identity: &AnswerIdentity, include_usage: bool) -> StreamWriter {
        match self {
            Self::OpenAiChat => StreamWriter::OpenAiChat(OpenAiChatClient::writer(identity, include_usage)),
            Self::OpenAiResponses | Self::OpenAiCompaction => StreamWriter::OpenAiResponses(Box::new(
                OpenAiResponsesClient::writer(identity, include_usage),
            )),
            Self::AnthropicMessages => {
                StreamWriter::AnthropicMessages(AnthropicMessagesClient::writer(identity, include_usage))
            }
            Self::OpenAiCompletions => {
                StreamWriter::OpenAiCompletions(OpenAiCompletionsClient::writer(identity, include_usage))
            }
        }
    }

    /// One model that a request may name.
    pub fn model(self, model: &ModelListing<'_>) -> Json {
        wire!(self, Client => Client::model(model))
    }

    /// All of them.
    pub fn model_list(self, models: &[ModelListing<'_>]) -> Json {
        wire!(self, Client => Client::model_list(models))
    }

    /// An error as the body of an answer that has a status for it.
    pub fn error_body(self, error: &ErrorReport<'_>) -> Json {
        wire!(self, Client => Client::error_body(error))
    }

    /// Whether an upstream's error body is in the form of this wire and tells clients what they act on: `code`, when there
    /// is a closer word than that the request was wrong.
    pub fn is_own_error(self, body: &str, code: Option<&str>) -> bool {
        wire!(self, Client => Client::is_own_error(body, code))
    }

    /// An error as the end of a stream that has begun, with what its clients wait for.
    pub fn error_event(self, error: &ErrorReport<'_>) -> String {
        wire!(self, Client => Client::error_event(error))
    }
}

/// Reads an answer of some wire while it passes; see [`Ingress::tee`].
#[derive(Debug)]
pub enum RelayTee {
    OpenAiChat(OpenAiChatTee),
    OpenAiResponses(OpenAiResponsesTee),
    AnthropicMessages(AnthropicMessagesTee),
    OpenAiCompletions(OpenAiCompletionsTee),
}

/// Calls the wire's own reader or writer.
macro_rules! inner {
    ($outer:expr, $inner:ident => $said:expr) => {
        match $outer {
            Self::OpenAiChat($inner) => $said,
            Self::OpenAiResponses($inner) => $said,
            Self::AnthropicMessages($inner) => $said,
            Self::OpenAiCompletions($inner) => $said,
        }
    };
}

impl RelayTee {
    /// Looks at a frame's data; `None` is a frame without any, such as a comment.
    pub fn frame(&mut self, data: Option<&str>) -> FrameOutcome {
        inner!(self, tee => tee.frame(data))
    }

    /// Looks at a whole answer. Fails when it is none.
    pub fn whole(&mut self, body: &[u8]) -> Result<(), Fault> {
        inner!(self, tee => tee.whole(body))
    }

    /// Whether a part of the answer came by; the promise of one is none.
    pub fn begun(&self) -> bool {
        inner!(self, tee => tee.begun())
    }

    /// Whether the stream so far is a whole answer in which nothing went wrong.
    pub fn ended(&self) -> bool {
        inner!(self, tee => tee.ended())
    }

    pub fn observed(&self) -> &ObservedAnswer {
        inner!(self, tee => tee.observed())
    }

    /// An error as the end of this very answer; none where an [error event](Ingress::error_event) says as much.
    pub fn failure(&self, error: &ErrorReport<'_>) -> Option<String> {
        inner!(self, tee => tee.failure(error))
    }

    /// From now on what is to be [kept](RelayTee::kept) of the answer is, and it says so, with what it goes on from.
    pub fn keep(&mut self, previous: Option<&str>) {
        inner!(self, tee => tee.keep(previous));
    }

    /// The whole answer, once it has ended.
    pub fn kept(&self) -> Option<Json> {
        inner!(self, tee => tee.kept())
    }

    /// What was said of an answer that does not become whole; none when that is nothing.
    pub fn cut(&self, cut: AnswerCut<'_>) -> Option<Json> {
        inner!(self, tee => tee.cut(cut))
    }
}

/// Writes an answer in the frames of some wire; see [`Ingress::stream_writer`].
#[derive(Debug)]
pub enum StreamWriter {
    OpenAiChat(OpenAiChatWriter),
    OpenAiResponses(Box<OpenAiResponsesWriter>),
    AnthropicMessages(AnthropicMessagesWriter),
    OpenAiCompletions(OpenAiCompletionsWriter),
}

impl StreamWriter {
    /// Appends the frames of one event to `out`.
    pub fn push(&mut self, event: &Event, out: &mut String) -> Result<(), Fault> {
        inner!(self, writer => writer.push(event, out))
    }

    /// Appends what is left to say and the terminator. Fails when the answer is not whole; an
    /// [error event](Ingress::error_event) ends the stream then.
    pub fn finish(&mut self, out: &mut String) -> Result<(), Fault> {
        inner!(self, writer => writer.finish(out))
    }

    /// The last counts that came by.
    pub fn usage(&self) -> Option<&Usage> {
        inner!(self, writer => writer.usage())
    }

    /// An error as the end of this very answer; none where an [error event](Ingress::error_event) says as much.
    pub fn failure(&mut self, error: &ErrorReport<'_>) -> Option<String> {
        inner!(self, writer => writer.failure(error))
    }

    /// The whole answer, once it has finished.
    pub fn kept(&mut self) -> Option<Json> {
        inner!(self, writer => writer.kept())
    }

    /// What was said of an answer that does not become whole.
    pub fn cut(&self, cut: AnswerCut<'_>) -> Option<Json> {
        inner!(self, writer => writer.cut(cut))
    }
}
