//! What a request says of its prompt's cache, on whichever wire: the name that its client gave it, and for how long it is to
//! be kept.

use super::Ingress;
use crate::envelope::Envelope;

/// A longer name is none that a vendor takes.
const KEY_BYTES: usize = 1024;

impl Ingress {
    /// The name that the client gave to the prompt's cache: requests that share a beginning share it.
    pub fn cache_key(self, envelope: &Envelope<'_>) -> Option<String> {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompaction => {
                let key = envelope.string("prompt_cache_key").ok().flatten()?;
                (!key.is_empty() && key.len() <= KEY_BYTES).then(|| key.into_owned())
            }
            Self::AnthropicMessages | Self::OpenAiCompletions => None,
        }
    }

    /// Whether the client asks that the prompt is kept for an hour or longer.
    pub fn keeps_prompt_long(self, envelope: &Envelope<'_>) -> bool {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompaction => {
                let retention = envelope.string("prompt_cache_retention").ok().flatten();
                retention.is_some_and(|retention| retention != "in_memory" && retention != "in-memory")
                    || marks_an_hour(envelope.text())
            }
            Self::AnthropicMessages => marks_an_hour(envelope.text()),
            Self::OpenAiCompletions => false,
        }
    }
}

/// Whether a member `ttl` of an hour stands anywhere. Quotes inside of a text are escaped, so no text looks like one.
fn marks_an_hour(body: &str) -> bool {
    const NAME: &str = "\"ttl\"";
    memchr::memmem::find_iter(body.as_bytes(), NAME).any(|at| {
        let rest = body.get(at + NAME.len()..).unwrap_or_default().trim_start();
        rest.strip_prefix(':').is_some_and(|value| value.trim_start().starts_with("\"1h\""))
    })
}

#[cfg(test)]
mod tests {
    use super::Ingress;
    use crate::envelope::Envelope;

    #[test]
    fn a_name_of_the_cache_is_read_where_the_wire_has_one() {
        let key = |ingress: Ingress, body: &str| ingress.cache_key(&Envelope::scan(body.as_bytes()).unwrap());
        let named = r#"{"model":"m","prompt_cache_key":"a\u0062c"}"#;
        assert_eq!(key(Ingress::OpenAiChat, named).as_deref(), Some("abc"));
        assert_eq!(key(Ingress::OpenAiResponses, named).as_deref(), Some("abc"));
        assert_eq!(key(Ingress::AnthropicMessages, named), None);
        let long = format!(r#"{{"prompt_cache_key":"{}"}}"#, "x".repeat(2000));
        for none in ["{}", r#"{"prompt_cache_key":7}"#, r#"{"prompt_cache_key":""}"#, &long] {
            assert_eq!(key(Ingress::OpenAiChat, none), None, "{none}");
        }
    }

    #[test]
    fn an_hour_is_asked_for_by_a_member_and_by_no_text() {
        let long = |ingress: Ingress, body: &str| {
            ingress.keeps_prompt_long(&Envelope::scan(body.as_bytes()).unwrap())
        };
        let hour =
            r#"{"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral", "ttl" : "1h"}}]}"#;
        assert!(long(Ingress::AnthropicMessages, hour) && long(Ingress::OpenAiChat, hour));
        for short in [
            r#"{"system":[{"text":"x","cache_control":{"type":"ephemeral","ttl":"5m"}}]}"#,
            r#"{"messages":[{"role":"user","content":"say {\"ttl\":\"1h\"}"}]}"#,
            "{}",
        ] {
            assert!(!long(Ingress::AnthropicMessages, short), "{short}");
        }
        assert!(long(Ingress::OpenAiResponses, r#"{"prompt_cache_retention":"24h"}"#));
        assert!(!long(Ingress::OpenAiResponses, r#"{"prompt_cache_retention":"in_memory"}"#));
    }
}
