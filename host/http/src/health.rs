//! Whether the process answers, and whether it can serve. Strangers learn no more than that.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::area::Area;
use crate::auth;
use crate::refusal::json_response;
use crate::request_context::RequestContext;

/// The root: clients ask with `HEAD` whether anybody is there before they send what they have a key for.
pub(crate) async fn here() -> StatusCode {
    StatusCode::OK
}

pub(crate) async fn alive(State(app): State<App>) -> Response {
    json_response(StatusCode::OK, &json!({ "status": "ok", "version": app.version() }))
}

/// The status for everyone, the details for a caller with a key. A wrong key is told so: whoever sends one expects
/// the details.
pub(crate) async fn ready(
    State(app): State<App>,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Response {
    let config = context.config();
    let (known, administers) = if auth::carries_credential(request.headers()) {
        match app.principal(request.headers(), config).await {
            Ok(principal) => (true, principal.administers()),
            Err(fault) => return Area::Open.refuse(&fault),
        }
    } else {
        (config.allow_unauthenticated_api, config.allow_unauthenticated_api)
    };
    let readiness = app.process().readiness().await;
    let (status, word) = if readiness.ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    let mut body = json!({ "status": word });
    if let (true, Some(members)) = (known, body.as_object_mut()) {
        members.extend(readiness.details.into_iter().filter(|(name, _)| name != "status"));
        if administers {
            members.extend(readiness.for_administrators);
        }
        let limit = config.max_concurrent_requests;
        members.insert("requests".into(), json!({ "in_flight": app.in_flight().count(), "limit": limit }));
        let budgets = members.entry("budgets").or_insert_with(|| json!({}));
        if let Some(budgets) = budgets.as_object_mut() {
            budgets.extend(app.counters().standings(config));
        }
    }
    json_response(status, &body)
}
