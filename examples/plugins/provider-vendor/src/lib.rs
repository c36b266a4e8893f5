//! A vendor that speaks chat completions and wants to know where to compute. What is the vendor's own stands here; the
//! wire comes from the SDK.

use brains_sdk::openai_chat::{Provider, Upstream, Vendor};
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
pub struct Acme;

impl Vendor for Acme {
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn upstream(settings: &Settings) -> Result<Upstream, Vec<String>> {
        let upstream = Upstream::new(&settings.base_url).header("x-vendor-region", &settings.region);
        Ok(upstream.bearer_if_set("api_key"))
    }
}

brains_sdk::export_provider!(Provider<Acme>);
