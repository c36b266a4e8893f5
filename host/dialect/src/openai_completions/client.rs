//! What a client of this wire sends and gets: its request read and changed, its answer written, our errors.

mod answer;
mod request;
mod stream;
mod tee;

use crate::canon::exchange::Frame;
use crate::canon::{ChatRequest, Event, Fault, Json};
use crate::envelope::{Envelope, SpliceError};
use crate::features::{self, SpokenTurns};
use crate::ingress::{
    AnswerIdentity, ClientWire, ErrorReport, ModelListing, RelayChanges, RequestEcho, RequestHead, Spliced,
    StateEcho,
};
use crate::invalid::Invalid;
use crate::openai_chat::DONE;
use crate::openai_chat::client::{error, models};

pub use stream::OpenAiCompletionsWriter;
pub use tee::OpenAiCompletionsTee;

/// The frame that ends a stream.
const DONE_FRAME: &str = "data: [DONE]\n\n";

/// Completions, as clients speak them.
#[derive(Debug)]
pub(crate) enum OpenAiCompletionsClient {}

impl ClientWire for OpenAiCompletionsClient {
    const NAME: &'static str = super::DIALECT;
    const PATH: &'static str = "/v1/completions";
    const SURFACE: &'static str = "completions";
    const TERMINATOR: &'static str = DONE_FRAME;
    /// A comment, which readers of server-sent events leave out (WHATWG HTML 9.2.6).
    const KEEP_ALIVE: &'static str = ": keep-alive\n\n";
    type Tee = OpenAiCompletionsTee;
    type Writer = OpenAiCompletionsWriter;

    fn read_head(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
        request::head(envelope)
    }

    fn turns(envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid> {
        let prompt = request::prompt(envelope)?;
        Ok(features::from_request(&ChatRequest {
            messages: vec![request::turn(prompt)],
            ..ChatRequest::default()
        }))
    }

    fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
        request::splice(envelope, changes)
    }

    fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
        request::decode(envelope)
    }

    fn echo(_: &Envelope<'_>, _: StateEcho<'_>) -> Result<RequestEcho, Invalid> {
        Ok(RequestEcho::default())
    }

    fn tee() -> OpenAiCompletionsTee {
        OpenAiCompletionsTee::default()
    }

    fn is_terminator(data: &str) -> bool {
        data.trim() == DONE
    }

    fn answer_id(unique: &str) -> String {
        format!("cmpl-{unique}")
    }

    fn answer(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
        answer::completion(events, identity)
    }

    fn replay(body: &str, include_usage: bool) -> Result<String, Fault> {
        answer::replay(body, include_usage)
    }

    fn joined(frames: &[Frame], identity: &AnswerIdentity) -> Result<Json, Fault> {
        answer::joined(frames, identity)
    }

    fn writer(identity: &AnswerIdentity, include_usage: bool) -> OpenAiCompletionsWriter {
        OpenAiCompletionsWriter::new(identity, include_usage)
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
