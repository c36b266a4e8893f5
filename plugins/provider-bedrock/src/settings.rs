//! The settings, as `config.schema.json` has them.

use std::collections::BTreeMap;

use brains_sdk::anthropic_messages::Capabilities;
use brains_sdk::capabilities::{self, Overrides};
use brains_sdk::vendor::Upstream;
use serde::{Deserialize, Serialize};

use crate::families::{CLAUDE, Family};

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub region: String,
    pub base_url: Option<String>,
    pub catalogue_url: Option<String>,
    pub models: Vec<String>,
    pub default_max_tokens: u32,
    pub guardrail: Option<Guardrail>,
    pub latency: Option<String>,
    pub families: BTreeMap<String, Family>,
    pub capabilities: Overrides,
}

/// A guardrail that every request goes through.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    #[serde(rename(serialize = "guardrailIdentifier"))]
    pub identifier: String,
    #[serde(rename(serialize = "guardrailVersion"))]
    pub version: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            base_url: None,
            catalogue_url: None,
            models: Vec::new(),
            default_max_tokens: 8192,
            guardrail: None,
            latency: None,
            families: BTreeMap::new(),
            capabilities: Overrides::new(),
        }
    }
}

impl Settings {
    /// As the schema has it for whoever names none.
    pub(crate) fn base_url(&self) -> String {
        let Self { region, base_url, .. } = self;
        base_url.clone().unwrap_or_else(|| format!("https://bedrock-runtime.{region}.amazonaws.com"))
    }

    /// As the schema has it for whoever names none. Whoever names another address for models has no business at Amazon's.
    pub(crate) fn catalogue_url(&self) -> String {
        let Self { region, base_url, catalogue_url, .. } = self;
        let named = catalogue_url.clone().or_else(|| base_url.clone());
        named.unwrap_or_else(|| format!("https://bedrock.{region}.amazonaws.com"))
    }

    /// Everything that the schema lets pass and that cannot work.
    pub(crate) fn check(&self) -> Result<(), Vec<String>> {
        let base = Upstream::new(&self.base_url()).without(&["/model", "/converse", "/converse-stream"]);
        let mut problems = base.checked().err().unwrap_or_default();
        let catalogue = Upstream::new(&self.catalogue_url()).checked().err().unwrap_or_default();
        problems.extend(catalogue.into_iter().map(|it| it.replacen("base_url", "catalogue_url", 1)));
        problems.extend(capabilities::problems::<Capabilities>(CLAUDE, &self.capabilities));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
