//! What a client of this wire sends and gets: its request read and changed, its answer written, our errors.

mod answer;
mod blocks;
mod error;
mod features;
mod head;
mod models;
mod replay;
mod request;
mod resume;
mod splice;
mod stream;
mod tee;
mod usage;

use super::DIALECT;
use super::upstream::decode::AnthropicMessagesDecoder;
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

use blocks::Signatures;
pub use stream::AnthropicMessagesWriter;
pub use tee::AnthropicMessagesTee;

/// The frame that ends a stream.
const STOP_FRAME: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// Messages, as clients speak them.
#[derive(Debug)]
pub(crate) enum AnthropicMessagesClient {}

impl ClientWire for AnthropicMessagesClient {
    const NAME: &'static str = DIALECT;
    const PATH: &'static str = "/v1/messages";
    const SURFACE: &'static str = "messages";
    const TERMINATOR: &'static str = STOP_FRAME;
    const KEEP_ALIVE: &'static str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    type Tee = AnthropicMessagesTee;
    type Writer = AnthropicMessagesWriter;

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
        (member == OTHER_CONTENT).then(|| request::unknown_block(envelope)).flatten()
    }

    fn echo(_: &Envelope<'_>, _: StateEcho<'_>) -> Result<RequestEcho, Invalid> {
        Ok(RequestEcho::default())
    }

    fn tee() -> AnthropicMessagesTee {
        AnthropicMessagesTee::default()
    }

    fn is_terminator(data: &str) -> bool {
        tee::is_stop(data)
    }

    fn answer_id(unique: &str) -> String {
        format!("msg_{unique}")
    }

    fn answer(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
        answer::message(events, identity, Signatures::Marked)
    }

    fn replay(body: &str, _: bool) -> Result<String, Fault> {
        replay::stream(body)
    }

    fn joined(frames: &[Frame], identity: &AnswerIdentity) -> Result<Json, Fault> {
        let mut decoder = AnthropicMessagesDecoder::new();
        let mut events = decoder.push(frames)?;
        events.extend(decoder.finish(true)?);
        answer::message(&events, identity, Signatures::AsGiven)
    }

    fn writer(identity: &AnswerIdentity, _: bool) -> AnthropicMessagesWriter {
        AnthropicMessagesWriter::new(identity)
    }

    fn resumed(
        frames: &[Frame],
        identity: &AnswerIdentity,
        _: bool,
    ) -> Option<(String, AnthropicMessagesWriter)> {
        resume::resumed(frames, identity)
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
        format!("event: error\ndata: {}\n\n", error::body(error))
    }

    fn is_own_error(body: &str, _: Option<&str>) -> bool {
        error::is_own(body)
    }
}

/// A request from its bytes.
#[cfg(test)]
pub(crate) fn decode(body: &[u8]) -> Result<ChatRequest, Invalid> {
    request::decode(&Envelope::scan(body)?)
}
