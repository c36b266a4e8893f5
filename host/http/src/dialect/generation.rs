//! What a model generates, asked for in whichever wire: the path says which.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::answer::answer;
use crate::app::{App, Authenticated};
use crate::request_context::RequestContext;

/// Answers a request for a generation, whole or as a stream.
pub(crate) async fn generate(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Response {
    let ingress = context.area.ingress();
    answer(&app, ingress, principal, &context, request, |call| app.models().answer(ingress, call)).await
}
