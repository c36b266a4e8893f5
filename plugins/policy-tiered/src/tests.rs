//! Requests and the one line that says how they are routed.

use brains_sdk::canon::task::{Candidate, Circuit, Features, RouteInput, Verdict};
use serde_json::json;

use crate::Settings;
use crate::choose::decide;

fn candidate(tier: &str, id: &str) -> Candidate {
    let (provider, model) = id.split_once('/').unwrap();
    Candidate {
        id: id.into(),
        provider: provider.into(),
        model: model.into(),
        tier: tier.into(),
        ..Candidate::default()
    }
}

fn input(label: &str, confidence: f32) -> RouteInput {
    let tables = json!({
        "tiers": ["cheap", "default", "strong", "deep"],
        "routes": { "code_fix": "default", "architecture": "strong", "unknown": "cheap", "lost": "nowhere" },
        "default_tier": "default"
    });
    RouteInput {
        requested: "brains-auto".into(),
        features: Features { approx_input_tokens: 100, ..Features::default() },
        verdict: Verdict { label: label.into(), confidence, ..Verdict::default() },
        candidates: vec![
            candidate("cheap", "a/small"),
            candidate("default", "a/mid"),
            candidate("default", "b/mid"),
            candidate("default", "c/other"),
            candidate("strong", "a/large"),
            candidate("deep", "a/huge"),
        ],
        extra: Some(tables.to_string()),
        ..RouteInput::default()
    }
}

#[track_caller]
fn check(input: &RouteInput, reason: &str) {
    check_with(&Settings::default(), input, reason);
}

#[track_caller]
fn check_with(settings: &Settings, input: &RouteInput, reason: &str) {
    let decision = decide(settings, input).unwrap();
    assert_eq!(decision.reason, reason);
    let mut seen: Vec<u32> = decision.picks.iter().map(|pick| pick.index).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), decision.picks.len(), "each candidate once");
    assert!(decision.picks.windows(2).all(|pair| pair[0].score > pair[1].score));
}

/// Off unless the settings say otherwise, and never against a name.
#[test]
fn what_a_request_is_for_may_have_a_tier() {
    let class = |word: &str| {
        let mut input = input("architecture", 0.9);
        input.features.hints = vec![("agent".into(), "main".into()), ("request_class".into(), word.into())];
        input
    };
    check(&class("compaction"), "architecture (0.90) -> strong: a/large");
    let settings: Settings = serde_json::from_value(json!({
        "request_classes": { "compaction": "cheap", "auxiliary": "nowhere" }
    }))
    .unwrap();
    check_with(&settings, &class("compaction"), "compaction request -> cheap: a/small");
    check_with(&settings, &class("main"), "architecture (0.90) -> strong: a/large");
    check_with(&settings, &class("auxiliary"), "architecture (0.90) -> strong: a/large");
    let mut named = class("compaction");
    named.tags = vec![("tier".into(), "deep".into())];
    check_with(&settings, &named, "deep requested -> deep: a/huge");
}

#[test]
fn tasks_take_their_route() {
    check(&input("code_fix", 0.82), "code_fix (0.82) -> default: a/mid, 2 fallbacks");
    check(&input("architecture", 0.9), "architecture (0.90) -> strong: a/large");
    check(&input("unknown", 0.1), "unknown (0.10) -> cheap: a/small");
}

#[test]
fn without_a_route_the_recommended_tier_answers() {
    let mut input = input("code_explanation", 0.5);
    input.verdict.extra = Some(r#"{"tier":"deep","complexity":"hard"}"#.into());
    check(&input, "code_explanation (0.50) -> deep: a/huge");
    input.verdict.extra = Some(r#"{"tier":"nowhere"}"#.into());
    check(&input, "code_explanation (0.50) -> default: a/mid, 2 fallbacks");
}

#[test]
fn a_route_to_nowhere_is_no_route() {
    check(&input("lost", 0.9), "lost (0.90) -> default: a/mid, 2 fallbacks");
}

#[test]
fn doubt_goes_to_the_fallback_tier() {
    check(&input("architecture", 0.2), "architecture (0.20) below 0.30 -> default: a/mid, 2 fallbacks");
    check(&input("unknown", 0.0), "not classified -> default: a/mid, 2 fallbacks");
    let settings = Settings { fallback_tier: Some("cheap".into()), ..Settings::default() };
    check_with(&settings, &input("architecture", 0.2), "architecture (0.20) below 0.30 -> cheap: a/small");
}

#[test]
fn a_named_tier_is_taken() {
    let mut by_tag = input("", 0.0);
    by_tag.tags = vec![("tier".into(), "strong".into())];
    check(&by_tag, "strong requested -> strong: a/large");
    let mut by_name = input("", 0.0);
    by_name.requested = "claude-brains-deep".into();
    check(&by_name, "deep requested -> deep: a/huge");
}

#[test]
fn a_named_model_comes_first() {
    let mut input = input("", 0.0);
    input.requested = "x/y".into();
    input.candidates = vec![candidate("", "x/y")];
    check(&input, "model requested -> x/y");
}

#[test]
fn a_request_too_large_for_its_tier_moves_up() {
    let mut large = input("code_fix", 0.82);
    large.features.approx_input_tokens = 50_000;
    for candidate in &mut large.candidates {
        candidate.context = if candidate.tier == "strong" { 200_000 } else { 32_000 };
    }
    check(&large, "code_fix (0.82) -> default does not fit -> strong: a/large");
    large.features.approx_input_tokens = 500_000;
    check(&large, "code_fix (0.82) -> default: a/mid, 2 fallbacks");
}

#[test]
fn a_small_candidate_comes_last_in_its_tier() {
    let mut input = input("code_fix", 0.82);
    input.candidates[1].context = 500;
    check(&input, "code_fix (0.82) -> default: b/mid, 2 fallbacks");
    assert_eq!(decide(&Settings::default(), &input).unwrap().picks[2].index, 1);
}

#[test]
fn pictures_go_to_those_that_see() {
    let mut input = input("code_fix", 0.82);
    input.features.has_images = true;
    input.candidates[1].labels = vec!["tools".into()];
    input.candidates[2].labels = vec!["tools".into(), "images".into()];
    check(&input, "code_fix (0.82) -> default: b/mid, 2 fallbacks");
}

#[test]
fn ill_candidates_come_last() {
    let mut input = input("code_fix", 0.82);
    input.candidates[1].circuit = Circuit::Open;
    input.candidates[2].error_rate = 0.9;
    input.candidates[3].circuit = Circuit::HalfOpen;
    let order: Vec<u32> =
        decide(&Settings::default(), &input).unwrap().picks.iter().map(|pick| pick.index).collect();
    assert_eq!(order, [3, 2, 1]);
}

#[test]
fn price_decides_among_providers_of_one_model() {
    let mut input = input("code_fix", 0.82);
    input.candidates[1].input_price = Some(3.0);
    input.candidates[1].output_price = Some(9.0);
    input.candidates[2].input_price = Some(1.0);
    input.candidates[2].output_price = Some(2.0);
    // Another model is no equal, however cheap.
    input.candidates[3].input_price = Some(0.0);
    input.candidates[3].output_price = Some(0.0);
    check(&input, "code_fix (0.82) -> default: b/mid, 2 fallbacks");
    input.candidates[2].error_rate = 0.3;
    check(&input, "code_fix (0.82) -> default: a/mid, 2 fallbacks");
}

#[test]
fn a_conversation_stays_where_it_is() {
    let mut here = input("code_fix", 0.82);
    here.sticky = Some(3);
    check(&here, "code_fix (0.82) -> default: c/other, same as before, 2 fallbacks");
    here.sticky = Some(4);
    check(&here, "code_fix (0.82) -> strong: a/large, same as before, 3 fallbacks");
    here.sticky = Some(0);
    check(&here, "code_fix (0.82) -> default: a/mid, 2 fallbacks");
    here.sticky = Some(3);
    here.candidates[3].circuit = Circuit::Open;
    check(&here, "code_fix (0.82) -> default: a/mid, 2 fallbacks");
}

fn warm(input: &mut RouteInput, index: usize, tokens: u32) {
    input.candidates[index].sticky = true;
    input.candidates[index].extra = Some(json!({"warm_tokens": tokens, "warm_for_ms": 1}).to_string());
}

#[test]
fn what_is_cached_is_paid_for_by_who_leaves_it() {
    let mut here = input("architecture", 0.9);
    warm(&mut here, 1, 32_768);
    check(
        &here,
        "architecture (0.90) -> strong: a/large, not a/mid where it is warm (32768 tokens read anew)",
    );
    warm(&mut here, 1, 32_769);
    let stays = "architecture (0.90) -> default: a/mid, same as before (32769 tokens warm), 1 fallback";
    check(&here, stays);
    let settings = Settings { upgrade_tokens: 50_000, ..Settings::default() };
    let leaves =
        "architecture (0.90) -> strong: a/large, not a/mid where it is warm (32769 tokens read anew)";
    check_with(&settings, &here, leaves);
    // Where there is most of it.
    warm(&mut here, 2, 90_000);
    check(&here, "architecture (0.90) -> default: b/mid, same as before (90000 tokens warm), 1 fallback");
    // Without anything to ask, the host keeps what is not well from being called sticky; the policy looks, too.
    here.candidates[2].error_rate = 0.9;
    check(&here, stays);
    here.candidates[1].context = 500;
    check(&here, "architecture (0.90) -> strong: a/large");
}

#[test]
fn where_prices_are_known_leaving_is_paid_for_in_money() {
    let mut here = input("architecture", 0.9);
    let strong = here.candidates.iter().position(|it| it.id == "a/large").unwrap();
    here.candidates[strong].input_price = Some(5.0);
    let mut priced = |tokens: u32| {
        here.candidates[1].sticky = true;
        let extra = json!({"warm_tokens": tokens, "warm_input_price": 0.3});
        here.candidates[1].extra = Some(extra.to_string());
        here.clone()
    };
    // 21,277 tokens at 4.70 dollars a million more are a little over ten cents.
    check(
        &priced(21_276),
        "architecture (0.90) -> strong: a/large, not a/mid where it is warm (21276 tokens read anew for $0.1000 more)",
    );
    let stays = "architecture (0.90) -> default: a/mid, same as before (21277 tokens warm), 1 fallback";
    check(&priced(21_277), stays);
    let settings = Settings { upgrade_usd: 1.0, ..Settings::default() };
    check_with(
        &settings,
        &priced(100_000),
        "architecture (0.90) -> strong: a/large, not a/mid where it is warm (100000 tokens read anew for $0.4700 more)",
    );
}

#[test]
fn what_is_asked_for_is_not_overruled_by_a_cache() {
    let mut named = input("", 0.0);
    named.tags = vec![("tier".into(), "strong".into())];
    warm(&mut named, 5, 100_000);
    check(&named, "strong requested -> strong: a/large");
    let mut compaction = input("architecture", 0.9);
    compaction.features.hints = vec![("request_class".into(), "compaction".into())];
    warm(&mut compaction, 5, 100_000);
    let settings: Settings =
        serde_json::from_value(json!({"request_classes": {"compaction": "cheap"}})).unwrap();
    check_with(&settings, &compaction, "compaction request -> cheap: a/small");
    check(
        &compaction,
        "architecture (0.90) -> deep: a/huge, same as before (100000 tokens warm), 1 fallback",
    );
    warm(&mut compaction, 0, 10);
    check_with(
        &settings,
        &compaction,
        "compaction request -> cheap: a/small, same as before (10 tokens warm)",
    );
}

#[test]
fn a_tier_that_shares_out_follows_what_draws() {
    let mut shared = input("code_fix", 0.82);
    for (index, draw) in [(1, 0.2), (2, 0.9), (3, 0.5)] {
        shared.candidates[index].extra = Some(json!({"spread": draw}).to_string());
        // Neither price nor latency is asked.
        shared.candidates[index].input_price = Some(f64::from(u32::try_from(index).unwrap()));
        shared.candidates[index].output_price = Some(0.0);
    }
    let order = |input: &RouteInput| -> Vec<u32> {
        decide(&Settings::default(), input).unwrap().picks.iter().map(|pick| pick.index).collect()
    };
    assert_eq!(order(&shared), [2, 3, 1]);
    shared.candidates[2].error_rate = 0.2;
    assert_eq!(order(&shared), [3, 1, 2]);
    shared.candidates[3].circuit = Circuit::Open;
    assert_eq!(order(&shared), [1, 2, 3]);
    shared.candidates[3] =
        Candidate { sticky: true, circuit: Circuit::Closed, ..shared.candidates[3].clone() };
    assert_eq!(order(&shared), [3, 1, 2], "and where it is cached it stays");
}

#[test]
fn nothing_to_route_to_is_a_fault() {
    let mut input = input("code_fix", 0.82);
    input.candidates.clear();
    assert!(decide(&Settings::default(), &input).is_err());
}
