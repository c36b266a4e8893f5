//! A provider for OpenAI and everything that speaks its chat completions. Clients of the same wire are relayed:
//! their bytes pass, only the name of the model is set. Others are translated.

use std::collections::BTreeMap;

use brains_sdk::openai_chat::{GoesOn, OpenAiChat, Options};
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
    pub max_tokens_member: Option<String>,
    pub developer_role: bool,
    pub extensions: Option<bool>,
    pub stream_usage: bool,
    pub prefill: Option<GoesOn>,
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
            max_tokens_member: None,
            developer_role: true,
            extensions: None,
            stream_usage: true,
            prefill: None,
        }
    }
}

/// The vendor.
#[derive(Debug)]
pub enum OpenAi {}

impl Vendor for OpenAi {
    type Wire = OpenAiChat;
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

    fn options(settings: &Settings, _: &str) -> Options {
        let Settings { max_tokens_member, developer_role, extensions, stream_usage, .. } = settings.clone();
        let prefill = settings.prefill.map(Into::into);
        Options { max_tokens_member, developer_role, extensions, stream_usage, prefill }
    }
}

brains_sdk::export_provider!(Provider<OpenAi>, embeddings);

#[cfg(test)]
mod tests;
