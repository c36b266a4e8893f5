//! Every route of the gateway's listener, and what a request passes on its way to one, outermost first. The order is
//! the contract's: names, then key, then limits, then body. A surface that is not of this crate is let in the same way.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use brains_core::caller::wire;
use brains_core::principal::KeyScope;
use brains_core::{Fault, Principal};
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderName, Version};
use tower::ServiceBuilder;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::Level;

use crate::app::App;
use crate::auth::ANONYMOUS;
use crate::body::WholeBody;
use crate::body_progress::TrackedBody;
use crate::consumers::RequestConsumers;
use crate::counters::{Carries, TOO_MANY_CONNECTIONS};
use crate::dialect::{chat, models};
use crate::guarded_body::GuardedBody;
use crate::refusal::{Area, closing, no_route, panicked, wrong_method};
use crate::request_id::RequestId;
use crate::serve::ClientConnection;
use crate::{api, health, limits, origin};

/// The gateway's listener.
pub fn gateway(app: App) -> Router {
    let routes = Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/chat/completions/", post(chat::completions))
        .route("/v1/models", get(models::list))
        .route("/v1/models/", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
        .route("/api/openapi.json", get(api::document))
        .route("/api/ops/{name}", post(api::run))
        .with_state(app.clone());
    admitted(app, routes)
}

/// A listener of agents' tools. `tools` gets requests whose key was checked, with the principal as an extension and
/// the body whole and unpacked.
pub fn tools(app: App, tools: Router) -> Router {
    let tools = tools.layer(from_fn_with_state(app.clone(), read_whole));
    admitted(app, tools)
}

/// Puts before `routes` what every request passes.
fn admitted(app: App, routes: Router) -> Router {
    let layers = ServiceBuilder::new()
        // Outermost, so that every answer carries the request's name, refusals and panics included.
        .layer(from_fn_with_state(app.clone(), assign_request_id))
        // Before the span: whatever prints headers prints these as `Sensitive`.
        .layer(SetSensitiveRequestHeadersLayer::new([
            AUTHORIZATION,
            PROXY_AUTHORIZATION,
            COOKIE,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static(wire::TOKEN),
        ]))
        // Everything below logs under the request's name. A 5xx is logged where it arises, so not again here.
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_failure(DefaultOnFailure::new().level(Level::DEBUG)),
        )
        // A panic costs its own request only, and its caller gets an answer.
        .layer(from_fn(catch_panic))
        // An answer before the body was read ends the connection without cutting the answer off.
        .layer(from_fn(linger_on_close))
        // A page on a foreign site must not reach anything below, not even a refusal of the key.
        .layer(from_fn_with_state(app.clone(), check_host_and_origin))
        // Nobody without a key learns what there is, or makes us read a body.
        .layer(from_fn_with_state(app.clone(), check_key))
        // Known callers only are counted; one over the limit does not get its body read.
        .layer(from_fn_with_state(app.clone(), check_limits));

    Router::new()
        .route("/health", get(health::alive))
        .route("/health/ready", get(health::ready))
        .with_state(app)
        .merge(routes)
        .fallback(missing)
        .method_not_allowed_fallback(not_allowed)
        .layer(layers)
}

async fn missing(request: Request) -> Response {
    let path = request.uri().path();
    Area::of(path).refuse(&no_route(path))
}

async fn not_allowed(request: Request) -> Response {
    Area::of(request.uri().path()).refuse(&wrong_method())
}

async fn assign_request_id(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers(), app.ambient());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    id.write(response.headers_mut());
    response
}

/// The path without its query: people put keys there.
fn span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().map_or("", |id| &id.0);
    tracing::debug_span!("request", request.id = id, http.method = %request.method(), http.path = request.uri().path())
}

async fn catch_panic(request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    // The state behind the handlers is shared and guarded by locks that outlive a panic.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => area.refuse(&panicked(&*panic)),
    }
}

/// A client may still be sending when the answer is ready. Closing at once would reset the connection under the
/// answer, so the connection is told to linger.
async fn linger_on_close(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ClientConnection>().cloned();
    let http1 = request.version() <= Version::HTTP_11;
    let (parts, body) = request.into_parts();
    let (body, unread) = TrackedBody::wrap(body);
    let response = next.run(Request::from_parts(parts, body)).await;
    if http1 && unread.left_over() {
        if let Some(peer) = peer {
            peer.linger();
        }
        return closing(response);
    }
    response
}

async fn check_host_and_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let config = app.site().config();
    let local = request.extensions().get::<ClientConnection>().map(ClientConnection::local);
    let checked = origin::check_host(request.headers(), request.uri(), local, &config.allowed_hosts)
        .and_then(|host| origin::check_origin(request.headers(), &host, &config.allowed_origins));
    match checked {
        Ok(()) => next.run(request).await,
        Err(fault) => Area::of(request.uri().path()).refuse(&fault),
    }
}

async fn check_key(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    if area == Area::Open {
        return next.run(request).await;
    }
    let checked = app.principal(request.headers()).await.and_then(|principal| match area {
        Area::Models if !principal.may(KeyScope::Gateway) => {
            Err(Fault::forbidden("this key may not use models")
                .hint("it takes a key with the scope `gateway`"))
        }
        Area::Tools if !principal.may(KeyScope::Read) && !principal.may(KeyScope::Write) => {
            Err(Fault::forbidden("this key may not use tools")
                .hint("it takes a key with the scope `read` or `write`"))
        }
        Area::Models | Area::Operations | Area::Tools | Area::Open => Ok(principal),
    });
    let known = checked.and_then(|principal| {
        // Who needs no key is nobody in particular.
        if principal.fingerprint != ANONYMOUS {
            let seat = request.extensions().get::<ClientConnection>().map(|peer| Arc::clone(peer.seat()));
            let consumers = match seat {
                Some(seat) => app.counters().claim(&seat, &principal)?,
                None => app.counters().consumers_of(&principal),
            };
            request.extensions_mut().insert(consumers);
        }
        Ok(principal)
    });
    match known {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(fault) if fault.code == TOO_MANY_CONNECTIONS => closing(area.refuse(&fault)),
        Err(fault) => area.refuse(&fault),
    }
}

async fn check_limits(State(app): State<App>, request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    if !matches!(area, Area::Models | Area::Tools) {
        return next.run(request).await;
    }
    let config = app.site().config();
    // First, so that a request that is turned away for others' sake does not count against its own key. Tools wait
    // for people and for each other: they take no place from requests to models. A request with a body takes its place
    // once the body is there.
    let inside = match (area, request.body().is_end_stream()) {
        (Area::Models, true) => app.in_flight().enter(config.max_concurrent_requests).map(Some),
        (Area::Models, false) => app.in_flight().check(config.max_concurrent_requests).map(|()| None),
        _ => Ok(None),
    };
    let inside = match inside {
        Ok(inside) => inside,
        Err(fault) => return area.refuse(&fault),
    };
    let leave_with = |response: Response| match inside {
        Some(inside) => response.map(|body| Body::new(GuardedBody::new(body, inside))),
        None => response,
    };
    let caller =
        request.extensions().get::<Principal>().filter(|principal| principal.fingerprint != ANONYMOUS);
    let Some(caller) = caller else { return leave_with(next.run(request).await) };
    if area == Area::Tools
        && let Err(fault) = app.counters().operation(caller, false)
    {
        return area.refuse(&fault);
    }
    let admission = app.limits().admit(&caller.fingerprint, config.rate_limit_per_minute);
    let mut response =
        if admission.allowed { next.run(request).await } else { area.refuse(&limits::refusal(admission)) };
    limits::write(admission, app.ambient().now(), response.headers_mut());
    leave_with(response)
}

async fn read_whole(State(app): State<App>, request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    // Nothing that is read without a body has one, and a stream of events lasts.
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let consumers = parts.extensions.get::<RequestConsumers>();
    let read = app.read(&parts.headers, body, Carries::Operation, consumers).await;
    match read.and_then(|whole| app.counters().check_tree(&whole.bytes).map(|()| whole)) {
        Ok(WholeBody { bytes, held }) => {
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
            let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
            response.map(|body| Body::new(GuardedBody::new(body, held)))
        }
        Err(fault) => area.refuse(&fault),
    }
}

#[cfg(test)]
mod tests;
