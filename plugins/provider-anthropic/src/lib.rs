//! A provider for Anthropic and everything that speaks its Messages. Clients of the same wire are relayed: their
//! bytes pass, only the name of the model is set. Others are translated.

use std::collections::BTreeMap;

use brains_sdk::anthropic_messages::{AnthropicMessages, Options, Thinking};
use brains_sdk::vendor::{Provider, Upstream, Vendor};
use brains_sdk::{Info, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub base_url: String,
    pub headers: BTreeMap<String, String>,
    pub models: Vec<String>,
    pub default_max_tokens: u32,
    pub thinking: HowToThink,
    pub structured_outputs: bool,
}

/// How the models are told how hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HowToThink {
    #[default]
    Adaptive,
    Budget,
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://api.anthropic.com".to_owned(),
            headers: BTreeMap::new(),
            models: Vec::new(),
            default_max_tokens: Options::default().default_max_tokens,
            thinking: HowToThink::default(),
            structured_outputs: true,
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
        let upstream = Upstream::new(&settings.base_url).key_if_set("x-api-key", "api_key");
        upstream.models(&settings.models).headers(&settings.headers)
    }

    fn options(settings: &Settings) -> Options {
        let thinking = match settings.thinking {
            HowToThink::Adaptive => Thinking::Adaptive,
            HowToThink::Budget => Thinking::Budget,
            HowToThink::Off => Thinking::Off,
        };
        let Settings { default_max_tokens, structured_outputs, .. } = *settings;
        Options { default_max_tokens, thinking, structured_outputs }
    }
}

brains_sdk::export_provider!(Provider<Anthropic>);

#[cfg(test)]
mod tests;
