//! A request that a model answers, in whichever wire: to the gateway, and its outcome to the client. What is told of the
//! routing travels in headers only, so the body stays the wire's own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use brains_core::{Fault, FaultKind, Principal};
use brains_dialect::ingress::Ingress;
use brains_gateway::{GatewayCall, Outcome, Reply};
use futures_util::StreamExt as _;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::headers::{client, client_facts, forwarded, write_routing};
use crate::app::App;
use crate::area::Area;
use crate::consumers::RequestConsumers;
use crate::counters::Carries;
use crate::guarded_body::GuardedBody;
use crate::request_context::RequestContext;

/// Answers a request of `ingress`, whole or as a stream: `asked` is what the gateway does with it.
pub(crate) async fn answer<A: Future<Output = Outcome>>(
    app: &App,
    ingress: Ingress,
    principal: Principal,
    context: &RequestContext,
    request: Request,
    asked: impl FnOnce(GatewayCall) -> A,
) -> Response {
    let (parts, body) = request.into_parts();
    let consumers = parts.extensions.get::<RequestConsumers>();
    let read = async {
        let whole = app.read(context, &parts, body, Carries::Chat).await?;
        // A place is for what is under way upstream: a body that dawdles keeps nobody from one.
        let config = context.config();
        let own = consumers.map(|consumers| app.counters().request(consumers, config)).transpose()?;
        let place = app.in_flight().enter(config.max_concurrent_requests)?;
        Ok((whole.bytes, (whole.held, own, place)))
    };
    let (body, held) = match read.await {
        Ok(read) => read,
        Err(fault) => return Area::Models(ingress).refuse(&fault),
    };
    let call = GatewayCall {
        principal,
        active: Arc::clone(&context.active),
        request_id: context.id.0.clone(),
        headers: forwarded(&parts.headers),
        query: brains_dialect::forwarded::query(parts.uri.query().unwrap_or_default()),
        body,
        client: client(&parts.headers),
        told: client_facts(&parts.headers),
    };
    let outcome = asked(call).await;
    render(ingress, outcome).map(|body| Body::new(GuardedBody::new(body, held)))
}

fn render(ingress: Ingress, Outcome { headers, attempts, result }: Outcome) -> Response {
    let mut response = match result {
        Ok(Reply::Whole { content_type, body }) => {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            response
        }
        Ok(Reply::Stream(frames)) => {
            let frames = frames.map(Ok::<_, std::convert::Infallible>);
            let mut response = Response::new(Body::from_stream(frames));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
            // A proxy that collects the stream would hold every token back.
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            response
        }
        Err(fault) => {
            let mut response = Area::Models(ingress).refuse(&fault);
            if attempts > 1 && is_exhausted(&fault) {
                response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
            }
            response
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    write_routing(headers, response.headers_mut());
    response
}

/// Whether an SDK that tries again by itself would do what we have done already. One that is told when to come back
/// may.
fn is_exhausted(fault: &Fault) -> bool {
    match fault.kind {
        FaultKind::Upstream | FaultKind::Plugin | FaultKind::Timeout => true,
        FaultKind::RateLimited | FaultKind::Unavailable => fault.retry_after_ms.is_none(),
        FaultKind::Invalid
        | FaultKind::ContextTooLong
        | FaultKind::Unauthorized
        | FaultKind::Forbidden
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::Conflict
        | FaultKind::TooLarge
        | FaultKind::TooSlow
        | FaultKind::Misdirected
        | FaultKind::UpstreamAuth
        | FaultKind::Moderated
        | FaultKind::Region
        | FaultKind::Billing
        | FaultKind::Quota
        | FaultKind::Unsupported
        | FaultKind::Cancelled
        | FaultKind::Internal => false,
    }
}
