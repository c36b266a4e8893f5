//! The wire `anthropic-messages`, for vendors that speak it.

use brains_dialect::anthropic_messages::upstream::{decode, encode};
use brains_dialect::anthropic_messages::{DIALECT, VERSION, pairs};
use brains_dialect::canon::catalogue::Model;
use brains_dialect::canon::exchange::{Field, Framing};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::translation::Encoded;
use serde_json::Value;

pub use brains_dialect::anthropic_messages::upstream::encode::AnthropicMessagesOptions as Options;
use brains_dialect::anthropic_messages::upstream::encode::Thinking as Told;
use serde::{Deserialize, Serialize};

use crate::vendor::{Endpoint, RelayedWire, Upstream, VendorWire};
use crate::wire::{Exchange, ModelList};

/// What a model can do, as data and settings say it.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a model can do or not")]
pub struct Capabilities {
    pub thinking: Thinking,
    pub efforts: Vec<String>,
    pub sampling: bool,
    pub prefill: bool,
    pub forced_tools: bool,
    pub documents: bool,
    pub structured_outputs: bool,
    pub context: Option<u32>,
    pub max_output: Option<u32>,
}

/// How a model is told how hard to think: by an effort, by a budget of tokens, by either, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    Adaptive,
    Budget,
    Either,
    Off,
}

impl Capabilities {
    /// How requests for the model are written.
    pub fn options(self, default_max_tokens: u32) -> Options {
        let thinking = match self.thinking {
            Thinking::Adaptive => Told::Adaptive,
            Thinking::Budget => Told::Budget,
            Thinking::Either => Told::Either,
            Thinking::Off => Told::Off,
        };
        Options {
            default_max_tokens,
            thinking,
            efforts: self.efforts,
            sampling: self.sampling,
            prefill: self.prefill,
            forced_tools: self.forced_tools,
            documents: self.documents,
            structured_outputs: self.structured_outputs,
            max_output: self.max_output,
        }
    }
}

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
        sent(upstream.post("/v1/messages", query, ctx).accepting(stream), upstream, headers)
    }

    fn encode(req: &ChatRequest, options: &Options) -> Result<Encoded, Fault> {
        encode::encode(req, options)
    }

    /// The loss is named where a model does not.
    fn continues(_: &Options) -> bool {
        true
    }

    fn paired(body: &str) -> Vec<Field> {
        let field = |beta: &str| Field { name: pairs::HEADER.to_owned(), value: beta.to_owned() };
        pairs::betas(body).map(field).collect()
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
    const BESIDE: &'static [Endpoint] = &[
        Endpoint { surface: "messages.count_tokens", path: "/v1/messages/count_tokens", names_model: true },
        Endpoint { surface: "messages.cache_touch", path: "/v1/messages/cache_touch", names_model: false },
    ];

    fn beside(
        endpoint: &Endpoint,
        upstream: &Upstream,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
    ) -> Exchange {
        sent(upstream.post(endpoint.path, query, ctx).accepting(false), upstream, headers)
    }
}

/// With what every exchange that has a body is sent with.
fn sent(exchange: Exchange, upstream: &Upstream, headers: &[Field]) -> Exchange {
    let exchange = exchange.header("content-type", "application/json");
    let exchange = match headers.iter().find(|field| field.name == VERSION_HEADER) {
        Some(version) => exchange.header(VERSION_HEADER, &version.value),
        None => exchange.header(VERSION_HEADER, VERSION),
    };
    exchange.signed(upstream).forwarded(headers, DIALECT)
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
