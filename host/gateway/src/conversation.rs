//! Conversations that clients go on from by the id of an answer: the earlier turns are put in front of what is asked, so that
//! any candidate may answer, and the answer is kept for the next turn. What wires say of it stands in `dialect`.

mod keeper;
mod kept;

use std::collections::HashMap;
use std::sync::Arc;

use brains_core::id::{Id, Trace};
use brains_core::principal::KeyScope;
use brains_core::{Fault, FaultKind, Origin, Principal};
use brains_dialect::canon::Json;
use brains_dialect::envelope::SpliceError;
use brains_dialect::ingress::{Ingress, KeptTurn, StateEcho, StateHead, UpstreamState};
use brains_store::{ResponseOwner, Responses, StoredConversation, StoredResponse};

use crate::GatewayState;
use crate::record::Recorder;
use crate::request::{ClientRequest, GatewayCall, invalid_body};

pub(crate) use keeper::AnswerKeeper;
pub use kept::KeptAsk;

/// Of an id that a client made up, so much is repeated.
const SHOWN_CHARS: usize = 128;

/// What was made of what a request says of its conversation.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    /// The request with all that was said before, where it names something of that.
    pub(crate) body: Option<Json>,
    /// What is told to the client and to upstreams.
    pub(crate) state: ConversationState,
    /// The client asked for an answer that is kept, and it is not.
    pub(crate) is_not_kept: bool,
    thread: Option<Id<Trace>>,
    own_input: Json,
}

/// Whether the answer is kept, and what it goes on from.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConversationState {
    pub(crate) kept: bool,
    previous: Option<String>,
    continued: bool,
}

impl ConversationState {
    pub(crate) fn echo(&self) -> StateEcho<'_> {
        StateEcho { store: self.kept, previous: self.previous.as_deref() }
    }

    /// What an upstream of the client's wire is told; one that generates nothing is asked for nothing.
    pub(crate) const fn upstream(&self, generates: bool) -> UpstreamState {
        UpstreamState { keeps_nothing: generates, continued: self.continued }
    }
}

impl Resumed {
    /// Who keeps the answer of this request.
    pub(crate) fn keeper(
        &mut self,
        responses: &Responses,
        ingress: Ingress,
        principal: &Principal,
        recorder: &Recorder,
    ) -> AnswerKeeper {
        if !self.state.kept {
            return AnswerKeeper::default();
        }
        let (trace, at) = recorder.trace();
        let turn = StoredResponse {
            operator: principal.operator.clone(),
            credential: principal.fingerprint.clone(),
            id: String::new(),
            trace: trace.clone(),
            at,
            thread: self.thread.clone().unwrap_or_else(|| trace.clone()),
            previous: self.state.previous.clone(),
            input: std::mem::take(&mut self.own_input),
            answer: String::new(),
            items: Vec::new(),
        };
        AnswerKeeper::new(responses.clone(), ingress, turn)
    }
}

impl GatewayState {
    /// Looks up what a request goes on from.
    pub(crate) async fn resumed(
        &self,
        ingress: Ingress,
        client: &ClientRequest<'_>,
        call: &GatewayCall,
    ) -> Result<Resumed, Fault> {
        let Some(head) = ingress.state(&client.envelope).map_err(invalid_body)? else {
            return Ok(Resumed::default());
        };
        let StateHead { store, previous, references } = head;
        let config = &call.active.config;
        let kept = config.responses.store && store != Some(false);
        let is_not_kept = !kept && store == Some(true);
        let owner = owner(&call.principal);
        let turns = match &previous {
            Some(id) => self.earlier_turns(&owner, id, config.max_body_bytes).await?,
            None => Vec::new(),
        };
        let named = self.named_items(ingress, &owner, &turns, &references).await?;
        let continued = !turns.is_empty() || !references.is_empty();
        let mut own_input = Json::new();
        let mut body = None;
        if kept || continued {
            let own = ingress.own_input(&client.envelope, |id| named.get(id).cloned());
            own_input = own.map_err(invalid_body)?;
        }
        if continued {
            let shown: Vec<KeptTurn<'_>> = turns.iter().map(|turn| kept_turn(turn)).collect();
            let whole = ingress.continued(&client.envelope, &shown, &own_input).map_err(unsplicable)?;
            if whole.len() as u64 > config.max_body_bytes {
                return Err(too_long());
            }
            body = Some(whole);
        }
        let thread = turns.first().map(|turn| turn.thread.clone());
        let state = ConversationState { kept, previous, continued };
        Ok(Resumed { body, state, is_not_kept, thread, own_input })
    }

    async fn earlier_turns(
        &self,
        owner: &ResponseOwner,
        id: &str,
        most_bytes: u64,
    ) -> Result<Vec<Arc<StoredResponse>>, Fault> {
        match self.responses.conversation(owner, id, most_bytes).await? {
            StoredConversation::Whole(turns) => Ok(turns),
            StoredConversation::Missing(id) => {
                let message = format!("Previous response with id '{}' not found.", shown(&id));
                let fault = Fault::invalid(message).code("previous_response_not_found");
                Err(fault.param("previous_response_id"))
            }
            StoredConversation::TooLong => Err(too_long()),
        }
    }

    /// The items that a request names, by their ids. One turn mostly has several.
    async fn named_items(
        &self,
        ingress: Ingress,
        owner: &ResponseOwner,
        turns: &[Arc<StoredResponse>],
        references: &[String],
    ) -> Result<HashMap<String, Json>, Fault> {
        let mut found = HashMap::new();
        let mut looked_at: Vec<Arc<StoredResponse>> = turns.to_vec();
        for id in references {
            let known = looked_at.iter().rev().find_map(|turn| ingress.answer_item(&turn.answer, id));
            let item = match known {
                Some(item) => Some(item),
                None => self.responses.with_item(owner, id).await?.and_then(|turn| {
                    let item = ingress.answer_item(&turn.answer, id);
                    looked_at.push(turn);
                    item
                }),
            };
            found.extend(item.map(|item| (id.clone(), item)));
        }
        Ok(found)
    }
}

fn kept_turn(turn: &StoredResponse) -> KeptTurn<'_> {
    KeptTurn { id: &turn.id, input: &turn.input, answer: &turn.answer }
}

/// Whose answers a caller goes on from and sees: those of its operator; a key for models alone, its own.
fn owner(principal: &Principal) -> ResponseOwner {
    let sees_all = principal.may(KeyScope::Read) || principal.may(KeyScope::Write);
    ResponseOwner {
        operator: principal.operator.clone(),
        credential: (!sees_all).then(|| principal.fingerprint.clone()),
    }
}

fn shown(id: &str) -> String {
    id.chars().take(SHOWN_CHARS).collect()
}

fn too_long() -> Fault {
    let message = "the conversation is larger than a request may be";
    Fault::new(FaultKind::TooLarge, Origin::Client, message)
        .param("previous_response_id")
        .hint("begin another one, or raise `max_body_bytes`")
}

fn unsplicable(error: SpliceError) -> Fault {
    match error {
        SpliceError::Body(invalid) => invalid_body(invalid),
        SpliceError::NotJson { .. } | SpliceError::NoPlace { .. } => Fault::internal(error.to_string()),
    }
}
