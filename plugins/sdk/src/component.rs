//! What a component is and what it may be able to do. One trait per interface of `wit/brains-plugin.wit`.

use brains_dialect::canon::auth::{SignInInput, SignInStep};
use brains_dialect::canon::catalogue::Page;
use brains_dialect::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_dialect::canon::exchange::{Field, Frame, Head, Outbound, Request, Response};
use brains_dialect::canon::relay::{Call, Lane, Surface};
use brains_dialect::canon::task::{Decision, Features, RouteInput, Verdict};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault, FaultKind};
use serde::de::DeserializeOwned;

/// What a component says of itself; [`info!`](crate::info) takes it from the crate's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    pub name: String,
    pub version: String,
    pub summary: String,
}

/// Name, version and description of the crate that calls it.
#[macro_export]
macro_rules! info {
    () => {
        $crate::Info {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        }
    };
}

/// A component is a value made of its settings. It is built once per instance, at the first call, so work that
/// depends on settings alone belongs into [`Component::new`].
pub trait Component: Sized + 'static {
    /// The settings. Give every field a default: `{}` is what an instance without settings has.
    type Config: DeserializeOwned;

    /// JSON Schema 2020-12 of the settings. It drives validation and the admin form.
    const CONFIG_SCHEMA: &'static str;

    /// What the component says of itself.
    fn info() -> Info;

    /// Builds the component, or lists every problem that the schema cannot express.
    fn new(config: Self::Config) -> Result<Self, Vec<String>>;
}

/// Reads a non-2xx answer, in both lanes.
pub trait Errors: Component {
    fn decode_error(&self, response: Response) -> Fault;
}

/// Which models there are.
pub trait Catalogue: Component {
    /// The exchange that lists them; `None` when the list is built in.
    fn models_request(&self, ctx: &CallContext, cursor: Option<&str>) -> Option<Request>;

    /// Reads the list; `None` when there was no exchange.
    fn models(&self, response: Option<Response>) -> Result<Page, Fault>;
}

/// The same wire on both sides: the host moves the bytes, the component decides the exchange.
pub trait Relay: Component {
    fn surfaces(&self) -> Vec<Surface>;
    fn prepare(&self, call: Call) -> Result<Lane, Fault>;
}

/// A wire of the component's own.
pub trait Chat: Component {
    type Decoder: Decode + 'static;

    fn encode(&self, req: ChatRequest, headers: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault>;
    fn decode_unary(&self, response: Response, ctx: &CallContext) -> Result<Vec<Event>, Fault>;
    fn open(&self, head: Head, ctx: CallContext) -> Result<Self::Decoder, Fault>;
}

/// Reads one streamed answer.
pub trait Decode {
    /// Every frame that is ready (framings `sse` and `ndjson`).
    fn push(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault>;

    /// A piece of the body (framing `raw`).
    fn push_bytes(&mut self, _chunk: Vec<u8>) -> Result<Vec<Event>, Fault> {
        Err(Fault {
            kind: FaultKind::Unsupported,
            message: "this decoder reads frames, not raw bytes".to_owned(),
            code: None,
            retry_after_ms: None,
            failover: false,
        })
    }

    /// The body has ended; `clean` is false after a transport error.
    fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault>;
}

/// The decoder of a component whose answers are never streamed.
#[derive(Debug)]
pub enum Undecoded {}

impl Decode for Undecoded {
    fn push(&mut self, _frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        match *self {}
    }

    fn finish(&mut self, _clean: bool) -> Result<Vec<Event>, Fault> {
        match *self {}
    }
}

/// Gives texts their vectors.
pub trait Embeddings: Component {
    fn encode_batch(&self, batch: EmbeddingBatch, ctx: &CallContext) -> Result<Request, Fault>;

    /// Reads a 2xx answer: the vectors in the order of the texts.
    fn decode_vectors(&self, response: Response) -> Result<Vectors, Fault>;
}

/// Signs in: gets what requests are sent with, and renews it. The host keeps what a flow gives, and fills it into requests
/// that name it as a credential; `extra` of a call's context says under `credentials` what there is.
pub trait Auth: Component {
    type Flow: SignInFlow + 'static;

    fn flow(&self) -> Self::Flow;
}

/// One flow. A start says under `do` what for: `sign_in`, with a person; `renew`, without one, from the secrets and what is
/// `kept` of an earlier `sign_in`; `inspect`, to tell what the vendor says of the account as attributes.
pub trait SignInFlow {
    fn next(&mut self, input: SignInInput) -> Result<SignInStep, Fault>;
}

/// Answers from what it holds, with no exchange.
pub trait Standalone: Component {
    fn answer(&self, req: ChatRequest, ctx: CallContext) -> Result<Vec<Event>, Fault>;
}

/// Tells what a request is about.
pub trait Classifier: Component {
    fn classify(&self, features: &Features) -> Result<Verdict, Fault>;
}

/// Orders the candidates of a request.
pub trait Policy: Component {
    fn decide(&self, input: &RouteInput) -> Result<Decision, Fault>;
}
