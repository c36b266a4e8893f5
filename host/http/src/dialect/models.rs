//! `GET /v1/models` and `/v1/models/{id}`, in the shape of the client's wire. Ids hold slashes, plain or encoded.

pub(super) mod description;
mod page;

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use brains_core::Fault;
use brains_dialect::ingress::{Ingress, ModelListing};
use brains_gateway::ModelEntry;
use http::StatusCode;

use self::page::ModelPage;
use crate::app::{App, Authenticated};
use crate::area::Area;
use crate::refusal::json_text;
use crate::request_context::RequestContext;

/// Codex names its version where it asks for a list in the form of its own.
const CODEX: &str = "client_version=";

/// Every name that a request may carry as `model`.
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(_): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.as_deref().unwrap_or_default();
    let ingress = if query.split('&').any(|it| it.starts_with(CODEX)) {
        Ingress::OpenAiResponses
    } else {
        context.area.ingress()
    };
    let page = if ingress.lists_in_pages() { ModelPage::read(query) } else { Ok(ModelPage::default()) };
    let entries = app.models().list().await;
    let listings: Vec<_> = entries.iter().map(|entry| listing(entry, app.started_seconds())).collect();
    match page.and_then(|page| page.of(&listings)) {
        Ok((page, has_more)) => json_text(StatusCode::OK, ingress.model_page(page, has_more)),
        Err(fault) => Area::Models(ingress).refuse(&fault),
    }
}

/// One of them.
pub(crate) async fn retrieve(
    State(app): State<App>,
    Authenticated(_): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    let ingress = context.area.ingress();
    let Ok(Path(id)) = id else {
        let fault =
            Fault::not_found("model", "a name that is no UTF-8").code("model_not_found").param("model");
        return Area::Models(ingress).refuse(&fault);
    };
    match app.models().find(id.trim_matches('/')).await {
        Ok(entry) => json_text(StatusCode::OK, ingress.model(&listing(&entry, app.started_seconds()))),
        Err(fault) => Area::Models(ingress).refuse(&fault),
    }
}

/// When a model was made is required by strict clients and known to nobody: the start of this process stands in.
fn listing(entry: &ModelEntry, created_s: i64) -> ModelListing<'_> {
    let owner = match entry.kind {
        "model" => entry.provider.as_deref().unwrap_or("brains"),
        _ => "brains",
    };
    ModelListing { id: &entry.id, owner, created_s, context_window: entry.context }
}
