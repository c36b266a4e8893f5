//! The wire `openai-chat`, for vendors that speak it.

use brains_dialect::canon::catalogue::Model;
use brains_dialect::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_dialect::canon::exchange::{Field, Framing};
use brains_dialect::canon::relay::Edit;
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::openai_chat::DIALECT;
use brains_dialect::openai_chat::upstream::{decode, embeddings, encode, relayed};
use brains_dialect::translation::Encoded;
use serde_json::Value;

pub use brains_dialect::openai_chat::upstream::encode::OpenAiChatOptions as Options;
use brains_dialect::openai_chat::upstream::prefill::Prefill;
use serde::Deserialize;

use crate::vendor::{EmbeddingWire, RelayedWire, Upstream, VendorWire};
use crate::wire::{Exchange, ModelList, one_page};

/// How a vendor is asked to go on exactly where the assistant's turn at the end ends, as settings say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoesOn {
    Plain,
    Prefix,
    Partial,
    ContinueFinalMessage,
}

impl From<GoesOn> for Prefill {
    fn from(way: GoesOn) -> Self {
        match way {
            GoesOn::Plain => Self::Plain,
            GoesOn::Prefix => Self::Member("prefix"),
            GoesOn::Partial => Self::Member("partial"),
            GoesOn::ContinueFinalMessage => Self::FinalMessage,
        }
    }
}

/// Chat completions. The address has the version: `https://api.example.com/v1`.
#[derive(Debug)]
pub enum OpenAiChat {}

impl VendorWire for OpenAiChat {
    type Options = Options;
    type Decoder = decode::OpenAiChatDecoder;

    const STREAMED: Framing = Framing::Sse;
    const ADDED: &'static [&'static str] = &[relayed::COUNTS];
    const MODELS: ModelList = ModelList { query: "", member: "data", cursor: "", next: one_page, model };

    const ENDPOINTS: &'static [&'static str] =
        &["/completions", "/responses", "/embeddings", "/models", "/messages"];

    fn exchange(
        upstream: &Upstream,
        stream: bool,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
    ) -> Exchange {
        let exchange = upstream.post("/chat/completions", query, ctx).accepting(stream).signed(upstream);
        exchange.header("content-type", "application/json").forwarded(headers, DIALECT)
    }

    fn encode(req: &ChatRequest, options: &Options) -> Result<Encoded, Fault> {
        encode::encode(req, options)
    }

    fn continues(options: &Options) -> bool {
        options.prefill.is_some()
    }

    fn decoder(ctx: &CallContext) -> decode::OpenAiChatDecoder {
        decode::OpenAiChatDecoder::new(&ctx.call_seed())
    }

    fn decode_unary(body: &str, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        decode::decode_unary(body, &ctx.call_seed())
    }

    fn models_exchange(upstream: &Upstream, query: &str, ctx: &CallContext) -> Exchange {
        upstream.get("/models", query, ctx).accepting(false).signed(upstream)
    }
}

impl RelayedWire for OpenAiChat {
    const SURFACE: &'static str = "chat";
    const DIALECT: &'static str = DIALECT;

    fn edits(options: &Options, model: &str, stream: bool) -> Vec<Edit> {
        relayed::edits(options, model, stream)
    }
}

impl EmbeddingWire for OpenAiChat {
    fn embeddings_exchange(upstream: &Upstream, ctx: &CallContext) -> Exchange {
        let exchange = upstream.post("/embeddings", "", ctx).accepting(false).signed(upstream);
        exchange.header("content-type", "application/json")
    }

    fn encode_batch(batch: &EmbeddingBatch, _: &Options) -> String {
        embeddings::encode(batch)
    }

    fn decode_vectors(body: &str) -> Result<Vectors, Fault> {
        embeddings::decode(body)
    }
}

fn model(entry: &Value) -> Option<Model> {
    let number =
        |names: [&str; 2]| names.iter().find_map(|name| u32::try_from(entry.get(*name)?.as_u64()?).ok());
    Some(Model {
        id: entry.get("id")?.as_str()?.to_owned(),
        label: entry.get("name").and_then(Value::as_str).map(str::to_owned),
        context: number(["context_length", "max_model_len"]),
        max_output: number(["max_output_tokens", "max_completion_tokens"]),
        extra: entry.get("owned_by").map(|owner| serde_json::json!({ "owned_by": owner }).to_string()),
        ..Model::default()
    })
}
