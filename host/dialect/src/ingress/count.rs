//! How many tokens a request would have, on the wires whose clients ask: where they ask, how they are told, and what a
//! provider of the same wire says.

use super::Ingress;
use crate::canon::{Fault, Json};
use crate::fault::protocol;
use crate::json::{Members, Node, check};

impl Ingress {
    /// Where clients of the wire ask how many tokens a request has; none where they do not.
    pub const fn count_path(self) -> Option<&'static str> {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions | Self::OpenAiCompaction => None,
            Self::OpenAiResponses => Some("/v1/responses/input_tokens"),
            Self::AnthropicMessages => Some("/v1/messages/count_tokens"),
        }
    }

    /// The surface whose component may let its upstream count.
    pub const fn count_surface(self) -> Option<&'static str> {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions | Self::OpenAiCompaction => None,
            Self::OpenAiResponses => Some("responses.input_tokens"),
            Self::AnthropicMessages => Some("messages.count_tokens"),
        }
    }

    /// What a client that asked is told.
    pub fn count(self, tokens: u64) -> Json {
        let mut out = Members::new();
        if self == Self::OpenAiResponses {
            out.string("object", "response.input_tokens");
        }
        out.plain("input_tokens", tokens);
        out.finish()
    }

    /// What an upstream of the same wire told.
    pub fn counted(self, body: &str) -> Result<u64, Fault> {
        let told = || {
            check(body.trim()).ok()?;
            let tokens = Node::root(body).object().ok()?.required("input_tokens").ok()?;
            tokens.text().parse().ok()
        };
        told().ok_or_else(|| protocol("the upstream's answer holds no count of tokens"))
    }
}

#[cfg(test)]
mod tests {
    use super::Ingress;

    #[test]
    fn a_count_is_told_as_its_wire_tells_it() {
        assert_eq!(Ingress::AnthropicMessages.count(12), r#"{"input_tokens":12}"#);
        assert_eq!(
            Ingress::OpenAiResponses.count(12),
            r#"{"object":"response.input_tokens","input_tokens":12}"#
        );
        for ingress in Ingress::ALL {
            assert_eq!(ingress.counted(&ingress.count(7)).ok(), Some(7), "{ingress:?}");
            assert_eq!(ingress.count_path().is_some(), ingress.count_surface().is_some(), "{ingress:?}");
            for wrong in ["", "{}", r#"{"input_tokens":-1}"#, r#"{"input_tokens":"7"}"#, "[]"] {
                assert!(ingress.counted(wrong).is_err(), "{wrong}");
            }
        }
    }
}
