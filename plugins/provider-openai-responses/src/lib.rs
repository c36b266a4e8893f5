//! A provider for OpenAI and everything that speaks its Responses. Clients of the same wire are relayed: their bytes
//! pass, only the name of the model is set. Others are translated.

use std::collections::BTreeMap;

use brains_sdk::openai_responses::OpenAiResponses;
use brains_sdk::vendor::{Provider, Upstream, Vendor};
use brains_sdk::{Info, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub base_url: String,
    pub organization: Option<String>,
    pub key_header: String,
    pub api_version: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub models: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            organization: None,
            key_header: "authorization".to_owned(),
            api_version: None,
            headers: BTreeMap::new(),
            models: Vec::new(),
        }
    }
}

/// The vendor.
#[derive(Debug)]
pub enum Responses {}

impl Vendor for Responses {
    type Wire = OpenAiResponses;
    type Settings = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn upstream(settings: &Settings) -> Upstream {
        let upstream = Upstream::new(&settings.base_url).key_in(&settings.key_header, "api_key");
        let upstream = upstream.parameter("api-version", settings.api_version.as_deref());
        let upstream = upstream.models(&settings.models);
        let organization = settings.organization.as_deref();
        upstream.header_of("organization", "openai-organization", organization).headers(&settings.headers)
    }
}

brains_sdk::export_provider!(Provider<Responses>);

#[cfg(test)]
mod tests;
