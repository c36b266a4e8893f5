//! Tells the task exactly as the keyword scorer of the Python gateway did: whole words, no stems, no phrases,
//! ASCII only. For deployments that must route as before; `classifier-weighted` is the better judge.
//!
//! The scorer joined the text of every message by one space. A component sees the head of the system prompt, the
//! recent turns and the newest user turn, and joins those in the order of the conversation; so a conversation
//! whose text is longer than that is scored over the part that is seen. `features.extra` with the member
//! `joined_text` is taken instead when it is there.

mod scorer;

use brains_sdk::canon::Fault;
use brains_sdk::canon::task::{Features, Score, Signal, Verdict};
use brains_sdk::{Classifier, Component, Info};
use serde::Deserialize;

pub use scorer::{Outcome, score};

/// It has nothing to set: it is what it was.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// The component.
#[derive(Debug)]
pub struct KeywordCompat;

impl Component for KeywordCompat {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        brains_sdk::info!()
    }

    fn new(_: Settings) -> Result<Self, Vec<String>> {
        Ok(Self)
    }
}

impl Classifier for KeywordCompat {
    fn classify(&self, features: &Features) -> Result<Verdict, Fault> {
        Ok(verdict(&score(&joined(features))))
    }
}

/// The text of the conversation as far as it is seen, in its order.
fn joined(features: &Features) -> String {
    #[derive(Deserialize)]
    struct Extra {
        joined_text: String,
    }
    if let Some(extra) = features.extra.as_deref().and_then(|extra| serde_json::from_str::<Extra>(extra).ok())
    {
        return extra.joined_text;
    }
    let system = std::iter::once(&features.system_head);
    let texts = system.chain(features.recent_text.iter().rev()).chain([&features.last_user_text]);
    texts.filter(|text| !text.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[expect(clippy::cast_possible_truncation, reason = "two decimals survive in 32 bits")]
fn verdict(outcome: &Outcome) -> Verdict {
    let extra = serde_json::json!({
        "complexity": outcome.complexity,
        "tier": outcome.recommended,
        "needs_codebase": outcome.needs_codebase,
        "needs_external_docs": outcome.needs_external_docs,
        "freshness_required": outcome.needs_external_docs,
        "needs_memory": true,
    });
    Verdict {
        label: outcome.task.to_owned(),
        confidence: outcome.confidence as f32,
        scores: outcome
            .scores
            .iter()
            .map(|(label, points)| Score { label: (*label).to_owned(), value: f32::from(*points) })
            .collect(),
        signals: outcome
            .hits
            .iter()
            .map(|hit| Signal {
                name: hit.task.to_owned(),
                weight: f32::from(hit.points),
                evidence: hit.word.to_owned(),
            })
            .collect(),
        extra: Some(extra.to_string()),
    }
}

brains_sdk::export_classifier!(KeywordCompat);

#[cfg(test)]
mod tests;
