//! What clients ask of a provider beside a generation: one exchange with one provider of their own wire, as its component
//! describes it. Nothing is tried twice.

use std::sync::Arc;

use brains_core::{Fault, Millis};
use brains_dialect::canon::relay::{Call, Edit, Lane};
use brains_dialect::ingress::Ingress;
use brains_egress::Upstream;
use brains_runtime::Instance;
use tokio::time::Instant;

use crate::exchange::{self, ExchangeSender};
use crate::request::GatewayCall;

/// One such exchange.
#[derive(Debug)]
pub(crate) struct BesideCall<'a> {
    pub(crate) ingress: Ingress,
    pub(crate) surface: &'static str,
    pub(crate) instance: &'a Arc<Instance>,
    pub(crate) model: &'a str,
    pub(crate) call: &'a GatewayCall,
    pub(crate) deadline: Instant,
}

impl BesideCall<'_> {
    /// Whether the provider's component may be asked.
    pub(crate) fn is_offered(&self) -> bool {
        let dialect = self.ingress.name();
        self.instance.surfaces().iter().any(|it| it.name == self.surface && it.dialect == dialect)
    }

    /// The answer, which is a success; none when the component declines. `body` makes the changes that the component
    /// describes.
    pub(crate) async fn answered(
        &self,
        sender: &ExchangeSender,
        now: Millis,
        body: impl FnOnce(&[Edit]) -> Result<String, Fault>,
    ) -> Result<Option<Upstream>, Fault> {
        let Self { surface, instance, model, call, deadline, .. } = *self;
        let mut component = instance.exchange().await.map_err(|fault| fault.to_fault())?;
        let asked = Call {
            surface: surface.to_owned(),
            model: model.to_owned(),
            stream: false,
            query: call.query.clone(),
            headers: call.headers.clone(),
            ctx: exchange::context(sender, instance, &call.request_id, 1).await?,
        };
        let prepared = component.prepare(asked).await.map_err(|fault| fault.to_fault())?;
        let Lane::Relay(outbound) = prepared else { return Ok(None) };
        let body = body(&outbound.edits)?;
        let upstream = exchange::send(sender, instance, outbound.request, body.into(), deadline).await?;
        if (200..300).contains(&upstream.status()) {
            return Ok(Some(upstream));
        }
        let refused = exchange::Refused::read(upstream).await;
        Err(exchange::refusal(&mut component, instance, refused, now).await)
    }
}
