//! A vendor that speaks chat completions and wants to know where to compute. What is the vendor's own stands here; the
//! wire comes from the SDK.

use brains_sdk::openai_chat::OpenAiChat;
use brains_sdk::vendor::{Provider, Upstream, Vendor};
use brains_sdk::{Info, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    base_url: String,
    region: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { base_url: "https://api.vendor.example/v1".into(), region: "eu".into() }
    }
}

/// The vendor.
#[derive(Debug)]
pub enum Acme {}

impl Vendor for Acme {
    type Wire = OpenAiChat;
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn upstream(settings: &Settings) -> Upstream {
        let upstream = Upstream::new(&settings.base_url).bearer_if_set("api_key");
        upstream.header("x-vendor-region", &settings.region)
    }
}

brains_sdk::export_provider!(Provider<Acme>);
