//! `POST /v1/chat/completions`.

pub(super) mod description;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use brains_dialect::ingress::Ingress;

use super::answer::answer;
use crate::app::{App, Authenticated};
use crate::request_context::RequestContext;

/// Answers a chat completion, whole or as a stream.
pub(crate) async fn completions(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Response {
    answer(&app, Ingress::OpenAiChat, principal, &context, request).await
}
