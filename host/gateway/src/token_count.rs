//! How many tokens a request would have: as the provider of its model counts them where that can be asked, else as they are
//! counted here. It is no generation: nothing is recorded, and nobody is tried twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::ingress::Ingress;
use brains_runtime::Instance;

use crate::beside::BesideCall;
use crate::compose::Composed;
use crate::exchange::{self, component_fault};
use crate::plan::RankedCandidate;
use crate::reply::Reply;
use crate::request::{ClientRequest, GatewayCall};
use crate::routing_headers::RoutingHeaders;
use crate::{GatewayState, JSON, Outcome};

/// Marks a count that is ours.
const MARK: &str = "x-brains-token-count";
/// Four bytes to a token, each picture as one of usual size ([decision 25](../../../docs/decisions/0025-tokens-are-counted-by-bytes.md)).
const TOKENIZER: &str = "bytes-4";
/// How long a client waits for a count: it is asked for before every turn.
const WAIT: Duration = Duration::from_secs(10);
/// A count has one number in it.
const ANSWER_BYTES: usize = 64 << 10;

impl GatewayState {
    pub(crate) async fn answer_count(&self, ingress: Ingress, call: &GatewayCall) -> Outcome {
        let mut headers = RoutingHeaders::new();
        let counted = self.count(ingress, call, &mut headers).await;
        let result =
            counted.map(|tokens| Reply::Whole { content_type: JSON, body: ingress.count(tokens).into() });
        Outcome { headers, attempts: 0, result }
    }

    async fn count(
        &self,
        ingress: Ingress,
        call: &GatewayCall,
        headers: &mut RoutingHeaders,
    ) -> Result<u64, Fault> {
        let snapshot = &*call.active;
        let client = ClientRequest::read(ingress, &call.body)?;
        let resumed = self.resumed(ingress, &client, call).await?;
        let client = match &resumed.body {
            Some(body) => ClientRequest::read(ingress, body.as_bytes())?,
            None => client,
        };
        let client = client.told_by(call.client.clone(), &call.told);
        let plan = self.plan(&client, snapshot, Some(&call.principal)).await?;
        let composed = Composed::new(&client, &snapshot.config).of_conversation(&resumed.state, false);
        if let Some(candidate) = plan.attempts.first()
            && let Some(instance) = snapshot.provider(&candidate.provider)
        {
            headers.push(("x-brains-provider", candidate.provider.clone()));
            headers.push(("x-brains-model", candidate.model.clone()));
            match self.asked(&composed, instance, candidate, call).await {
                Ok(Some(tokens)) => return Ok(tokens),
                // What is wrong with the request is wrong with it when it is sent, too.
                Err(fault) if fault.kind == FaultKind::Invalid => return Err(fault),
                Err(fault) => {
                    tracing::info!(provider = candidate.provider, cause = %fault, "tokens are counted here");
                }
                Ok(None) => {}
            }
        }
        headers.push((MARK, format!("estimated; tokenizer={TOKENIZER}")));
        let preamble = composed.preamble_bytes() / 4;
        Ok(u64::from(client.features()?.approx_input_tokens).saturating_add(preamble as u64))
    }

    /// What the candidate's provider counts; none when it cannot be asked.
    async fn asked(
        &self,
        composed: &Composed<'_>,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        call: &GatewayCall,
    ) -> Result<Option<u64>, Fault> {
        let ingress = composed.ingress;
        let Some(surface) = ingress.count_surface() else { return Ok(None) };
        let deadline = Instant::now() + WAIT;
        let asked = BesideCall { ingress, surface, instance, model: &candidate.model, call, deadline };
        if !asked.is_offered() {
            return Ok(None);
        }
        let policy = call.active.config.provider_policy(instance.name(), instance.aliases());
        // Dropped as it is, for a count says nothing about who generates.
        let Ok(_permit) = self.upstreams.states.enter(instance, &candidate.model, &policy) else {
            return Ok(None);
        };
        let counted = async {
            let body = |edits: &[_]| composed.spliced(edits, &[]).map(|spliced| spliced.body);
            let now = self.upstreams.ambient.now();
            let Some(upstream) = asked.answered(&self.upstreams.sender, now, body).await? else {
                return Ok(None);
            };
            let body = upstream.read_all(ANSWER_BYTES).await.map_err(|error| error.to_fault())?;
            ingress.counted(&String::from_utf8_lossy(&body)).map(Some).map_err(component_fault)
        };
        match tokio::time::timeout_at(deadline, counted).await {
            Ok(counted) => counted.map_err(|fault| exchange::redact_message(fault, instance)),
            Err(_) => {
                Err(Fault::new(FaultKind::Timeout, Origin::Upstream, "the upstream took too long to count"))
            }
        }
    }
}
