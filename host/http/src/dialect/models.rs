//! `GET /v1/models` and `/v1/models/{id}` in the shape of the chat wire. Ids hold slashes, plain or encoded.

use axum::extract::{Path, State};
use axum::response::Response;
use brains_gateway::ModelEntry;
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Authenticated};
use crate::area::Area;
use crate::refusal::json_response;

/// Every name that a request may carry as `model`.
pub(crate) async fn list(State(app): State<App>, Authenticated(_): Authenticated) -> Response {
    let data: Vec<Value> =
        app.models().list().await.iter().map(|entry| model(entry, app.started_seconds())).collect();
    json_response(StatusCode::OK, &json!({ "object": "list", "data": data }))
}

/// One of them.
pub(crate) async fn retrieve(
    State(app): State<App>,
    Authenticated(_): Authenticated,
    Path(id): Path<String>,
) -> Response {
    match app.models().find(id.trim_matches('/')).await {
        Ok(entry) => json_response(StatusCode::OK, &model(&entry, app.started_seconds())),
        Err(fault) => Area::Models.refuse(&fault),
    }
}

/// `created` is required by strict clients and known to nobody: the start of this process stands in.
fn model(entry: &ModelEntry, created: i64) -> Value {
    let owner = match entry.kind {
        "model" => entry.provider.as_deref().unwrap_or("brains"),
        _ => "brains",
    };
    json!({ "id": entry.id, "object": "model", "created": created, "owned_by": owner })
}
