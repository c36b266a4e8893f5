//! What of a document may leave it: its tree with every raw secret covered, and its text when there is none to cover.

use std::borrow::Cow;

use serde_json::Value;

use super::reference::Reference;
use super::schema::Schema;
use crate::redact::{redact, redact_json};

/// Stands for a raw secret in everything that is shown.
pub(super) const COVERED: &str = "***set***";

impl Schema {
    /// The document as it may be shown: references as they stand, raw secrets covered.
    pub fn cover(&self, mut document: Value) -> Value {
        self.secrets(&mut document, &mut |path, value| {
            let Value::String(text) = value else { return };
            let reference =
                matches!(Reference::parse(text), Some(Reference::Variable(_) | Reference::File(_)));
            if !reference && !text.is_empty() && path != ["db_url"] {
                COVERED.clone_into(text);
            }
        });
        cover_texts(&mut document);
        document
    }

    /// Whether a text, of which `document` is the tree, may be kept as it is: neither a value nor a comment of it is
    /// a raw secret.
    pub fn is_open(&self, text: &str, document: &Value) -> bool {
        matches!(redact(text), Cow::Borrowed(_)) && self.cover(document.clone()) == *document
    }
}

/// Whether anything in `value` stands for a secret that was covered.
pub fn is_covered(value: &Value) -> bool {
    match value {
        Value::String(text) => text == COVERED || text.contains(crate::redact::COVER),
        Value::Array(items) => items.iter().any(is_covered),
        Value::Object(members) => members.values().any(is_covered),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn cover_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(covered) = redact(text) {
                *text = covered;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cover_texts),
        Value::Object(members) => {
            for (name, member) in members {
                // A component's settings are its own: a sensitive name there is all we know.
                if name == "config" {
                    redact_json(member);
                } else {
                    cover_texts(member);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
