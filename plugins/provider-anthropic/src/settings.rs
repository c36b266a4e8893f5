//! The settings, and what the schema cannot say about them.

use std::collections::BTreeMap;

use brains_sdk::anthropic_messages::{Options, Thinking};
use serde::Deserialize;

/// Headers that are the host's, or whose text must be a secret.
const RESERVED: [&str; 10] = [
    "authorization",
    "x-api-key",
    "proxy-authorization",
    "cookie",
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "upgrade",
    "te",
];

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

impl Settings {
    pub(crate) fn options(&self) -> Options {
        Options {
            default_max_tokens: self.default_max_tokens,
            thinking: match self.thinking {
                HowToThink::Adaptive => Thinking::Adaptive,
                HowToThink::Budget => Thinking::Budget,
                HowToThink::Off => Thinking::Off,
            },
            structured_outputs: self.structured_outputs,
        }
    }

    /// Everything that the schema lets pass and that cannot work.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let authority = ["https://", "http://"].iter().find_map(|scheme| self.base_url.strip_prefix(scheme));
        if authority.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            problems.push(format!("base_url: `{}` is no http or https address", self.base_url));
        }
        if self.base_url.trim_end_matches('/').ends_with("/v1") {
            problems
                .push(format!("base_url: `{}` must not end in the version, which is added", self.base_url));
        }
        for (name, value) in &self.headers {
            if name.is_empty()
                || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            {
                problems.push(format!("headers: `{name}` is no name of a header"));
            } else if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
                problems.push(format!("headers: `{name}` cannot be set here"));
            }
            if value.chars().any(char::is_control) {
                problems.push(format!("{name}: the value holds control characters"));
            }
        }
        problems
    }
}
