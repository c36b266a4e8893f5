//! Every route of the gateway's listener, and what a request passes on its way to one, outermost first. The order is
//! the contract's: names, then key, then limits, then body.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use brains_core::principal::KeyScope;
use brains_core::{Fault, Principal};
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderName, Version};
use tower::ServiceBuilder;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::Level;

use crate::app::App;
use crate::auth::ANONYMOUS;
use crate::dialect::{chat, models};
use crate::refusal::{Area, closing, no_route, panicked, wrong_method};
use crate::request_id::RequestId;
use crate::serve::Peer;
use crate::unread::Watched;
use crate::{api, health, limits, origin};

/// The gateway's listener.
pub fn gateway(app: App) -> Router {
    let layers = ServiceBuilder::new()
        // Outermost, so that every answer carries the request's name, refusals and panics included.
        .layer(from_fn_with_state(app.clone(), name_request))
        // Before the span: whatever prints headers prints these as `Sensitive`.
        .layer(SetSensitiveRequestHeadersLayer::new([
            AUTHORIZATION,
            PROXY_AUTHORIZATION,
            COOKIE,
            HeaderName::from_static("x-api-key"),
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
        .layer(from_fn(part_politely))
        // A page on a foreign site must not reach anything below, not even a refusal of the key.
        .layer(from_fn_with_state(app.clone(), check_names))
        // Nobody without a key learns what there is, or makes us read a body.
        .layer(from_fn_with_state(app.clone(), check_key))
        // Known callers only are counted; one over the limit does not get its body read.
        .layer(from_fn_with_state(app.clone(), check_limits));

    Router::new()
        .route("/health", get(health::alive))
        .route("/health/ready", get(health::ready))
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/chat/completions/", post(chat::completions))
        .route("/v1/models", get(models::list))
        .route("/v1/models/", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
        .route("/api/openapi.json", get(api::document))
        .route("/api/ops/{name}", post(api::run))
        .fallback(missing)
        .method_not_allowed_fallback(not_allowed)
        .layer(layers)
        .with_state(app)
}

async fn missing(request: Request) -> Response {
    let path = request.uri().path();
    Area::of(path).refuse(&no_route(path))
}

async fn not_allowed(request: Request) -> Response {
    Area::of(request.uri().path()).refuse(&wrong_method())
}

async fn name_request(State(app): State<App>, mut request: Request, next: Next) -> Response {
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
async fn part_politely(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().cloned();
    let http1 = request.version() <= Version::HTTP_11;
    let (parts, body) = request.into_parts();
    let (body, unread) = Watched::wrap(body);
    let response = next.run(Request::from_parts(parts, body)).await;
    if http1 && unread.left_over() {
        if let Some(peer) = peer {
            peer.linger();
        }
        return closing(response);
    }
    response
}

async fn check_names(State(app): State<App>, request: Request, next: Next) -> Response {
    let config = app.site().config();
    let local = request.extensions().get::<Peer>().map(Peer::local);
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
        Area::Models | Area::Operations | Area::Open => Ok(principal),
    });
    match checked {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(fault) => area.refuse(&fault),
    }
}

async fn check_limits(State(app): State<App>, request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    if area != Area::Models {
        return next.run(request).await;
    }
    let config = app.site().config();
    // First, so that a request that is turned away for others' sake does not count against its own key.
    let inside = match app.house().enter(config.max_concurrent_requests) {
        Ok(inside) => inside,
        Err(fault) => return area.refuse(&fault),
    };
    let caller =
        request.extensions().get::<Principal>().filter(|principal| principal.fingerprint != ANONYMOUS);
    let Some(caller) = caller else { return next.run(request).await.map(|body| inside.with(body)) };
    let admission = app.limits().admit(&caller.fingerprint, config.rate_limit_per_minute);
    let mut response =
        if admission.allowed { next.run(request).await } else { area.refuse(&limits::refusal(admission)) };
    limits::write(admission, app.ambient().now(), response.headers_mut());
    response.map(|body| inside.with(body))
}

#[cfg(test)]
mod tests;
