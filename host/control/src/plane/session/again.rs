//! A start or a resumption that is asked for again under its idempotency key. Its answer holds the session's token, so it is
//! repeated only to who shows that the session is its own: two agents may share a key and a way of counting.

use brains_core::Fault;
use brains_core::caller::NativeId;
use brains_core::id::{Id, Session};
use brains_core::plane::session::SessionRecord;
use brains_store::Tx;

use crate::idempotency::{KEY, lapsed};
use crate::session_identity::SessionIdentity;

/// The session, as it is now. `links` are the ids that the request came with.
pub(super) async fn still_own(
    tx: &mut Tx,
    identity: &SessionIdentity,
    links: &[NativeId],
    id: &Id<Session>,
) -> Result<SessionRecord, Fault> {
    let session = tx.session(id).await?.ok_or_else(|| crate::session_identity::unknown_session(id))?;
    let mut own = identity.is(tx, &session).await?;
    for link in links {
        own = own || tx.is_linked(id, &link.kind, &link.value).await?;
    }
    if !own {
        return Err(Fault::conflict("the request was done before, and nothing shows that it was you")
            .code("idempotency_unproven")
            .param(KEY)
            .hint(
                "take a fresh idempotency key; what starts a session is repeated to its MCP connection, to the \
                 native session id that came with it, or with the session's token",
            ));
    }
    if session.lives(tx.now()) {
        return Ok(session);
    }
    Err(lapsed(format!("the session `{id}` is over since")))
}
