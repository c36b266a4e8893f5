//! What an upstream sent, as text and as JSON.

use brains_dialect::canon::Fault;
use brains_dialect::canon::exchange::Payload;
use brains_dialect::fault::protocol;
use brains_dialect::invalid::Invalid;
use brains_dialect::json::{Node, Object, check};

/// A body as text. Bytes that are not UTF-8 become U+FFFD.
pub fn text(body: Payload) -> String {
    match body {
        Payload::Text(text) => text,
        Payload::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The JSON object that an upstream sent.
///
/// ```
/// use brains_sdk::wire::{misread, object};
///
/// let mut answer = object(r#"{"id":"a","usage":{"in":3}}"#).unwrap();
/// assert_eq!(answer.string("id").unwrap().as_deref(), Some("a"));
/// let mut usage = answer.required("usage").and_then(|node| node.object()).unwrap();
/// let wrong = usage.string("in").map_err(misread).unwrap_err();
/// assert_eq!(wrong.message, "the upstream's answer is malformed: `usage.in`: expected a string, found a number");
/// assert!(object("<html>").is_err());
/// ```
pub fn object(text: &str) -> Result<Object<'_>, Fault> {
    check(text.trim()).map_err(|_| protocol("the upstream's answer is not JSON"))?;
    Node::root(text).object().map_err(|_| protocol("the upstream's answer is not a JSON object"))
}

/// The fault of an answer that is JSON, but not what the wire promises. It names the member and repeats nothing of it.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub fn misread(wrong: Invalid) -> Fault {
    protocol(&format!("the upstream's answer is malformed: {}", wrong.message))
}
