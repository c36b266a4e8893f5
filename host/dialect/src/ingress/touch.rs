//! Keeping warm what an upstream remembers of the prompt of an earlier request, on the wires whose clients ask for that.

use super::Ingress;
use crate::canon::relay::{Edit, Member};
use crate::envelope::Envelope;
use crate::invalid::Invalid;
use crate::json::quote;

/// The member that names the earlier request.
const REQUEST: &str = "request_id";

impl Ingress {
    /// The header in which an upstream says what the request is called there.
    pub const SERVED_AS: &str = "request-id";

    /// Where clients of the wire ask for it; none where they do not.
    pub const fn touch_path(self) -> Option<&'static str> {
        match self {
            Self::AnthropicMessages => Some("/v1/messages/cache_touch"),
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompletions | Self::OpenAiCompaction => {
                None
            }
        }
    }

    /// The surface whose component may ask its upstream for it.
    pub const fn touch_surface(self) -> Option<&'static str> {
        match self {
            Self::AnthropicMessages => Some("messages.cache_touch"),
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompletions | Self::OpenAiCompaction => {
                None
            }
        }
    }

    /// The earlier request that a body names.
    pub fn touched(self, envelope: &Envelope<'_>) -> Result<String, Invalid> {
        match envelope.string(REQUEST)? {
            Some(id) if !id.is_empty() => Ok(id.into_owned()),
            _ => Err(Invalid::value("`request_id` must name an earlier request", Some(REQUEST.to_owned()))),
        }
    }

    /// Names it as the upstream knows it.
    pub fn touching(self, id: &str) -> Edit {
        Edit::Set(Member { path: REQUEST.to_owned(), value: quote(id) })
    }
}

#[cfg(test)]
mod tests {
    use super::Ingress;
    use crate::envelope::Envelope;

    #[test]
    fn the_earlier_request_is_named() {
        let touched =
            |body: &str| Ingress::AnthropicMessages.touched(&Envelope::scan(body.as_bytes()).unwrap());
        assert_eq!(touched(r#"{"request_id":"req_1"}"#).unwrap(), "req_1");
        for wrong in ["{}", r#"{"request_id":""}"#, r#"{"request_id":null}"#, r#"{"request_id":7}"#] {
            assert_eq!(touched(wrong).unwrap_err().param.as_deref(), Some("request_id"), "{wrong}");
        }
        for ingress in Ingress::ALL {
            assert_eq!(ingress.touch_path().is_some(), ingress.touch_surface().is_some());
        }
    }
}
