//! The three wires over which the vendor's models answer.

use std::collections::BTreeMap;

use brains_sdk::anthropic_messages::{AnthropicMessages, Capabilities};
use brains_sdk::canon::exchange::{Field, Frame};
use brains_sdk::canon::relay::Edit;
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::openai_chat::{OpenAiChat, Options};
use brains_sdk::openai_responses::OpenAiResponses;
use brains_sdk::vendor::{RelayedWire, Upstream, VendorWire};
use brains_sdk::wire::{Encoded, Exchange};
use brains_sdk::{Decode, capabilities};
use serde_json::json;

/// What models of that wire can do, whoever serves them.
const CLAUDE: &str = include_str!("../../provider-anthropic/models.json");
const DEFAULT_MAX_TOKENS: u32 = 8192;

/// In the order in which they are spoken for clients of other wires: the last that a model has keeps most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UpstreamWire {
    Chat,
    Responses,
    Messages,
}

/// Calls the same of whichever wire.
macro_rules! of_wire {
    ($self:expr, $wire:ident => $work:expr) => {
        match $self {
            UpstreamWire::Chat => {
                type $wire = OpenAiChat;
                $work
            }
            UpstreamWire::Responses => {
                type $wire = OpenAiResponses;
                $work
            }
            UpstreamWire::Messages => {
                type $wire = AnthropicMessages;
                $work
            }
        }
    };
}

impl UpstreamWire {
    pub(crate) const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    /// As lists of models name it.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Messages => "/v1/messages",
        }
    }

    pub(crate) const fn surface(self) -> &'static str {
        of_wire!(self, Wire => <Wire as RelayedWire>::SURFACE)
    }

    pub(crate) const fn dialect(self) -> &'static str {
        of_wire!(self, Wire => <Wire as RelayedWire>::DIALECT)
    }

    /// The exchange of a call, but for its body and what it is sent with here.
    pub(crate) fn exchange(
        self,
        upstream: &Upstream,
        stream: bool,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
    ) -> Exchange {
        // The address was chosen already.
        let ctx = CallContext { base_url: None, ..ctx.clone() };
        of_wire!(self, Wire => Wire::exchange(upstream, stream, query, headers, &ctx))
    }

    pub(crate) fn edits(self, model: &str, stream: bool) -> Vec<Edit> {
        match self {
            Self::Chat => OpenAiChat::edits(&Options::default(), model, stream),
            Self::Responses | Self::Messages => Vec::new(),
        }
    }

    pub(crate) fn encode(self, req: &ChatRequest) -> Result<Encoded, Fault> {
        match self {
            Self::Chat => OpenAiChat::encode(req, &Options::default()),
            Self::Responses => OpenAiResponses::encode(req, &()),
            Self::Messages => {
                let can: Capabilities =
                    capabilities::of_model(CLAUDE, &json!({}), &BTreeMap::new(), &req.model);
                AnthropicMessages::encode(req, &can.options(DEFAULT_MAX_TOKENS))
            }
        }
    }

    pub(crate) fn added(self, req: &ChatRequest) -> Vec<&'static str> {
        of_wire!(self, Wire => Wire::added(req))
    }

    pub(crate) fn paired(self, body: &str) -> Vec<Field> {
        of_wire!(self, Wire => Wire::paired(body))
    }

    pub(crate) fn decode_unary(self, body: &str, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        of_wire!(self, Wire => Wire::decode_unary(body, ctx))
    }

    pub(crate) fn decoder(self, ctx: &CallContext) -> Decoder {
        Decoder(match self {
            Self::Chat => Box::new(OpenAiChat::decoder(ctx)),
            Self::Responses => Box::new(OpenAiResponses::decoder(ctx)),
            Self::Messages => Box::new(AnthropicMessages::decoder(ctx)),
        })
    }
}

/// Reads a streamed answer of whichever wire.
pub struct Decoder(Box<dyn Decode>);

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

impl Decode for Decoder {
    fn push(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        self.0.push(frames)
    }

    fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault> {
        self.0.finish(clean)
    }
}
