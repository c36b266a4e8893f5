//! What is wrong with a client's body, and where.

use crate::json::Syntax;

/// A body that cannot be served as it is. `message` never repeats the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// `invalid_json` or `invalid_value`.
    pub code: &'static str,
    pub message: String,
    /// Path of the offending member, such as `messages[2].content`.
    pub param: Option<String>,
}

impl Invalid {
    pub fn value(message: impl Into<String>, param: Option<String>) -> Self {
        Self { code: "invalid_value", message: message.into(), param }
    }

    pub(crate) fn syntax(text: &str, wrong: &Syntax) -> Self {
        let before = text.as_bytes().get(..wrong.offset).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
        let message = format!(
            "the body is not valid JSON: {} at line {line} column {column} (byte {})",
            wrong.what, wrong.offset
        );
        Self { code: "invalid_json", message, param: None }
    }

    pub(crate) fn not_utf8(offset: usize) -> Self {
        Self {
            code: "invalid_json",
            message: format!("the body is not valid UTF-8 at byte {offset}"),
            param: None,
        }
    }
}
