//! Bodies as text, and what is wrong with one.

use brains_dialect::canon::exchange::{Payload, Response};
use brains_dialect::canon::{Fault, FaultKind};
use serde_json::Value;

/// Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn text(body: Payload) -> String {
    match body {
        Payload::Text(text) => text,
        Payload::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The array `member` of a list of models.
pub(crate) fn listed(response: Response, member: &str) -> Result<(Value, Vec<Value>), Fault> {
    let mut body: Value = serde_json::from_str(&text(response.body)).map_err(|_| protocol("is no JSON"))?;
    let list = body.get_mut(member).map(Value::take);
    let Some(Value::Array(list)) = list else { return Err(protocol(&format!("has no `{member}`"))) };
    Ok((body, list))
}

fn protocol(what: &str) -> Fault {
    Fault {
        kind: FaultKind::Protocol,
        message: format!("the upstream's list of models {what}"),
        code: None,
        retry_after_ms: None,
        failover: true,
    }
}
