//! Signatures of thoughts, as clients of this wire hand them back. One that bears no mark is the vendor's own. What others
//! signed, and what nobody did, goes out under a mark that names the signer, so that it comes back to them and never
//! reaches the vendor, who refuses a whole request for it.

use super::DIALECT;
use crate::canon::Reasoning;

/// How the mark begins; behind it the length of the signer's name, the name, and what was signed.
pub(super) const MARK: &str = "brains_thought_";

/// How the mark of a call's signature begins, for which the wire has no place: it goes in a thought that nobody may read.
/// Behind it the length of the call's id, the id, and what was signed as in a thought.
const CALL: &str = "brains_thought_call_";

/// The signature of a call, as the client gets it.
pub(super) fn marked_call(id: &str, signature: &str, origin: Option<&str>) -> String {
    format!("{CALL}{}_{id}{}", id.len(), marked(Some(signature), origin))
}

/// The signature of a call with its id.
pub(super) struct SignedCall {
    pub(super) id: String,
    pub(super) signature: String,
    pub(super) origin: Option<String>,
}

/// Reads it back; none when the text is none.
pub(super) fn call(text: &str) -> Option<SignedCall> {
    let (length, rest) = text.strip_prefix(CALL)?.split_once('_')?;
    let (id, marked) = rest.split_at_checked(length.parse().ok()?)?;
    let (signature, origin) = read(marked);
    Some(SignedCall { id: id.to_owned(), signature: signature?, origin })
}

/// The signer of what bears no mark.
fn vendor() -> String {
    format!("{DIALECT}/claude")
}

/// A signature, or a thought that nobody may read, as the client gets it.
pub(super) fn marked(text: Option<&str>, origin: Option<&str>) -> String {
    match text {
        Some(text) if origin == Some(&vendor()) => text.to_owned(),
        text => {
            let origin = origin.unwrap_or_default();
            format!("{MARK}{}_{origin}{}", origin.len(), text.unwrap_or_default())
        }
    }
}

/// What was signed, and by whom.
pub(super) fn read(text: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let unmarked = text.strip_prefix(MARK).and_then(|rest| {
        let (length, rest) = rest.split_once('_')?;
        rest.split_at_checked(length.parse().ok()?)
    });
    match unmarked {
        Some((origin, text)) => (some(text), some(origin)),
        None if text.is_empty() => (None, None),
        None => (some(text), Some(vendor())),
    }
}

/// Whether it bears the mark, and so is none that the vendor gave.
pub(super) fn is_marked(text: &str) -> bool {
    text.starts_with(MARK)
}

/// A thought that a client hands back with this signature.
pub(super) fn thought(text: String, signature: &str) -> Reasoning {
    let (signature, origin) = read(signature);
    Reasoning { text, signature, origin, ..Reasoning::default() }
}

/// A thought that nobody may read.
pub(super) fn redacted(data: &str) -> Reasoning {
    let (data, origin) = read(data);
    Reasoning { redacted: Some(data.unwrap_or_default()), origin, ..Reasoning::default() }
}

#[cfg(test)]
mod tests {
    use super::{call, is_marked, marked, marked_call, read};

    #[test]
    fn the_signature_of_a_call_comes_back_to_its_call() {
        for (id, signature, origin) in [
            ("call_1", "a_b:\u{e9}", Some("google")),
            ("1_x", "s", None),
            ("c", "s", Some("anthropic-messages/claude")),
        ] {
            let written = marked_call(id, signature, origin);
            assert!(is_marked(&written), "{written}");
            let read = call(&written).unwrap();
            assert_eq!((&*read.id, &*read.signature, read.origin.as_deref()), (id, signature, origin));
        }
        for none in
            ["", "sig", "brains_thought_6_googlesig", "brains_thought_call_", "brains_thought_call_9_ab"]
        {
            assert!(call(none).is_none(), "{none}");
        }
    }

    #[test]
    fn a_signature_comes_back_to_who_gave_it() {
        for (text, origin) in [
            (Some("sig=="), Some("anthropic-messages/claude")),
            (Some("sig"), Some("google-gemini-v1")),
            (Some("a_b:é"), Some("é_1")),
            (Some("sig"), None),
            (None, None),
        ] {
            let written = marked(text, origin);
            assert_eq!(read(&written), (text.map(str::to_owned), origin.map(str::to_owned)), "{written}");
            assert_eq!(is_marked(&written), origin != Some("anthropic-messages/claude"), "{written}");
        }
        assert_eq!(read(""), (None, None));
        // What only begins like a mark is the vendor's.
        assert_eq!(read("brains_thought_x").1.as_deref(), Some("anthropic-messages/claude"));
    }
}
