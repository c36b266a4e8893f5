//! Tells the task from phrases that the settings name.

use std::collections::BTreeMap;

use brains_sdk::canon::Fault;
use brains_sdk::canon::task::{Features, Signal, Verdict};
use brains_sdk::{Classifier, Component, Info, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Phrases by the label that they speak for.
    phrases: BTreeMap<String, Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        let phrases = [("code_fix", ["fix", "bug"]), ("docs_lookup", ["docs", "how do i"])];
        let owned = |(label, words): (&str, [&str; 2])| (label.into(), words.map(String::from).to_vec());
        Self { phrases: phrases.map(owned).into() }
    }
}

/// The component.
#[derive(Debug)]
pub struct Phrases(Settings);

impl Component for Phrases {
    type Config = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        Ok(Self(settings))
    }
}

impl Classifier for Phrases {
    fn classify(&self, features: &Features) -> Result<Verdict, Fault> {
        let text = features.last_user_text.to_lowercase();
        let said = |phrases: &[String]| {
            let heard = phrases.iter().filter(|phrase| text.contains(phrase.as_str()));
            heard.cloned().collect::<Vec<_>>()
        };
        let found = self.0.phrases.iter().map(|(label, phrases)| (label, said(phrases)));
        let Some((label, heard)) = found.filter(|(_, heard)| !heard.is_empty()).max_by_key(|it| it.1.len())
        else {
            return Ok(Verdict { label: "unknown".into(), ..Verdict::default() });
        };
        let signal = |evidence| Signal { name: "phrase".into(), weight: 1.0, evidence };
        Ok(Verdict {
            label: label.clone(),
            confidence: if heard.len() > 1 { 0.9 } else { 0.6 },
            signals: heard.into_iter().map(signal).collect(),
            ..Verdict::default()
        })
    }
}

brains_sdk::export_classifier!(Phrases);
