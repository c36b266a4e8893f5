//! The settings, as in `config.schema.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::label::Label;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub hints: BTreeMap<String, BTreeMap<String, f32>>,
    pub weights: Weights,
    pub thresholds: Thresholds,
    pub fallback_label: Label,
}

/// What counts how much.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    pub turn: f32,
    pub history: f32,
    pub decay: f32,
    pub nudge: f32,
    pub doubt: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { turn: 1.0, history: 0.6, decay: 0.6, nudge: 0.4, doubt: 1.2 }
    }
}

/// Where one thing ends and the next begins.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    pub confidence: f32,
    pub easy_chars: usize,
    pub medium_chars: usize,
    pub hard_chars: usize,
    pub medium_tokens: u32,
    pub hard_tokens: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            confidence: 0.2,
            easy_chars: 80,
            medium_chars: 401,
            hard_chars: 1201,
            medium_tokens: 8_000,
            hard_tokens: 48_000,
        }
    }
}
