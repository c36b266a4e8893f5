//! An upstream's own error as its client may see it: what is not the client's to know is covered in the texts that hold
//! it, and every other byte stays.

use std::borrow::Cow;
use std::sync::Arc;

use brains_core::SecretSet;
use brains_core::redact::redact;
use brains_runtime::Instance;
use serde_json::Value;

use super::{origin_of, without_path};

/// What no client may see of an instance.
#[derive(Debug)]
pub(crate) struct Private<'i> {
    secrets: Arc<SecretSet>,
    /// Where its upstream is.
    origins: Vec<&'i str>,
}

impl<'i> Private<'i> {
    pub(crate) fn of(instance: &'i Instance) -> Self {
        let origins = instance.grants().iter().map(|grant| origin_of(&grant.url));
        Self { secrets: instance.known(), origins: origins.filter(|origin| !origin.is_empty()).collect() }
    }
}

/// The JSON of an error.
pub(crate) fn covered_error(json: &str, private: &Private<'_>) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let (before, from_quote) = rest.split_at(start);
        let (raw, after) = from_quote.split_at(string_bytes(from_quote));
        out.push_str(before);
        let is_name = after.trim_start().starts_with(':');
        match serde_json::from_str::<String>(raw).ok().filter(|_| !is_name) {
            Some(text) => {
                let covered = covered_text(&text, private);
                let unchanged = covered == text;
                out.push_str(&if unchanged { raw.to_owned() } else { Value::String(covered).to_string() });
            }
            None => out.push_str(raw),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A frame of a stream whose `error` is this text.
pub(crate) fn covered_frame(frame: &str, error: Option<&str>, private: &Private<'_>) -> String {
    // A frame that spreads its data over lines has the error in another form.
    match error.filter(|error| frame.contains(error)) {
        Some(error) => {
            private.secrets.cover(&frame.replacen(error, &covered_error(error, private), 1)).into_owned()
        }
        None => covered_error(frame, private),
    }
}

/// Words as they stand, without what is behind a host, without paths, without credentials.
fn covered_text(text: &str, private: &Private<'_>) -> String {
    let mut text = private.secrets.cover(text);
    for origin in &private.origins {
        if text.contains(origin) {
            text = Cow::Owned(text.replace(origin, "…"));
        }
    }
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let bare = word.trim_end();
        let shown = without_path(bare);
        if shown.len() == bare.len() {
            Cow::Borrowed(word)
        } else {
            Cow::Owned(word.replacen(bare, shown, 1))
        }
    });
    redact(&words.collect::<String>()).into_owned()
}

/// How long the string at the beginning of `json` is, with its quotes.
fn string_bytes(json: &str) -> usize {
    let mut escaped = false;
    let closes = |byte: u8| {
        let closing = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closing
    };
    // The first byte opens it.
    json.bytes().skip(1).position(closes).map_or(json.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brains_core::{Secret, SecretSet};

    use super::{Private, covered_error, covered_frame};

    fn with_private(test: impl FnOnce(&Private<'_>)) {
        let secrets = Arc::new(SecretSet::of(&[Secret::new("azure-7f3a91c2")]));
        test(&Private { secrets, origins: vec!["https://gpu-7.inner.example:8443"] });
    }

    #[track_caller]
    fn check(body: &str, expected: &str) {
        with_private(|private| assert_eq!(covered_error(body, private), expected));
    }

    #[test]
    fn what_has_nothing_private_keeps_every_byte() {
        for body in [
            "{ \"type\" : \"error\",\n\"error\":{\"message\":\"prompt is too long:\\u0020 9 > 8\"}}",
            "{\"error\":{\"message\":\"a \\\"b\\\" \\\\ \",\"param\":\"messages[0].content\",\"code\":null}}",
            "no JSON, and \"half",
        ] {
            check(body, body);
        }
    }

    #[test]
    fn what_is_private_is_covered_where_it_stands() {
        check(
            r#"{ "error": {"message": "POST  /v9/tenants/42 with azure-7f3a91c2,\nsee http://inner.example/v9/x?sig=1 now", "type": "t"} }"#,
            r#"{ "error": {"message": "POST  … with [REDACTED],\nsee http://inner.example now", "type": "t"} }"#,
        );
        check(r#"{"error":"https://gpu-7.inner.example:8443/v1 is down"}"#, r#"{"error":"…/v1 is down"}"#);
    }

    #[test]
    fn a_frame_is_covered_in_its_error_and_keeps_what_the_client_said() {
        let said = r#"{"instructions":"read /srv/a/b","error":{"message":"at /srv/a/b"}}"#;
        let error = r#"{"message":"at /srv/a/b"}"#;
        with_private(|private| {
            assert_eq!(
                covered_frame(&format!("data: {said}\n\n"), Some(error), private),
                "data: {\"instructions\":\"read /srv/a/b\",\"error\":{\"message\":\"at …\"}}\n\n"
            );
        });
    }
}
