//! A whole provider from what is the vendor's own: its address, its settings, its ways. Everything else is the wire's.

use std::fmt;
use std::marker::PhantomData;

use brains_dialect::canon::catalogue::Page;
use brains_dialect::canon::exchange::{Field, Head, Outbound, Request, Response};
use brains_dialect::canon::relay::{Call, Lane, Surface};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use serde::de::DeserializeOwned;

use super::{Decoder, Options, Upstream};
use crate::component::{Catalogue, Chat, Component, Errors, Info, Relay};

/// A vendor that speaks chat completions. [`Provider`] makes a component of it.
pub trait Vendor: 'static {
    /// The settings. Give every field a default: `{}` is what an instance without settings has.
    type Settings: DeserializeOwned;

    /// JSON Schema 2020-12 of the settings.
    const CONFIG_SCHEMA: &'static str;

    /// What the component says of itself.
    fn info() -> Info;

    /// Where the vendor answers, or every problem that the schema cannot express.
    fn upstream(settings: &Self::Settings) -> Result<Upstream, Vec<String>>;

    /// How the vendor's wire differs from the common one.
    fn options(_settings: &Self::Settings) -> Options {
        Options::default()
    }
}

/// The component of a vendor, in both lanes.
pub struct Provider<V> {
    upstream: Upstream,
    options: Options,
    vendor: PhantomData<V>,
}

impl<V> fmt::Debug for Provider<V> {
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
        let upstream = V::upstream(&settings)?;
        Ok(Self { upstream, options: V::options(&settings), vendor: PhantomData })
    }
}

impl<V: Vendor> Errors for Provider<V> {
    fn decode_error(&self, response: Response) -> Fault {
        super::decode_error(response)
    }
}

impl<V: Vendor> Catalogue for Provider<V> {
    fn models_request(&self, ctx: &CallContext, _: Option<&str>) -> Option<Request> {
        Some(self.upstream.models_request(ctx))
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        response.map_or_else(|| Ok(Page::default()), super::models)
    }
}

impl<V: Vendor> Relay for Provider<V> {
    fn surfaces(&self) -> Vec<Surface> {
        Upstream::surfaces()
    }

    fn prepare(&self, call: Call) -> Result<Lane, Fault> {
        Ok(self.upstream.prepare(&call))
    }
}

impl<V: Vendor> Chat for Provider<V> {
    type Decoder = Decoder;

    fn encode(&self, req: ChatRequest, headers: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        Ok(self.upstream.encode(&req, &headers, ctx, &self.options))
    }

    fn decode_unary(&self, response: Response, _: &CallContext) -> Result<Vec<Event>, Fault> {
        super::decode_unary(response)
    }

    fn open(&self, _: Head, ctx: CallContext) -> Result<Decoder, Fault> {
        Ok(Decoder::new(&ctx))
    }
}
