//! What of a client's headers and query goes on, and to vendors of which wire: one list, which the host asks before a component
//! sees anything, and components before they send it. Credentials are in none.

use crate::{anthropic_messages, ollama_chat, openai_chat, openai_responses};

/// A header, or the beginning of the names of several, and the wires whose vendors get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardedHeader {
    /// In small letters; one that ends in `-` is a beginning.
    pub name: &'static str,
    pub wires: &'static [&'static str],
}

const OPENAI: &str = openai_chat::DIALECT;
const RESPONSES: &str = openai_responses::DIALECT;
const ANTHROPIC: &str = anthropic_messages::DIALECT;
const OLLAMA: &str = ollama_chat::DIALECT;

/// Every header that a component may see. Most are for components with a wire of their own; those with wires are sent on.
pub const HEADERS: &[ForwardedHeader] = &[
    sent("anthropic-beta", &[ANTHROPIC]),
    sent("anthropic-dangerous-direct-browser-access", &[ANTHROPIC]),
    sent("anthropic-version", &[ANTHROPIC]),
    sent("idempotency-key", &[ANTHROPIC, OPENAI, RESPONSES]),
    sent("openai-beta", &[OPENAI, RESPONSES]),
    sent("x-client-request-id", &[OPENAI, RESPONSES]),
    sent("anthropic-", &[]),
    sent("openai-", &[]),
    sent("x-stainless-", &[]),
    sent("x-claude-code-", &[]),
    sent("originator", &[]),
    sent("session-id", &[]),
    sent("thread-id", &[]),
];

/// What a parameter of a query is called when it is a credential. A client's key is for us, whatever it calls it.
const CREDENTIALS: [&str; 9] =
    ["key", "token", "secret", "password", "passwd", "auth", "credential", "signature", "bearer"];

const fn sent(name: &'static str, wires: &'static [&'static str]) -> ForwardedHeader {
    ForwardedHeader { name, wires }
}

impl ForwardedHeader {
    fn is(&self, name: &str) -> bool {
        if self.name.ends_with('-') { name.starts_with(self.name) } else { name == self.name }
    }
}

/// Whether a client's header, in small letters, says something to a provider.
pub fn is_forwardable(name: &str) -> bool {
    HEADERS.iter().any(|header| header.is(name))
}

/// Whether vendors of a wire get it.
pub fn is_sent(name: &str, wire: &str) -> bool {
    debug_assert!([OPENAI, RESPONSES, ANTHROPIC, OLLAMA].contains(&wire), "a wire of ours");
    HEADERS.iter().any(|header| header.wires.contains(&wire) && header.is(name))
}

/// A query without what may be a credential; every other byte stays.
pub fn query(query: &str) -> String {
    let harmless = query.split('&').filter(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default().to_ascii_lowercase();
        // What is escaped in a name may be anything.
        !name.contains('%') && !CREDENTIALS.iter().any(|word| name.contains(word)) && name != "sig"
    });
    harmless.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::{ANTHROPIC, OLLAMA, OPENAI, RESPONSES, is_forwardable, is_sent, query};

    #[test]
    fn a_header_goes_where_it_means_something() {
        for (name, wires) in [
            ("anthropic-beta", &[ANTHROPIC][..]),
            ("idempotency-key", &[ANTHROPIC, OPENAI, RESPONSES]),
            ("openai-beta", &[OPENAI, RESPONSES]),
            ("openai-organization", &[]),
            ("session-id", &[]),
        ] {
            assert!(is_forwardable(name), "{name}");
            let sent: Vec<&str> = [ANTHROPIC, OPENAI, RESPONSES, OLLAMA]
                .into_iter()
                .filter(|wire| is_sent(name, wire))
                .collect();
            assert_eq!(sent, wires, "{name}");
        }
        for name in ["authorization", "x-api-key", "cookie", "idempotency-key-2", "api-key", "x-goog-api-key"]
        {
            assert!(!is_forwardable(name), "{name}");
        }
    }

    #[test]
    fn a_key_in_the_query_stays_here() {
        for (asked, sent) in [
            ("", ""),
            ("beta=true&key=secret", "beta=true"),
            ("api-version=2026-01-01&API_KEY=x&access_token=y", "api-version=2026-01-01"),
            ("%6Bey=x&a=%20b&&c", "a=%20b&&c"),
            ("sig=1&signal=2", "signal=2"),
        ] {
            assert_eq!(query(asked), sent, "{asked}");
        }
    }
}
