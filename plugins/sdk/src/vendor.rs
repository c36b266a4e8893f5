//! A whole provider from what is the vendor's own: its address, its settings, its ways, over a wire. The SDK speaks three;
//! [`VendorWire`] is what a fourth says of itself. [`Provider`] makes a component of the two.
//!
//! ```
//! use brains_sdk::openai_chat::OpenAiChat;
//! use brains_sdk::vendor::{Provider, Upstream, Vendor};
//! use brains_sdk::{Component, Info, info};
//! use serde::Deserialize;
//!
//! #[derive(Default, Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Settings {
//!     region: String,
//! }
//!
//! struct Acme;
//!
//! impl Vendor for Acme {
//!     type Wire = OpenAiChat;
//!     type Settings = Settings;
//!     const CONFIG_SCHEMA: &'static str = r#"{"type":"object","properties":{"region":{"type":"string"}}}"#;
//!
//!     fn info() -> Info {
//!         info!()
//!     }
//!
//!     fn upstream(settings: &Settings) -> Upstream {
//!         Upstream::new(&format!("https://{}.vendor.example/v1", settings.region)).bearer_if_set("api_key")
//!     }
//! }
//!
//! brains_sdk::export_provider!(Provider<Acme>);
//!
//! assert!(Provider::<Acme>::new(Settings { region: "eu".into() }).is_ok());
//! ```

mod upstream;

use std::fmt;
use std::marker::PhantomData;

use brains_dialect::canon::catalogue::{Model, Page};
use brains_dialect::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_dialect::canon::exchange::{Body, Field, Framing, Head, Outbound, Request, Response};
use brains_dialect::canon::relay::{self, Call, Edit, Lane, Surface};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::continuing::NOT_EXACT;
use brains_dialect::json::quote;
use brains_dialect::translation::Encoded;
use serde::de::DeserializeOwned;

pub use upstream::Upstream;

use crate::component::{Catalogue, Chat, Component, Decode, Embeddings, Errors, Info, Relay};
use crate::wire::{Exchange, ModelList, refused, text};

/// A vendor and the wire that it speaks.
pub trait Vendor: 'static {
    /// The wire.
    type Wire: VendorWire;

    /// The settings. Give every field a default: `{}` is what an instance without settings has.
    type Settings: DeserializeOwned;

    /// JSON Schema 2020-12 of the settings.
    const CONFIG_SCHEMA: &'static str;

    /// What the component says of itself.
    fn info() -> Info;

    /// Where the vendor answers and what it is sent. What is wrong with it refuses the settings.
    fn upstream(settings: &Self::Settings) -> Upstream;

    /// How the vendor's wire differs from the common one, for this model.
    fn options(_settings: &Self::Settings, _model: &str) -> <Self::Wire as VendorWire>::Options {
        Default::default()
    }

    /// What is known of a model that the vendor's list does not say.
    fn describe(_settings: &Self::Settings, _model: &mut Model) {}
}

/// A wire that vendors speak: what a provider of one needs beyond its address and its settings. The SDK has four; a component
/// with a wire of its own implements it with the tools of [`wire`](crate::wire).
pub trait VendorWire: 'static {
    /// How vendors of this wire differ.
    type Options: Default + 'static;

    /// Reads a streamed answer.
    type Decoder: Decode + 'static;

    /// How streamed answers are cut; whole ones are not.
    const STREAMED: Framing;

    /// Paths of what [`encode`](Self::encode) writes of its own accord. An upstream that refuses one of them by name is asked again
    /// without it.
    const ADDED: &'static [&'static str] = &[];

    /// How the models are listed.
    const MODELS: ModelList;

    /// Ends of an address that is an endpoint, or that has what is added to it: vendors print both.
    const ENDPOINTS: &'static [&'static str] = &[];

    /// The exchange of a call, but for its body: the same for a body of ours and for one of a client.
    fn exchange(
        upstream: &Upstream,
        stream: bool,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
    ) -> Exchange;

    /// [`ADDED`](Self::ADDED) for one request, where it depends on what the client said itself.
    fn added(_req: &ChatRequest) -> Vec<&'static str> {
        Self::ADDED.to_vec()
    }

    /// The body of a translated call, or what of it this wire refuses.
    fn encode(req: &ChatRequest, options: &Self::Options) -> Result<Encoded, Fault>;

    /// Whether a model goes on exactly from a turn of the assistant's at the end, or [`encode`](Self::encode) names that loss.
    fn continues(_options: &Self::Options) -> bool {
        false
    }

    /// Headers that a translated body must not go without.
    fn paired(_body: &str) -> Vec<Field> {
        Vec::new()
    }

    /// The decoder of a streamed answer.
    fn decoder(ctx: &CallContext) -> Self::Decoder;

    /// Reads a whole answer.
    fn decode_unary(body: &str, ctx: &CallContext) -> Result<Vec<Event>, Fault>;

    /// Reads a non-2xx answer.
    fn decode_error(head: &Head, body: &str) -> Fault {
        refused(head.status, &head.headers, body)
    }

    /// The exchange that lists the models.
    fn models_exchange(upstream: &Upstream, query: &str, ctx: &CallContext) -> Exchange;
}

/// What a vendor answers beside a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// What it is called in a call.
    pub surface: &'static str,
    /// Where it lies below the vendor's address.
    pub path: &'static str,
    /// Whether its body names a model.
    pub names_model: bool,
}

/// A wire that clients speak too, so that their bytes can pass.
pub trait RelayedWire: VendorWire {
    /// What there is to relay, and what it is called in a call.
    const SURFACE: &'static str;

    /// The name of the wire.
    const DIALECT: &'static str;

    /// What is relayed besides: clients ask it of the vendor at paths of their own.
    const BESIDE: &'static [Endpoint] = &[];

    /// The exchange of such a request, but for its body.
    fn beside(
        endpoint: &Endpoint,
        upstream: &Upstream,
        query: &str,
        headers: &[Field],
        ctx: &CallContext,
    ) -> Exchange {
        let exchange = upstream.post(endpoint.path, query, ctx).accepting(false).signed(upstream);
        exchange.header("content-type", "application/json").forwarded(headers, Self::DIALECT)
    }

    /// What of a client's body is changed beyond the name of the model.
    fn edits(_options: &Self::Options, _model: &str, _stream: bool) -> Vec<Edit> {
        Vec::new()
    }
}

/// A wire that gives embeddings, too.
pub trait EmbeddingWire: VendorWire {
    /// The exchange of a batch, but for its body.
    fn embeddings_exchange(upstream: &Upstream, ctx: &CallContext) -> Exchange;

    /// The body that asks for the vectors.
    fn encode_batch(batch: &EmbeddingBatch, options: &Self::Options) -> String;

    /// Reads a 2xx answer.
    fn decode_vectors(body: &str) -> Result<Vectors, Fault>;
}

/// The component of a vendor, in both lanes where clients speak its wire.
pub struct Provider<V: Vendor> {
    upstream: Upstream,
    settings: V::Settings,
    vendor: PhantomData<V>,
}

impl<V: Vendor> fmt::Debug for Provider<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl<V: Vendor> Component for Provider<V> {
    type Config = V::Settings;

    const CONFIG_SCHEMA: &'static str = V::CONFIG_SCHEMA;

    fn info() -> Info {
        V::info()
    }

    fn new(settings: V::Settings) -> Result<Self, Vec<String>> {
        let upstream = V::upstream(&settings).without(V::Wire::ENDPOINTS).checked()?;
        Ok(Self { upstream, settings, vendor: PhantomData })
    }
}

impl<V: Vendor> Errors for Provider<V> {
    fn decode_error(&self, response: Response) -> Fault {
        V::Wire::decode_error(&response.head, &text(response.body))
    }
}

impl<V: Vendor> Catalogue for Provider<V> {
    fn models_request(&self, ctx: &CallContext, cursor: Option<&str>) -> Option<Request> {
        if self.upstream.named_models().is_some() {
            return None;
        }
        let query = V::Wire::MODELS.query(cursor);
        Some(V::Wire::models_exchange(&self.upstream, &query, ctx).into_request())
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        let mut page = match response {
            None => self.upstream.named_models().unwrap_or_default(),
            Some(response) if !(200..300).contains(&response.head.status) => {
                return Err(self.decode_error(response));
            }
            Some(response) => V::Wire::MODELS.read(&text(response.body))?,
        };
        page.models.iter_mut().for_each(|model| V::describe(&self.settings, model));
        Ok(page)
    }
}

impl<V: Vendor<Wire: RelayedWire>> Relay for Provider<V> {
    fn surfaces(&self) -> Vec<Surface> {
        let surface = |name: &str| Surface { name: name.to_owned(), dialect: V::Wire::DIALECT.to_owned() };
        let beside = V::Wire::BESIDE.iter().map(|endpoint| endpoint.surface);
        std::iter::once(V::Wire::SURFACE).chain(beside).map(surface).collect()
    }

    /// The client's own body, under the vendor's name of the model.
    fn prepare(&self, call: Call) -> Result<Lane, Fault> {
        let Call { surface, model, stream, query, headers, ctx } = call;
        if let Some(endpoint) = V::Wire::BESIDE.iter().find(|endpoint| endpoint.surface == surface) {
            let exchange = V::Wire::beside(endpoint, &self.upstream, &query, &headers, &ctx);
            let named = endpoint.names_model.then(|| Edit::set("model", quote(&model)));
            let (request, edits) = (exchange.into_request(), named.into_iter().collect());
            return Ok(Lane::Relay(relay::Outbound { request, framing: Framing::Raw, edits }));
        }
        if surface != V::Wire::SURFACE {
            return Ok(Lane::Translate);
        }
        let exchange = V::Wire::exchange(&self.upstream, stream, &query, &headers, &ctx);
        let mut edits = V::Wire::edits(&V::options(&self.settings, &model), &model, stream);
        edits.push(Edit::set("model", quote(&model)));
        Ok(Lane::Relay(relay::Outbound {
            request: exchange.into_request(),
            framing: framing::<V::Wire>(stream),
            edits,
        }))
    }
}

impl<V: Vendor> Chat for Provider<V> {
    type Decoder = <V::Wire as VendorWire>::Decoder;

    fn encode(&self, req: ChatRequest, headers: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        let options = V::options(&self.settings, &req.model);
        let Encoded { body, mut losses } = V::Wire::encode(&req, &options)?;
        if ctx.continues() && !V::Wire::continues(&options) {
            losses.push(NOT_EXACT.to_owned());
        }
        let paired = V::Wire::paired(&body);
        let exchange = V::Wire::exchange(&self.upstream, req.stream, "", &headers, ctx).listing(paired);
        let request = exchange.body(Body::Text(body)).into_request();
        let added = V::Wire::added(&req).into_iter().map(str::to_owned).collect();
        Ok(Outbound { request, framing: framing::<V::Wire>(req.stream), losses, added })
    }

    fn decode_unary(&self, response: Response, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        V::Wire::decode_unary(&text(response.body), ctx)
    }

    fn open(&self, _: Head, ctx: CallContext) -> Result<Self::Decoder, Fault> {
        Ok(V::Wire::decoder(&ctx))
    }
}

impl<V: Vendor<Wire: EmbeddingWire>> Embeddings for Provider<V> {
    fn encode_batch(&self, batch: EmbeddingBatch, ctx: &CallContext) -> Result<Request, Fault> {
        let body = V::Wire::encode_batch(&batch, &V::options(&self.settings, &batch.model));
        Ok(V::Wire::embeddings_exchange(&self.upstream, ctx).body(Body::Text(body)).into_request())
    }

    fn decode_vectors(&self, response: Response) -> Result<Vectors, Fault> {
        V::Wire::decode_vectors(&text(response.body))
    }
}

fn framing<W: VendorWire>(stream: bool) -> Framing {
    if stream { W::STREAMED } else { Framing::Raw }
}
