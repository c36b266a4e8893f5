//! Programs' access to the operations: one route for all of them, and the document that describes them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use brains_control::{OperationAnswer, OperationKind};
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

/// The plane by which every limit is set.
const SETTINGS: &str = "config";

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
        let entry = app.operations().admit(&name, &principal, &caller)?;
        app.counters().operation(&principal, entry.noun == SETTINGS, context.config())?;
        let carries = if entry.upload { Carries::Upload } else { Carries::Operation };
        let whole = app.read(&context, &parts, body, carries).await?;
        app.counters().check_tree(&whole.bytes, context.config().budgets.json_nodes)?;
        let input = input(&whole.bytes)?;
        Ok((entry, input, whole.held))
    };
    // The bytes count until the answer is there: the tree of them is what the operation works on.
    let (entry, input, _held) = match read.await {
        Ok(read) => read,
        Err(fault) => return Area::Operations.refuse(&fault),
    };
    let answer = app.operations().call(entry, input, &principal, &caller).await;
    if entry.kind != OperationKind::Read {
        // It may have been a key: the next request is judged by what holds now.
        app.keys().forget();
    }
    let OperationAnswer { outcome, replayed, notice } = answer;
    let mut response = match outcome {
        Ok(value) => json_response(StatusCode::OK, &value),
        Err(fault) => Area::Operations.refuse(&fault),
    };
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(Ok(line)) = notice.as_deref().map(HeaderValue::from_str) {
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
