//! A provider for models that Ollama serves. Its own wire is spoken, not its imitation of another: that one leaves
//! out the window, how to think, and why an answer ended.

use brains_sdk::ollama_chat::{OllamaChat, Options};
use brains_sdk::vendor::{Provider, Upstream, Vendor};
use brains_sdk::{Info, info};
use serde::Deserialize;

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

/// The vendor.
#[derive(Debug)]
pub enum Ollama {}

impl Vendor for Ollama {
    type Wire = OllamaChat;
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    /// Servers behind a proxy want a key.
    fn upstream(settings: &Settings) -> Upstream {
        Upstream::new(&settings.base_url).bearer_if_set("api_key")
    }

    fn options(settings: &Settings, _: &str) -> Options {
        let Settings { context_length, keep_alive, thinking, .. } = settings.clone();
        Options { context_length, keep_alive, thinking }
    }
}

brains_sdk::export_chat!(Provider<Ollama>, embeddings);

#[cfg(test)]
mod tests;
