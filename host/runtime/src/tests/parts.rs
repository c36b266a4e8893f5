use brains_core::config::manifest::Plays;
use brains_dialect::canon::task::{Candidate, Features, RouteInput, Verdict};
use serde_json::json;

use super::{Laid, bundled, load, runtime, spec};
use crate::{CallLimits, Instance};

fn instances(plays: Plays) -> Vec<std::sync::Arc<Instance>> {
    let runtime = runtime();
    let fitting: Vec<Laid> = bundled().into_iter().filter(|laid| laid.manifest.plays == plays).collect();
    assert!(!fitting.is_empty());
    fitting
        .into_iter()
        .map(|laid| {
            let mut spec = spec("judge", json!({}));
            spec.limits = CallLimits::JUDGE;
            std::sync::Arc::new(runtime.instantiate(load(&runtime, laid, plays), spec).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn bundled_classifiers_label_alike_when_asked_again() {
    let features = Features {
        last_user_text: "Fix the failing test in this function".into(),
        message_count: 1,
        approx_input_tokens: 10,
        ..Features::default()
    };
    for classifier in instances(Plays::Classifier) {
        let first = classifier.classify(&features).await.unwrap();
        assert!(!first.label.is_empty());
        for _ in 0..20 {
            assert_eq!(classifier.classify(&features).await.unwrap(), first);
        }
    }
}

#[tokio::test]
async fn a_long_text_earns_the_time_that_it_takes() {
    let features =
        Features { last_user_text: "please summarise this ".repeat(40_000), ..Features::default() };
    for classifier in instances(Plays::Classifier) {
        classifier.classify(&features).await.unwrap();
    }
}

#[tokio::test]
async fn bundled_policies_pick_among_the_candidates() {
    let candidate = |id: &str, tier: &str| Candidate {
        id: id.into(),
        provider: "p".into(),
        model: id.into(),
        tier: tier.into(),
        context: 100_000,
        ..Candidate::default()
    };
    let input = RouteInput {
        requested: "brains-auto".into(),
        verdict: Verdict { label: "other".into(), confidence: 0.5, ..Verdict::default() },
        candidates: vec![candidate("a", "cheap"), candidate("b", "default")],
        extra: Some(
            json!({ "tiers": ["cheap", "default"], "routes": {}, "default_tier": "default" }).to_string(),
        ),
        ..RouteInput::default()
    };
    for policy in instances(Plays::Policy) {
        let decision = policy.decide(input.clone()).await.unwrap();
        assert!(!decision.picks.is_empty() && !decision.reason.is_empty());
    }
}
