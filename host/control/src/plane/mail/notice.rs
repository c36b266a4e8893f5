//! The line about waiting mail that surfaces put beside other results.

use brains_core::id::{Id, Session};
use brains_core::plane::mail::{COUNTED_MAX, notice};
use brains_core::{Caller, Fault, Principal, Secret};
use serde_json::Value;

use crate::context::ControlPlane;
use crate::session_identity::SessionIdentity;

/// Who made a call, as far as it says so: kept by a surface before the call takes its input away.
#[derive(Debug, Clone)]
pub struct Addressee(SessionIdentity);

impl Addressee {
    /// None when nothing about the call names a session.
    pub fn of(input: &Value, principal: &Principal, caller: &Caller) -> Option<Self> {
        let member = |name: &str| input.get(name).and_then(Value::as_str);
        let named = member("session").and_then(Id::<Session>::parse);
        let mut caller = caller.clone();
        if let Some(token) = member("session_token") {
            caller.token = Some(Secret::new(token));
        }
        let nobody = named.is_none()
            && caller.token.is_none()
            && caller.connection.is_none()
            && caller.native.is_empty();
        (!nobody).then(|| Self(SessionIdentity::of(principal, &caller, named)))
    }
}

impl ControlPlane {
    /// A line such as `2 unread messages: read_messages shows them`, for the session behind a call; none without unread
    /// mail or without a session. Nothing of the mail is in it.
    pub async fn mail_notice(&self, addressee: &Addressee) -> Option<String> {
        match self.unread(addressee).await {
            Ok(unread) => notice(unread),
            Err(fault) => {
                tracing::debug!(error = %fault, "no mail is told beside this result");
                None
            }
        }
    }

    async fn unread(&self, Addressee(identity): &Addressee) -> Result<u32, Fault> {
        let now = self.ambient.now();
        let mut view = self.store.read().await?;
        match identity.find(&mut view, now).await? {
            Some(session) => Ok(view.unread(&session.id, now, COUNTED_MAX + 1).await?),
            None => Ok(0),
        }
    }
}
