//! Vendors that speak the wire `openai-chat`: what a provider of one needs beyond its address and its settings.

mod vendor;

use brains_dialect::canon::catalogue::{Model, Page};
use brains_dialect::canon::exchange::{Body, Field, Frame, Framing, Method, Outbound, Request, Response};
use brains_dialect::canon::relay::{self, Call, Edit, Lane, Member, Surface};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::json::quote;
use brains_dialect::openai_chat::DIALECT;
use brains_dialect::openai_chat::upstream::{decode, encode, error};
use serde_json::Value;

pub use brains_dialect::openai_chat::upstream::encode::OpenAiChatOptions as Options;
pub use vendor::{Provider, Vendor};

use crate::address::{Address, secret_header, text_header};
use crate::component::Decode;
use crate::payload::{listed, text};

/// The name of the chat surface.
pub const SURFACE: &str = "chat";

/// Client headers that mean something to vendors of this wire.
const FORWARDED: [&str; 3] = ["openai-beta", "idempotency-key", "x-client-request-id"];

/// One vendor's address and what goes to it with every exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    address: Address,
    secret: Option<String>,
    headers: Vec<(String, String)>,
}

impl Upstream {
    /// `base_url` as vendors print it, with the version: `https://api.example.com/v1`. A query in it is kept.
    pub fn new(base_url: &str) -> Self {
        Self { address: Address::new(base_url), secret: None, headers: Vec::new() }
    }

    /// Sends this secret as a bearer token. Give it only when [`has_secret`](crate::host::has_secret) says so.
    #[must_use]
    pub fn bearer(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Sends this secret as a bearer token when it is set and granted, else no credential.
    #[must_use]
    pub fn bearer_if_set(self, secret: &str) -> Self {
        if crate::host::has_secret(secret) { self.bearer(secret) } else { self }
    }

    /// Sends this header too.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What there is to relay.
    pub fn surfaces() -> Vec<Surface> {
        vec![Surface { name: SURFACE.to_owned(), dialect: DIALECT.to_owned() }]
    }

    /// The exchange of a relayed call: the client's own body, under the upstream's name of the model.
    pub fn prepare(&self, call: &Call) -> Lane {
        if call.surface != SURFACE {
            return Lane::Translate;
        }
        let request = self.chat(call.stream, &call.query, &call.headers, &call.ctx, Body::Empty);
        let model = Member { name: "model".to_owned(), value: quote(&call.model) };
        Lane::Relay(relay::Outbound { request, framing: framing(call.stream), edits: vec![Edit::Set(model)] })
    }

    /// The exchange of a translated call.
    pub fn encode(
        &self,
        req: &ChatRequest,
        headers: &[Field],
        ctx: &CallContext,
        options: &Options,
    ) -> Outbound {
        let encoded = encode::encode(req, options);
        Outbound {
            request: self.chat(req.stream, "", headers, ctx, Body::Text(encoded.body)),
            framing: framing(req.stream),
            losses: encoded.losses,
        }
    }

    /// The exchange that lists the models.
    pub fn models_request(&self, ctx: &CallContext) -> Request {
        self.request(Method::Get, "/models", "", ctx, "application/json")
    }

    fn chat(&self, stream: bool, query: &str, headers: &[Field], ctx: &CallContext, body: Body) -> Request {
        let accept = if stream { "text/event-stream" } else { "application/json" };
        let mut request = self.request(Method::Post, "/chat/completions", query, ctx, accept);
        request.headers.push(text_header("content-type", "application/json"));
        let forwarded = headers.iter().filter(|field| FORWARDED.contains(&field.name.as_str()));
        request.headers.extend(forwarded.map(|field| text_header(&field.name, &field.value)));
        request.body = body;
        request
    }

    fn request(&self, method: Method, path: &str, query: &str, ctx: &CallContext, accept: &str) -> Request {
        let mut request = self.address.request(method, path, query, ctx);
        request.headers.push(text_header("accept", accept));
        let bearer = self.secret.as_deref().map(|secret| secret_header("authorization", "Bearer ", secret));
        request.headers.extend(bearer);
        request.headers.extend(self.headers.iter().map(|(name, value)| text_header(name, value)));
        request
    }
}

fn framing(stream: bool) -> Framing {
    if stream { Framing::Sse } else { Framing::Raw }
}

/// Reads a streamed answer.
#[derive(Debug)]
pub struct Decoder(decode::OpenAiChatDecoder);

impl Decoder {
    /// For the call of this context.
    pub fn new(ctx: &CallContext) -> Self {
        Self(decode::OpenAiChatDecoder::new(&ctx.request_id))
    }
}

impl Decode for Decoder {
    fn push(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        self.0.push(&frames)
    }

    fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault> {
        self.0.finish(clean)
    }
}

/// Reads a whole answer.
pub fn decode_unary(response: Response) -> Result<Vec<Event>, Fault> {
    let seed = response.head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("x-request-id"));
    let seed = seed.map_or_else(String::new, |field| field.value.clone());
    decode::decode_unary(&text(response.body), &seed)
}

/// Reads a non-2xx answer.
pub fn decode_error(response: Response) -> Fault {
    error::parse(response.head.status, &response.head.headers, &text(response.body))
}

/// Reads a list of models.
pub fn models(response: Response) -> Result<Page, Fault> {
    if !(200..300).contains(&response.head.status) {
        return Err(decode_error(response));
    }
    let (_, list) = listed(response, "data")?;
    Ok(Page { models: list.iter().filter_map(model).collect(), next: None })
}

/// A model that answers to this id and of which nothing else is known.
pub fn known_model(id: &str) -> Model {
    Model { id: id.to_owned(), ..Model::default() }
}

fn model(entry: &Value) -> Option<Model> {
    let number =
        |names: [&str; 2]| names.iter().find_map(|name| u32::try_from(entry.get(*name)?.as_u64()?).ok());
    Some(Model {
        label: entry.get("name").and_then(Value::as_str).map(str::to_owned),
        context: number(["context_length", "max_model_len"]),
        max_output: number(["max_output_tokens", "max_completion_tokens"]),
        extra: entry.get("owned_by").map(|owner| serde_json::json!({ "owned_by": owner }).to_string()),
        ..known_model(entry.get("id")?.as_str()?)
    })
}
