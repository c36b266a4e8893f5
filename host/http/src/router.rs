//! Every route of the gateway's listener, and what a request passes on its way to one, outermost first. The routes of a
//! listener that is not of this crate are let in the same way.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use brains_core::caller::wire;
use brains_dialect::ingress::Ingress;
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, COOKIE, DATE, PROXY_AUTHORIZATION};
use http::{HeaderName, HeaderValue, Version};
use tower::ServiceBuilder;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::Level;

use crate::admission::{admit, check_names, read_whole};
use crate::app::App;
use crate::area::Area;
use crate::body_progress::TrackedBody;
use crate::cross_origin::answer_browsers;
use crate::refusal::{asks_for_socket, closing, enveloped, no_route, panicked, socket_refused, wrong_method};
use crate::request_context::RequestContext;
use crate::serve::ClientConnection;
use crate::{api, dialect, health};

/// The gateway's listener.
pub fn gateway(app: App) -> Router {
    let models = dialect::routes().with_state(app.clone());
    let operations = Router::new()
        .route("/api/openapi.json", get(api::document))
        .route("/api/ops/{name}", post(api::run))
        .with_state(app.clone());
    let routes = prepared(&app, Area::Models(Ingress::OpenAiChat), models)
        .merge(prepared(&app, Area::Operations, operations))
        .route("/", get(health::here));
    listener(app, routes)
}

/// A listener of one area, whose routes may be of another crate: they get requests whose key was checked, with the
/// principal as an extension.
pub fn admitted(app: App, area: Area, routes: Router) -> Router {
    let routes = prepared(&app, area, routes);
    listener(app, routes)
}

/// Puts before the routes of an area what its policy asks for once a request is let in.
fn prepared(app: &App, area: Area, routes: Router) -> Router {
    match area.policy().whole_body {
        Some(carries) => routes.layer(from_fn_with_state((app.clone(), carries), read_whole)),
        None => routes,
    }
}

/// Puts before `routes` what every request passes.
fn listener(app: App, routes: Router) -> Router {
    let layers = ServiceBuilder::new()
        // Outermost, so that every answer carries the request's id, refusals and panics included.
        .layer(from_fn_with_state(app.clone(), assign_request_id))
        // Before the span: whatever prints headers prints these as `Sensitive`.
        .layer(SetSensitiveRequestHeadersLayer::new([
            AUTHORIZATION,
            PROXY_AUTHORIZATION,
            COOKIE,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static(wire::TOKEN),
        ]))
        // Everything below logs under the request's id. A 5xx is logged where it arises, so not again here.
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_failure(DefaultOnFailure::new().level(Level::DEBUG)),
        )
        // A panic costs its own request only, and its caller gets an answer.
        .layer(from_fn(catch_panic))
        // An answer before the body was read ends the connection without cutting the answer off.
        .layer(from_fn(linger_on_close))
        .layer(from_fn(enveloped))
        // Names, then key, then limits: nothing below is reached without them.
        .layer(from_fn(check_names))
        .layer(from_fn(answer_browsers))
        .layer(from_fn_with_state(app.clone(), admit));

    Router::new()
        .route("/health", get(health::alive))
        .route("/health/ready", get(health::ready))
        .with_state(app)
        .merge(routes)
        .fallback(missing)
        .method_not_allowed_fallback(not_allowed)
        .layer(layers)
}

async fn missing(Extension(context): Extension<Arc<RequestContext>>, request: Request) -> Response {
    context.area.refuse(&no_route(request.uri().path()))
}

async fn not_allowed(Extension(context): Extension<Arc<RequestContext>>, request: Request) -> Response {
    if matches!(context.area, Area::Models(_)) && asks_for_socket(request.headers()) {
        return socket_refused(context.area);
    }
    context.area.refuse(&wrong_method())
}

async fn assign_request_id(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let active = app.process().active();
    let context = RequestContext::new(request.uri(), request.headers(), active, app.ambient());
    let context = Arc::new(context);
    request.extensions_mut().insert(Arc::clone(&context));
    let mut response = next.run(request).await;
    context.id.write(response.headers_mut());
    // The server of the protocol would write a clock's time that has no HTTP date, and fall over it.
    if let Ok(date) = HeaderValue::from_str(&app.ambient().now().http_date()) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}

/// The path without its query: people put keys there.
fn span(request: &Request) -> tracing::Span {
    let context = request.extensions().get::<Arc<RequestContext>>();
    tracing::debug_span!(
        "request",
        request.id = context.map_or("", |context| context.id.0.as_str()),
        http.method = %request.method(),
        http.path = request.uri().path(),
    )
}

async fn catch_panic(
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
    next: Next,
) -> Response {
    // The state behind the handlers is shared and guarded by locks that outlive a panic.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => context.area.refuse(&panicked(&*panic)),
    }
}

/// A client may still be sending when the answer is ready. Closing at once would reset the connection under the
/// answer, so the connection is told to linger.
async fn linger_on_close(request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<ClientConnection>().cloned();
    let http1 = request.version() <= Version::HTTP_11;
    let (parts, body) = request.into_parts();
    let (body, progress) = TrackedBody::wrap(body);
    let response = next.run(Request::from_parts(parts, body)).await;
    if http1 && progress.left_over() {
        if let Some(connection) = connection {
            connection.linger();
        }
        return closing(response);
    }
    response
}

#[cfg(test)]
mod tests;
