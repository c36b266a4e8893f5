//! Keeping warm what an upstream remembers of the prompt of an earlier request: it goes to the provider that served that one,
//! under the id that the request has there. It is no generation: nothing is recorded, and nobody else is asked.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::Ingress;

use crate::beside::BesideCall;
use crate::compose::splice_fault;
use crate::exchange;
use crate::reply::Reply;
use crate::request::{GatewayCall, invalid_body};
use crate::routing_headers::RoutingHeaders;
use crate::served::Served;
use crate::{GatewayState, JSON, Outcome};

/// How long a client waits: it asks again soon.
const WAIT: Duration = Duration::from_secs(10);
/// An answer has little in it.
const ANSWER_BYTES: usize = 64 << 10;

impl GatewayState {
    pub(crate) async fn answer_touch(&self, ingress: Ingress, call: &GatewayCall) -> Outcome {
        let mut headers = RoutingHeaders::new();
        let touched = self.touch(ingress, call, &mut headers).await;
        let result = touched.map(|body| Reply::Whole { content_type: JSON, body });
        Outcome { headers, attempts: 0, result }
    }

    async fn touch(
        &self,
        ingress: Ingress,
        call: &GatewayCall,
        headers: &mut RoutingHeaders,
    ) -> Result<Bytes, Fault> {
        let envelope = Envelope::scan(&call.body).map_err(invalid_body)?;
        let id = ingress.touched(&envelope).map_err(invalid_body)?;
        let now = self.upstreams.ambient.now();
        let Some(served) = self.upstreams.served.find(&call.principal.fingerprint, &id, now) else {
            return Err(unknown(&id));
        };
        let Served { provider, model, upstream_id } = served;
        let (Some(instance), Some(surface)) = (call.active.provider(&provider), ingress.touch_surface())
        else {
            return Err(unknown(&id));
        };
        headers.push(("x-brains-provider", provider));
        headers.push(("x-brains-model", model.clone()));
        let deadline = Instant::now() + WAIT;
        let asked = BesideCall { ingress, surface, instance, model: &model, call, deadline };
        if !asked.is_offered() {
            return Err(unknown(&id));
        }
        let body = |edits: &[_]| {
            let own = [ingress.touching(&upstream_id)];
            let mut splice = envelope.splice();
            let mut apply = |edits| splice.apply(edits, &[]).map_err(splice_fault).map(drop);
            apply(edits)?;
            apply(&own)?;
            Ok(splice.finish())
        };
        let asked = asked.answered(&self.upstreams.sender, now, body);
        let Ok(answered) = tokio::time::timeout_at(deadline, asked).await else {
            let message = "the upstream took too long to answer";
            return Err(Fault::new(FaultKind::Timeout, Origin::Upstream, message));
        };
        let answered = answered.map_err(|fault| exchange::redact_message(fault, instance))?;
        let upstream = answered.ok_or_else(|| unknown(&id))?;
        upstream.read_all(ANSWER_BYTES).await.map_err(|error| error.to_fault())
    }
}

/// The refusal that clients take to mean that this prompt is remembered by nobody any more.
fn unknown(id: &str) -> Fault {
    let shown: String = id.chars().take(128).collect();
    Fault::not_found("request with a prompt that is kept warm", shown)
}
