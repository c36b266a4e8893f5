//! The wires that clients speak, one file each over one way to an answer. What a wire says is `dialect`'s, what a request
//! means the gateway's.

mod answer;
mod cache_touch;
mod chat;
mod embeddings;
mod generation;
mod headers;
mod kept;
mod messages;
mod models;
mod responses;
mod token_count;

use axum::Router;
use axum::routing::{get, post};
use brains_dialect::embeddings::PATH as EMBEDDINGS;
use brains_dialect::ingress::Ingress;

use crate::app::App;
use crate::openapi::Described;

/// What the routes of every wire take and give.
pub(crate) fn describe() -> Described {
    let mut all = Described::default();
    let described = [
        chat::description::describe(),
        responses::description::describe(),
        messages::description::describe(),
        models::description::describe(),
        embeddings::description::describe(),
    ];
    for described in described {
        all.paths.extend(described.paths);
        all.schemas.extend(described.schemas);
    }
    all
}

/// The routes of every wire.
pub(crate) fn routes() -> Router<App> {
    let generated = Ingress::ALL.into_iter().fold(Router::new(), |router, ingress| {
        let path = ingress.path();
        router.route(path, post(generation::generate)).route(&format!("{path}/"), post(generation::generate))
    });
    let kept = Ingress::ALL.into_iter().filter_map(Ingress::kept_path).fold(generated, |router, path| {
        router
            .route(&format!("{path}/{{id}}"), get(kept::show).delete(kept::delete))
            .route(&format!("{path}/{{id}}/input_items"), get(kept::inputs))
            .route(&format!("{path}/{{id}}/cancel"), post(kept::cancel))
    });
    let counted = Ingress::ALL.into_iter().filter_map(Ingress::count_path);
    let counted = counted.fold(kept, |router, path| {
        router.route(path, post(token_count::count)).route(&format!("{path}/"), post(token_count::count))
    });
    let touched = Ingress::ALL.into_iter().filter_map(Ingress::touch_path);
    let touched = touched.fold(counted, |router, path| router.route(path, post(cache_touch::touch)));
    let compacted = Ingress::OpenAiCompaction.path();
    touched
        .route(compacted, post(generation::generate))
        .route(EMBEDDINGS, post(embeddings::embed))
        .route(&format!("{EMBEDDINGS}/"), post(embeddings::embed))
        .route("/v1/models", get(models::list))
        .route("/v1/models/", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
}
