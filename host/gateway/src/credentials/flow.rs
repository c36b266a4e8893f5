//! Drives one flow of signing in: the component says what it wants next, this does it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::{Fault, FaultKind, Millis, Origin, Secret, SecretSet};
use brains_dialect::canon::auth::{SignInInput, SignInPrompt, SignInStep, SignedIn};
use brains_dialect::canon::exchange::{Head, Request, Response};
use brains_egress::{Egress, OutboundCall, Secrets};
use brains_runtime::Instance;
use serde_json::Value;

use super::vault::SignInGrant;
use crate::catalogue::payload;
use crate::exchange::{granted_origins, redact_message};

/// Answers of places that sign in are small.
const ANSWER_BYTES: usize = 1 << 20;
/// More than any flow takes: a person has a quarter of an hour, and is asked about every five seconds.
const STEPS: usize = 2_000;

/// What a flow is driven with.
pub(super) struct FlowRun<'a> {
    pub(super) egress: &'a Egress,
    pub(super) instance: &'a Arc<Instance>,
    pub(super) secrets: &'a dyn Secrets,
    /// Tells a person what to do.
    pub(super) ask: &'a (dyn Fn(&SignInPrompt) + Sync),
    pub(super) within: Duration,
}

impl FlowRun<'_> {
    /// Runs it to its end, for what `start` says.
    pub(super) async fn run(&self, start: &Value) -> Result<SignedIn, Fault> {
        let deadline = Instant::now() + self.within;
        let failed = |fault: Fault| redact_message(fault, self.instance);
        let mut flow = self.instance.sign_in().await.map_err(|fault| fault.to_fault())?;
        let mut input = SignInInput::Start(Some(start.to_string()));
        for _ in 0..STEPS {
            let step = flow.next(input).await.map_err(|fault| failed(fault.to_fault()))?;
            input = match step {
                SignInStep::Fetch(request) => SignInInput::Response(self.fetch(request, deadline).await?),
                SignInStep::SleepMs(wait_ms) => {
                    let until = Instant::now() + Duration::from_millis(wait_ms);
                    if until > deadline {
                        break;
                    }
                    tokio::time::sleep_until(until).await;
                    SignInInput::Woke
                }
                SignInStep::Ask(prompt) => {
                    (self.ask)(&prompt);
                    SignInInput::Woke
                }
                SignInStep::Done(done) => return Ok(done),
            };
        }
        Err(Fault::new(FaultKind::Timeout, Origin::Upstream, "signing in took too long").failover())
    }

    async fn fetch(&self, request: Request, deadline: Instant) -> Result<Response, Fault> {
        let instance = self.instance;
        let grants = granted_origins(instance);
        let call = OutboundCall {
            provider: instance.name(),
            request,
            body: Bytes::new(),
            grants: &grants,
            secrets: self.secrets,
            // What it is given now it must see, also when it is the same again; what was configured it need not.
            known: Arc::new(SecretSet::of(instance.secrets().values())),
            silence: Duration::from_millis(instance.timeout_ms()),
            deadline,
        };
        let upstream = self.egress.send(call).await.map_err(|error| error.to_fault())?;
        let head = Head { status: upstream.status(), headers: upstream.fields() };
        let body = upstream.read_all(ANSWER_BYTES).await.map_err(|error| error.to_fault())?;
        Ok(Response { head, body: payload(&body) })
    }
}

/// What a flow gave, as it is kept.
pub(super) fn grant(done: SignedIn, source: String, now: Millis) -> SignInGrant {
    let moment = |ms: Option<u64>| ms.map(|ms| Millis(i64::try_from(ms).unwrap_or(i64::MAX)));
    SignInGrant {
        credentials: done.credentials.into_iter().map(|(name, text)| (name, Secret::new(text))).collect(),
        // The runtime has checked that it is an object.
        attributes: serde_json::from_str(&done.attributes).unwrap_or_default(),
        at: now,
        expires_at: moment(done.expires_at_ms),
        refresh_at: moment(done.refresh_at_ms),
        source,
    }
}
