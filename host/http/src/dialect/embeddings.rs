//! `POST /v1/embeddings`: vectors for texts, in the one shape that clients of embeddings speak.

pub(super) mod description;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::answer::answer;
use crate::app::{App, Authenticated};
use crate::request_context::RequestContext;

/// Answers a request for vectors.
pub(crate) async fn embed(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Response {
    let ingress = context.area.ingress();
    answer(&app, ingress, principal, &context, request, |call| app.models().embed(call)).await
}
