//! Programs' access to the operations: one route for all of them, and the document that describes them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use brains_control::Addressee;
use brains_core::Fault;
use brains_core::caller::wire;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::app::{App, Authenticated};
use crate::area::Area;
use crate::caller_headers;
use crate::counters::Carries;
use crate::refusal::json_response;
use crate::request_context::RequestContext;

/// Tells a session beside any answer that mail waits for it.
const MAIL: HeaderName = HeaderName::from_static(wire::MAIL);
/// Says that the request was done before, and that this is its answer from then.
const REPLAYED: HeaderName = HeaderName::from_static(wire::REPLAYED);

/// Runs an operation. No body means no input. Whether there is such an operation, whether the caller may call it at all
/// and how often is settled before a byte of the body is looked at.
pub(crate) async fn run(
    State(app): State<App>,
    Authenticated(principal): Authenticated,
    Extension(context): Extension<Arc<RequestContext>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let caller = caller_headers::caller(&parts.headers, &principal, app.proof());
    let read = async {
        let admitted = app.operations().admit(&name, &principal, &caller)?;
        app.counters().operation(&principal, admitted.settings, context.config())?;
        let carries = if admitted.upload { Carries::Upload } else { Carries::Operation };
        let whole = app.read(&context, &parts, body, carries).await?;
        app.counters().check_tree(&whole.bytes, context.config().budgets.json_nodes)?;
        let input = input(&whole.bytes)?;
        Ok((input, whole.held))
    };
    // The bytes count until the answer is there: the tree of them is what the operation works on.
    let (input, _held) = match read.await {
        Ok(read) => read,
        Err(fault) => return Area::Operations.refuse(&fault),
    };
    let addressee = Addressee::of(&input, &principal, &caller);
    let answer = app.operations().call(&name, input, &principal, &caller).await;
    if app.operations().changes_state(&name) {
        // It may have been a key: the next request is judged by what holds now.
        app.keys().forget();
    }
    let replayed = answer.as_ref().is_ok_and(|answer| answer.replayed);
    let mut response = match answer {
        Ok(answer) => json_response(StatusCode::OK, &answer.value),
        Err(fault) => Area::Operations.refuse(&fault),
    };
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(addressee) = addressee
        && let Some(line) = app.operations().mail_notice(&addressee).await
        && let Ok(line) = HeaderValue::from_str(&line)
    {
        response.headers_mut().insert(MAIL, line);
    }
    response
}

/// The document that describes every route. It tells what can be done here, so it takes a key.
pub(crate) async fn document(State(app): State<App>, Authenticated(_): Authenticated) -> Response {
    json_response(StatusCode::OK, &app.operations().document())
}

fn input(bytes: &[u8]) -> Result<Value, Fault> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Fault::invalid(format!("the body is not JSON: line {}, column {}", error.line(), error.column()))
            .code("invalid_json")
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Fault::invalid("the body must be a JSON object").code("invalid_json"))
    }
}
