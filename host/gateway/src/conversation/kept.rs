//! What clients ask of kept answers: to see one, what went into it, to delete it.

use brains_core::{Fault, FaultKind, Origin, Principal};
use brains_dialect::canon::Json;
use brains_dialect::ingress::{Ingress, ItemPage, KeptTurn};
use brains_store::StoredConversation;

use super::{kept_turn, owner, shown};
use crate::Gateway;
use crate::request::invalid_body;

/// What is asked of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptAsk {
    Show,
    /// What went into it.
    Inputs(ItemPage),
    Delete,
    /// To end it.
    Cancel,
}

impl Gateway {
    /// Does what is asked of an answer that this caller may see; whose it is else is told to nobody.
    pub async fn kept(
        &self,
        ingress: Ingress,
        principal: &Principal,
        id: &str,
        ask: KeptAsk,
    ) -> Result<Json, Fault> {
        let (owner, responses) = (owner(principal), &self.0.responses);
        let found = responses.find(&owner, id).await?.ok_or_else(|| not_found(id))?;
        match ask {
            KeptAsk::Show => Ok(ingress.kept_answer(&found.answer, found.previous.as_deref())),
            KeptAsk::Inputs(page) => {
                let most_bytes = self.0.live.current().config.max_body_bytes;
                let turns = match responses.conversation(&owner, id, most_bytes).await? {
                    StoredConversation::Whole(turns) => turns,
                    // Of one whose beginning is gone there is this turn.
                    StoredConversation::Missing(_) | StoredConversation::TooLong => vec![found],
                };
                let turns: Vec<KeptTurn<'_>> = turns.iter().map(|turn| kept_turn(turn)).collect();
                ingress.input_page(&turns, &page).map_err(invalid_body)
            }
            // Whatever is kept has ended.
            KeptAsk::Cancel => Err(Fault::invalid("Cannot cancel a synchronous response.")
                .code("response_not_cancellable")
                .hint("to cancel a request that is under way, end its connection")),
            KeptAsk::Delete if responses.delete(&owner, id).await? => Ok(ingress.deleted_answer(id)),
            KeptAsk::Delete => Err(not_found(id)),
        }
    }
}

fn not_found(id: &str) -> Fault {
    let message = format!("Response with id '{}' not found.", shown(id));
    Fault::new(FaultKind::NotFound, Origin::Client, message).code("response_not_found")
}
