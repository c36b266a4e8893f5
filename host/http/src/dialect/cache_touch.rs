//! Keeping an earlier prompt warm, asked in whichever wire has a path for it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::answer::answer;
use crate::app::{App, Authenticated};
use crate::request_context::RequestContext;

/// Answers as whoever served the earlier request does.
pub(crate) async fn touch(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Response {
    let ingress = context.area.ingress();
    answer(&app, ingress, principal, &context, request, |call| app.models().touch(ingress, call)).await
}
