//! What a request passes before its handler, in the contract's order: names, then key, then limits, then body. Each step
//! is asked of the area that the request is for.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use brains_core::{Fault, Principal};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::app::App;
use crate::area::{CredentialKind, RateLimits};
use crate::auth::ANONYMOUS;
use crate::body::WholeBody;
use crate::counters::{Carries, TOO_MANY_CONNECTIONS};
use crate::guarded_body::GuardedBody;
use crate::limits::{self, InFlightPermit};
use crate::origin;
use crate::refusal::closing;
use crate::request_context::RequestContext;
use crate::serve::ClientConnection;

/// Lets in requests to names of this listener, from pages that may call it: one on a foreign site must not reach anything
/// below, not even a refusal of the key.
pub(crate) async fn check_names(
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
    next: Next,
) -> Response {
    match check_host_and_origin(&context, &request) {
        Ok(()) => next.run(request).await,
        Err(fault) => context.area.refuse(&fault),
    }
}

/// Lets a request in to its handler, or says why not.
pub(crate) async fn admit(
    State(app): State<App>,
    Extension(context): Extension<Arc<RequestContext>>,
    mut request: Request,
    next: Next,
) -> Response {
    let area = context.area;
    // Nobody without a key learns what there is, or makes us read a body.
    match area.policy().credential {
        CredentialKind::None => return next.run(request).await,
        CredentialKind::ApiKey => match check_key(&app, &context, &mut request).await {
            Ok(()) => {}
            Err(fault) if fault.code == TOO_MANY_CONNECTIONS => return closing(area.refuse(&fault)),
            Err(fault) => return area.refuse(&fault),
        },
    }
    // Known callers only are counted; one over the limit does not get its body read.
    check_limits(&app, &context, request, next).await
}

fn check_host_and_origin(context: &RequestContext, request: &Request) -> Result<(), Fault> {
    let config = context.config();
    let local = request.extensions().get::<ClientConnection>().map(ClientConnection::local);
    let host = origin::check_host(request.headers(), request.uri(), local, &config.allowed_hosts)?;
    origin::check_origin(request.headers(), &host, &config.allowed_origins)
}

/// Puts the principal of the request's key beside it, and who its budgets are counted for.
async fn check_key(app: &App, context: &RequestContext, request: &mut Request) -> Result<(), Fault> {
    let principal = app.principal(request.headers(), context.config()).await?;
    context.area.policy().check_scopes(&principal)?;
    // Who needs no key is nobody in particular.
    if principal.fingerprint != ANONYMOUS {
        let connection = request.extensions().get::<ClientConnection>();
        let consumers = match connection {
            Some(connection) => app.counters().claim(connection.seat(), &principal, context.config())?,
            None => app.counters().consumers_of(&principal),
        };
        request.extensions_mut().insert(consumers);
    }
    request.extensions_mut().insert(principal);
    Ok(())
}

async fn check_limits(app: &App, context: &RequestContext, request: Request, next: Next) -> Response {
    let area = context.area;
    let policy = area.policy();
    if policy.rate == RateLimits::None {
        return next.run(request).await;
    }
    // First, so that a request that is turned away for others' sake does not count against its own key.
    let permit = match take_place(app, context, &request) {
        Ok(permit) => permit,
        Err(fault) => return area.refuse(&fault),
    };
    let leave_with = |response: Response| match permit {
        Some(permit) => response.map(|body| Body::new(GuardedBody::new(body, permit))),
        None => response,
    };
    let caller =
        request.extensions().get::<Principal>().filter(|principal| principal.fingerprint != ANONYMOUS);
    let Some(caller) = caller else { return leave_with(next.run(request).await) };
    if policy.rate == RateLimits::RequestsAndOperations
        && let Err(fault) = app.counters().operation(caller, false, context.config())
    {
        return area.refuse(&fault);
    }
    let admission = app.limits().admit(&caller.fingerprint, context.config().rate_limit_per_minute);
    let mut response =
        if admission.allowed { next.run(request).await } else { area.refuse(&limits::refusal(admission)) };
    limits::write(admission, app.ambient().now(), response.headers_mut());
    leave_with(response)
}

/// A request with a body takes its place once the body is there; before that is only looked whether there is one.
fn take_place(
    app: &App,
    context: &RequestContext,
    request: &Request,
) -> Result<Option<InFlightPermit>, Fault> {
    let limit = context.config().max_concurrent_requests;
    match (context.area.policy().takes_place, request.body().is_end_stream()) {
        (false, _) => Ok(None),
        (true, true) => app.in_flight().enter(limit).map(Some),
        (true, false) => app.in_flight().check(limit).map(|()| None),
    }
}

/// Reads the body whole and unpacked, for a handler that is of another crate.
pub(crate) async fn read_whole(
    State((app, carries)): State<(App, Carries)>,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
    next: Next,
) -> Response {
    // Nothing that is read without a body has one, and a stream of events lasts.
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let read = app.read(&context, &parts, body, carries).await;
    let limit = context.config().budgets.json_nodes;
    match read.and_then(|whole| app.counters().check_tree(&whole.bytes, limit).map(|()| whole)) {
        Ok(WholeBody { bytes, held }) => {
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
            let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
            response.map(|body| Body::new(GuardedBody::new(body, held)))
        }
        Err(fault) => context.area.refuse(&fault),
    }
}
