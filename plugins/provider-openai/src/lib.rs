//! A provider for OpenAI and everything that speaks its chat completions. Clients of the same wire are relayed:
//! their bytes pass, only the name of the model is set. Others are translated.

mod settings;

use brains_sdk::canon::catalogue::Page;
use brains_sdk::canon::exchange::{Field, Head, Outbound, Request, Response};
use brains_sdk::canon::relay::{Call, Lane, Surface};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::openai_chat::{self, Decoder, Options, Upstream};
use brains_sdk::{Catalogue, Chat, Component, Errors, Info, Relay, host};

pub use settings::{MaxTokens, Settings};

/// The secret that is sent as a bearer token, when it is set.
const API_KEY: &str = "api_key";

/// The component.
#[derive(Debug)]
pub struct OpenAi {
    upstream: Upstream,
    options: Options,
    models: Vec<String>,
}

impl Component for OpenAi {
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
        if let Some(organization) = &settings.organization {
            upstream = upstream.header("openai-organization", organization);
        }
        for (name, value) in &settings.headers {
            upstream = upstream.header(name.to_ascii_lowercase(), value);
        }
        if host::has_secret(API_KEY) {
            upstream = upstream.bearer(API_KEY);
        }
        Ok(Self { upstream, options: settings.options(), models: settings.models })
    }
}

impl Errors for OpenAi {
    fn decode_error(&self, response: Response) -> Fault {
        openai_chat::decode_error(response)
    }
}

impl Catalogue for OpenAi {
    fn models_request(&self, ctx: &CallContext, _: Option<&str>) -> Option<Request> {
        self.models.is_empty().then(|| self.upstream.models_request(ctx))
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        match response {
            Some(response) => openai_chat::models(response),
            None => Ok(Page {
                models: self.models.iter().map(|id| openai_chat::known_model(id)).collect(),
                next: None,
            }),
        }
    }
}

impl Relay for OpenAi {
    fn surfaces(&self) -> Vec<Surface> {
        Upstream::surfaces()
    }

    fn prepare(&self, call: Call) -> Result<Lane, Fault> {
        Ok(self.upstream.prepare(&call))
    }
}

impl Chat for OpenAi {
    type Decoder = Decoder;

    fn encode(&self, req: ChatRequest, headers: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        Ok(self.upstream.encode(&req, &headers, ctx, &self.options))
    }

    fn decode_unary(&self, response: Response, _: &CallContext) -> Result<Vec<Event>, Fault> {
        openai_chat::decode_unary(response)
    }

    fn open(&self, _: Head, ctx: CallContext) -> Result<Decoder, Fault> {
        Ok(Decoder::new(&ctx))
    }
}

brains_sdk::export_provider!(OpenAi);

#[cfg(test)]
mod tests;
