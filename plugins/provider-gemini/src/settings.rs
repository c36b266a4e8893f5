//! The settings of an instance, and what each model can do.

use std::collections::BTreeMap;

use brains_sdk::canon::catalogue::Model;
use brains_sdk::capabilities::{self, Overrides};
use brains_sdk::dialect::gemini_generate::upstream::encode::{GeminiGenerateOptions, ThinkingControl};
use brains_sdk::vendor::Upstream;
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub base_url: String,
    pub api_version: String,
    pub headers: BTreeMap<String, String>,
    pub models: Vec<String>,
    pub capabilities: Overrides,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://generativelanguage.googleapis.com".to_owned(),
            api_version: "v1beta".to_owned(),
            headers: BTreeMap::new(),
            models: Vec::new(),
            capabilities: Overrides::new(),
        }
    }
}

/// What each model can do, with where that was read.
const MODELS: &str = include_str!("../models.json");

/// Ends of an address that have what is added to it.
const ENDPOINTS: [&str; 4] = ["/v1beta", "/v1", "/models", "/openai"];

/// What a model can do, as data and settings say it.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a model can do or not")]
struct Capabilities {
    thinking: Told,
    levels: Vec<String>,
    budget: [u32; 2],
    sampling: bool,
    penalties: bool,
    choices: bool,
    signatures: bool,
    media_in_results: bool,
    schemas_with_tools: bool,
    context: Option<u32>,
    max_output: Option<u32>,
}

/// How a model is told how hard to think.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Level,
    Budget,
    Off,
}

impl Settings {
    pub(crate) fn upstream(&self) -> Upstream {
        let upstream = Upstream::new(&self.base_url).key_if_set("x-goog-api-key", "api_key");
        let upstream = upstream.without(&ENDPOINTS).models(&self.models).headers(&self.headers);
        let problems = capabilities::problems::<Capabilities>(MODELS, &self.capabilities);
        problems.into_iter().fold(upstream, Upstream::problem)
    }

    fn can(&self, model: &str) -> Capabilities {
        capabilities::of_model(MODELS, &serde_json::json!({}), &self.capabilities, model)
    }

    /// How requests for the model are written.
    pub(crate) fn options(&self, model: &str) -> GeminiGenerateOptions {
        let can = self.can(model);
        let thinking = match can.thinking {
            Told::Level => ThinkingControl::Level,
            Told::Budget => ThinkingControl::Budget,
            Told::Off => ThinkingControl::Off,
        };
        GeminiGenerateOptions {
            thinking,
            levels: can.levels,
            budget: can.budget,
            sampling: can.sampling,
            penalties: can.penalties,
            choices: can.choices,
            signatures: can.signatures,
            media_in_results: can.media_in_results,
            schemas_with_tools: can.schemas_with_tools,
        }
    }

    /// What is known of a model that the list does not say.
    pub(crate) fn describe(&self, model: &mut Model) {
        let can = self.can(&model.id);
        model.context = model.context.or(can.context);
        model.max_output = model.max_output.or(can.max_output);
    }
}
