//! What a conversation is about: the newest turn decides, history and tools only lean.

use std::borrow::Cow;

use brains_sdk::canon::task::{Features, Score, Signal, Verdict};

use crate::label::{Label, Meaning, Points};
use crate::settings::Settings;
use crate::vocabulary::{Hit, Vocabulary, words};

/// A longer turn is read at its beginning and at its end.
const HEAD_BYTES: usize = 6 * 1024;
const TAIL_BYTES: usize = 2 * 1024;
/// A turn that only says to go on has no more words.
const CONTINUE_WORDS: usize = 6;
/// No more signals than these are given, the weightiest first.
const MAX_SIGNALS: usize = 24;
/// The confidence of `unknown` when nothing speaks for anything.
const NOTHING_SAID: f32 = 0.4;
/// What tools that fit a task lean towards it.
const TOOL_LEAN: f32 = 0.2;

/// Parts of the names of tools that read and change code, and of those that look things up.
const CODE_TOOLS: [&str; 9] =
    ["edit", "write", "patch", "bash", "shell", "exec", "grep", "read_file", "terminal"];
const WEB_TOOLS: [&str; 4] = ["web", "search", "fetch", "browse"];

pub(crate) fn judge(settings: &Settings, vocabulary: &Vocabulary, features: &Features) -> Verdict {
    let turn = excerpt(&features.last_user_text).to_lowercase();
    let hits = vocabulary.find(&turn);
    let mut signals = Vec::new();
    let mut points = Points::default();
    count(&hits, settings.weights.turn, "turn", &mut points, &mut signals);

    let goes_on = points.sum() <= 0.0 && goes_on(&turn, &hits);
    if goes_on {
        points = history(settings, vocabulary, features, &mut signals);
    } else if points.sum() > 0.0 {
        lean(settings, vocabulary, features, &mut points, &mut signals);
    }

    let has_code_tools = has_tool(features, &CODE_TOOLS);
    let complexity = complexity(settings, features, &mut signals);
    let (label, confidence) = match points.top() {
        None => (Label::Unknown, NOTHING_SAID),
        Some((label, top)) => (label, top / (points.sum() + settings.weights.doubt)),
    };
    let label = if confidence < settings.thresholds.confidence { settings.fallback_label } else { label };

    let says = |meaning: Meaning| hits.iter().any(|hit| hit.meaning == meaning);
    let needs_docs = label == Label::DocsLookup || says(Meaning::Task(Label::DocsLookup));
    let needs_codebase = matches!(label, Label::CodeFix | Label::CodeExplanation)
        || says(Meaning::Codebase)
        || (has_code_tools && label != Label::Unknown);
    let extra = serde_json::json!({
        "complexity": complexity.name(),
        "tier": complexity.tier(label),
        "needs_codebase": needs_codebase,
        "needs_external_docs": needs_docs,
        "freshness_required": says(Meaning::Fresh),
        "min_context": features.approx_input_tokens,
    });
    signals.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    signals.truncate(MAX_SIGNALS);
    Verdict {
        label: label.name().to_owned(),
        confidence,
        scores: scores(&points, settings.weights.doubt),
        signals,
        extra: Some(extra.to_string()),
    }
}

/// The share of each label that anything speaks for; what is left to one is doubt.
fn scores(points: &Points, doubt: f32) -> Vec<Score> {
    let whole = points.sum() + doubt;
    let said = points.iter().filter(|(_, points)| *points > 0.0);
    said.map(|(label, points)| Score { label: label.name().to_owned(), value: points / whole }).collect()
}

/// Adds up the terms that speak for a task.
fn count(hits: &[Hit<'_>], weight: f32, place: &str, points: &mut Points, signals: &mut Vec<Signal>) {
    for hit in hits {
        let Meaning::Task(label) = hit.meaning else { continue };
        points.add(label, hit.weight * weight);
        signals.push(Signal {
            name: format!("{place}.{}", label.name()),
            weight: hit.weight * weight,
            evidence: hit.evidence.chars().take(40).collect(),
        });
    }
}

/// Whether the turn says no more than to go on.
fn goes_on(turn: &str, hits: &[Hit<'_>]) -> bool {
    hits.iter().any(|hit| hit.meaning == Meaning::Continue) && words(turn).count() <= CONTINUE_WORDS
}

/// What the turns before were about, the newest counting most.
fn history(
    settings: &Settings,
    vocabulary: &Vocabulary,
    features: &Features,
    signals: &mut Vec<Signal>,
) -> Points {
    let mut points = Points::default();
    let mut weight = settings.weights.history;
    for turn in &features.recent_text {
        let turn = turn.to_lowercase();
        count(&vocabulary.find(&turn), weight, "history", &mut points, signals);
        weight *= settings.weights.decay;
    }
    points
}

/// History and tools make the label surer that the turn speaks for most. They only ever lean towards that one,
/// so they cannot turn the decision.
fn lean(
    settings: &Settings,
    vocabulary: &Vocabulary,
    features: &Features,
    points: &mut Points,
    signals: &mut Vec<Signal>,
) {
    let before = history(settings, vocabulary, features, &mut Vec::new());
    let tools = [
        (&CODE_TOOLS[..], [Label::CodeFix, Label::CodeExplanation]),
        (&WEB_TOOLS[..], [Label::DocsLookup, Label::Research]),
    ];
    let Some((winner, _)) = points.top() else { return };
    let tool = tools.iter().find(|(names, labels)| labels.contains(&winner) && has_tool(features, names));
    let from_history = (before.of(winner) / 10.0).min(settings.weights.nudge);
    let from_tools = if tool.is_some() { TOOL_LEAN } else { 0.0 };
    let from_tools = from_tools.min(settings.weights.nudge - from_history);
    for (place, weight, evidence) in
        [("history", from_history, "earlier turns"), ("tools", from_tools, "tools that fit the task")]
    {
        if weight > 0.0 {
            points.add(winner, weight);
            signals.push(Signal {
                name: format!("{place}.{}", winner.name()),
                weight,
                evidence: evidence.to_owned(),
            });
        }
    }
}

fn has_tool(features: &Features, parts: &[&str]) -> bool {
    features.tool_names.iter().any(|name| {
        let name = name.to_lowercase();
        parts.iter().any(|part| name.contains(part))
    })
}

/// How much work the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Complexity {
    Trivial,
    Easy,
    Medium,
    Hard,
}

impl Complexity {
    const fn name(self) -> &'static str {
        match self {
            Self::Trivial => "trivial",
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }

    /// The tier for a task that has no route of its own.
    const fn tier(self, label: Label) -> &'static str {
        match (self, label) {
            (Self::Hard, _) => "deep",
            (_, Label::Architecture | Label::Research) => "strong",
            (_, Label::CodeFix | Label::CodeExplanation | Label::DocsLookup) => "default",
            (_, Label::Unknown) => "cheap",
        }
    }
}

/// From the length of the newest turn, and from the size of the whole request.
fn complexity(settings: &Settings, features: &Features, signals: &mut Vec<Signal>) -> Complexity {
    let limits = &settings.thresholds;
    let chars = features.last_user_text.chars().count();
    let by_length = match chars {
        _ if chars >= limits.hard_chars => Complexity::Hard,
        _ if chars >= limits.medium_chars => Complexity::Medium,
        _ if chars >= limits.easy_chars => Complexity::Easy,
        _ => Complexity::Trivial,
    };
    let tokens = features.approx_input_tokens;
    let by_size = match tokens {
        _ if tokens >= limits.hard_tokens => Complexity::Hard,
        _ if tokens >= limits.medium_tokens => Complexity::Medium,
        _ => Complexity::Trivial,
    };
    for (name, complexity, evidence) in [
        ("length", by_length, format!("{chars} characters: {}", by_length.name())),
        ("context", by_size, format!("about {tokens} tokens: {}", by_size.name())),
    ] {
        if complexity > Complexity::Trivial {
            signals.push(Signal { name: name.to_owned(), weight: 0.0, evidence });
        }
    }
    by_length.max(by_size)
}

/// Beginning and end of a long text, cut between characters.
fn excerpt(text: &str) -> Cow<'_, str> {
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return Cow::Borrowed(text);
    }
    let head = text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or_default();
    let tail = text.get(text.ceil_char_boundary(text.len() - TAIL_BYTES)..).unwrap_or_default();
    Cow::Owned(format!("{head}\n{tail}"))
}
