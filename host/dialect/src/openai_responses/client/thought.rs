//! Thoughts that clients carry from turn to turn: what a vendor wants back with one stands in `encrypted_content`. That of
//! another wire's vendor goes there under our mark, with who signed it; what has no mark is this wire's own. The signature of a
//! call, for which the wire has no place, goes the same way, in a thought that says nothing.

use crate::canon::Reasoning;
use crate::json::{Members, Node};
use crate::openai_responses::DIALECT;

/// Its number goes up when what stands behind it changes.
pub(super) const MARK: &str = "brains.thought.1:";

/// What `encrypted_content` held.
#[derive(Debug, PartialEq)]
pub(super) enum Unsealed {
    Thought(Reasoning),
    /// The signature of the call with this id.
    Call {
        id: String,
        signature: String,
        origin: Option<String>,
    },
}

/// What goes into `encrypted_content`; none for a thought without marks.
pub(super) fn sealed(thought: &Reasoning) -> Option<String> {
    let own = thought.origin.as_deref().is_some_and(|origin| origin.starts_with(DIALECT));
    if own {
        return thought.redacted.clone().or_else(|| thought.signature.clone());
    }
    if thought.redacted.is_none() && thought.signature.is_none() {
        return None;
    }
    let mut out = Members::new();
    out.maybe_string("origin", thought.origin.as_deref())
        .maybe_string("signature", thought.signature.as_deref())
        .maybe_string("redacted", thought.redacted.as_deref());
    Some(format!("{MARK}{}", out.finish()))
}

/// The same for the signature of a call.
pub(super) fn sealed_call(id: &str, signature: &str, origin: Option<&str>) -> String {
    let mut out = Members::new();
    out.string("call", id).string("signature", signature).maybe_string("origin", origin);
    format!("{MARK}{}", out.finish())
}

/// Reads it back. `text` is what the thought's summary says.
pub(super) fn opened(sealed: &str, text: String) -> Unsealed {
    let marked = sealed.strip_prefix(MARK).and_then(|json| Node::root(json).object().ok());
    let Some(mut object) = marked else {
        let origin = Some(format!("{DIALECT}/"));
        let sealed = Some(sealed.to_owned());
        // One that nobody may read has no text.
        let (signature, redacted) = if text.is_empty() { (None, sealed) } else { (sealed, None) };
        return Unsealed::Thought(Reasoning { id: None, text, signature, redacted, origin });
    };
    let mut said = |name: &str| object.string(name).ok().flatten();
    let (origin, signature) = (said("origin"), said("signature"));
    match (said("call"), signature) {
        (Some(id), Some(signature)) => Unsealed::Call { id, signature, origin },
        (_, signature) => {
            Unsealed::Thought(Reasoning { id: None, text, signature, redacted: said("redacted"), origin })
        }
    }
}

/// What it is called where what is sealed cannot go.
pub(super) fn loss(sealed: &str) -> &'static str {
    match opened(sealed, String::new()) {
        Unsealed::Thought(_) => "messages.reasoning_details",
        Unsealed::Call { .. } => "messages.tool_calls.extra_content",
    }
}

#[cfg(test)]
mod tests {
    use super::{Unsealed, opened, sealed, sealed_call};
    use crate::canon::Reasoning;

    #[test]
    fn what_others_signed_comes_back_as_it_was() {
        let signed = Reasoning {
            id: None,
            text: "hm\n".to_owned(),
            signature: Some("a\"b".to_owned()),
            redacted: None,
            origin: Some("anthropic-messages/claude".to_owned()),
        };
        let hidden = Reasoning {
            redacted: Some("zz".to_owned()),
            signature: None,
            text: String::new(),
            ..signed.clone()
        };
        for thought in [signed, hidden] {
            let shown = sealed(&thought).unwrap();
            assert!(shown.starts_with("brains.thought.1:{"), "{shown}");
            assert_eq!(opened(&shown, thought.text.clone()), Unsealed::Thought(thought));
        }
        assert_eq!(sealed(&Reasoning { text: "hm".to_owned(), ..Reasoning::default() }), None);
        assert_eq!(
            opened(&sealed_call("c", "s", Some("google")), String::new()),
            Unsealed::Call {
                id: "c".to_owned(),
                signature: "s".to_owned(),
                origin: Some("google".to_owned())
            }
        );
    }

    #[test]
    fn what_has_no_mark_is_the_wires_own() {
        for text in ["", "hm"] {
            let Unsealed::Thought(thought) = opened("gAAAA", text.to_owned()) else { panic!("a thought") };
            assert_eq!(thought.origin.as_deref(), Some("openai-responses/"));
            assert_eq!(
                (thought.redacted.is_some(), thought.signature.is_some()),
                (text.is_empty(), !text.is_empty())
            );
            assert_eq!(sealed(&thought).as_deref(), Some("gAAAA"));
        }
    }
}
