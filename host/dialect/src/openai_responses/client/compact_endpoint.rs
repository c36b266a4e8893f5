//! `POST /v1/responses/compact`: the same request, always to be made shorter, and an answer of its own that stands in its
//! place: what people said, then the item for all the rest.

use super::stream::OpenAiResponsesWriter;
use super::tee::OpenAiResponsesTee;
use super::{OpenAiResponsesClient, answer, compaction, echo, head, request};
use crate::canon::exchange::Frame;
use crate::canon::{ChatRequest, Event, Fault, Json};
use crate::envelope::{Envelope, SpliceError};
use crate::fault::protocol;
use crate::features::SpokenTurns;
use crate::ingress::{
    AnswerIdentity, ClientWire, ErrorReport, ModelListing, RelayChanges, RequestEcho, RequestHead, Spliced,
    StateEcho,
};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, array, member};

/// Responses that are made shorter, as clients ask for them.
#[derive(Debug)]
pub(crate) enum OpenAiCompactionClient {}

impl ClientWire for OpenAiCompactionClient {
    const NAME: &'static str = OpenAiResponsesClient::NAME;
    const PATH: &'static str = "/v1/responses/compact";
    const SURFACE: &'static str = "responses.compact";
    const TERMINATOR: &'static str = OpenAiResponsesClient::TERMINATOR;
    const KEEP_ALIVE: &'static str = OpenAiResponsesClient::KEEP_ALIVE;
    type Tee = OpenAiResponsesTee;
    type Writer = OpenAiResponsesWriter;

    /// Never streamed.
    fn read_head(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
        Ok(RequestHead { stream: false, ..head::read(envelope)? })
    }

    fn class(_: &Envelope<'_>) -> Option<&'static str> {
        Some(compaction::CLASS)
    }

    fn turns(envelope: &Envelope<'_>) -> Result<SpokenTurns, Invalid> {
        OpenAiResponsesClient::turns(envelope)
    }

    fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
        OpenAiResponsesClient::splice(envelope, changes)
    }

    fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
        let mut request = request::decode(envelope)?;
        request.stream = false;
        if !compaction::is_asked(envelope)? {
            compaction::ask(&mut request);
        }
        Ok(request)
    }

    fn echo(envelope: &Envelope<'_>, state: StateEcho<'_>) -> Result<RequestEcho, Invalid> {
        let mut members = Members::new();
        members.raw(KEPT, &array(&said_by_people(envelope)?));
        let tools = echo::read(envelope, state)?.tools;
        Ok(RequestEcho { members: members.finish(), tools, compacts: true })
    }

    fn tee() -> OpenAiResponsesTee {
        OpenAiResponsesClient::tee()
    }

    fn is_terminator(data: &str) -> bool {
        OpenAiResponsesClient::is_terminator(data)
    }

    fn answer_id(unique: &str) -> String {
        OpenAiResponsesClient::answer_id(unique)
    }

    fn answer(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
        let response = answer::response(events, identity)?;
        if member(Some(&response), "status").as_deref() != Some("\"completed\"") {
            return Err(protocol("the model was stopped before its summary was whole"));
        }
        let mut output = items(Some(&identity.echo.members), KEPT);
        output.extend(items(Some(&response), "output"));
        let mut out = Members::new();
        out.string("id", &identity.id)
            .string("object", "response.compaction")
            .plain("created_at", identity.created)
            .raw("output", &array(&output));
        out.raw("usage", member(Some(&response), "usage").as_deref().unwrap_or("null"));
        Ok(out.finish())
    }

    fn replay(body: &str, include_usage: bool) -> Result<String, Fault> {
        OpenAiResponsesClient::replay(body, include_usage)
    }

    fn joined(frames: &[Frame], identity: &AnswerIdentity) -> Result<Json, Fault> {
        OpenAiResponsesClient::joined(frames, identity)
    }

    fn writer(identity: &AnswerIdentity, include_usage: bool) -> OpenAiResponsesWriter {
        OpenAiResponsesClient::writer(identity, include_usage)
    }

    fn model(model: &ModelListing<'_>) -> Json {
        OpenAiResponsesClient::model(model)
    }

    fn model_list(models: &[ModelListing<'_>]) -> Json {
        OpenAiResponsesClient::model_list(models)
    }

    fn error_body(error: &ErrorReport<'_>) -> Json {
        OpenAiResponsesClient::error_body(error)
    }

    fn error_event(error: &ErrorReport<'_>) -> String {
        OpenAiResponsesClient::error_event(error)
    }
}

/// The member of an echo with the items that an answer repeats.
const KEPT: &str = "input";

/// The messages of users, as they are.
fn said_by_people(envelope: &Envelope<'_>) -> Result<Vec<Json>, Invalid> {
    let Some(input) = envelope.node(KEPT)? else { return Ok(Vec::new()) };
    if input.kind()? == JsonKind::String {
        let mut part = Members::new();
        part.string("type", "input_text").raw("text", input.text());
        let mut message = Members::new();
        message.string("type", "message").string("role", "user").raw("content", &array(&[part.finish()]));
        return Ok(vec![message.finish()]);
    }
    let is_users = |item: &Node<'_>| {
        let role = item.object().ok().and_then(|mut item| item.string("role").ok().flatten());
        role.as_deref() == Some("user")
    };
    let items = input.array()?;
    Ok(items.iter().filter(|item| is_users(item)).map(|item| item.text().to_owned()).collect())
}

fn items(object: Option<&str>, name: &str) -> Vec<Json> {
    let Some(list) = member(object, name) else { return Vec::new() };
    let items = Node::root(&list).array().unwrap_or_default();
    items.iter().map(|item| item.text().to_owned()).collect()
}
