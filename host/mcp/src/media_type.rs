//! What a message calls itself.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Whether what the headers say of the body is a media type (RFC 9110, 8.3.1), or nothing at all.
pub(crate) fn is_sound(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all(CONTENT_TYPE).iter();
    match (said.next(), said.next()) {
        (None, _) => true,
        (Some(value), None) => value.to_str().is_ok_and(is_media_type),
        (Some(_), Some(_)) => false,
    }
}

fn is_media_type(text: &str) -> bool {
    let essence = text.split_once(';').map_or(text, |(essence, _)| essence).trim();
    essence.split_once('/').is_some_and(|(kind, name)| is_token(kind) && is_token(name))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn malformed_media_types_are_told_from_others() {
        let sound = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            is_sound(&headers)
        };
        for values in [&[][..], &["application/json"], &["Application/JSON; charset=utf-8"], &["text/plain"]]
        {
            assert!(sound(values), "{values:?}");
        }
        for values in [
            &[""][..],
            &["json"],
            &["application/"],
            &["/json"],
            &["application/json/x"],
            &["application json"],
            &["application/j\u{e4}son"],
            &["application/json", "application/json"],
        ] {
            assert!(!sound(values), "{values:?}");
        }
    }
}
