//! One exchange with an upstream, as a component described it: sent, read with deadlines, and its failure
//! told by the component.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::Fault;
use brains_dialect::canon;
use brains_dialect::canon::exchange::{Field, Head, Request, Response};
use brains_egress::{Call, Egress, Grant, Upstream};
use brains_runtime::{CallFault, Exchange, Instance, Origin};

use crate::catalogue::payload;

/// An error body larger than this is no message.
const ERROR_BYTES: usize = 256 << 10;

/// Sends `request` with `body` in place of its own when it has none.
pub(crate) async fn send(
    egress: &Egress,
    instance: &Arc<Instance>,
    request: Request,
    body: Bytes,
    deadline: Instant,
) -> Result<Upstream, Fault> {
    let grants: Vec<Grant> = instance.grants().iter().filter_map(grant).collect();
    let secrets = |name: &str| instance.secret(name).cloned();
    let call = Call {
        request,
        body,
        grants: &grants,
        secrets: &secrets,
        silence: Duration::from_millis(instance.timeout_ms()),
        deadline,
    };
    egress.send(call).await.map_err(|error| error.to_fault())
}

/// What is no origin grants nothing.
fn grant(origin: &Origin) -> Option<Grant> {
    if origin.operator { Grant::operator(&origin.url).ok() } else { Grant::public(&origin.url).ok() }
}

/// What the component makes of a status that is no success.
pub(crate) async fn refusal(component: &mut Exchange, upstream: Upstream) -> Fault {
    let (status, headers) = (upstream.status(), upstream.fields());
    let body = upstream.read_all(ERROR_BYTES).await.unwrap_or_default();
    decode_error(component, status, headers, &body).await
}

pub(crate) async fn decode_error(
    component: &mut Exchange,
    status: u16,
    headers: Vec<Field>,
    body: &Bytes,
) -> Fault {
    let response = Response { head: Head { status, headers }, body: payload(body) };
    let mut fault = match component.decode_error(response).await {
        Ok(fault) => refused(fault),
        Err(fault) => fault.to_fault(),
    };
    fault.upstream_status = Some(status);
    fault
}

/// A component's or a wire's fault in the host's terms.
pub(crate) fn refused(fault: canon::Fault) -> Fault {
    CallFault::Refused(fault).to_fault()
}
