//! A fault on the wire: status, headers and the envelope of the area that was called.

use std::any::Any;
use std::sync::Arc;

use axum::Extension;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use brains_core::fault::HintStyle;
use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::ingress::{ErrorReport, Ingress};
use brains_dialect::openai_chat::client::error::type_word;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, UPGRADE,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Collected, Limited};
use serde_json::json;

use crate::area::Area;
use crate::request_context::RequestContext;
use crate::route_advice;

/// The longest refusal of a library.
const REFUSAL_MAX: usize = 4096;
/// JSON-RPC's code for a server's own reasons.
const REFUSED: i32 = -32_000;

impl Area {
    /// The fault in the area's envelope.
    pub(crate) fn refuse(self, fault: &Fault) -> Response {
        let body = match self {
            Self::Models(ingress) => match upstreams_own(ingress, fault) {
                Some(own) => own.to_owned(),
                None => envelope(ingress, fault),
            },
            // Who is here may be any client.
            Self::Open => envelope(Ingress::OpenAiChat, fault),
            Self::Operations => {
                let mut error = fault.to_wire();
                error.shift_insert(1, "type".into(), type_word(fault.http_status()).into());
                json!({ "error": error }).to_string()
            }
            // An answer to no message in particular: none was read.
            Self::Tools => json!({
                "jsonrpc": "2.0",
                "id": null,
                "error": {
                    "code": REFUSED,
                    "message": fault.message,
                    "data": { "code": fault.code, "param": fault.param, "hint": fault.hint },
                }
            })
            .to_string(),
        };
        let mut response = json_text(status(fault), body);
        let headers = response.headers_mut();
        if let Some(wait_ms) = fault.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1000).max(1)));
            headers.insert("retry-after-ms", HeaderValue::from(wait_ms));
        }
        if repeating_is_useless(fault.kind) {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if fault.kind == FaultKind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if fault.code == "unsupported_encoding" {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
        }
        response
    }
}

/// The upstream's own body, where its status is the one that the client gets, it is in the wire's form, and it has the
/// word for what we know went wrong.
fn upstreams_own(ingress: Ingress, fault: &Fault) -> Option<&str> {
    let body = fault.upstream_body.as_deref()?;
    let code = (fault.kind != FaultKind::Invalid).then_some(&*fault.code);
    (fault.upstream_status == Some(fault.http_status()) && ingress.is_own_error(body, code)).then_some(body)
}

/// The envelope that clients of the wire expect. Wires have no member for a hint, and people read the message only.
fn envelope(ingress: Ingress, fault: &Fault) -> String {
    ingress.error_body(&ErrorReport {
        status: fault.http_status(),
        message: &fault.advice(HintStyle::Parentheses),
        param: fault.param.as_deref(),
        code: Some(&fault.code),
    })
}

/// JSON that nobody keeps.
pub(crate) fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    json_text(status, body.to_string())
}

/// The same, of a text that is JSON.
pub(crate) fn json_text(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(fault: &Fault) -> StatusCode {
    StatusCode::from_u16(fault.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Statuses that clients repeat by themselves although the answer would be the same: SDKs obey this header.
fn repeating_is_useless(kind: FaultKind) -> bool {
    match kind {
        FaultKind::Unauthorized | FaultKind::Conflict | FaultKind::UpstreamAuth | FaultKind::Quota => true,
        FaultKind::Invalid
        | FaultKind::ContextTooLong
        | FaultKind::Forbidden
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::TooLarge
        | FaultKind::TooSlow
        | FaultKind::Misdirected
        | FaultKind::RateLimited
        | FaultKind::Unavailable
        | FaultKind::Timeout
        | FaultKind::Moderated
        | FaultKind::Region
        | FaultKind::Billing
        | FaultKind::Upstream
        | FaultKind::Plugin
        | FaultKind::Unsupported
        | FaultKind::Cancelled
        | FaultKind::Internal => false,
    }
}

/// A panic of a handler as a fault. The message of the panic goes to the log only: it may quote the request.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Fault {
    let message = panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(panic.message = message, "a request handler panicked");
    Fault::internal("the request could not be finished, by a fault of this program")
}

/// Puts what a library refused in words of its own into the envelope of the area; status and headers stay. What comes
/// from a model is nobody's refusal here.
pub(crate) async fn enveloped(
    Extension(context): Extension<Arc<RequestContext>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    let is_text = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/plain");
    let bare = response.headers().get(CONTENT_TYPE).is_none_or(is_text);
    if matches!(context.area, Area::Models(_)) || !refused || !bare {
        return response;
    }
    let (parts, body) = response.into_parts();
    // A refusal is short; what is not is none.
    let said = Limited::new(body, REFUSAL_MAX).collect().await.map(Collected::to_bytes).unwrap_or_default();
    let fault = foreign(parts.status, &String::from_utf8_lossy(&said));
    let mut enveloped = context.area.refuse(&fault);
    *enveloped.status_mut() = parts.status;
    for (name, value) in &parts.headers {
        if ![CONTENT_TYPE, CONTENT_LENGTH].contains(name) {
            enveloped.headers_mut().insert(name.clone(), value.clone());
        }
    }
    enveloped
}

/// A refusal that a library put in words.
fn foreign(status: StatusCode, said: &str) -> Fault {
    if status.is_server_error() {
        tracing::warn!(http.status = status.as_u16(), said, "a request was refused by a library");
        return Fault::internal("the request could not be finished, by a fault of this program");
    }
    let reason = || status.canonical_reason().unwrap_or("the request was refused").to_owned();
    let line = said.lines().next().map(str::trim).filter(|line| !line.is_empty());
    let message = line.map_or_else(reason, str::to_owned);
    let (kind, code) = match status {
        StatusCode::NOT_FOUND => (FaultKind::NotFound, "not_found"),
        StatusCode::METHOD_NOT_ALLOWED => (FaultKind::MethodNotAllowed, "method_not_allowed"),
        StatusCode::PAYLOAD_TOO_LARGE => (FaultKind::TooLarge, "request_too_large"),
        StatusCode::NOT_ACCEPTABLE => (FaultKind::Invalid, "not_acceptable"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (FaultKind::Invalid, "unsupported_media_type"),
        _ => (FaultKind::Invalid, "invalid_request"),
    };
    Fault::new(kind, Origin::Client, message).code(code)
}

/// No route of this path on this listener.
pub(crate) fn no_route(path: &str) -> Fault {
    let shown: String = path.chars().take(128).collect();
    let fault = Fault::not_found("route", shown).code("unknown_route");
    match route_advice::meant(path) {
        Some(route) if route_advice::is_at(&route, path) => {
            fault.hint("another listener has it: `brains status` shows the address of each")
        }
        Some(route) => fault.hint(format!("did you mean {route}?")),
        None => fault,
    }
}

/// The route is there, the method is not; the `Allow` header says which ones are.
pub(crate) fn wrong_method() -> Fault {
    Fault::new(FaultKind::MethodNotAllowed, Origin::Client, "this route does not take that method")
        .hint("the `Allow` header names the methods that it takes")
}

/// Whether a request asks for a WebSocket.
pub(crate) fn asks_for_socket(headers: &HeaderMap) -> bool {
    let wanted = headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    wanted.is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket"))
}

/// Models are spoken to by POST. Clients that would rather have a socket take this status, and no other, as a word that it
/// is never to be had: any other they try several times over, and wait in between.
pub(crate) fn socket_refused(area: Area) -> Response {
    let fault = Fault::new(FaultKind::MethodNotAllowed, Origin::Client, "no WebSocket is to be had here")
        .hint("send the request by POST");
    let mut response = area.refuse(&fault);
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    // What is spoken instead (RFC 9110, 15.5.22).
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response
}

/// Tells an HTTP/1.1 client that the connection ends with this answer.
pub(crate) fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_the_wires_own() {
        let fault = Fault::invalid("`messages` must be a list").param("messages").hint("send a list");
        assert_eq!(
            envelope(Ingress::OpenAiChat, &fault),
            r#"{"error":{"message":"`messages` must be a list (send a list)","type":"invalid_request_error","param":"messages","code":"invalid_value"}}"#
        );
    }
}
