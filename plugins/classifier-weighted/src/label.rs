//! The labels of tasks, and what else a term may speak for.

use serde::Deserialize;

/// A task. Earlier ones win ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    CodeFix,
    CodeExplanation,
    Architecture,
    DocsLookup,
    Research,
    #[default]
    Unknown,
}

impl Label {
    pub(crate) const ALL: [Self; 6] = [
        Self::CodeFix,
        Self::CodeExplanation,
        Self::Architecture,
        Self::DocsLookup,
        Self::Research,
        Self::Unknown,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CodeFix => "code_fix",
            Self::CodeExplanation => "code_explanation",
            Self::Architecture => "architecture",
            Self::DocsLookup => "docs_lookup",
            Self::Research => "research",
            Self::Unknown => "unknown",
        }
    }
}

/// What a term speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Task(Label),
    /// The answer must be of today.
    Fresh,
    /// The answer needs the code at hand.
    Codebase,
    /// The turn says to go on with what was before.
    Continue,
}

impl Meaning {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "fresh" => Some(Self::Fresh),
            "codebase" => Some(Self::Codebase),
            "continue" => Some(Self::Continue),
            task => Label::ALL.into_iter().find(|label| label.name() == task).map(Self::Task),
        }
    }
}

/// Points by task.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Points([f32; Label::ALL.len()]);

impl Points {
    pub(crate) fn add(&mut self, label: Label, points: f32) {
        for (at, mine) in Label::ALL.into_iter().zip(&mut self.0) {
            if at == label {
                *mine += points;
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Label, f32)> {
        Label::ALL.into_iter().zip(self.0)
    }

    pub(crate) fn of(&self, label: Label) -> f32 {
        self.iter().find(|(at, _)| *at == label).map_or(0.0, |(_, points)| points)
    }

    pub(crate) fn sum(&self) -> f32 {
        self.0.iter().sum()
    }

    /// The first of those with most points; none when there are no points.
    pub(crate) fn top(&self) -> Option<(Label, f32)> {
        let mut top = None;
        for (label, points) in self.iter().filter(|(_, points)| *points > 0.0) {
            if top.is_none_or(|(_, most)| points > most) {
                top = Some((label, points));
            }
        }
        top
    }
}
