//! A provider for a `LiteLLM` proxy. It serves three wires, so clients of each are relayed: their bytes pass, only the name
//! of the model is set. What is left is translated to chat completions. One key and one address for all.

mod catalogue;
mod wires;

use std::collections::BTreeMap;

use brains_sdk::canon::catalogue::Page;
use brains_sdk::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_sdk::canon::exchange::{Field, Head, Outbound, Request, Response};
use brains_sdk::canon::relay::{Call, Lane, Surface};
use brains_sdk::canon::{CallContext, ChatRequest, Event, Fault};
use brains_sdk::openai_chat::OpenAiChat;
use brains_sdk::vendor::{Provider, VendorWire};
use brains_sdk::{Catalogue, Chat, Component, Embeddings, Errors, Info, Relay, info};
use serde::Deserialize;

use crate::wires::{ChatWire, MessagesWire, ResponsesWire};

/// As in `config.schema.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub base_url: String,
    pub headers: BTreeMap<String, String>,
    pub models: Vec<String>,
    pub model_details: bool,
    pub relay: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:4000".to_owned(),
            headers: BTreeMap::new(),
            models: Vec::new(),
            model_details: false,
            relay: ["chat", "responses", "messages"].map(str::to_owned).to_vec(),
        }
    }
}

/// What the proxy does not serve of what stands beside a wire.
const UNSERVED: [&str; 2] = ["messages.cache_touch", "responses.input_tokens"];
/// Where it tells what a call cost, in US dollars.
const COST: &str = "x-litellm-response-cost";

/// The proxy, once for each wire.
#[derive(Debug)]
pub struct LiteLlm {
    settings: Settings,
    chat: Provider<ChatWire>,
    responses: Provider<ResponsesWire>,
    messages: Provider<MessagesWire>,
}

impl LiteLlm {
    /// Whether calls of this surface are relayed.
    fn relays(&self, surface: &str) -> bool {
        let wire = surface.split('.').next().unwrap_or_default();
        self.settings.relay.iter().any(|relayed| relayed == wire) && !UNSERVED.contains(&surface)
    }
}

impl Component for LiteLlm {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        Ok(Self {
            chat: Provider::new(settings.clone())?,
            responses: Provider::new(settings.clone())?,
            messages: Provider::new(settings.clone())?,
            settings,
        })
    }
}

impl Errors for LiteLlm {
    fn decode_error(&self, response: Response) -> Fault {
        self.chat.decode_error(response)
    }
}

impl Catalogue for LiteLlm {
    fn models_request(&self, ctx: &CallContext, cursor: Option<&str>) -> Option<Request> {
        let listed = self.chat.models_request(ctx, cursor)?;
        Some(if self.settings.model_details { catalogue::request(&self.settings, ctx) } else { listed })
    }

    fn models(&self, response: Option<Response>) -> Result<Page, Fault> {
        let refused = |it: &Response| !(200..300).contains(&it.head.status);
        match response {
            Some(response) if self.settings.model_details && !refused(&response) => catalogue::page(response),
            other => self.chat.models(other),
        }
    }
}

impl Relay for LiteLlm {
    fn surfaces(&self) -> Vec<Surface> {
        let all = [self.chat.surfaces(), self.responses.surfaces(), self.messages.surfaces()];
        all.into_iter().flatten().filter(|surface| self.relays(&surface.name)).collect()
    }

    fn prepare(&self, call: Call) -> Result<Lane, Fault> {
        if !self.relays(&call.surface) {
            return Ok(Lane::Translate);
        }
        match call.surface.split('.').next() {
            Some("responses") => self.responses.prepare(call),
            Some("messages") => self.messages.prepare(call),
            _ => self.chat.prepare(call),
        }
    }
}

impl Chat for LiteLlm {
    type Decoder = <OpenAiChat as VendorWire>::Decoder;

    fn encode(&self, req: ChatRequest, headers: Vec<Field>, ctx: &CallContext) -> Result<Outbound, Fault> {
        self.chat.encode(req, headers, ctx)
    }

    fn decode_unary(&self, response: Response, ctx: &CallContext) -> Result<Vec<Event>, Fault> {
        let cost = cost(&response.head);
        let mut events = self.chat.decode_unary(response, ctx)?;
        for event in &mut events {
            if let Event::Usage(usage) = event {
                usage.cost = usage.cost.take().or_else(|| cost.clone());
            }
        }
        Ok(events)
    }

    fn open(&self, head: Head, ctx: CallContext) -> Result<Self::Decoder, Fault> {
        self.chat.open(head, ctx)
    }
}

impl Embeddings for LiteLlm {
    fn encode_batch(&self, batch: EmbeddingBatch, ctx: &CallContext) -> Result<Request, Fault> {
        self.chat.encode_batch(batch, ctx)
    }

    fn decode_vectors(&self, response: Response) -> Result<Vectors, Fault> {
        self.chat.decode_vectors(response)
    }
}

/// What the call cost, as the proxy wrote it; none when it does not know, or what stands there is no amount.
fn cost(head: &Head) -> Option<String> {
    let told = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(COST))?;
    let told = told.value.trim();
    told.parse::<f64>().ok().filter(|cost| cost.is_finite() && *cost >= 0.0).map(|_| told.to_owned())
}

brains_sdk::export_provider!(LiteLlm, embeddings);

#[cfg(test)]
mod tests;
