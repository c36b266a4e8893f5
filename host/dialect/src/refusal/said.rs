//! What stands in an error body, gathered from every shape that is known: an object with a message, a text, a list of
//! problems with their places, one error inside another, also as text.

use crate::json::{JsonKind, Node, Object, check};

/// Errors inside errors inside errors: no honest body goes deeper.
const DEPTH: u32 = 12;
/// Of a list so many are told.
const ITEMS: usize = 3;

/// Members that hold an error, a part of one, or its text, in the order in which they are told.
const TELLING: [&str; 15] = [
    "error",
    "message",
    "Message",
    "msg",
    "detail",
    "error_message",
    "error_msg",
    "errorMessage",
    "error_description",
    "errors",
    "details",
    "metadata",
    "raw",
    "base_resp",
    "status_msg",
];

/// Members that hold a word for what went wrong, or a status.
const NAMING: [&str; 9] =
    ["code", "type", "status", "reason", "error_code", "error_type", "__type", "status_code", "http_status"];

#[derive(Debug, Default)]
pub(super) struct Said {
    messages: Vec<String>,
    /// Types, codes and names of statuses, in lower case.
    words: Vec<String>,
    /// The first code that is a word, as it was written.
    pub(super) code: Option<String>,
    /// The first number that is an HTTP status of an error.
    pub(super) status: Option<u16>,
    pub(super) retry_after_ms: Option<u64>,
}

impl Said {
    /// A body. What is not JSON is a message.
    pub(super) fn body(body: &str) -> Self {
        let mut said = Self::default();
        said.text(body, 0);
        said
    }

    pub(super) fn node(node: &Node<'_>) -> Self {
        let mut said = Self::default();
        said.read(node, 0);
        said
    }

    pub(super) fn word(word: &str) -> Self {
        Self { words: vec![word.to_lowercase()], ..Self::default() }
    }

    /// Everything that was told, from the outside in.
    pub(super) fn message(&self) -> Option<String> {
        (!self.messages.is_empty()).then(|| self.messages.join(": "))
    }

    pub(super) fn names(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    fn read(&mut self, node: &Node<'_>, depth: u32) {
        if depth > DEPTH {
            return;
        }
        match node.kind() {
            Ok(JsonKind::String) => self.text(&node.string().unwrap_or_default(), depth),
            Ok(JsonKind::Array) => {
                for item in node.array().unwrap_or_default().iter().take(ITEMS) {
                    self.read(item, depth + 1);
                }
            }
            Ok(JsonKind::Object) => {
                if let Ok(object) = node.object() {
                    self.object(object, depth);
                }
            }
            Ok(JsonKind::Null | JsonKind::Bool | JsonKind::Number) | Err(_) => {}
        }
    }

    /// A message, or an error that somebody in between wrapped as text.
    fn text(&mut self, text: &str, depth: u32) {
        let trimmed = text.trim().trim_start_matches('\u{feff}');
        let structured = check(trimmed).is_ok() && (depth == 0 || trimmed.starts_with(['{', '[']));
        if structured {
            if depth > 0 || !trimmed.starts_with('"') {
                return self.read(&Node::root(trimmed), depth + 1);
            }
            let inner = Node::root(trimmed).string().map(std::borrow::Cow::into_owned);
            return self.text(&inner.unwrap_or_default(), depth + 1);
        }
        if !trimmed.is_empty() && !self.messages.iter().any(|known| known.contains(trimmed)) {
            self.messages.push(trimmed.to_owned());
        }
    }

    fn object(&mut self, mut object: Object<'_>, depth: u32) {
        if let Some(place) = member(&mut object, "loc") {
            return self.problem(&place, &mut object);
        }
        for name in NAMING {
            if let Some(node) = member(&mut object, name) {
                self.name(&node, name);
            }
        }
        for name in ["retryDelay", "retry_after", "retry_after_seconds"] {
            let wait_ms = member(&mut object, name).and_then(|node| seconds(&node));
            self.retry_after_ms = self.retry_after_ms.or(wait_ms);
        }
        for name in TELLING {
            if let Some(node) = member(&mut object, name) {
                self.read(&node, depth + 1);
            }
        }
        if self.messages.is_empty()
            && let Some(node) = member(&mut object, "title")
        {
            self.read(&node, depth + 1);
        }
    }

    /// One of a list of what is wrong with a request, with its place.
    fn problem(&mut self, place: &Node<'_>, object: &mut Object<'_>) {
        let steps = place.array().unwrap_or_default();
        let steps: Vec<String> = steps.iter().filter_map(text).collect();
        let what = member(object, "msg").or_else(|| member(object, "message"));
        let what = what.and_then(|node| text(&node)).unwrap_or_default();
        let told = if steps.is_empty() { what } else { format!("`{}`: {what}", steps.join(".")) };
        self.messages.push(told);
        if let Some(node) = member(object, "type") {
            self.name(&node, "type");
        }
    }

    fn name(&mut self, node: &Node<'_>, member: &str) {
        match node.kind() {
            Ok(JsonKind::String) => {
                let word = node.string().unwrap_or_default();
                if let Ok(number) = word.parse::<u16>() {
                    return self.number(number);
                }
                if member == "code" && self.code.is_none() && !word.is_empty() {
                    self.code = Some(word.clone().into_owned());
                }
                // Some put their namespace in front: `com.amazon.coral.service#ThrottlingException`.
                let bare = word.rsplit_once('#').map_or(&*word, |(_, bare)| bare);
                self.words.push(bare.to_lowercase());
            }
            Ok(JsonKind::Number) => self.number(node.text().parse().unwrap_or(0)),
            Ok(JsonKind::Null | JsonKind::Bool | JsonKind::Array | JsonKind::Object) | Err(_) => {}
        }
    }

    fn number(&mut self, number: u16) {
        if (400..600).contains(&number) {
            self.status = self.status.or(Some(number));
        }
    }
}

fn member<'a>(object: &mut Object<'a>, name: &str) -> Option<Node<'a>> {
    object.optional(name).ok().flatten()
}

/// A string, or a number as text.
fn text(node: &Node<'_>) -> Option<String> {
    match node.kind().ok()? {
        JsonKind::String => Some(node.string().ok()?.into_owned()),
        JsonKind::Number => Some(node.text().to_owned()),
        JsonKind::Null | JsonKind::Bool | JsonKind::Array | JsonKind::Object => None,
    }
}

/// `17`, `"17"` or `"17.5s"`.
fn seconds(node: &Node<'_>) -> Option<u64> {
    let text = text(node)?;
    let number: f64 = text.trim().trim_end_matches('s').parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be positive; the cast saturates"
    )]
    (number.is_finite() && number >= 0.0).then(|| (number * 1000.0).ceil() as u64)
}
