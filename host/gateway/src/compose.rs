//! What is sent to a provider: the client's request, and what this gateway puts in front of it. Composed once; the relay
//! lane takes it as splices of the client's bytes, the translate lane in canonical form.

use std::sync::Arc;

use brains_core::config::Config;
use brains_core::secret::sha256_hex;
use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon::relay::Edit;
use brains_dialect::canon::{ChatRequest, Content, Message, Part, Role};
use brains_dialect::envelope::{Envelope, SpliceError};
use brains_dialect::fault::UNSUPPORTED_PARAMETER;
use brains_dialect::ingress::{Ingress, RelayChanges, RequestEcho, RequestHead, Spliced};
use brains_dialect::invalid::Invalid;
use brains_dialect::json;

use crate::conversation::ConversationState;
use crate::request::{ClientRequest, invalid_body};

/// Whose doing it is that a body cannot be changed.
pub(crate) fn splice_fault(error: SpliceError) -> Fault {
    match error {
        SpliceError::Body(invalid) => invalid_body(invalid),
        SpliceError::NotJson { .. } | SpliceError::NoPlace { .. } => {
            let message = format!("the component's edits do not fit: {error}");
            Fault::new(FaultKind::Plugin, Origin::Component, message).failover()
        }
    }
}

/// What of a request cannot be said in canonical form; a candidate that speaks the client's own wire may take it as it is.
fn unspeakable(invalid: Invalid) -> Fault {
    let unsupported = invalid.code == UNSUPPORTED_PARAMETER;
    let fault = invalid_body(invalid);
    if unsupported { Fault { kind: FaultKind::Unsupported, ..fault }.failover() } else { fault }
}

/// One request as it is sent to whoever answers it.
#[derive(Debug)]
pub(crate) struct Composed<'a> {
    pub(crate) ingress: Ingress,
    pub(crate) head: &'a RequestHead,
    envelope: &'a Envelope<'a>,
    /// The first instruction: nothing that the client sends can come before it. Empty when there is none.
    preamble: &'a str,
    json_nodes: u32,
    state: ConversationState,
    generates: bool,
}

impl<'a> Composed<'a> {
    pub(crate) fn new(client: &'a ClientRequest<'a>, config: &'a Config) -> Self {
        let ClientRequest { ingress, envelope, head, .. } = client;
        let (preamble, json_nodes) = (config.gateway_preamble.as_str(), config.budgets.json_nodes);
        let state = ConversationState::default();
        Self { ingress: *ingress, head, envelope, preamble, json_nodes, state, generates: false }
    }

    /// The same as part of a conversation; to generate an answer, or to be counted.
    pub(crate) fn of_conversation(self, state: &ConversationState, generates: bool) -> Self {
        Self { state: state.clone(), generates, ..self }
    }

    pub(crate) const fn state(&self) -> &ConversationState {
        &self.state
    }

    /// The texts that stand before everything that the client says, in this order.
    fn instructions(&self) -> Option<&'a str> {
        (!self.preamble.is_empty()).then_some(self.preamble)
    }

    /// How much is put in front.
    pub(crate) const fn preamble_bytes(&self) -> usize {
        self.preamble.len()
    }

    /// SHA-256 of the preamble, in hex.
    pub(crate) fn preamble_hash(&self) -> Option<String> {
        self.instructions().map(|preamble| sha256_hex(preamble.as_bytes()))
    }

    /// The client's bytes with what is put in front, and a component's edits but for what is `withheld`.
    pub(crate) fn spliced(&self, edits: &[Edit], withheld: &[String]) -> Result<Spliced, Fault> {
        let instructions = self.instructions();
        let state = self.state.upstream(self.generates);
        let changes = RelayChanges { instructions: instructions.as_slice(), edits, withheld, state };
        self.ingress.splice(self.envelope, &changes).map_err(splice_fault)
    }

    /// Whether two candidates may be asked at once: what vendors do of themselves for an answer would be done twice.
    pub(crate) fn may_be_asked_twice(&self) -> bool {
        self.ingress.may_be_asked_twice(self.envelope)
    }

    /// A refusal of what a candidate's wire cannot say, with the place of it in the client's body.
    pub(crate) fn located(&self, fault: Fault) -> Fault {
        let member = fault.param.as_deref().filter(|_| fault.code == UNSUPPORTED_PARAMETER);
        let Some(member) = member else { return fault };
        let Some(place) = self.ingress.place(self.envelope, member) else { return fault };
        let message = fault.message.replacen(&format!("`{member}`"), &format!("`{place}`"), 1);
        Fault { message, ..fault }.param(place)
    }

    /// What an answer that we write repeats of the request.
    pub(crate) fn echo(&self) -> Result<Arc<RequestEcho>, Fault> {
        self.ingress.echo(self.envelope, self.state.echo()).map(Arc::new).map_err(invalid_body)
    }

    /// The request in canonical form, for `model`. It is a tree, which has a bound: the relay lane makes none, and so has
    /// none.
    pub(crate) fn canonical(&self, model: &str) -> Result<ChatRequest, Fault> {
        let body = self.envelope.text().as_bytes();
        json::within(body, self.json_nodes).map_err(|over| {
            Fault::invalid(format!("the request is too large a document: {over}"))
                .code("json_too_large")
                .hint("send less at once, or raise `budgets.json_nodes`")
        })?;
        let mut request = self.ingress.decode(self.envelope).map_err(unspeakable)?;
        model.clone_into(&mut request.model);
        let instructions = self.instructions().into_iter().map(|text| {
            let parts = vec![Part::plain(Content::Text(text.to_owned()))];
            Message { role: Role::System, name: None, parts, extra: None }
        });
        request.messages.splice(0..0, instructions);
        Ok(request)
    }
}
