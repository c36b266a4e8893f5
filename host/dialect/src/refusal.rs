//! What an upstream says when it refuses: one reader of error bodies for all wires, whatever shape was chosen, and one
//! [table](table) of what they mean. The text is safe to pass on.

mod said;
mod table;
#[cfg(test)]
mod tests;

use crate::canon::exchange::Field;
use crate::canon::{Fault, FaultKind};
use crate::fault;
use crate::json::{Node, member};
use said::Said;

/// Reads what an upstream answered instead of 2xx.
pub fn answered(status: u16, headers: &[Field], body: &str) -> Fault {
    let said = Said::body(body);
    let kind = table::meaning(Some(status), &said);
    let fault = fault::answered(status, headers, kind, said.message().as_deref());
    complete(fault, said)
}

/// Reads the error of a payload that came with a 2xx or inside a stream.
pub fn inside(error: &Node<'_>) -> Fault {
    let said = Said::node(error);
    let kind = table::meaning(said.status, &said);
    complete(fault::reported(kind, said.message().as_deref()), said)
}

/// What is behind an answer that should have been one and holds none: an error whose body has no member for it.
pub fn in_place_of_an_answer(payload: &Node<'_>, otherwise: &str) -> Fault {
    let said = Said::node(payload);
    if said.message().is_none() {
        return fault::protocol(otherwise);
    }
    inside(payload)
}

/// An answer that says it ended in a failure, with no word about which.
pub fn failed(word: &str) -> Fault {
    let kind = table::meaning(None, &Said::word(word));
    fault::reported(kind, Some(&format!("the upstream's answer ended in a failure (`{word}`)")))
}

/// The text of the error that a payload reports: what its `error` holds, or its `message`. Looks at no other member, so
/// that it may be asked of every frame.
pub fn error_message(payload: &str) -> Option<String> {
    crate::json::check(payload.trim()).ok()?;
    let mut object = Node::root(payload).object().ok()?;
    match object.optional("error").ok()? {
        Some(error) => Said::node(&error).message(),
        None => object.string("message").ok()?,
    }
}

/// The JSON of the error that a payload reports, or the response in it.
pub fn error_part(payload: &str) -> Option<String> {
    let response = member(Some(payload), "response");
    member(Some(payload), "error").or_else(|| member(response.as_deref(), "error"))
}

fn complete(fault: Fault, said: Said) -> Fault {
    let retry_after_ms = fault.retry_after_ms.or(said.retry_after_ms);
    Fault { code: said.code, retry_after_ms, ..fault }
}

/// What the status of an answer says by itself.
pub fn kind_of_status(status: u16) -> FaultKind {
    match status {
        401 | 407 => FaultKind::Unauthorized,
        402 => fault::other(fault::BILLING),
        403 => FaultKind::Forbidden,
        // A wrong path and a model that is gone alike.
        404 | 405 | 410 => FaultKind::NotFound,
        408 | 504 | 522 | 524 | 598 | 599 => FaultKind::Timeout,
        413 => fault::other(fault::TOO_LARGE),
        429 => FaultKind::RateLimited,
        451 => fault::other(fault::REGION),
        // 498: no room at the moment on a tier without a promise.
        498 | 503 | 529 => FaultKind::Overloaded,
        // Below 500 those that pass: somebody else writes, another connection is wanted, it is locked, something behind it
        // failed, it is too early, the client of a proxy left.
        409 | 421 | 423 | 424 | 425 | 499 | 100..=399 | 500..=599 => FaultKind::Upstream,
        _ => FaultKind::InvalidRequest,
    }
}
