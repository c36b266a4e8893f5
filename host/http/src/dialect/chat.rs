//! `POST /v1/chat/completions`: the request to the gateway, its outcome to the client. What is told of the routing travels in
//! headers only, so the body stays the wire's own.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use brains_core::{Fault, FaultKind};
use brains_dialect::canon::exchange::Field;
use brains_dialect::ingress::Ingress;
use brains_gateway::{GatewayCall, Outcome, Reply, RoutingHeaders};
use futures_util::StreamExt as _;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_encode_byte;

use crate::app::{App, Authenticated};
use crate::area::Area;
use crate::consumers::RequestConsumers;
use crate::counters::Carries;
use crate::guarded_body::GuardedBody;
use crate::request_context::RequestContext;

/// A routing header is cut here: some clients give up on long ones.
const ROUTING_BYTES: usize = 1024;
/// How much of a `user-agent` is kept.
const CLIENT_CHARS: usize = 200;

/// Answers a chat completion, whole or as a stream.
pub(crate) async fn completions(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let consumers = parts.extensions.get::<RequestConsumers>();
    let read = async {
        let whole = app.read(&context, &parts, body, Carries::Chat).await?;
        // A place is for what is under way upstream: a body that dawdles keeps nobody from one.
        let config = &context.config;
        let own = consumers.map(|consumers| app.counters().request(consumers, config)).transpose()?;
        let place = app.in_flight().enter(config.max_concurrent_requests)?;
        Ok((whole.bytes, (whole.held, own, place)))
    };
    let (body, held) = match read.await {
        Ok(read) => read,
        Err(fault) => return Area::Models.refuse(&fault),
    };
    let outcome = app
        .models()
        .answer(
            Ingress::OpenAiChat,
            GatewayCall {
                principal,
                request_id: context.id.0.clone(),
                headers: fields(&parts.headers),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                body,
                client: client(&parts.headers),
            },
        )
        .await;
    render(outcome).map(|body| Body::new(GuardedBody::new(body, held)))
}

fn render(Outcome { headers, attempts, result }: Outcome) -> Response {
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
            let mut response = Area::Models.refuse(&fault);
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
        | FaultKind::Unsupported
        | FaultKind::Cancelled
        | FaultKind::Internal => false,
    }
}

fn write_routing(routing: RoutingHeaders, headers: &mut HeaderMap) {
    for (name, value) in routing {
        if let Ok(value) = HeaderValue::try_from(visible(&value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// Visible ASCII and spaces as they are, every other byte percent-encoded.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.trim().bytes() {
        if out.len() + 3 > ROUTING_BYTES {
            break;
        }
        if byte.is_ascii_graphic() || byte == b' ' {
            out.push(char::from(byte));
        } else {
            out.push_str(percent_encode_byte(byte));
        }
    }
    out
}

/// Whether a client's header says something to a provider. Everything else stays here: credentials above all.
fn forwardable(name: &str) -> bool {
    ["anthropic-", "openai-", "x-stainless-", "x-claude-code-"].iter().any(|prefix| name.starts_with(prefix))
        || ["session-id", "thread-id", "originator", "x-client-request-id"].contains(&name)
}

/// Only what says something to a provider; credentials never leave this room.
fn fields(headers: &HeaderMap) -> Vec<Field> {
    headers
        .iter()
        .filter(|(name, _)| forwardable(name.as_str()))
        .filter_map(|(name, value)| {
            Some(Field { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
        })
        .collect()
}

fn client(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?.trim();
    (!agent.is_empty()).then(|| agent.chars().take(CLIENT_CHARS).collect())
}

#[cfg(test)]
mod tests;
