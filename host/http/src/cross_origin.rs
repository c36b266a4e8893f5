//! What browsers ask before a page of an allowed origin may call, and must find in the answer (WHATWG Fetch, 3.3 "CORS
//! protocol"). Which origins may was settled before. A browser asks without a key, so it is answered before the key is
//! looked at; nothing else is.

use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::ORIGIN;
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

/// How long a browser keeps what it was answered.
const MAX_AGE: Duration = Duration::from_mins(10);

/// Keys go in headers that the page sets, never in cookies, so every header of an answer may be read.
static RULES: LazyLock<CorsLayer> = LazyLock::new(|| {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::any())
        .allow_private_network(true)
        .max_age(MAX_AGE)
});

/// Answers the question of a browser, and marks the answers to a page. Other clients name no origin.
pub(crate) async fn answer_browsers(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(ORIGIN) {
        return next.run(request).await;
    }
    RULES.layer(next).oneshot(request).await.into_response()
}
