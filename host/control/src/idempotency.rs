//! Requests that carry a key: what was answered is kept in the request's own write, under who was proven, and given
//! to nobody else. A repeated request is answered as one, and what it gave is looked at again: what has ended since is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brains_core::Fault;
use brains_store::{IdempotencyClaim, IdempotencyKey, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::session_identity::SessionIdentity;

/// The member that carries the key.
pub(crate) const KEY: &str = "idempotency_key";

/// Whose a request is: the strongest that its call proves.
#[derive(Debug, Clone)]
pub(crate) struct RequestParty {
    /// How it may show that it is a session; none for what makes the caller a session, which would be another party
    /// behind it than before.
    pub(crate) session: Option<SessionIdentity>,
    /// Who it is when it is none: a connection, a native id, a key.
    pub(crate) otherwise: String,
}

/// A request that is to happen once.
#[derive(Debug, Clone)]
pub(crate) struct KeyedRequest {
    operator: String,
    party: RequestParty,
    key: String,
    operation: String,
    digest: String,
    replayed: Arc<AtomicBool>,
}

/// A request inside its write, with its party settled.
#[derive(Debug)]
pub(crate) struct SettledRequest {
    once: KeyedRequest,
    party: String,
}

impl KeyedRequest {
    pub(crate) fn new(
        operator: String,
        party: RequestParty,
        key: String,
        operation: &str,
        digest: String,
    ) -> Self {
        Self { operator, party, key, operation: operation.to_owned(), digest, replayed: Arc::default() }
    }

    /// Whether the answer was one from before.
    pub(crate) fn is_replayed(&self) -> bool {
        self.replayed.load(Ordering::Relaxed)
    }

    /// Finds out whose the request is. Only what is proven counts: a session id that somebody read names nobody.
    pub(crate) async fn settle(self, tx: &mut Tx) -> Result<SettledRequest, Fault> {
        let now = tx.now();
        let session = match &self.party.session {
            Some(identity) => identity.proven(tx, now).await?,
            None => None,
        };
        let party = session.map_or_else(|| self.party.otherwise.clone(), |id| format!("session {id}"));
        Ok(SettledRequest { once: self, party })
    }
}

impl SettledRequest {
    fn under(&self) -> IdempotencyKey<'_> {
        IdempotencyKey { operator: &self.once.operator, party: &self.party, key: &self.once.key }
    }

    /// Begins the request; the answer when it was done before.
    pub(crate) async fn begin<T: DeserializeOwned>(&self, tx: &mut Tx) -> Result<Option<T>, Fault> {
        let begun = tx.begin_once(self.under(), &self.once.operation, &self.once.digest).await?;
        let IdempotencyClaim::Before { operation, digest, answer } = begun else { return Ok(None) };
        if operation != self.once.operation || digest != self.once.digest {
            return Err(Fault::conflict(format!(
                "the idempotency key was used before, for `{operation}` with another input"
            ))
            .code("idempotency_mismatch")
            .param(KEY)
            .hint("take a fresh key for every request; the same key only repeats the very same one"));
        }
        let answer = answer.and_then(|answer| serde_json::from_str(&answer).ok()).ok_or_else(|| {
            Fault::conflict("the request was done before, and its answer cannot be given again")
                .code("idempotency_forgotten")
                .param(KEY)
                .hint("look whether what it did is there; a fresh key does it again")
        })?;
        self.once.replayed.store(true, Ordering::Relaxed);
        Ok(Some(answer))
    }

    /// Keeps the answer, in the same write.
    pub(crate) async fn keep(&self, tx: &mut Tx, answer: &str) -> Result<(), Fault> {
        Ok(tx.keep_answer(self.under(), answer).await?)
    }
}

/// An answer as it is kept.
pub(crate) fn written<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::internal(format!("an answer could not be kept: {error}")))
}

/// The refusal of a repeated request whose answer is true no more.
pub(crate) fn lapsed(what: impl std::fmt::Display) -> Fault {
    Fault::conflict(format!("the request was done before, and {what}"))
        .code("idempotency_lapsed")
        .param(KEY)
        .hint("to ask for it again take a fresh idempotency key")
}
