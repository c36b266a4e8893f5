//! Calls of operations, as every surface makes them: the operation, the lease of the session that it was done as, and
//! the line about mail that stands beside the answer. The session is looked up once for all three.

use std::sync::Arc;

use brains_core::plane::session::SessionRecord;
use brains_core::{Caller, Fault, Id, Principal};
use serde_json::Value;

use crate::context::{ControlPlane, Cx};
use crate::operation::OperationEntry;
use crate::plane::Addressee;
use crate::registry::{Registry, run};
use crate::request_options::with_token;
use crate::session_identity::SessionIdentity;

/// What an operation came to.
#[derive(Debug)]
pub struct OperationAnswer {
    pub outcome: Result<Value, Fault>,
    /// Whether it was done before under the same idempotency key, and this is what was answered then.
    pub replayed: bool,
    /// A line for whoever called, beside what was asked for: that mail waits.
    pub notice: Option<String>,
}

impl ControlPlane {
    /// Every operation there is.
    pub fn registry(&self) -> &'static Registry {
        Registry::shared()
    }

    /// Runs an operation as `principal`, as a plain HTTP call would. Dropping the future midway leaves either
    /// nothing or the whole change.
    pub async fn call(&self, name: &str, input: Value, principal: &Principal) -> Result<Value, Fault> {
        self.call_as(name, input, principal, &Caller::http()).await
    }

    /// Runs an operation as `principal`, under the circumstances of `caller`.
    pub async fn call_as(
        &self,
        name: &str,
        input: Value,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<Value, Fault> {
        let entry = self.registry().admit(name, principal, caller)?;
        let found = Arc::default();
        let ran = perform(entry, input, &Cx::new(self, principal, caller, &found)).await;
        ran.map(|(value, _)| value)
    }

    /// As [`ControlPlane::call_as`], with what stands beside an answer.
    pub async fn answer(
        &self,
        entry: &OperationEntry,
        input: Value,
        principal: &Principal,
        caller: &Caller,
    ) -> OperationAnswer {
        if let Err(fault) = entry.admit(principal, caller) {
            return OperationAnswer { outcome: Err(fault), replayed: false, notice: None };
        }
        let found = Arc::default();
        let addressee = Addressee::of(&input, principal, caller, &found);
        let ran = perform(entry, input, &Cx::new(self, principal, caller, &found)).await;
        let notice = match &addressee {
            Some(addressee) => self.mail_notice(addressee).await,
            None => None,
        };
        match ran {
            Ok((value, replayed)) => OperationAnswer { outcome: Ok(value), replayed, notice },
            Err(fault) => OperationAnswer { outcome: Err(fault), replayed: false, notice },
        }
    }
}

/// Runs an operation whose caller was admitted, and renews the lease.
async fn perform(entry: &OperationEntry, input: Value, cx: &Cx<'_>) -> Result<(Value, bool), Fault> {
    let shown = with_token(&input, cx.caller);
    let ran = run(entry, input, cx).await;
    Cx { caller: &shown, ..*cx }.keep_alive(ran.is_ok()).await;
    ran
}

impl Cx<'_> {
    /// Renews the lease of the session that the call was done as, else of the one that the caller is recognised as: every
    /// call does, whatever it is about. Failing to is no reason to fail the call.
    async fn keep_alive(&self, written: bool) {
        let now = self.now();
        let renewed = match self.found.acted_as(now) {
            // The write did.
            Some(_) if written && self.found.is_renewed() => return,
            Some(session) => self.renew(&session).await,
            None => self.renew_recognised().await,
        };
        if let Err(fault) = renewed {
            tracing::debug!(%fault, "a lease was not renewed by a call");
        }
    }

    /// Looks for the session when it is time to, so that a caller in a hurry costs no look at the database.
    async fn renew_recognised(&self) -> Result<(), Fault> {
        let now = self.now();
        let key = || self.principal.key.as_ref().map(Id::to_string);
        let Some(name) = self.caller.identity().or_else(key) else { return Ok(()) };
        let renewals = &self.control.renewals;
        if !renewals.is_due(&name, now) {
            return Ok(());
        }
        let mut view = self.control.store.look().await?;
        let identity = SessionIdentity::of(self.principal, self.caller, None, Arc::clone(self.found));
        let Some(session) = identity.find(&mut view, now).await? else { return Ok(()) };
        drop(view);
        self.renew(&session).await?;
        renewals.looked(name, now, session.lease_ms);
        Ok(())
    }

    async fn renew(&self, session: &SessionRecord) -> Result<(), Fault> {
        let now = self.now();
        if !session.lives(now) || !session.is_due(now) {
            return Ok(());
        }
        let id = session.id.clone();
        self.control
            .store
            .touch(move |tx| Box::pin(async move { Ok(tx.renew_session(&id, None).await.map(drop)?) }))
            .await
    }
}
