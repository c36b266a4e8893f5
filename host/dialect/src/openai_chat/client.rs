//! What a client of this wire sends and gets: its request read and changed, its answer written, our errors.

mod answer;
mod calls;
pub mod error;
mod features;
mod head;
pub(crate) mod models;
mod replay;
mod request;
mod resume;
mod splice;
mod stream;
mod tee;

use super::upstream::decode::OpenAiChatDecoder;
use super::{DIALECT, DONE};
use crate::canon::exchange::Frame;
use crate::canon::{ChatRequest, Event, Fault, Json};
use crate::envelope::{Envelope, SpliceError};
use crate::features::SpokenTurns;
use crate::ingress::{
    AnswerIdentity, ClientWire, ErrorReport, ModelListing, RelayChanges, RequestEcho, RequestHead, Spliced,
    StateEcho,
};
use crate::invalid::Invalid;
use crate::translation::OTHER_CONTENT;

pub use stream::OpenAiChatWriter;
pub use tee::OpenAiChatTee;

/// The frame that ends a stream.
const DONE_FRAME: &str = "data: [DONE]\n\n";

/// Chat completions, as clients speak them.
#[derive(Debug)]
pub(crate) enum OpenAiChatClient {}

impl ClientWire for OpenAiChatClient {
    const NAME: &'static str = DIALECT;
    const PATH: &'static str = "/v1/chat/completions";
    const SURFACE: &'static str = "chat";
    const TERMINATOR: &'static str = DONE_FRAME;
    /// A comment, which readers of server-sent events leave out (WHATWG HTML 9.2.6).
    const KEEP_ALIVE: &'static str = ": keep-alive\n\n";
    type Tee = OpenAiChatTee;
    type Writer = OpenAiChatWriter;

    fn read_head(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
        head::read(envelope)
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

    fn place(envelope: &Envelope<'_>, member: &str) -> Option<String> {
        (member == OTHER_CONTENT).then(|| request::unknown_part(envelope)).flatten()
    }

    fn echo(envelope: &Envelope<'_>, _: StateEcho<'_>) -> Result<RequestEcho, Invalid> {
        calls::echo(envelope)
    }

    fn tee() -> OpenAiChatTee {
        OpenAiChatTee::default()
    }

    fn is_terminator(data: &str) -> bool {
        data.trim() == DONE
    }

    fn answer_id(unique: &str) -> String {
        format!("chatcmpl-{unique}")
    }

    fn answer(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
        answer::completion(events, identity)
    }

    fn replay(body: &str, include_usage: bool) -> Result<String, Fault> {
        replay::stream(body, include_usage)
    }

    fn joined(frames: &[Frame], identity: &AnswerIdentity) -> Result<Json, Fault> {
        let mut decoder = OpenAiChatDecoder::new(&identity.id);
        let mut events = decoder.push(frames)?;
        events.extend(decoder.finish(true)?);
        answer::completion(&events, identity)
    }

    fn writer(identity: &AnswerIdentity, include_usage: bool) -> OpenAiChatWriter {
        OpenAiChatWriter::new(identity, include_usage)
    }

    fn resumed(
        frames: &[Frame],
        identity: &AnswerIdentity,
        include_usage: bool,
    ) -> Option<(String, OpenAiChatWriter)> {
        resume::resumed(frames, identity, include_usage)
    }

    fn model(model: &ModelListing<'_>) -> Json {
        models::one(model)
    }

    fn model_list(models: &[ModelListing<'_>]) -> Json {
        models::list(models)
    }

    fn error_body(error: &ErrorReport<'_>) -> Json {
        error::body(error)
    }

    fn error_event(error: &ErrorReport<'_>) -> String {
        format!("data: {}\n\n{DONE_FRAME}", error::body(error))
    }
}

/// A request from its bytes.
#[cfg(test)]
pub(crate) fn decode(body: &[u8]) -> Result<ChatRequest, Invalid> {
    request::decode(&Envelope::scan(body)?)
}
