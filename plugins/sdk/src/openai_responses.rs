//! The wire `openai-responses`, for vendors that speak it.

use brains_dialect::canon::exchange::{Field, Framing};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::openai_responses::DIALECT;
use brains_dialect::openai_responses::upstream::{decode, encode};
use brains_dialect::translation::Encoded;

use crate::openai_chat::OpenAiChat;
use crate::vendor::{Endpoint, RelayedWire, Upstream, VendorWire};
use crate::wire::{Exchange, ModelList};

/// Responses. The address has the version: `https://api.example.com/v1`.
#[derive(Debug)]
pub enum OpenAiResponses {}

impl VendorWire for OpenAiResponses {
    type Options = ();
    type Decoder = decode::OpenAiResponsesDecoder;

    const STREAMED: Framing = Framing::Sse;
    /// Vendors of both wires have one list.
    const MODELS: ModelList = OpenAiChat::MODELS;

    const ENDPOINTS: &'static [&'static str] = OpenAiChat::ENDPOINTS;

    fn exchange(
        upstream: &Upstream,
        stream: bool,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
    ) -> Exchange {
        let exchange = upstream.post("/responses", query, ctx).accepting(stream).signed(upstream);
        exchange.header("content-type", "application/json").forwarded(headers, DIALECT)
    }

    fn encode(req: &ChatRequest, (): &()) -> Result<Encoded, Fault> {
        encode::encode(req)
    }

    fn added(req: &ChatRequest) -> Vec<&'static str> {
        encode::added(req)
    }

    fn decoder(ctx: &CallContext) -> decode::OpenAiResponsesDecoder {
        decode::OpenAiResponsesDecoder::new(&ctx.call_seed())
    }

    fn decode_unary(body: &str, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        decode::decode_unary(body, &ctx.call_seed())
    }

    fn models_exchange(upstream: &Upstream, query: &str, ctx: &CallContext) -> Exchange {
        OpenAiChat::models_exchange(upstream, query, ctx)
    }
}

impl RelayedWire for OpenAiResponses {
    const SURFACE: &'static str = "responses";
    const DIALECT: &'static str = DIALECT;
    const BESIDE: &'static [Endpoint] = &[
        Endpoint { surface: "responses.input_tokens", path: "/responses/input_tokens", names_model: true },
        Endpoint { surface: "responses.compact", path: "/responses/compact", names_model: true },
    ];
}
