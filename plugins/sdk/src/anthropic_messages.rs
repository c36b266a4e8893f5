//! The wire `anthropic-messages`, for vendors that speak it.

use brains_dialect::anthropic_messages::upstream::{decode, encode};
use brains_dialect::anthropic_messages::{DIALECT, VERSION};
use brains_dialect::canon::catalogue::Model;
use brains_dialect::canon::exchange::{Field, Framing};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::translation::Encoded;
use serde_json::Value;

pub use brains_dialect::anthropic_messages::upstream::encode::{
    AnthropicMessagesOptions as Options, Thinking,
};

use crate::vendor::{RelayedWire, Upstream, VendorWire};
use crate::wire::{Exchange, ModelList};

const VERSION_HEADER: &str = "anthropic-version";

/// Messages. The address has no version: `https://api.example.com`.
#[derive(Debug)]
pub enum AnthropicMessages {}

impl VendorWire for AnthropicMessages {
    type Options = Options;
    type Decoder = decode::AnthropicMessagesDecoder;

    const STREAMED: Framing = Framing::Sse;
    const MODELS: ModelList =
        ModelList { query: "limit=1000", member: "data", cursor: "after_id", next, model };

    const ENDPOINTS: &'static [&'static str] = &["/v1", "/messages", "/models", "/complete"];

    fn exchange(
        upstream: &Upstream,
        stream: bool,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
    ) -> Exchange {
        let exchange = upstream.post("/v1/messages", query, ctx).accepting(stream);
        let exchange = exchange.header("content-type", "application/json");
        let exchange = match headers.iter().find(|field| field.name == VERSION_HEADER) {
            Some(version) => exchange.header(VERSION_HEADER, &version.value),
            None => exchange.header(VERSION_HEADER, VERSION),
        };
        exchange.signed(upstream).forwarded(headers, DIALECT)
    }

    fn encode(req: &ChatRequest, options: &Options) -> Result<Encoded, Fault> {
        encode::encode(req, options)
    }

    fn decoder(_: &CallContext) -> decode::AnthropicMessagesDecoder {
        decode::AnthropicMessagesDecoder::new()
    }

    fn decode_unary(body: &str, _: &CallContext) -> Result<Vec<Event>, Fault> {
        decode::decode_unary(body)
    }

    fn models_exchange(upstream: &Upstream, query: &str, ctx: &CallContext) -> Exchange {
        let exchange = upstream.get("/v1/models", query, ctx).accepting(false);
        exchange.header(VERSION_HEADER, VERSION).signed(upstream)
    }
}

impl RelayedWire for AnthropicMessages {
    const SURFACE: &'static str = "messages";
    const DIALECT: &'static str = DIALECT;
}

fn next(page: &Value) -> Option<String> {
    let more = page.get("has_more").and_then(Value::as_bool) == Some(true);
    page.get("last_id").and_then(Value::as_str).filter(|_| more).map(str::to_owned)
}

fn model(entry: &Value) -> Option<Model> {
    let number = |name: &str| u32::try_from(entry.get(name)?.as_u64()?).ok();
    Some(Model {
        id: entry.get("id")?.as_str()?.to_owned(),
        label: entry.get("display_name").and_then(Value::as_str).map(str::to_owned),
        context: number("max_input_tokens"),
        max_output: number("max_tokens"),
        ..Model::default()
    })
}
