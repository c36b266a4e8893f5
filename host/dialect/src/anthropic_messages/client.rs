//! What a client of this wire sends and gets: its request read and changed, its answer written, our errors.

use crate::canon::exchange::Frame;
use crate::canon::task::Features;
use crate::canon::{ChatRequest, Event, Fault, Json, Usage};
use crate::envelope::{Envelope, SpliceError};
use crate::ingress::{
    AnswerIdentity, ClientWire, ErrorReport, FrameOutcome, ModelListing, ObservedAnswer, RelayChanges,
    RequestEcho, RequestHead, Spliced, WireTee, WireWriter,
};
use crate::invalid::Invalid;

/// Messages, as clients speak them.
#[derive(Debug)]
pub(crate) enum AnthropicMessagesClient {}

#[derive(Debug, Default)]
pub struct AnthropicMessagesTee;

#[derive(Debug)]
pub struct AnthropicMessagesWriter;

impl ClientWire for AnthropicMessagesClient {
    const NAME: &'static str = super::DIALECT;
    const PATH: &'static str = "/v1/messages";
    const SURFACE: &'static str = "messages";
    const TERMINATOR: &'static str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    const KEEP_ALIVE: &'static str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    type Tee = AnthropicMessagesTee;
    type Writer = AnthropicMessagesWriter;

    fn read_head(_: &Envelope<'_>) -> Result<RequestHead, Invalid> {
        todo!()
    }
    fn features(_: &Envelope<'_>) -> Result<Features, Invalid> {
        todo!()
    }
    fn splice(_: &Envelope<'_>, _: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
        todo!()
    }
    fn decode(_: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
        todo!()
    }
    fn echo(_: &Envelope<'_>) -> Result<RequestEcho, Invalid> {
        todo!()
    }
    fn tee() -> Self::Tee {
        todo!()
    }
    fn is_terminator(_: &str) -> bool {
        todo!()
    }
    fn answer_id(_: &str) -> String {
        todo!()
    }
    fn answer(_: &[Event], _: &AnswerIdentity) -> Result<Json, Fault> {
        todo!()
    }
    fn replay(_: &str, _: bool) -> Result<String, Fault> {
        todo!()
    }
    fn joined(_: &[Frame], _: &AnswerIdentity) -> Result<Json, Fault> {
        todo!()
    }
    fn writer(_: &AnswerIdentity, _: bool) -> Self::Writer {
        todo!()
    }
    fn model(_: &ModelListing<'_>) -> Json {
        todo!()
    }
    fn model_list(_: &[ModelListing<'_>]) -> Json {
        todo!()
    }
    fn error_body(_: &ErrorReport<'_>) -> Json {
        todo!()
    }
    fn error_event(_: &ErrorReport<'_>) -> String {
        todo!()
    }
}

impl WireTee for AnthropicMessagesTee {
    fn frame(&mut self, _: Option<&str>) -> FrameOutcome {
        todo!()
    }
    fn whole(&mut self, _: &[u8]) -> Result<(), Fault> {
        todo!()
    }
    fn begun(&self) -> bool {
        todo!()
    }
    fn ended(&self) -> bool {
        todo!()
    }
    fn observed(&self) -> &ObservedAnswer {
        todo!()
    }
}

impl WireWriter for AnthropicMessagesWriter {
    fn push(&mut self, _: &Event, _: &mut String) -> Result<(), Fault> {
        todo!()
    }
    fn finish(&mut self, _: &mut String) -> Result<(), Fault> {
        todo!()
    }
    fn usage(&self) -> Option<&Usage> {
        todo!()
    }
}
