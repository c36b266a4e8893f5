//! Whether a text is within the bounds of what may become a tree: a kilobyte of brackets becomes many of them. It looks at
//! structure alone, in one pass and without memory of its own; whether the text is JSON is for its reader to say.

use super::MAX_DEPTH;

/// What is over its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbounded {
    #[error("the JSON nests deeper than {MAX_DEPTH} levels")]
    Depth,
    #[error("the JSON has more than {limit} values")]
    Nodes { limit: u32 },
}

/// Counts values (objects, arrays, members, elements) up to `nodes`, 0 being no limit, and levels up to [`MAX_DEPTH`].
/// What is no JSON may be counted wrong, never too low for what a reader makes of it before it finds out.
pub fn within(text: &[u8], nodes: u32) -> Result<(), Unbounded> {
    let mut depth = 0_usize;
    let mut count = 1_u32;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at + 1);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Unbounded::Depth);
                }
                count = count.saturating_add(1);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => count = count.saturating_add(1),
            _ => {}
        }
        if nodes > 0 && count > nodes {
            return Err(Unbounded::Nodes { limit: nodes });
        }
        at += 1;
    }
    Ok(())
}

/// Behind the closing quote of a string whose first character is at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => return text.len(),
            Some(hit) if rest.get(hit) == Some(&b'"') => return at + hit + 1,
            Some(hit) => at += hit + 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_wherever_they_stand() {
        // The document, its array, its object, and what the commas set apart.
        for (text, count) in [
            ("1", 1),
            ("[]", 2),
            ("[1,2]", 3),
            (r#"{"a":1,"b":[{},{}]}"#, 7),
            (r#"{"a":"[[[,,,{{{\",,,"}"#, 2),
            (r#""\\",,"#, 3),
        ] {
            assert_eq!(within(text.as_bytes(), count), Ok(()), "{text}");
            assert_eq!(within(text.as_bytes(), 0), Ok(()), "{text}");
            if count > 1 {
                assert_eq!(
                    within(text.as_bytes(), count - 1),
                    Err(Unbounded::Nodes { limit: count - 1 }),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn depth_is_counted_up_and_down() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(within(nested(MAX_DEPTH).as_bytes(), 0), Ok(()));
        assert_eq!(within(nested(MAX_DEPTH + 1).as_bytes(), 0), Err(Unbounded::Depth));
        let wide = format!("[{}]", vec![nested(MAX_DEPTH - 1); 100].join(","));
        assert_eq!(within(wide.as_bytes(), 0), Ok(()));
        assert_eq!(within("[{".repeat(1 << 20).as_bytes(), 0), Err(Unbounded::Depth));
    }

    #[test]
    fn what_is_cut_or_noise_ends() {
        for text in [&b"\""[..], b"\"\\", b"\"abc\\\"", b"]]]]}}}}", b"\xff\"\xfe"] {
            assert_eq!(within(text, 1), Ok(()));
        }
    }
}
