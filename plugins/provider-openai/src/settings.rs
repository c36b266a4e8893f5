//! The settings, and what the schema cannot say about them.

use std::collections::BTreeMap;

use brains_sdk::openai_chat::Options;
use serde::Deserialize;

/// Headers that are the host's, or whose text must be a secret.
const RESERVED: [&str; 9] = [
    "authorization",
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
    pub organization: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub models: Vec<String>,
    pub max_tokens_member: MaxTokens,
    pub developer_role: bool,
    pub extensions: bool,
}

/// What the vendor calls the limit of the answer's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokens {
    #[default]
    MaxCompletionTokens,
    MaxTokens,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            organization: None,
            headers: BTreeMap::new(),
            models: Vec::new(),
            max_tokens_member: MaxTokens::default(),
            developer_role: true,
            extensions: false,
        }
    }
}

impl Settings {
    pub(crate) fn options(&self) -> Options {
        Options {
            max_tokens_member: match self.max_tokens_member {
                MaxTokens::MaxCompletionTokens => "max_completion_tokens",
                MaxTokens::MaxTokens => "max_tokens",
            },
            developer_role: self.developer_role,
            extensions: self.extensions,
        }
    }

    /// Everything that the schema lets pass and that cannot work.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let authority = ["https://", "http://"].iter().find_map(|scheme| self.base_url.strip_prefix(scheme));
        if authority.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            problems.push(format!("base_url: `{}` is no http or https address", self.base_url));
        }
        let organization = self.organization.iter().map(|value| ("organization", value));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in organization.chain(headers) {
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
