//! Members of a request that this wire takes only together with a word in `anthropic-beta`: one without the other is refused.
//! Where a client of this wire is relayed both pass as they came; where we write a member, the word goes with it.

use crate::json::member;

/// The header.
pub const HEADER: &str = "anthropic-beta";

/// A member and its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The path of the member in the body.
    pub member: &'static str,
    pub beta: &'static str,
    /// Where it was read.
    pub source: &'static str,
    /// When, as a date.
    pub date: &'static str,
}

/// Every pair that is known.
pub const PAIRS: &[Pair] = &[
    pair("output_config.effort", "effort-2025-11-24", "a plain turn of Claude Code 2.1.332"),
    pair("context_management", "context-management-2025-06-27", "a plain turn of Claude Code 2.1.332"),
    pair("fallbacks", "server-side-fallback-2026-07-01", "the words that Claude Code 2.1.332 knows"),
    pair("tags", "request-tags-2026-08-21", "the words that Claude Code 2.1.332 knows"),
    pair(
        "thinking.block_binding",
        "thinking-binding-controls-2026-08-01",
        "the words that Claude Code 2.1.332 knows; diegosouzapw/OmniRoute#12991",
    ),
];

const fn pair(member: &'static str, beta: &'static str, source: &'static str) -> Pair {
    Pair { member, beta, source, date: "2026-11-29" }
}

/// The words that must go with a body.
pub fn betas(body: &str) -> impl Iterator<Item = &'static str> {
    PAIRS.iter().filter(|pair| stands(body, pair.member)).map(|pair| pair.beta)
}

fn stands(body: &str, path: &str) -> bool {
    let mut names = path.split('.');
    let first = names.next().and_then(|name| member(Some(body), name));
    names.fold(first, |found, name| member(found.as_deref(), name)).is_some()
}

#[cfg(test)]
mod tests {
    use super::{PAIRS, betas};

    #[test]
    fn a_word_goes_with_its_member_and_with_no_other() {
        let with = |body: &str| betas(body).collect::<Vec<_>>().join(",");
        assert_eq!(
            with(r#"{"output_config":{"effort":"high"},"tags":["a"]}"#),
            "effort-2025-11-24,request-tags-2026-08-21"
        );
        for bare in [
            r#"{"output_config":{"format":{}}}"#,
            r#"{"output_config":null}"#,
            r#"{"messages":[{"tags":1}]}"#,
            "{}",
        ] {
            assert_eq!(with(bare), "", "{bare}");
        }
    }

    /// A member with two words, or a word without its date, would be refused by somebody.
    #[test]
    fn every_row_says_where_it_was_read() {
        for pair in PAIRS {
            assert!(pair.source.len() > 10 && pair.date.len() == 10, "{pair:?}");
            assert!(pair.beta.ends_with(|last: char| last.is_ascii_digit()), "{pair:?}");
            assert_eq!(PAIRS.iter().filter(|other| other.member == pair.member).count(), 1, "{pair:?}");
        }
    }
}
