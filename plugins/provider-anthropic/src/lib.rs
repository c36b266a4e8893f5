//! A provider for Anthropic and everything that speaks its Messages. Clients of the same wire are relayed: their
//! bytes pass, only the name of the model is set. Others are translated.

mod settings;

use brains_sdk::anthropic_messages::{self, Decoder, Options, Upstream};
use brains_sdk::canon::catalogue::{Model, Page};
use brains_sdk::canon::exchange::{Field, Head, Outbound, Request, Response};
use brains_sdk::canon::relay::{Call, Lane, Surface};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::{Catalogue, Chat, Component, Errors, Info, Relay, host};

pub use settings::{HowToThink, Settings};

/// The secret that is sent as `x-api-key`, when it is set.
const API_KEY: &str = "api_key";

/// The component.
#[derive(Debug)]
pub struct Anthropic {
    upstream: Upstream,
    options: Options,
    models: Vec<String>,
}

impl Component for Anthropic {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        brains_sdk::info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut upstream = Upstream::new(&settings.base_url);
        for (name, value) in &settings.headers {
            upstream = upstream.header(name.to_ascii_lowercase(), value);
        }
        if host::has_secret(API_KEY) {
            upstream = upstream.key(API_KEY);
        }
        Ok(Self { upstream, options: settings.options(), models: settings.models })
    }
}

impl Errors for Anthropic {
    fn decode_error(&self, response: Response) -> Fault {
        anthropic_messages::decode_error(response)
    }
}

impl Catalogue for Anthropic {
    fn models_request(&self, ctx: &CallContext, cursor: Option<&str>) -> Option<Request> {
        self.models.is_empty().then(|| self.upstream.models_request(ctx, cursor))
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        let known = |id: &String| Model { id: id.clone(), ..Model::default() };
        match response {
            Some(response) => anthropic_messages::models(response),
            None => Ok(Page { models: self.models.iter().map(known).collect(), next: None }),
        }
    }
}

impl Relay for Anthropic {
    fn surfaces(&self) -> Vec<Surface> {
        Upstream::surfaces()
    }

    fn prepare(&self, call: Call) -> Result<Lane, Fault> {
        Ok(self.upstream.prepare(&call))
    }
}

impl Chat for Anthropic {
    type Decoder = Decoder;

    fn encode(&self, req: ChatRequest, headers: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        self.upstream.encode(&req, &headers, ctx, &self.options)
    }

    fn decode_unary(&self, response: Response, _: &CallContext) -> Result<Vec<Event>, Fault> {
        anthropic_messages::decode_unary(response)
    }

    fn open(&self, _: Head, _: CallContext) -> Result<Decoder, Fault> {
        Ok(Decoder::default())
    }
}

brains_sdk::export_provider!(Anthropic);

#[cfg(test)]
mod tests;
