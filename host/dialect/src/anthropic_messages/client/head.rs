//! What a request of this wire says to the host: which model, whether streamed. Counts stand in every answer.

use crate::envelope::Envelope;
use crate::ingress::RequestHead;
use crate::invalid::Invalid;
use crate::json::JsonKind;

/// Reads the head. A conversation without a message is refused here, before anybody is asked about it.
pub(super) fn read(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
    let model = envelope.string("model")?.map(std::borrow::Cow::into_owned);
    let stream = envelope.boolean("stream")?.unwrap_or(false);
    let empty =
        messages(envelope)?.is_none_or(|text| text.trim_start_matches('[').trim_start().starts_with(']'));
    if empty {
        let param = Some("messages".to_owned());
        return Err(Invalid::value("`messages` must hold at least one message", param));
    }
    Ok(RequestHead { model, stream, include_usage: true })
}

/// The `messages` array as it stands in the text.
pub(super) fn messages<'a>(envelope: &Envelope<'a>) -> Result<Option<&'a str>, Invalid> {
    let Some(node) = envelope.node("messages")? else { return Ok(None) };
    if node.kind()? == JsonKind::Array { Ok(Some(node.text())) } else { Err(node.expected("an array")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read() {
        let read = |body: &str| read(&Envelope::scan(body.as_bytes()).unwrap()).unwrap();
        let head = |model: Option<&str>, stream| RequestHead {
            model: model.map(str::to_owned),
            stream,
            include_usage: true,
        };
        assert_eq!(read(r#"{"messages":[1],"x_new":1}"#), head(None, false));
        assert_eq!(read(r#"{"model":"a","messages":[1],"stream":true}"#), head(Some("a"), true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, message) in [
            (r#"{"model":5}"#, "`model`: expected a string, found a number"),
            (r#"{"stream":"yes"}"#, "`stream`: expected a boolean, found a string"),
            (r#"{"messages":{}}"#, "`messages`: expected an array, found an object"),
            ("{}", "`messages` must hold at least one message"),
            (r#"{"messages":[ ]}"#, "`messages` must hold at least one message"),
        ] {
            let invalid = read(&Envelope::scan(body.as_bytes()).unwrap()).unwrap_err();
            assert_eq!(invalid.message, message, "{body}");
            assert!(invalid.param.is_some(), "{body}");
        }
    }
}
