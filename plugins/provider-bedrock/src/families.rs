//! Whose words a model takes: Converse is one form for all, and passes on what each vendor has beyond it.

use brains_sdk::anthropic_messages::{Capabilities, Thinking};
use brains_sdk::bedrock_converse::{CachePoints, Options, ThinkingWords, TopK};
use brains_sdk::capabilities;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::settings::Settings;

/// What models of that family can do, whoever serves them.
pub(crate) const CLAUDE: &str = include_str!("../../provider-anthropic/models.json");

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    Claude,
    Nova,
    Gpt,
    Other,
}

impl Family {
    /// What the settings say, the longest name that fits first, else what the id says.
    pub(crate) fn of(settings: &Settings, model: &str) -> Self {
        let fits = |pattern: &str| {
            pattern.strip_suffix('*').map_or(pattern == model, |begin| model.starts_with(begin))
        };
        let told = settings.families.iter().filter(|(pattern, _)| fits(pattern));
        if let Some((_, family)) = told.max_by_key(|(pattern, _)| pattern.len()) {
            return *family;
        }
        let model = model.to_ascii_lowercase();
        match () {
            () if model.contains("claude") => Self::Claude,
            () if model.contains("nova") => Self::Nova,
            () if model.contains("gpt-") => Self::Gpt,
            () => Self::Other,
        }
    }
}

/// What is known of a Claude model.
pub(crate) fn claude(settings: &Settings, model: &str) -> Capabilities {
    capabilities::of_model(CLAUDE, &json!({}), &settings.capabilities, model)
}

/// How requests for the model are written.
pub(crate) fn options(settings: &Settings, model: &str) -> Options {
    let default = Options {
        default_max_tokens: settings.default_max_tokens,
        members: members(settings),
        ..Options::default()
    };
    match Family::of(settings, model) {
        Family::Claude => {
            let can = claude(settings, model);
            Options {
                thinking: match can.thinking {
                    Thinking::Adaptive => ThinkingWords::Adaptive,
                    Thinking::Budget => ThinkingWords::Budget,
                    Thinking::Either => ThinkingWords::Either,
                    Thinking::Off => ThinkingWords::Off,
                },
                efforts: can.efforts,
                sampling: can.sampling,
                prefill: can.prefill,
                forced_tools: can.forced_tools,
                documents: can.documents,
                structured_outputs: can.structured_outputs,
                max_output: can.max_output,
                ..default
            }
        }
        // <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html> and
        // <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>, read on 2026-11-30.
        Family::Nova => Options {
            thinking: if model.contains("nova-2") {
                ThinkingWords::ReasoningConfig
            } else {
                ThinkingWords::Off
            },
            efforts: ["low", "medium", "high"].map(str::to_owned).to_vec(),
            top_k: TopK::InferenceConfig,
            cache_points: CachePoints::Conversation,
            structured_outputs: false,
            ..default
        },
        Family::Gpt => Options {
            thinking: ThinkingWords::ReasoningEffort,
            efforts: ["low", "medium", "high"].map(str::to_owned).to_vec(),
            top_k: TopK::Untold,
            cache_points: CachePoints::Nowhere,
            result_status: false,
            prefill: false,
            ..default
        },
        Family::Other => Options {
            thinking: ThinkingWords::Off,
            top_k: TopK::Untold,
            cache_points: CachePoints::Nowhere,
            result_status: false,
            prefill: false,
            ..default
        },
    }
}

/// What every body is sent with.
fn members(settings: &Settings) -> Option<String> {
    let mut members = Map::new();
    if let Some(guardrail) = &settings.guardrail {
        members.insert("guardrailConfig".to_owned(), json!(guardrail));
    }
    if let Some(latency) = &settings.latency {
        members.insert("performanceConfig".to_owned(), json!({ "latency": latency }));
    }
    (!members.is_empty()).then(|| serde_json::Value::Object(members).to_string())
}
