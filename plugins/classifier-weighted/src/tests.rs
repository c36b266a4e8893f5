//! The vectors of the reference by tier, alone and behind what agents send along; languages; calibration.

use brains_sdk::canon::task::{Features, Verdict};
use brains_sdk::{Classifier, Component};
use serde_json::{Value, json};

use crate::{Settings, Weighted};

/// Text, task, selected tier under the default routes.
const VECTORS: [(&str, &str, &str); 10] = [
    ("Fix retry bug in webhook handler", "code_fix", "default"),
    ("fix the architecture", "code_fix", "default"),
    ("how do I do this", "code_explanation", "default"),
    ("compare postgres and sqlite", "research", "strong"),
    ("design a system for scalability", "architecture", "strong"),
    ("hi", "unknown", "cheap"),
    ("", "unknown", "cheap"),
    ("LONG", "unknown", "cheap"),
    ("the tests are failing", "code_fix", "default"),
    ("Привет, как дела?", "unknown", "cheap"),
];

fn classifier(settings: Value) -> Weighted {
    Weighted::new(serde_json::from_value::<Settings>(settings).unwrap()).unwrap()
}

fn turn(text: &str) -> Features {
    let text = if text == "LONG" { "x".repeat(1300) } else { text.to_owned() };
    Features {
        approx_input_tokens: u32::try_from(text.len() / 4).unwrap(),
        last_user_text: text,
        message_count: 1,
        ..Features::default()
    }
}

fn judged(features: &Features) -> Verdict {
    classifier(json!({})).classify(features).unwrap()
}

fn extra(verdict: &Verdict) -> Value {
    serde_json::from_str(verdict.extra.as_deref().unwrap()).unwrap()
}

/// The tier under the default routes, for a policy that doubts below 0.3.
fn tier(verdict: &Verdict) -> String {
    let routed = match verdict.label.as_str() {
        "unknown" => "cheap",
        _ if verdict.confidence < 0.3 => "default",
        "code_fix" | "docs_lookup" => "default",
        "architecture" | "research" => "strong",
        _ => return extra(verdict)["tier"].as_str().unwrap().to_owned(),
    };
    routed.to_owned()
}

#[track_caller]
fn check_vectors(dress: impl Fn(&mut Features)) {
    for (text, task, expected) in VECTORS {
        let mut features = turn(text);
        dress(&mut features);
        let verdict = judged(&features);
        assert_eq!(
            (verdict.label.as_str(), tier(&verdict).as_str()),
            (task, expected),
            "{text}: {verdict:?}"
        );
    }
}

const AGENT_PROMPT: &str = "You are a coding agent. Fix bugs, write tests, design systems, compare libraries, \
    explain code, read the latest docs of every API and research alternatives before you refactor anything. ";

#[test]
fn vectors_keep_their_tier() {
    check_vectors(|_| {});
}

#[test]
fn vectors_keep_their_tier_behind_an_agents_system_prompt() {
    check_vectors(|features| {
        let prompt = AGENT_PROMPT.repeat(30);
        assert!(prompt.len() > 5_000);
        features.approx_input_tokens += u32::try_from(prompt.len() / 4).unwrap();
        features.system_head = prompt.chars().take(2048).collect();
        features.tool_names = ["bash", "edit_file", "web_search"].map(str::to_owned).into();
    });
}

#[test]
fn vectors_keep_their_tier_behind_ten_turns() {
    let histories = [
        "fix the failing test in the parser, there is a bug and a stacktrace",
        "design the architecture of a scalable system with its tradeoffs",
        "compare and benchmark these databases, research and survey them",
        "what is the latest version in the api docs of this release",
        "explain why and how this works",
        "hi, thanks, hello",
    ];
    for history in histories {
        check_vectors(|features| {
            features.recent_text = vec![history.to_owned(); 10];
            features.message_count = 11;
            features.approx_input_tokens += 250;
        });
    }
    check_vectors(|features| {
        features.recent_text = histories.iter().cycle().take(10).map(|it| (*it).to_owned()).collect();
    });
}

#[test]
fn a_turn_that_only_goes_on_takes_the_task_before() {
    for (text, history, expected) in [
        ("yes, go ahead", "fix the failing test", "code_fix"),
        ("mach bitte weiter", "compare both benchmarks", "research"),
        ("продолжай", "спроектируй архитектуру", "architecture"),
        ("继续", "解释这个函数", "code_explanation"),
    ] {
        let features = Features { recent_text: vec![history.into()], ..turn(text) };
        assert_eq!(judged(&features).label, expected, "{text}");
    }
    assert_eq!(judged(&turn("yes, go ahead")).label, "unknown");
}

#[test]
fn tasks_are_known_in_several_languages() {
    for (text, expected) in [
        ("My build keeps crashing with a traceback", "code_fix"),
        ("What does this closure capture?", "code_explanation"),
        ("Which version of tokio is the newest release?", "docs_lookup"),
        ("pros and cons of gRPC versus REST", "research"),
        ("Behebe den Fehler im Parser", "code_fix"),
        ("Erkläre mir, was diese Funktion macht", "code_explanation"),
        ("Vergleiche SQLite und Postgres", "research"),
        ("Entwirf eine skalierbare Architektur", "architecture"),
        ("Исправь ошибку в обработчике", "code_fix"),
        ("Объясни, как работает этот модуль", "code_explanation"),
        ("Сравни две базы данных", "research"),
        ("Какая последняя версия в документации?", "docs_lookup"),
        ("Arregla el fallo en las pruebas", "code_fix"),
        ("Explica cómo funciona este módulo", "code_explanation"),
        ("Diseña un sistema escalable", "architecture"),
        ("Corrige cette erreur, ça ne marche pas", "code_fix"),
        ("Explique-moi pourquoi ce test existe", "code_explanation"),
        ("修复这个错误", "code_fix"),
        ("为什么这个函数返回空值？请解释", "code_explanation"),
        ("设计一个可扩展的系统架构", "architecture"),
        ("最新版本的文档在哪里", "docs_lookup"),
        ("比较这两个框架", "research"),
    ] {
        let verdict = judged(&turn(text));
        assert_eq!(verdict.label, expected, "{text}: {:?}", verdict.signals);
    }
}

#[test]
fn confidence_grows_with_evidence_and_never_saturates() {
    let confidence = |text: &str| judged(&turn(text)).confidence;
    let ladder = [
        "how",
        "fix it",
        "fix the bug",
        "fix the failing test, it is a bug",
        "fix the failing test: a bug, a crash, a stacktrace, refactor and patch and debug it",
    ];
    let ladder: Vec<f32> = ladder.into_iter().map(confidence).collect();
    assert!(ladder.windows(2).all(|pair| pair[0] < pair[1]), "{ladder:?}");
    assert!(ladder.iter().all(|value| (0.3..0.97).contains(value)), "{ladder:?}");
    assert!(confidence("fix the architecture") < confidence("fix the bug"));
}

#[test]
fn shares_and_doubt_are_one() {
    let verdict = judged(&turn("fix the architecture"));
    let shares: f32 = verdict.scores.iter().map(|score| score.value).sum();
    let points: f32 = 2.5 + 2.0;
    assert!((shares - points / (points + 1.2)).abs() < 1e-6);
    assert_eq!(verdict.scores.len(), 2);
}

#[test]
fn every_signal_names_its_evidence() {
    let mut features = turn("Please FIX the failing parser");
    features.tool_names = vec!["Bash".into()];
    features.recent_text = vec!["there is a bug".into()];
    features.approx_input_tokens = 9_000;
    let shown: Vec<String> = judged(&features)
        .signals
        .iter()
        .map(|signal| format!("{} {:.2} {}", signal.name, signal.weight, signal.evidence))
        .collect();
    assert_eq!(
        shown,
        [
            "turn.code_fix 2.50 fix",
            "turn.code_fix 2.00 failing",
            "tools.code_fix 0.20 tools that fit the task",
            "history.code_fix 0.12 earlier turns",
            "context 0.00 about 9000 tokens: medium",
        ]
    );
}

#[test]
fn complexity_follows_length_and_size() {
    let complexity = |text: &str, tokens: u32| {
        let features = Features { approx_input_tokens: tokens, ..turn(text) };
        extra(&judged(&features))["complexity"].as_str().unwrap().to_owned()
    };
    assert_eq!(complexity(&"y".repeat(79), 20), "trivial");
    assert_eq!(complexity(&"y".repeat(80), 20), "easy");
    assert_eq!(complexity(&"y".repeat(401), 100), "medium");
    assert_eq!(complexity(&"y".repeat(1201), 300), "hard");
    assert_eq!(complexity("fix", 8_000), "medium");
    assert_eq!(complexity("fix", 48_000), "hard");
}

#[test]
fn needs_are_told() {
    let told = extra(&judged(&turn("what is the latest version of this module")));
    assert_eq!(
        (&told["needs_codebase"], &told["needs_external_docs"], &told["freshness_required"]),
        (&json!(true), &json!(true), &json!(true))
    );
    let told = extra(&judged(&turn("hello")));
    assert_eq!((&told["needs_codebase"], &told["needs_external_docs"]), (&json!(false), &json!(false)));
}

#[test]
fn settings_change_terms_and_thresholds() {
    let own = classifier(json!({
        "hints": { "research": { "Quark Soup": 5, "compar*": 0 } }, "fallback_label": "architecture",
        "thresholds": { "confidence": 0.6 }
    }));
    let label = |text: &str| own.classify(&turn(text)).unwrap().label;
    assert_eq!(label("tell me about quark soup"), "research");
    assert_eq!(label("compare these"), "architecture");
    let refused = Settings {
        hints: serde_json::from_value(json!({ "nonsense": {}, "research": { "?!": 1 } })).unwrap(),
        ..Settings::default()
    };
    assert_eq!(
        Weighted::new(refused).unwrap_err(),
        ["hints: `nonsense` is no label", "hints.research: `?!` holds no word"]
    );
}

#[test]
fn long_and_odd_texts_are_read() {
    let mut text = "й".repeat(5_000);
    text.push_str(" fix the bug");
    assert_eq!(judged(&turn(&text)).label, "code_fix");
    assert_eq!(judged(&turn("\u{0}\u{fffd}🙂🙂 __")).label, "unknown");
}
