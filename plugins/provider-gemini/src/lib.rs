//! A provider for Google's Gemini, on the vendor's own wire: its imitation of another has no place for signatures of texts, for
//! documents by their address, or for the limits of thinking.

mod catalogue;
mod settings;

use std::fmt::Write as _;

use brains_sdk::canon::catalogue::Page;
use brains_sdk::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_sdk::canon::exchange::{Field, Framing, Head, Outbound, Request, Response};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::dialect::gemini_generate::upstream::decode::{GeminiGenerateDecoder, decode_unary};
use brains_sdk::dialect::gemini_generate::upstream::{embeddings, encode, refusal};
use brains_sdk::vendor::Upstream;
use brains_sdk::wire::{Encoded, text};
use brains_sdk::{Catalogue, Chat, Component, Embeddings, Errors, Info, info};

pub use settings::Settings;

/// The component.
#[derive(Debug)]
pub struct Gemini {
    settings: Settings,
    upstream: Upstream,
}

impl Gemini {
    /// Where a model answers to a method.
    fn path(&self, model: &str, method: &str) -> String {
        format!("/{}/{}:{method}", self.settings.api_version, resource(model))
    }
}

/// A model as addresses name it. What else stands in a name must not end up in another place of the address.
fn resource(model: &str) -> String {
    let name = if model.contains('/') { model.to_owned() } else { format!("models/{model}") };
    escaped(&name, b"-_.~/").replace("..", "%2E%2E")
}

/// A text as an address may hold it: letters, digits and these marks as they are.
fn escaped(text: &str, marks: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || marks.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _written = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl Component for Gemini {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        Ok(Self { upstream: settings.upstream().checked()?, settings })
    }
}

impl Errors for Gemini {
    fn decode_error(&self, response: Response) -> Fault {
        refusal::answered(response.head.status, &response.head.headers, &text(response.body))
    }
}

impl Catalogue for Gemini {
    fn models_request(&self, ctx: &CallContext, cursor: Option<&str>) -> Option<Request> {
        if self.upstream.named_models().is_some() {
            return None;
        }
        let path = format!("/{}/models", self.settings.api_version);
        let exchange = self.upstream.get(&path, &catalogue::query(cursor), ctx).accepting(false);
        Some(exchange.signed(&self.upstream).into_request())
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        let mut page = match response {
            None => self.upstream.named_models().unwrap_or_default(),
            Some(response) if !(200..300).contains(&response.head.status) => {
                return Err(self.decode_error(response));
            }
            Some(response) => catalogue::read(&text(response.body))?,
        };
        page.models.iter_mut().for_each(|model| self.settings.describe(model));
        Ok(page)
    }
}

impl Chat for Gemini {
    type Decoder = GeminiGenerateDecoder;

    fn encode(&self, req: ChatRequest, _: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        let Encoded { body, losses } = encode::encode(&req, &self.settings.options(&req.model))?;
        let (method, query, framing) = if req.stream {
            ("streamGenerateContent", "alt=sse", Framing::Sse)
        } else {
            ("generateContent", "", Framing::Raw)
        };
        let exchange = self.upstream.post(&self.path(&req.model, method), query, ctx).accepting(req.stream);
        let request = exchange.signed(&self.upstream).json(body).into_request();
        Ok(Outbound { request, framing, losses, added: Vec::new() })
    }

    fn decode_unary(&self, response: Response, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        decode_unary(&text(response.body), &ctx.call_seed())
    }

    fn open(&self, _: Head, ctx: CallContext) -> Result<GeminiGenerateDecoder, Fault> {
        Ok(GeminiGenerateDecoder::new(&ctx.call_seed()))
    }
}

impl Embeddings for Gemini {
    fn encode_batch(&self, batch: EmbeddingBatch, ctx: &CallContext) -> Result<Request, Fault> {
        let exchange = self.upstream.post(&self.path(&batch.model, "batchEmbedContents"), "", ctx);
        let body = embeddings::encode(&batch, &resource(&batch.model));
        Ok(exchange.accepting(false).signed(&self.upstream).json(body).into_request())
    }

    fn decode_vectors(&self, response: Response) -> Result<Vectors, Fault> {
        embeddings::decode(&text(response.body))
    }
}

brains_sdk::export_chat!(Gemini, embeddings);

#[cfg(test)]
mod tests;
