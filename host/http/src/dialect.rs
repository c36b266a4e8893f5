//! The wires that clients speak, one file each over one way to an answer. What a wire says is `dialect`'s, what a request
//! means the gateway's.

mod answer;
mod chat;
mod headers;
mod models;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// The routes of every wire.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/chat/completions/", post(chat::completions))
        .route("/v1/models", get(models::list))
        .route("/v1/models/", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
}
