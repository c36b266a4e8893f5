//! The wire `ollama-chat`, for servers that speak it.

use brains_dialect::canon::catalogue::Model;
use brains_dialect::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_dialect::canon::exchange::{Field, Framing};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::ollama_chat::upstream::{decode, embeddings, encode};
use brains_dialect::translation::Encoded;
use serde_json::Value;

pub use brains_dialect::ollama_chat::upstream::encode::OllamaChatOptions as Options;

use crate::vendor::{EmbeddingWire, Upstream, VendorWire};
use crate::wire::{Exchange, ModelList, one_page};

/// Ollama's own chat. The address has no path: `http://127.0.0.1:11434`.
#[derive(Debug)]
pub enum OllamaChat {}

impl VendorWire for OllamaChat {
    type Options = Options;
    type Decoder = decode::OllamaChatDecoder;

    const STREAMED: Framing = Framing::Ndjson;
    const MODELS: ModelList = ModelList { query: "", member: "models", cursor: "", next: one_page, model };

    const ENDPOINTS: &'static [&'static str] = &["/api", "/v1", "/api/chat", "/api/tags", "/api/generate"];

    fn exchange(upstream: &Upstream, _: bool, query: &str, _: &[Field], ctx: &CallContext) -> Exchange {
        let exchange = accepting(upstream.post("/api/chat", query, ctx)).signed(upstream);
        exchange.header("content-type", "application/json")
    }

    fn encode(req: &ChatRequest, options: &Options) -> Result<Encoded, Fault> {
        encode::encode(req, options)
    }

    fn decoder(ctx: &CallContext) -> decode::OllamaChatDecoder {
        decode::OllamaChatDecoder::new(&ctx.call_seed())
    }

    fn decode_unary(body: &str, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        decode::decode_unary(body, &ctx.call_seed())
    }

    /// Those that are pulled.
    fn models_exchange(upstream: &Upstream, query: &str, ctx: &CallContext) -> Exchange {
        accepting(upstream.get("/api/tags", query, ctx)).signed(upstream)
    }
}

impl EmbeddingWire for OllamaChat {
    fn embeddings_exchange(upstream: &Upstream, ctx: &CallContext) -> Exchange {
        let exchange = upstream.post("/api/embed", "", ctx).accepting(false).signed(upstream);
        exchange.header("content-type", "application/json")
    }

    fn encode_batch(batch: &EmbeddingBatch, options: &Options) -> String {
        embeddings::encode(batch, options.keep_alive.as_deref())
    }

    fn decode_vectors(body: &str) -> Result<Vectors, Fault> {
        embeddings::decode(body)
    }
}

fn accepting(exchange: Exchange) -> Exchange {
    exchange.header("accept", "application/x-ndjson, application/json")
}

fn model(entry: &Value) -> Option<Model> {
    let id = entry.get("model").or_else(|| entry.get("name"))?.as_str()?;
    let family = entry.pointer("/details/family").and_then(Value::as_str);
    Some(Model {
        id: id.to_owned(),
        extra: family.map(|family| serde_json::json!({ "family": family }).to_string()),
        ..Model::default()
    })
}
