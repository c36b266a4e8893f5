//! The vectors: those observed on the Python gateway, and more computed by its written rules.

use brains_sdk::Classifier;
use brains_sdk::canon::task::Features;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{KeywordCompat, score};

#[derive(Deserialize)]
struct Vector {
    messages: Vec<String>,
    task: String,
    complexity: String,
    recommended: String,
    confidence: f64,
    tier: String,
    needs_codebase: bool,
    needs_external_docs: bool,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
}

/// The tier that the default routes of the Python gateway select.
fn routed(task: &str, recommended: &str) -> String {
    let route = match task {
        "code_fix" | "docs_lookup" => "default",
        "architecture" | "research" => "strong",
        "unknown" => "cheap",
        _ => recommended,
    };
    route.to_owned()
}

#[test]
fn vectors_match_to_the_last_digit() {
    for vector in vectors() {
        let text = vector.messages.join(" ");
        let outcome = score(&text);
        let seen =
            (outcome.task, outcome.complexity, outcome.recommended, format!("{:?}", outcome.confidence));
        let expected = (
            vector.task.as_str(),
            vector.complexity.as_str(),
            vector.recommended.as_str(),
            format!("{:?}", vector.confidence),
        );
        assert_eq!(seen, expected, "{text}");
        let needs = (outcome.needs_codebase, outcome.needs_external_docs);
        assert_eq!(needs, (vector.needs_codebase, vector.needs_external_docs), "{text}");
        assert_eq!(routed(outcome.task, outcome.recommended), vector.tier, "{text}");
    }
}

#[test]
fn a_verdict_says_the_same() {
    for vector in vectors().into_iter().filter(|vector| vector.messages.len() == 1) {
        let features = Features { last_user_text: vector.messages[0].clone(), ..Features::default() };
        let verdict = KeywordCompat.classify(&features).unwrap();
        assert_eq!(verdict.label, vector.task);
        assert_eq!(format!("{:.2}", verdict.confidence), format!("{:.2}", vector.confidence));
        let extra: Value = serde_json::from_str(&verdict.extra.unwrap()).unwrap();
        assert_eq!(extra["complexity"], json!(vector.complexity));
        assert_eq!(extra["tier"], json!(vector.recommended));
    }
}

#[test]
fn the_conversation_is_joined_in_its_order() {
    let mut features = Features {
        system_head: "a system".into(),
        recent_text: vec!["newer".into(), "older".into()],
        last_user_text: "fix it".into(),
        ..Features::default()
    };
    assert_eq!(super::joined(&features), "a system older newer fix it");
    features.extra = Some(r#"{"joined_text":"what"}"#.into());
    assert_eq!(KeywordCompat.classify(&features).unwrap().label, "code_explanation");
}
