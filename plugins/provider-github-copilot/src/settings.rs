//! The settings, as `config.schema.json` has them.

use brains_sdk::canon::CallContext;
use brains_sdk::vendor::Upstream;
use serde::Deserialize;

/// Where models answer when neither the settings nor the account say so.
const BASE_URL: &str = "https://api.githubcopilot.com";

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub base_url: Option<String>,
    pub github_url: String,
    pub github_api_url: String,
    /// The host reads from the schema what may be reached.
    pub account_urls: Vec<String>,
    pub client_id: String,
    pub exchange: bool,
    pub integration_id: String,
    pub editor_version: String,
    pub models: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: None,
            github_url: "https://github.com".to_owned(),
            github_api_url: "https://api.github.com".to_owned(),
            account_urls: Vec::new(),
            client_id: "Iv1.b507a08c87ecfe98".to_owned(),
            exchange: true,
            integration_id: String::new(),
            editor_version: concat!("brains/", env!("CARGO_PKG_VERSION")).to_owned(),
            models: Vec::new(),
        }
    }
}

impl Settings {
    /// Everything that the schema lets pass and that cannot work.
    pub(crate) fn check(&self) -> Result<(), Vec<String>> {
        let Self { base_url, github_url, github_api_url, .. } = self;
        let urls = [
            ("base_url", base_url.as_ref()),
            ("github_url", Some(github_url)),
            ("github_api_url", Some(github_api_url)),
        ];
        let problems = |(setting, url): (&str, Option<&String>)| {
            let problems = Upstream::new(url?).checked().err()?;
            Some(problems.into_iter().map(|it| it.replacen("base_url", setting, 1)).collect::<Vec<_>>())
        };
        let mut all: Vec<String> = urls.into_iter().filter_map(problems).flatten().collect();
        for (setting, value) in
            [("integration_id", &self.integration_id), ("editor_version", &self.editor_version)]
        {
            if value.chars().any(char::is_control) {
                all.push(format!("{setting}: the value holds control characters"));
            }
        }
        if all.is_empty() { Ok(()) } else { Err(all) }
    }

    /// Where models answer: what the operator wrote, else what the account says, else everybody's address.
    pub(crate) fn upstream(&self, ctx: &CallContext) -> Upstream {
        let told = self.base_url.as_deref().or(ctx.base_url.as_deref());
        Upstream::new(told.unwrap_or(BASE_URL))
    }
}
