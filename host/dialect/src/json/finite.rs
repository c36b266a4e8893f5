//! Numbers that are none. Servers in Python write `NaN` and `Infinity`, as in log probabilities; no reader but theirs
//! takes them.

/// Longest first: one begins another.
const WORDS: [&str; 4] = ["-Infinity", "Infinity", "-NaN", "NaN"];

/// The text with `null` in place of each of them outside of strings; none when there is nothing to replace.
pub fn nonfinite_as_null(text: &str) -> Option<String> {
    // Components have no search for words that is fast, and most frames have no such letter.
    let is_possible = memchr::memchr2(b'N', b'I', text.as_bytes()).is_some();
    if !is_possible || !text.contains("NaN") && !text.contains("Infinity") {
        return None;
    }
    let (mut out, mut kept, mut at) = (String::with_capacity(text.len()), 0, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        if *byte == b'"' {
            at = end_of_string(bytes, at + 1);
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        match WORDS.iter().find(|word| rest.starts_with(**word)) {
            Some(word) => {
                out.push_str(text.get(kept..at).unwrap_or_default());
                out.push_str("null");
                at += word.len();
                kept = at;
            }
            None => at += 1,
        }
    }
    (kept > 0).then(|| {
        out.push_str(text.get(kept..).unwrap_or_default());
        out
    })
}

/// Behind the quote that closes the string.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::nonfinite_as_null;

    #[test]
    fn numbers_that_are_none_are_null_and_text_stays() {
        let said = |text: &str| nonfinite_as_null(text);
        assert_eq!(
            said(r#"{"a":NaN,"b":[-Infinity, Infinity],"c":"NaN \" Infinity","ü":NaN}"#).as_deref(),
            Some(r#"{"a":null,"b":[null, null],"c":"NaN \" Infinity","ü":null}"#)
        );
        assert_eq!(said(r#"{"a":"NaN"}"#), None);
        assert_eq!(said(r#"{"a":1}"#), None);
    }

    proptest! {
        #[test]
        fn what_was_json_is_left_alone(text in any::<String>()) {
            let quoted = crate::json::quote(&text);
            prop_assert_eq!(nonfinite_as_null(&quoted), None);
        }

        #[test]
        fn nothing_makes_it_panic(text in "[\\PC\"\\\\NaInfity-]{0,40}") {
            drop(nonfinite_as_null(&text));
        }
    }
}
