//! One flow of signing in, from its start to its end, in a guest of its own. Whoever drives it performs what it asks for.

use std::sync::Arc;

use brains_dialect::canon::auth::{SignInInput, SignInStep};

use crate::bindings::exported as exports;
use crate::guest::Guest;
use crate::{CallFault, Instance, bounds};

const NEXT: &str = "auth.flow.next";

/// A flow under way.
#[derive(Debug)]
pub struct SignIn {
    /// Gone for good when a call failed.
    guest: Option<Guest>,
    instance: Arc<Instance>,
}

impl SignIn {
    pub(crate) const fn new(guest: Guest, instance: Arc<Instance>) -> Self {
        Self { guest: Some(guest), instance }
    }

    /// What it wants next.
    pub async fn next(&mut self, input: SignInInput) -> Result<SignInStep, CallFault> {
        let context = self.instance.context();
        let Some(guest) = self.guest.take() else { return Err(context.killed(NEXT)) };
        let size = match &input {
            SignInInput::Response(response) => bounds::body(&response.body, &self.instance.spec().limits)?,
            SignInInput::Start(_) | SignInInput::Woke => 0,
        };
        let input: exports::auth::Input = input.into();
        let work = move |guest: &mut Guest, ticker: &crate::engine::Ticker| {
            guest.call(NEXT, ticker, size, |store, exports, held| {
                let Some(auth) = exports.auth(store)? else { return Ok(None) };
                let flow = match *held {
                    Some(flow) => flow,
                    None => *held.insert(auth.flow().call_constructor(&mut *store, None)?),
                };
                auth.flow().call_next(store, flow, &input).map(Some)
            })
        };
        let (guest, said) = self.instance.run_call(NEXT, guest, work).await;
        self.guest = guest;
        let said = said?.ok_or_else(|| CallFault::Missing { by: context.culprit(NEXT) })?;
        let step: SignInStep = said.map(Into::into).map_err(|fault| context.refusal(fault.into()))?;
        bounds::sign_in(&step)
            .map_err(|what| context.unusable(NEXT, &what))
            .inspect_err(|fault| self.instance.blame(fault))?;
        Ok(step)
    }
}
