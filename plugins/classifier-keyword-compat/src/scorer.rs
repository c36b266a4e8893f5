//! The arithmetic, as spec/gateway.md 10 wrote it down.

use std::collections::BTreeSet;

/// Task, points for each distinct word, words. Earlier rows win ties.
const HINTS: [(&str, u8, &[&str]); 5] = [
    ("code_fix", 2, &["fix", "bug", "test", "refactor", "failing", "patch", "stacktrace"]),
    ("code_explanation", 1, &["explain", "why", "how", "what"]),
    ("architecture", 2, &["architecture", "design", "system", "tradeoff", "scalability"]),
    ("docs_lookup", 2, &["latest", "docs", "documentation", "api", "version", "current", "release"]),
    ("research", 2, &["research", "compare", "survey", "benchmark"]),
];
const CODEBASE: [&str; 7] = ["repo", "codebase", "file", "function", "class", "module", "package"];

/// What the scorer says of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub task: &'static str,
    pub complexity: &'static str,
    /// The tier it recommends; a route of the task goes before it.
    pub recommended: &'static str,
    pub confidence: f64,
    pub needs_codebase: bool,
    pub needs_external_docs: bool,
    pub scores: Vec<(&'static str, u8)>,
    pub hits: Vec<Hit>,
}

/// One hint word in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub task: &'static str,
    pub points: u8,
    pub word: &'static str,
}

/// Scores the text of a whole conversation.
pub fn score(text: &str) -> Outcome {
    let text = text.to_lowercase();
    let words: BTreeSet<&str> = text
        .split(|it: char| !(it.is_ascii_alphanumeric() || it == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let mut hits = Vec::new();
    let mut scores = Vec::new();
    for (task, points, hints) in HINTS {
        let found = hints.iter().filter(|word| words.contains(**word));
        let before = hits.len();
        hits.extend(found.map(|word| Hit { task, points, word }));
        let count = u8::try_from(hits.len() - before).unwrap_or(u8::MAX);
        scores.push((task, points.saturating_mul(count)));
    }
    let mut winner = ("unknown", 0);
    for (task, points) in &scores {
        if *points > winner.1 {
            winner = (task, *points);
        }
    }
    let (task, top) = winner;
    let runner_up = scores.iter().filter(|(other, _)| *other != task).map(|(_, points)| *points).max();
    let confidence = if top == 0 {
        0.4
    } else {
        let (top, lead) = (f64::from(top), f64::from(top - runner_up.unwrap_or(0)));
        (f64::min(0.95, 0.55 + 0.05 * top + 0.05 * lead) * 100.0).round_ties_even() / 100.0
    };
    let complexity = match text.chars().count() {
        1201.. => "hard",
        401.. => "medium",
        ..80 => "trivial",
        _ => "easy",
    };
    let recommended = match (complexity, task) {
        ("hard", _) => "deep",
        (_, "architecture" | "research") => "strong",
        (_, "code_fix" | "code_explanation" | "docs_lookup") => "default",
        _ => "cheap",
    };
    let needs_external_docs = hits.iter().any(|hit| hit.task == "docs_lookup");
    let needs_codebase =
        matches!(task, "code_fix" | "code_explanation") || CODEBASE.iter().any(|word| words.contains(word));
    Outcome { task, complexity, recommended, confidence, needs_codebase, needs_external_docs, scores, hits }
}
