//! A provider for Anthropic and everything that speaks its Messages. Clients of the same wire are relayed: their
//! bytes pass, only the name of the model is set. Others are translated.

use std::collections::BTreeMap;

use brains_sdk::anthropic_messages::{AnthropicMessages, Capabilities, Options, Thinking};
use brains_sdk::canon::catalogue::Model;
use brains_sdk::capabilities::{self, Overrides};
use brains_sdk::vendor::{Provider, Upstream, Vendor};
use brains_sdk::{Info, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub base_url: String,
    pub key_header: String,
    pub headers: BTreeMap<String, String>,
    pub models: Vec<String>,
    pub default_max_tokens: u32,
    pub thinking: Option<Thinking>,
    pub structured_outputs: Option<bool>,
    pub capabilities: Overrides,
}

/// What each model can do, with where that was read.
const MODELS: &str = include_str!("../models.json");

impl Settings {
    /// Of a model, in this instance.
    fn can(&self, model: &str) -> Capabilities {
        let Self { thinking, structured_outputs, capabilities, .. } = self;
        let all = serde_json::json!({ "thinking": thinking, "structured_outputs": structured_outputs });
        capabilities::of_model(MODELS, &all, capabilities, model)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://api.anthropic.com".to_owned(),
            key_header: "x-api-key".to_owned(),
            headers: BTreeMap::new(),
            models: Vec::new(),
            default_max_tokens: Options::default().default_max_tokens,
            thinking: None,
            structured_outputs: None,
            capabilities: Overrides::new(),
        }
    }
}

/// The vendor.
#[derive(Debug)]
pub enum Anthropic {}

impl Vendor for Anthropic {
    type Wire = AnthropicMessages;
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn upstream(settings: &Settings) -> Upstream {
        let upstream = Upstream::new(&settings.base_url).key_in(&settings.key_header, "api_key");
        let problems = capabilities::problems::<Capabilities>(MODELS, &settings.capabilities);
        let upstream = upstream.models(&settings.models).headers(&settings.headers);
        problems.into_iter().fold(upstream, Upstream::problem)
    }

    fn options(settings: &Settings, model: &str) -> Options {
        settings.can(model).options(settings.default_max_tokens)
    }

    fn describe(settings: &Settings, model: &mut Model) {
        let can = settings.can(&model.id);
        model.context = model.context.or(can.context);
        model.max_output = model.max_output.or(can.max_output);
    }
}

brains_sdk::export_provider!(Provider<Anthropic>);

#[cfg(test)]
mod tests;
