//! Whether an upstream refused a request because of a member that need not stand in it. Vendors and servers say so in words
//! of their own; the words below are from their documents and from reports.

/// How servers say that they do not know a member, in small letters.
const WORDINGS: [(&str, &str); 18] = [
    ("extra_forbidden", "pydantic 2: FastAPI, Mistral (cline/cline#582, BerriAI/litellm#8978)"),
    ("extra inputs are not permitted", "pydantic 2, Anthropic"),
    ("extra fields not permitted", "pydantic 1"),
    ("additional properties", "JSON Schema validators: Azure, Groq"),
    ("additionalproperties", "JSON Schema validators"),
    ("unknown_parameter", "OpenAI, as a code"),
    ("unknown parameter", "OpenAI"),
    ("unknown field", "Go and Rust servers, Google"),
    ("unknown name", "Google"),
    ("unknown argument", "servers in Python"),
    ("unrecognized", "OpenAI: `Unrecognized request argument supplied`"),
    ("unrecognised", "the same in other spelling"),
    ("unexpected keyword argument", "servers in Python, with a 500"),
    ("was unexpected", "OpenAI: `Additional properties are not allowed ('x' was unexpected)`"),
    ("unsupported", "Groq: `property 'x' is unsupported`; OpenAI: `Unsupported parameter`"),
    ("not supported", "xAI, Cerebras"),
    ("not allowed", "Cohere"),
    ("unexpected", "Fireworks: `unexpected field`"),
];

/// The paths among `added` that an answer of this status names as unknown.
pub fn named<'a>(status: u16, body: &[u8], added: &'a [String]) -> Vec<&'a str> {
    // Who asks, and how often, is about no member.
    if added.is_empty() || !(400..600).contains(&status) || [401, 402, 403, 429].contains(&status) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(body).to_lowercase();
    if !WORDINGS.iter().any(|(wording, _)| text.contains(wording)) {
        return Vec::new();
    }
    added.iter().map(String::as_str).filter(|path| names(path).any(|name| says(&text, name))).collect()
}

/// By which names a path may be told: its own, and that of the objects which it alone put there.
fn names(path: &str) -> impl Iterator<Item = &str> {
    let own = path.rsplit('.').next().unwrap_or(path);
    let outer = path.split('.').filter(|_| !path.contains("[]"));
    std::iter::once(own).chain(outer)
}

/// Whether a name stands in a text as a word.
fn says(text: &str, name: &str) -> bool {
    let part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.match_indices(&name.to_lowercase()).any(|(at, found)| {
        let before = text.get(..at).unwrap_or_default();
        let behind = text.get(at + found.len()..).unwrap_or_default();
        !before.ends_with(part) && !behind.starts_with(part)
    })
}

#[cfg(test)]
mod tests {
    use super::named;

    const COUNTS: &str = "stream_options.include_usage";
    const THOUGHT: &str = "messages[].reasoning_content";

    fn by(status: u16, body: &str) -> Vec<String> {
        let added = [COUNTS.to_owned(), THOUGHT.to_owned()];
        named(status, body.as_bytes(), &added).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_refusal_names_what_it_does_not_know() {
        for (status, body) in [
            (
                422,
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
            ),
            (
                400,
                r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error"}}"#,
            ),
            (
                400,
                r#"{"error":{"message":"Unknown parameter: 'stream_options.include_usage'.","code":"unknown_parameter"}}"#,
            ),
            (500, "TypeError: create() got an unexpected keyword argument 'stream_options'"),
            (400, r#"json: unknown field "include_usage""#),
        ] {
            assert_eq!(by(status, body), [COUNTS], "{body}");
        }
        let message = r#"{"error":{"message":"'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]"}}"#;
        assert_eq!(by(400, message), [THOUGHT]);
    }

    #[test]
    fn any_other_refusal_is_one() {
        for (status, body) in [
            (401, "stream_options is not allowed"),
            (429, "stream_options is not supported"),
            (200, "stream_options is not supported"),
            (400, "stream_options is fine, temperature is too high"),
            (400, "messages: image input is not supported"),
            (400, "my_stream_options is unknown_parameter"),
            (400, "unknown parameter: top_k"),
        ] {
            assert!(by(status, body).is_empty(), "{status} {body}");
        }
    }
}
