//! What a client of this wire sends and gets: its request read and changed, its answer written, our errors.

mod answer;
mod call;
mod compact_endpoint;
mod compaction;
mod echo;
mod error;
mod events;
mod features;
mod head;
mod message;
mod models;
mod object;
mod replay;
mod request;
mod resume;
mod splice;
pub(crate) mod state;
mod stream;
mod tee;
mod thought;
mod usage;

use super::DIALECT;
use crate::canon::exchange::Frame;
use crate::canon::{ChatRequest, Event, Fault, Json};
use crate::envelope::{Envelope, SpliceError};
use crate::features::SpokenTurns;
use crate::ingress::{
    AnswerIdentity, ClientWire, ErrorReport, ModelListing, RelayChanges, RequestEcho, RequestHead, Spliced,
    StateEcho,
};
use crate::invalid::Invalid;
use crate::openai_chat::client::models::one as one_model;

pub(crate) use compact_endpoint::OpenAiCompactionClient;
pub use stream::OpenAiResponsesWriter;
pub use tee::OpenAiResponsesTee;

/// How the ids of answers begin.
const ANSWER_PREFIX: &str = "resp_";

/// Responses, as clients speak them.
#[derive(Debug)]
pub(crate) enum OpenAiResponsesClient {}

impl ClientWire for OpenAiResponsesClient {
    const NAME: &'static str = DIALECT;
    const PATH: &'static str = "/v1/responses";
    const SURFACE: &'static str = "responses";
    /// The last event holds the whole answer: nobody but who made it can write one.
    const TERMINATOR: &'static str = "";
    /// A comment, which readers of server-sent events leave out (WHATWG HTML 9.2.6).
    const KEEP_ALIVE: &'static str = ": keep-alive\n\n";
    type Tee = OpenAiResponsesTee;
    type Writer = OpenAiResponsesWriter;

    fn read_head(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
        head::read(envelope)
    }

    fn class(envelope: &Envelope<'_>) -> Option<&'static str> {
        compaction::is_asked(envelope).is_ok_and(|asked| asked).then_some(compaction::CLASS)
    }

    fn turns(envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid> {
        features::from_envelope(envelope)
    }

    fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
        splice::splice(envelope, changes)
    }

    fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
        request::decode(envelope)
    }

    fn echo(envelope: &Envelope<'_>, state: StateEcho<'_>) -> Result<RequestEcho, Invalid> {
        echo::read(envelope, state)
    }

    fn tee() -> OpenAiResponsesTee {
        OpenAiResponsesTee::default()
    }

    fn is_terminator(data: &str) -> bool {
        tee::is_terminal(data)
    }

    fn answer_id(unique: &str) -> String {
        format!("{ANSWER_PREFIX}{unique}")
    }

    fn answer(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
        answer::response(events, identity)
    }

    fn replay(body: &str, _: bool) -> Result<String, Fault> {
        replay::stream(body)
    }

    fn joined(frames: &[Frame], _: &AnswerIdentity) -> Result<Json, Fault> {
        answer::joined(frames)
    }

    fn writer(identity: &AnswerIdentity, _: bool) -> OpenAiResponsesWriter {
        OpenAiResponsesWriter::new(identity)
    }

    fn resumed(
        frames: &[Frame],
        identity: &AnswerIdentity,
        _: bool,
    ) -> Option<(String, OpenAiResponsesWriter)> {
        resume::resumed(frames, identity)
    }

    fn model(model: &ModelListing<'_>) -> Json {
        one_model(model)
    }

    fn model_list(listed: &[ModelListing<'_>]) -> Json {
        models::list(listed)
    }

    fn error_body(error: &ErrorReport<'_>) -> Json {
        error::body(error)
    }

    fn error_event(error: &ErrorReport<'_>) -> String {
        error::event(error)
    }
}
