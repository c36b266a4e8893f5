//! The line about waiting mail that surfaces put beside other results.

use std::sync::Arc;

use brains_core::id::{Id, Session};
use brains_core::plane::mail::{COUNTED_MAX, notice};
use brains_core::{Caller, Fault, Principal};
use serde_json::Value;

use crate::context::ControlPlane;
use crate::request_options::with_token;
use crate::session_identity::{FoundSession, SessionIdentity};

/// Who made a call, as far as it says so: kept before the call takes its input away.
#[derive(Debug, Clone)]
pub(crate) struct Addressee(SessionIdentity, Arc<FoundSession>);

impl Addressee {
    /// None when nothing about the call names a session.
    pub(crate) fn of(
        input: &Value,
        principal: &Principal,
        caller: &Caller,
        found: &Arc<FoundSession>,
    ) -> Option<Self> {
        let named = input.get("session").and_then(Value::as_str).and_then(Id::<Session>::parse);
        let caller = with_token(input, caller);
        let nobody = named.is_none()
            && principal.key.is_none()
            && caller.token.is_none()
            && caller.connection.is_none()
            && caller.native.is_empty();
        let identity = || SessionIdentity::of(principal, &caller, named, Arc::clone(found));
        (!nobody).then(|| Self(identity(), Arc::clone(found)))
    }
}

impl ControlPlane {
    /// A line such as `2 unread messages: read_messages shows them`, for the session behind a call; none without unread
    /// mail or without a session. Nothing of the mail is in it.
    pub(crate) async fn mail_notice(&self, addressee: &Addressee) -> Option<String> {
        match self.unread(addressee).await {
            Ok(unread) => notice(unread),
            Err(fault) => {
                tracing::debug!(error = %fault, "unread mail could not be counted");
                None
            }
        }
    }

    async fn unread(&self, Addressee(identity, found): &Addressee) -> Result<u32, Fault> {
        let now = self.ambient.now();
        let mut view = self.store.read().await?;
        let session = match found.acted_as(now).filter(|session| session.lives(now)) {
            Some(session) => Some(session),
            None => identity.find(&mut view, now).await?,
        };
        match session {
            Some(session) => Ok(view.unread(&session.id, now, COUNTED_MAX + 1).await?),
            None => Ok(0),
        }
    }
}
