//! Vendors that speak the wire `anthropic-messages`: what a provider of one needs beyond its address and its
//! settings.

use brains_dialect::anthropic_messages::upstream::{decode, encode, error};
use brains_dialect::anthropic_messages::{DIALECT, VERSION};
use brains_dialect::canon::catalogue::{Model, Page};
use brains_dialect::canon::exchange::{Body, Field, Frame, Framing, Method, Outbound, Request, Response};
use brains_dialect::canon::relay::{self, Call, Edit, Lane, Member, Surface};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::json::quote;
use serde_json::Value;

pub use brains_dialect::anthropic_messages::upstream::encode::{
    AnthropicMessagesOptions as Options, Thinking,
};

use crate::address::{Address, secret_header, text_header};
use crate::component::Decode;
use crate::payload::{listed, text};

/// The name of the surface.
pub const SURFACE: &str = "messages";

/// Client headers that mean something to vendors of this wire.
const FORWARDED: [&str; 2] = ["anthropic-beta", "anthropic-dangerous-direct-browser-access"];
const VERSION_HEADER: &str = "anthropic-version";

/// One vendor's address and what goes to it with every exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    address: Address,
    secret: Option<String>,
    headers: Vec<(String, String)>,
}

impl Upstream {
    /// `base_url` without the version: `https://api.example.com`. A query in it is kept.
    pub fn new(base_url: &str) -> Self {
        Self { address: Address::new(base_url), secret: None, headers: Vec::new() }
    }

    /// Sends this secret as `x-api-key`. Give it only when [`has_secret`](crate::host::has_secret) says so.
    #[must_use]
    pub fn key(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
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
        let request = self.messages(call.stream, &call.query, &call.headers, &call.ctx, Body::Empty);
        let model = Member { name: "model".to_owned(), value: quote(&call.model) };
        Lane::Relay(relay::Outbound { request, framing: framing(call.stream), edits: vec![Edit::Set(model)] })
    }

    /// The exchange of a translated call, or what of it this wire refuses.
    pub fn encode(
        &self,
        req: &ChatRequest,
        headers: &[Field],
        ctx: &CallContext,
        options: &Options,
    ) -> Result<Outbound, Fault> {
        let encoded = encode::encode(req, options)?;
        Ok(Outbound {
            request: self.messages(req.stream, "", headers, ctx, Body::Text(encoded.body)),
            framing: framing(req.stream),
            losses: encoded.losses,
        })
    }

    /// The exchange that lists the models behind `cursor`.
    pub fn models_request(&self, ctx: &CallContext, cursor: Option<&str>) -> Request {
        let after = cursor.map(|id| format!("&after_id={id}")).unwrap_or_default();
        let mut request = self.address.request(Method::Get, "/v1/models", &format!("limit=1000{after}"), ctx);
        request.headers.push(text_header("accept", "application/json"));
        request.headers.push(text_header(VERSION_HEADER, VERSION));
        self.sign(&mut request);
        request
    }

    fn messages(
        &self,
        stream: bool,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
        body: Body,
    ) -> Request {
        let mut request = self.address.request(Method::Post, "/v1/messages", query, ctx);
        let accept = if stream { "text/event-stream" } else { "application/json" };
        let version = headers.iter().find(|field| field.name == VERSION_HEADER);
        request.headers.extend([
            text_header("accept", accept),
            text_header("content-type", "application/json"),
            text_header(VERSION_HEADER, version.map_or(VERSION, |field| &field.value)),
        ]);
        self.sign(&mut request);
        let forwarded = headers.iter().filter(|field| FORWARDED.contains(&field.name.as_str()));
        request.headers.extend(forwarded.map(|field| text_header(&field.name, &field.value)));
        request.body = body;
        request
    }

    fn sign(&self, request: &mut Request) {
        request.headers.extend(self.secret.as_deref().map(|secret| secret_header("x-api-key", "", secret)));
        request.headers.extend(self.headers.iter().map(|(name, value)| text_header(name, value)));
    }
}

fn framing(stream: bool) -> Framing {
    if stream { Framing::Sse } else { Framing::Raw }
}

/// Reads a streamed answer.
#[derive(Debug, Default)]
pub struct Decoder(decode::AnthropicMessagesDecoder);

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
    decode::decode_unary(&text(response.body))
}

/// Reads a non-2xx answer.
pub fn decode_error(response: Response) -> Fault {
    error::parse(response.head.status, &response.head.headers, &text(response.body))
}

/// Reads a page of the list of models.
pub fn models(response: Response) -> Result<Page, Fault> {
    if !(200..300).contains(&response.head.status) {
        return Err(decode_error(response));
    }
    let (page, list) = listed(response, "data")?;
    let more = page.get("has_more").and_then(Value::as_bool) == Some(true);
    let last = page.get("last_id").and_then(Value::as_str).filter(|id| plain(id)).map(str::to_owned);
    Ok(Page { models: list.iter().filter_map(model).collect(), next: last.filter(|_| more) })
}

/// An id that may stand in a query as it is.
fn plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
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
