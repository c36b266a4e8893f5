//! The calls of `component_calls` that the host has no code of its own for (relay head, classify, decide), natively and with
//! the same inputs: processor time of the thread, lower quartile of fifteen batches.

use std::hint::black_box;

use brains_sdk::canon::CallContext;
use brains_sdk::canon::relay::Call;
use brains_sdk::canon::task::{Candidate, Features, RouteInput, Verdict};
use brains_sdk::{Classifier, Component, Policy, Relay};
use classifier_weighted::Weighted;
use policy_tiered::Tiered;
use provider_openai::OpenAi;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const BATCHES: usize = 15;

fn thread_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn measure(name: &str, calls: u32, mut call: impl FnMut()) {
    (0..calls / 4).for_each(|_| call());
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let began_us = thread_us();
            (0..calls).for_each(|_| call());
            (thread_us() - began_us) / f64::from(calls)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    println!("{}", json!({ "bench": "native_calls", "figure": name, "native_us": batches[BATCHES / 4] }));
}

fn main() {
    let settings = json!({ "base_url": "https://vendor.example/v1" });
    let vendor = OpenAi::new(serde_json::from_value(settings).expect("settings")).expect("a provider");
    let call = || Call {
        surface: "chat".into(),
        model: "a-model".into(),
        stream: true,
        query: String::new(),
        headers: Vec::new(),
        ctx: CallContext { request_id: "req_1".into(), ..CallContext::default() },
    };
    measure("relay head", 5_000, || drop(black_box(vendor.prepare(call()))));

    let classifier = Weighted::new(Default::default()).expect("a classifier");
    let features = Features {
        last_user_text: "Refactor this function so that the failing test passes. ".repeat(18),
        message_count: 3,
        approx_input_tokens: 250,
        ..Features::default()
    };
    measure("classify 1 KB", 1_000, || drop(black_box(classifier.classify(&features))));

    let policy = Tiered::new(Default::default()).expect("a policy");
    let tiers = ["cheap", "default", "strong", "deep"];
    let candidates = (0..20_u32)
        .map(|at| Candidate {
            id: format!("provider/model-{at}"),
            provider: "provider".into(),
            model: format!("model-{at}"),
            tier: tiers[at as usize % tiers.len()].into(),
            input_price: Some(f64::from(at)),
            output_price: Some(f64::from(at) * 4.0),
            context: 128_000,
            p50_ms: Some(400 + at),
            ..Candidate::default()
        })
        .collect();
    let input = RouteInput {
        requested: "brains-auto".into(),
        features: Features { last_user_text: "hello".into(), ..Features::default() },
        verdict: Verdict { label: "other".into(), confidence: 0.8, ..Verdict::default() },
        candidates,
        extra: Some(json!({ "tiers": tiers, "routes": {}, "default_tier": "default" }).to_string()),
        ..RouteInput::default()
    };
    measure("decide among 20", 1_000, || drop(black_box(policy.decide(&input))));
}
