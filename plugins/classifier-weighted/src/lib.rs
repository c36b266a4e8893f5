//! Tells the task of a request, how hard it is and how sure that is, with evidence for each signal.
//!
//! - The newest user turn decides. Older turns and the tools that come along only make it surer, and speak for
//!   themselves when that turn says no more than "go on". System prompts do not count at all: those of agents
//!   speak of everything.
//! - Terms are stems, words and phrases in several languages (`hints/`), each with a weight; the settings add to
//!   them and take out.
//! - Confidence is the share of the winner in all that was said, and of what was not said (`weights.doubt`): one
//!   weak word is about 0.45, much unanimous evidence comes near 1 and never reaches it.
//! - How hard it is follows from the length of that turn and the size of the whole request.

mod judge;
mod label;
mod settings;
mod vocabulary;

use brains_sdk::canon::Fault;
use brains_sdk::canon::task::{Features, Verdict};
use brains_sdk::{Classifier, Component, Info};

pub use label::Label;
pub use settings::{Settings, Thresholds, Weights};
use vocabulary::Vocabulary;

/// The component.
#[derive(Debug)]
pub struct Weighted {
    settings: Settings,
    vocabulary: Vocabulary,
}

impl Component for Weighted {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        brains_sdk::info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        let vocabulary = Vocabulary::new(&settings.hints)?;
        Ok(Self { settings, vocabulary })
    }
}

impl Classifier for Weighted {
    fn classify(&self, features: &Features) -> Result<Verdict, Fault> {
        Ok(judge::judge(&self.settings, &self.vocabulary, features))
    }
}

brains_sdk::export_classifier!(Weighted);

#[cfg(test)]
mod tests;
