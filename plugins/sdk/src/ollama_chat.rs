//! Servers that speak the wire `ollama-chat`: what a provider of one needs beyond its address and its settings.

use brains_dialect::canon::catalogue::{Model, Page};
use brains_dialect::canon::exchange::{Body, Frame, Framing, Method, Outbound, Request, Response};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::ollama_chat::upstream::{decode, encode, error};
use serde_json::Value;

pub use brains_dialect::ollama_chat::upstream::encode::OllamaChatOptions as Options;

use crate::address::{Address, secret_header, text_header};
use crate::component::Decode;
use crate::payload::{listed, text};

/// One server's address and what goes to it with every exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    address: Address,
    secret: Option<String>,
}

impl Upstream {
    /// `base_url` without a path: `http://127.0.0.1:11434`. A query in it is kept.
    pub fn new(base_url: &str) -> Self {
        Self { address: Address::new(base_url), secret: None }
    }

    /// Sends this secret as a bearer token. Give it only when [`has_secret`](crate::host::has_secret) says so.
    #[must_use]
    pub fn bearer(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// The exchange of a translated call, or what of it this wire refuses.
    pub fn encode(&self, req: &ChatRequest, ctx: &CallContext, options: &Options) -> Result<Outbound, Fault> {
        let encoded = encode::encode(req, options)?;
        let mut request = self.request(Method::Post, "/api/chat", ctx);
        request.headers.push(text_header("content-type", "application/json"));
        request.body = Body::Text(encoded.body);
        let framing = if req.stream { Framing::Ndjson } else { Framing::Raw };
        Ok(Outbound { request, framing, losses: encoded.losses })
    }

    /// The exchange that lists the models that are pulled.
    pub fn models_request(&self, ctx: &CallContext) -> Request {
        self.request(Method::Get, "/api/tags", ctx)
    }

    fn request(&self, method: Method, path: &str, ctx: &CallContext) -> Request {
        let mut request = self.address.request(method, path, "", ctx);
        request.headers.push(text_header("accept", "application/x-ndjson, application/json"));
        let bearer = self.secret.as_deref().map(|secret| secret_header("authorization", "Bearer ", secret));
        request.headers.extend(bearer);
        request
    }
}

/// Reads a streamed answer.
#[derive(Debug)]
pub struct Decoder(decode::OllamaChatDecoder);

impl Decoder {
    /// For the call of this context.
    pub fn new(ctx: &CallContext) -> Self {
        Self(decode::OllamaChatDecoder::new(&ctx.request_id))
    }
}

impl Decode for Decoder {
    fn push(&mut self, lines: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        self.0.push(&lines)
    }

    fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault> {
        self.0.finish(clean)
    }
}

/// Reads a whole answer. The ids of its calls come from the time that stands in it.
pub fn decode_unary(response: Response) -> Result<Vec<Event>, Fault> {
    decode::decode_unary(&text(response.body), "")
}

/// Reads a non-2xx answer.
pub fn decode_error(response: Response) -> Fault {
    error::parse(response.head.status, &response.head.headers, &text(response.body))
}

/// Reads the list of models.
pub fn models(response: Response) -> Result<Page, Fault> {
    if !(200..300).contains(&response.head.status) {
        return Err(decode_error(response));
    }
    let (_, list) = listed(response, "models")?;
    Ok(Page { models: list.iter().filter_map(model).collect(), next: None })
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
