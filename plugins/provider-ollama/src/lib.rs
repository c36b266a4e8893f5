//! A provider for models that Ollama serves. Its own wire is spoken, not its imitation of another: that one leaves
//! out the window, how to think, and why an answer ended.

use brains_sdk::canon::catalogue::Page;
use brains_sdk::canon::exchange::{Field, Head, Outbound, Request, Response};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::ollama_chat::{self, Decoder, Options, Upstream};
use brains_sdk::{Catalogue, Chat, Component, Errors, Info, host};
use serde::Deserialize;

/// The secret that is sent as a bearer token, when it is set: servers behind a proxy want one.
const API_KEY: &str = "api_key";

/// As in `config.schema.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub base_url: String,
    pub context_length: Option<u32>,
    pub keep_alive: Option<String>,
    pub thinking: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let Options { context_length, keep_alive, thinking } = Options::default();
        Self { base_url: "http://127.0.0.1:11434".to_owned(), context_length, keep_alive, thinking }
    }
}

/// The component.
#[derive(Debug)]
pub struct Ollama {
    upstream: Upstream,
    options: Options,
}

impl Component for Ollama {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        brains_sdk::info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        let Settings { base_url, context_length, keep_alive, thinking } = settings;
        let authority = ["https://", "http://"].iter().find_map(|scheme| base_url.strip_prefix(scheme));
        if authority.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err(vec![format!("base_url: `{base_url}` is no http or https address")]);
        }
        let mut upstream = Upstream::new(&base_url);
        if host::has_secret(API_KEY) {
            upstream = upstream.bearer(API_KEY);
        }
        Ok(Self { upstream, options: Options { context_length, keep_alive, thinking } })
    }
}

impl Errors for Ollama {
    fn decode_error(&self, response: Response) -> Fault {
        ollama_chat::decode_error(response)
    }
}

impl Catalogue for Ollama {
    fn models_request(&self, ctx: &CallContext, _: Option<&str>) -> Option<Request> {
        Some(self.upstream.models_request(ctx))
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        response.map_or_else(|| Ok(Page::default()), ollama_chat::models)
    }
}

impl Chat for Ollama {
    type Decoder = Decoder;

    fn encode(&self, req: ChatRequest, _: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        self.upstream.encode(&req, ctx, &self.options)
    }

    fn decode_unary(&self, response: Response, _: &CallContext) -> Result<Vec<Event>, Fault> {
        ollama_chat::decode_unary(response)
    }

    fn open(&self, _: Head, ctx: CallContext) -> Result<Decoder, Fault> {
        Ok(Decoder::new(&ctx))
    }
}

brains_sdk::export_chat!(Ollama);

#[cfg(test)]
mod tests;
