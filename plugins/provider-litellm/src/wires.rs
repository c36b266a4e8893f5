//! The proxy as the vendor of each wire that it serves: the same address, key and headers.

use brains_sdk::anthropic_messages::AnthropicMessages;
use brains_sdk::openai_chat::OpenAiChat;
use brains_sdk::openai_responses::OpenAiResponses;
use brains_sdk::vendor::{Upstream, Vendor};
use brains_sdk::{Component, Info};

use crate::{LiteLlm, Settings};

/// Chat completions.
#[derive(Debug)]
pub(crate) enum ChatWire {}

/// Responses.
#[derive(Debug)]
pub(crate) enum ResponsesWire {}

/// Messages.
#[derive(Debug)]
pub(crate) enum MessagesWire {}

impl Settings {
    /// Where the proxy answers, without the version: one wire has it in its address, another in its paths.
    pub(crate) fn root(&self) -> &str {
        let base = self.base_url.trim_end_matches('/');
        base.strip_suffix("/v1").unwrap_or(base)
    }

    pub(crate) fn upstream(&self, version: &str) -> Upstream {
        let upstream = Upstream::new(&format!("{}{version}", self.root())).bearer_if_set("api_key");
        upstream.models(&self.models).headers(&self.headers)
    }
}

macro_rules! wires {
    ($($vendor:ty, $wire:ty, $version:literal;)+) => {$(
        impl Vendor for $vendor {
            type Wire = $wire;
            type Settings = Settings;
            const CONFIG_SCHEMA: &'static str = LiteLlm::CONFIG_SCHEMA;

            fn info() -> Info {
                LiteLlm::info()
            }

            fn upstream(settings: &Settings) -> Upstream {
                settings.upstream($version)
            }
        }
    )+};
}

wires! {
    ChatWire, OpenAiChat, "/v1";
    ResponsesWire, OpenAiResponses, "/v1";
    MessagesWire, AnthropicMessages, "";
}
