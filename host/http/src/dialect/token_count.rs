//! How many tokens a request would have, asked in whichever wire has a path for it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::answer::answer;
use crate::app::{App, Authenticated};
use crate::request_context::RequestContext;

/// Answers with a count.
pub(crate) async fn count(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Response {
    let ingress = context.area.ingress();
    answer(&app, ingress, principal, &context, request, |call| app.models().count(ingress, call)).await
}
