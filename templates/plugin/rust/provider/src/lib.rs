//! {{summary}}.

use brains_sdk::openai_chat::OpenAiChat;
use brains_sdk::vendor::{Provider, Upstream, Vendor};
use brains_sdk::{Info, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    base_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { base_url: "https://api.vendor.example/v1".into() }
    }
}

enum {{type}} {}

impl Vendor for {{type}} {
    type Wire = OpenAiChat;
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn upstream(settings: &Settings) -> Upstream {
        Upstream::new(&settings.base_url).bearer_if_set("api_key")
    }
}

brains_sdk::export_provider!(Provider<{{type}}>);
