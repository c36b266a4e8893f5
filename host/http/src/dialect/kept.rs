//! Answers that clients come back to by their id: `GET` and `DELETE` of one, what went into it, and to cancel it.

mod page;

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use brains_core::{Fault, Principal};
use brains_gateway::KeptAsk;
use http::StatusCode;

use crate::app::{App, Authenticated};
use crate::area::Area;
use crate::refusal::json_text;
use crate::request_context::RequestContext;

/// The id in the path.
type Named = Result<Path<String>, PathRejection>;

/// One answer.
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    RawQuery(query): RawQuery,
    id: Named,
) -> Response {
    let ask = page::whole(query.as_deref().unwrap_or_default()).map(|()| KeptAsk::Show);
    answer(&app, &context, &principal, id, ask).await
}

/// What went into it, page by page.
pub(crate) async fn inputs(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    RawQuery(query): RawQuery,
    id: Named,
) -> Response {
    let ask = page::read(query.as_deref().unwrap_or_default()).map(KeptAsk::Inputs);
    answer(&app, &context, &principal, id, ask).await
}

/// Deletes it.
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    id: Named,
) -> Response {
    answer(&app, &context, &principal, id, Ok(KeptAsk::Delete)).await
}

/// Ends it.
pub(crate) async fn cancel(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    id: Named,
) -> Response {
    answer(&app, &context, &principal, id, Ok(KeptAsk::Cancel)).await
}

async fn answer(
    app: &App,
    context: &RequestContext,
    principal: &Principal,
    id: Named,
    ask: Result<KeptAsk, Fault>,
) -> Response {
    let ingress = context.area.ingress();
    let asked = async {
        let Path(id) = id.map_err(|_| Fault::not_found("response", "a name that is no UTF-8"))?;
        app.models().kept(ingress, principal, &id, ask?).await
    };
    match asked.await {
        Ok(body) => json_text(StatusCode::OK, body),
        Err(fault) => Area::Models(ingress).refuse(&fault),
    }
}
