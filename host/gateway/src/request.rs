//! A client's request: what it came with, and what its envelope says to the host.

use std::sync::Arc;

use bytes::Bytes;

use brains_core::caller::{ClientFacts, REQUEST_CLASS};
use brains_core::traffic::affinity::ConversationMark;
use brains_core::{Fault, Principal};
use brains_dialect::canon::exchange::Field;
use brains_dialect::canon::task::Features;
use brains_dialect::envelope::Envelope;
use brains_dialect::features::SpokenTurns;
use brains_dialect::ingress::{Ingress, RequestHead};
use brains_dialect::invalid::Invalid;
use brains_runtime::ActiveSet;

use crate::affinity::ConversationId;
use crate::{DEFAULT_MODEL, resolve};

/// A request that was admitted.
#[derive(Debug)]
pub struct GatewayCall {
    pub principal: Principal,
    /// The configuration and instances in force when the request came in; they hold to its end.
    pub active: Arc<ActiveSet>,
    pub request_id: String,
    /// The client's headers that a provider may see; never credentials.
    pub headers: Vec<Field>,
    pub query: String,
    /// Decompressed.
    pub body: Bytes,
    /// The client program, from its `user-agent`.
    pub client: Option<String>,
    /// What it says of the request besides.
    pub told: ClientFacts,
}

/// A request whose envelope was read: a body of which no tree was built.
#[derive(Debug)]
pub(crate) struct ClientRequest<'a> {
    pub(crate) ingress: Ingress,
    pub(crate) envelope: Envelope<'a>,
    pub(crate) head: RequestHead,
    /// The model's name; a default when the client leaves the choice to us.
    pub(crate) model: String,
    /// The client program and what it says of the request, for who decides about it.
    client: Option<String>,
    hints: Vec<(String, String)>,
    native_session: Option<String>,
}

impl<'a> ClientRequest<'a> {
    pub(crate) fn read(ingress: Ingress, body: &'a [u8]) -> Result<Self, Fault> {
        let envelope = Envelope::scan(body).map_err(invalid_body)?;
        let mut head = ingress.read_head(&envelope).map_err(invalid_body)?;
        let model = head.model.take().unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        resolve::check_length(&model)?;
        Ok(Self { ingress, envelope, head, model, client: None, hints: Vec::new(), native_session: None })
    }

    /// With what came beside the body.
    pub(crate) fn told_by(self, client: Option<String>, told: &ClientFacts) -> Self {
        let mut hints = told.hints();
        if told.request_class.is_none()
            && let Some(class) = self.class()
        {
            hints.push((REQUEST_CLASS.to_owned(), class.to_owned()));
        }
        Self { client, hints, native_session: told.native_session.clone(), ..self }
    }

    /// What it is for, where its body says so.
    pub(crate) fn class(&self) -> Option<&'static str> {
        self.ingress.class(&self.envelope)
    }

    /// How much it asks: how the answer is to come is no part of that.
    pub(crate) fn asked_bytes(&self) -> usize {
        let asked = self
            .envelope
            .members()
            .iter()
            .filter(|member| !matches!(&*member.name, "stream" | "stream_options"));
        asked.map(|member| member.value.end.saturating_sub(member.start)).sum()
    }

    /// What a classifier gets to see of it.
    pub(crate) fn features(&self) -> Result<Features, Fault> {
        Ok(self.seen(&self.turns()?))
    }

    /// What a classifier and a policy get to see of it, and where there is a choice which conversation it belongs to: as its
    /// client says, else as its prompt's cache is called, else as it began. Without a caller it is nobody's.
    pub(crate) fn asked(&self, caller: Option<&Principal>, is_choice: bool) -> Result<Asked, Fault> {
        let turns = self.turns()?;
        let features = self.seen(&turns);
        if !is_choice {
            return Ok(Asked { features, conversation: None });
        }
        let mark = match (&self.native_session, self.ingress.cache_key(&self.envelope)) {
            (Some(session), _) => ConversationMark::of_session(session),
            (None, Some(key)) => ConversationMark::of_cache_key(&key),
            (None, None) => ConversationMark::of_opening(turns.opening().parts()),
        };
        let conversation = ConversationId {
            mark,
            key: caller.map(|caller| mark.owned_by(&caller.operator, &caller.fingerprint)),
            keeps_long: self.ingress.keeps_prompt_long(&self.envelope),
            tokens: features.approx_input_tokens,
        };
        Ok(Asked { features, conversation: Some(conversation) })
    }

    fn turns(&self) -> Result<SpokenTurns, Fault> {
        self.ingress.turns(&self.envelope).map_err(invalid_body)
    }

    fn seen(&self, turns: &SpokenTurns) -> Features {
        Features { client: self.client.clone(), hints: self.hints.clone(), ..turns.features() }
    }
}

/// A request as who decides about it sees it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) features: Features,
    pub(crate) conversation: Option<ConversationId>,
}

/// A fault of the client's body, with its path.
pub(crate) fn invalid_body(invalid: Invalid) -> Fault {
    let fault = Fault::invalid(invalid.message).code(invalid.code);
    match invalid.param {
        Some(param) => fault.param(param),
        None => fault,
    }
}

#[cfg(test)]
mod tests;
