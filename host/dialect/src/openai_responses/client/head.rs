//! What a request of this wire says to the host: which model, whether streamed. Counts are always wanted.

use crate::envelope::Envelope;
use crate::ingress::RequestHead;
use crate::invalid::Invalid;
use crate::json::JsonKind;

pub(super) const INPUT: &str = "input";

/// What may stand instead of an input.
const ELSEWHERE: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Reads the head. A request without anything to answer is refused here, before anybody is asked about it.
pub(super) fn read(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
    let model = envelope.string("model")?.map(std::borrow::Cow::into_owned);
    let stream = envelope.boolean("stream")?.unwrap_or(false);
    let empty = match envelope.node(INPUT)? {
        None => true,
        Some(node) => match node.kind()? {
            JsonKind::String => node.text() == "\"\"",
            JsonKind::Array => node.text().trim_start_matches('[').trim_start().starts_with(']'),
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
                return Err(node.expected("a string or an array of items"));
            }
        },
    };
    if empty {
        for name in ELSEWHERE {
            if envelope.node(name)?.is_some() {
                return Ok(RequestHead { model, stream, include_usage: true });
            }
        }
        return Err(Invalid::value("`input` must hold something to answer", Some(INPUT.to_owned())));
    }
    Ok(RequestHead { model, stream, include_usage: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read() {
        let read = |body: &str| read(&Envelope::scan(body.as_bytes()).unwrap());
        let head = |stream| RequestHead { model: Some("a".to_owned()), stream, include_usage: true };
        assert_eq!(read(r#"{"model":"a","input":"hi","stream":true}"#), Ok(head(true)));
        assert_eq!(read(r#"{"model":"a","input":[{}]}"#), Ok(head(false)));
        assert_eq!(read(r#"{"model":"a","previous_response_id":"r"}"#), Ok(head(false)));
        for nothing in
            [r#"{"model":"a"}"#, r#"{"input":""}"#, r#"{"input":[ ]}"#, r#"{"input":null}"#, r#"{"input":5}"#]
        {
            assert_eq!(read(nothing).unwrap_err().param.as_deref(), Some("input"), "{nothing}");
        }
    }
}
