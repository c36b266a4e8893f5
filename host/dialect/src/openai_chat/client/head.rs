//! What a request of this wire says to the host: which model, whether streamed, whether with counts.

use crate::envelope::Envelope;
use crate::ingress::RequestHead;
use crate::invalid::Invalid;
use crate::json::JsonKind;

/// Reads the head. A conversation without a message is refused here, before anybody is asked about it.
pub(super) fn read(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
    let model = envelope.string("model")?.map(std::borrow::Cow::into_owned);
    let stream = envelope.boolean("stream")?.unwrap_or(false);
    let include_usage = include_usage(envelope)?;
    let empty =
        messages(envelope)?.is_none_or(|text| text.trim_start_matches('[').trim_start().starts_with(']'));
    if empty {
        let param = Some("messages".to_owned());
        return Err(Invalid::value("`messages` must hold at least one message", param));
    }
    Ok(RequestHead { model, stream, include_usage })
}

/// Whether `stream_options.include_usage` is set.
fn include_usage(envelope: &Envelope<'_>) -> Result<bool, Invalid> {
    let Some(options) = envelope.node("stream_options")? else { return Ok(false) };
    let usage = options.object()?.optional("include_usage")?;
    usage.map_or(Ok(false), |node| node.boolean())
}

/// The `messages` array as it stands in the text.
pub(super) fn messages<'a>(envelope: &Envelope<'a>) -> Result<Option<&'a str>, Invalid> {
    let Some(node) = envelope.node("messages")? else { return Ok(None) };
    if node.kind()? == JsonKind::Array { Ok(Some(node.text())) } else { Err(node.expected("an array")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn wrong(body: &str, message: &str) {
        let envelope = Envelope::scan(body.as_bytes()).unwrap();
        assert_eq!(read(&envelope).unwrap_err().message, message, "{body}");
    }

    #[test]
    fn a_head_is_read() {
        let read = |body: &str| read(&Envelope::scan(body.as_bytes()).unwrap()).unwrap();
        let head = |model: Option<&str>, stream, include_usage| RequestHead {
            model: model.map(str::to_owned),
            stream,
            include_usage,
        };
        assert_eq!(read(r#"{"messages":[ 1]}"#), head(None, false, false));
        assert_eq!(read(r#"{"mod\u0065l":"a","messages":[1],"stream":null}"#), head(Some("a"), false, false));
        assert_eq!(
            read(r#"{"model":"a","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#),
            head(Some("a"), true, true)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        wrong(r#"{"model":5}"#, "`model`: expected a string, found a number");
        wrong(r#"{"model":"a","model":"b"}"#, "`model` is given twice");
        wrong(r#"{"stream":"yes"}"#, "`stream`: expected a boolean, found a string");
        wrong(r#"{"messages":{}}"#, "`messages`: expected an array, found an object");
        for empty in ["{}", r#"{"messages":null}"#, r#"{"messages":[]}"#, r#"{"messages":[ \n]}"#] {
            wrong(&empty.replace("\\n", "\n"), "`messages` must hold at least one message");
        }
        let usage = r#"{"stream_options":{"include_usage":1}}"#;
        let invalid = read(&Envelope::scan(usage.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(invalid.param.as_deref(), Some("stream_options.include_usage"));
        let twice = r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#;
        assert!(read(&Envelope::scan(twice.as_bytes()).unwrap()).is_err());
    }
}
