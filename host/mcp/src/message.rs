//! One message of the protocol, read from bytes that may be anything. Whoever sent a request hears of it, whatever is wrong:
//! the id is found in what cannot be read, too. Half a character of UTF-16, which clients send when they cut a text, is
//! read as U+FFFD.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use rmcp::model::{
    CallToolRequestParams, ClientJsonRpcMessage, ClientRequest, CompleteRequestParams, ErrorCode, ErrorData,
    GetPromptRequestParams, InitializeRequestParams, JsonRpcMessage, PaginatedRequestParams,
    ReadResourceRequestParams, SubscribeRequestParams, UnsubscribeRequestParams,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

mod id;

pub(crate) use id::IdFinder;

/// The longest message, in bytes.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// Most values in one message: a tree takes many times the room of its text.
const MOST_VALUES: usize = 100_000;

/// What some bytes are.
#[derive(Debug)]
pub(crate) enum ParsedMessage {
    Message(Box<ClientJsonRpcMessage>),
    /// Several in one, which only early versions of the protocol know.
    Batch(Vec<Value>),
    /// Something that cannot be read; who sent it is told.
    Unreadable(Unreadable),
    /// Nothing that would be answered.
    Nothing,
}

/// Why a message cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The request's id, where it can be found; else null.
    pub(crate) id: Value,
    pub(crate) error: ErrorData,
}

impl Unreadable {
    fn new(id: Option<Value>, code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { id: id.unwrap_or_default(), error: ErrorData::new(code, message, None) }
    }

    /// A message that is too long to be kept.
    pub(crate) fn too_long(id: Option<Value>) -> Self {
        Self::new(
            id,
            ErrorCode::INVALID_REQUEST,
            format!("the message is longer than {MOST_BYTES} bytes; send it in parts"),
        )
    }

    /// Several messages in one where the protocol's version has none.
    pub(crate) fn batch() -> Self {
        Self::new(
            None,
            ErrorCode::INVALID_REQUEST,
            "this version of the protocol has no batches; send one message at a time",
        )
    }

    /// A body that did not arrive.
    pub(crate) fn broken_off() -> Self {
        Self::new(None, ErrorCode::PARSE_ERROR, "the message broke off")
    }

    /// No message at all.
    pub(crate) fn empty() -> Self {
        Self::new(None, ErrorCode::PARSE_ERROR, "the body is empty; send one message as JSON")
    }

    /// A body that does not say what it is in words of HTTP.
    pub(crate) fn media_type() -> Self {
        Self::new(
            None,
            ErrorCode::INVALID_REQUEST,
            "`content-type` is no media type; a message is `application/json`",
        )
    }

    /// The answer as one to a request of HTTP.
    pub(crate) fn response(&self) -> Response {
        (self.status(), Json(self.answer())).into_response()
    }

    /// Its status, where it was a request of its own.
    fn status(&self) -> StatusCode {
        match self.error.code {
            ErrorCode::INVALID_PARAMS => StatusCode::OK,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer to it.
    pub(crate) fn answer(&self) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.id, "error": self.error })
    }
}

/// Reads one message. `bytes` are no more than [`MOST_BYTES`].
pub(crate) fn read(bytes: &[u8]) -> ParsedMessage {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if bytes.is_empty() {
        return ParsedMessage::Nothing;
    }
    match tree(bytes) {
        Ok(Value::Array(items)) => ParsedMessage::Batch(items),
        Ok(value) => of_value(value),
        Err(unreadable) => ParsedMessage::Unreadable(*unreadable),
    }
}

/// The text of a message as it is read: the same, but for halves of characters.
pub(crate) fn mended(bytes: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(bytes).map(without_halves) {
        Ok(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(bytes),
    }
}

fn tree(bytes: &[u8]) -> Result<Value, Box<Unreadable>> {
    let unreadable = |code, message: String| Box::new(Unreadable::new(IdFinder::find(bytes), code, message));
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        unreadable(ErrorCode::PARSE_ERROR, format!("the message is not UTF-8: byte {at}"))
    })?;
    let values = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values > MOST_VALUES {
        let message = format!("the message has more than {MOST_VALUES} values; send it in parts");
        return Err(unreadable(ErrorCode::INVALID_REQUEST, message));
    }
    serde_json::from_str(&without_halves(text)).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        unreadable(ErrorCode::PARSE_ERROR, format!("the message is not JSON: line {line}, column {column}"))
    })
}

/// Reads a message whose tree is there.
pub(crate) fn of_value(value: Value) -> ParsedMessage {
    let invalid = |id: Option<Value>, message: String| {
        ParsedMessage::Unreadable(Unreadable::new(id, ErrorCode::INVALID_REQUEST, message))
    };
    let Value::Object(members) = &value else {
        return invalid(None, "a message is a JSON object".to_owned());
    };
    let sent = members.get("id");
    let id = sent.filter(|id| id.is_string() || id.is_i64() || id.is_u64()).cloned();
    if members.get("jsonrpc") != Some(&Value::from("2.0")) {
        return invalid(id, "`jsonrpc` must be \"2.0\"".to_owned());
    }
    let Some(method) = members.get("method") else {
        if members.contains_key("result") || members.contains_key("error") {
            // An answer to something that we asked; what cannot be read of it is answered by nobody.
            let answer = serde_json::from_value(value);
            return answer.map_or(ParsedMessage::Nothing, |answer| ParsedMessage::Message(Box::new(answer)));
        }
        return invalid(id, "`method` is missing".to_owned());
    };
    let Some(method) = method.as_str().map(str::to_owned) else {
        return invalid(id, "`method` is not a text".to_owned());
    };
    let Some(id) = id else {
        return match sent {
            Some(_) => invalid(None, "`id` must be a text or an integer".to_owned()),
            None => serde_json::from_value(value)
                .map_or(ParsedMessage::Nothing, |message| ParsedMessage::Message(Box::new(message))),
        };
    };
    let params = members.get("params").cloned();
    match serde_json::from_value::<ClientJsonRpcMessage>(value) {
        Ok(message) => match wrong_params(&message, &method, params) {
            Some(error) => ParsedMessage::Unreadable(Unreadable { id, error }),
            None => ParsedMessage::Message(Box::new(message)),
        },
        Err(error) => ParsedMessage::Unreadable(Unreadable {
            id,
            error: ErrorData::invalid_params(format!("`{method}` has wrong parameters: {error}"), None),
        }),
    }
}

/// What is wrong with parameters.
fn check<T: DeserializeOwned>(params: Value) -> Option<String> {
    serde_json::from_value::<T>(params).err().map(|error| error.to_string())
}

/// A request of a method that there is, which was read as one that there is not: its parameters are wrong.
fn wrong_params(message: &ClientJsonRpcMessage, method: &str, params: Option<Value>) -> Option<ErrorData> {
    let JsonRpcMessage::Request(request) = message else { return None };
    if !matches!(request.request, ClientRequest::CustomRequest(_)) {
        return None;
    }
    let why = match (method, params) {
        (
            "initialize"
            | "tools/call"
            | "resources/read"
            | "resources/subscribe"
            | "resources/unsubscribe"
            | "prompts/get"
            | "completion/complete"
            | "logging/setLevel"
            | "subscriptions/listen",
            None,
        ) => Some("`params` is missing".to_owned()),
        ("initialize", Some(params)) => check::<InitializeRequestParams>(params),
        ("tools/call", Some(params)) => check::<CallToolRequestParams>(params),
        ("resources/read", Some(params)) => check::<ReadResourceRequestParams>(params),
        ("resources/subscribe", Some(params)) => check::<SubscribeRequestParams>(params),
        ("resources/unsubscribe", Some(params)) => check::<UnsubscribeRequestParams>(params),
        ("prompts/get", Some(params)) => check::<GetPromptRequestParams>(params),
        ("completion/complete", Some(params)) => check::<CompleteRequestParams>(params),
        ("tools/list" | "resources/list" | "resources/templates/list" | "prompts/list", Some(params)) => {
            check::<PaginatedRequestParams>(params)
        }
        ("ping" | "logging/setLevel" | "subscriptions/listen" | "server/discover", Some(_)) => None,
        _ => return None,
    };
    let why = why.unwrap_or_else(|| "they are not those of the protocol".to_owned());
    Some(ErrorData::invalid_params(format!("`{method}` has wrong parameters: {why}"), None))
}

/// Every escape of half a character as the one of U+FFFD, which is as long.
fn without_halves(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut halves = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        match rest {
            [b'\\', b'u', ..] => match (unit(rest), unit(rest.get(6..).unwrap_or_default())) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
                (Some(0xd800..=0xdfff), _) => {
                    halves.push(at);
                    at += 6;
                }
                _ => at += 2,
            },
            [b'\\', _, ..] => at += 2,
            [] => break,
            _ => at += 1,
        }
    }
    if halves.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut mended = text.to_owned();
    for at in halves {
        mended.replace_range(at..at + 6, "\\ufffd");
    }
    Cow::Owned(mended)
}

/// The code unit of an escape that stands at the beginning.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests;
