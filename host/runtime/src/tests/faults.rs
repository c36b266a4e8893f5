use std::sync::Arc;
use std::time::Duration;

use brains_core::config::manifest::Plays;
use brains_dialect::canon::exchange::{Frame, Head};
use brains_dialect::canon::relay::Call;
use brains_dialect::canon::task::{Candidate, Features, RouteInput};
use brains_dialect::canon::{CallContext, FaultKind};
use brains_dialect::sse::MAX_FRAME_BYTES;

use super::{answer, asking, doing, hostile, load, runtime, spec, text_of};
use crate::{CallFault, Culprit, Instance};

const HOSTILE: [(&str, &str); 11] = [
    ("amplify", "output"),
    ("exit", "trap"),
    ("flood", "output"),
    ("garble", "output"),
    ("grow", "memory"),
    ("huge", "output"),
    ("leak", "handles"),
    ("lie", "output"),
    ("recurse", "stack"),
    ("spin", "deadline"),
    ("trap", "trap"),
];

/// `huge` is 40 MiB: within what a provider may answer at all, beyond what this one may. What takes long to write
/// has the time for it, so that it is the answer that is refused.
fn tight(runtime: &crate::Runtime, deed: &str) -> Arc<Instance> {
    let component = load(runtime, hostile(), Plays::Provider);
    let mut spec = spec(deed, serde_json::json!({ "do": deed }));
    spec.limits.output_bytes = 24 << 20;
    spec.limits.memory_bytes = 128 << 20;
    if matches!(deed, "amplify" | "flood" | "huge") {
        spec.limits.call_ms = 500;
    }
    Arc::new(runtime.instantiate(component, spec).unwrap())
}

fn relay_call() -> Call {
    Call {
        surface: "chat".into(),
        model: "any".into(),
        stream: false,
        query: String::new(),
        headers: Vec::new(),
        ctx: CallContext::default(),
    }
}

#[tokio::test]
async fn every_misdeed_is_a_fault_of_its_own_kind_on_every_call() {
    let runtime = runtime();
    for (deed, word) in HOSTILE {
        let instance = tight(&runtime, deed);
        let fault = answer(&instance, "hello").await.unwrap_err();
        assert_eq!(fault.word(), word, "answer {deed}: {fault}");
        assert!(fault.to_fault().failover, "{deed}");
        if matches!(deed, "amplify" | "flood") {
            continue;
        }
        let mut exchange = instance.exchange().await.unwrap();
        let fault = exchange.prepare(relay_call()).await.unwrap_err();
        assert_eq!(fault.word(), word, "prepare {deed}: {fault}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_fault_and_the_instance_stays_dead() {
    let runtime = runtime();
    for (deed, word) in HOSTILE {
        let mut exchange = tight(&runtime, deed).exchange().await.unwrap();
        let head = Head { status: 200, headers: Vec::new() };
        exchange.open_decoder(head, CallContext::default()).await.unwrap();
        let frame = Frame { name: None, data: "a".into() };
        let fault = exchange.push(vec![frame.clone()]).await.unwrap_err();
        assert_eq!(fault.word(), word, "{deed}: {fault}");
        if matches!(word, "trap" | "stack" | "memory" | "deadline" | "handles") {
            let again = exchange.push(vec![frame]).await.unwrap_err();
            assert_eq!(again.word(), "trap", "{deed}");
        }
    }
}

#[tokio::test]
async fn a_component_that_says_no_is_believed_and_lives_on() {
    let runtime = runtime();
    let instance = doing(&runtime, Plays::Provider, "refuse");
    let mut exchange = instance.exchange().await.unwrap();
    for _ in 0..2 {
        let CallFault::Refused(fault) =
            exchange.answer(asking("hello"), CallContext::default()).await.unwrap_err()
        else {
            panic!("it was not refused");
        };
        assert_eq!((fault.kind, fault.retry_after_ms), (FaultKind::RateLimited, Some(1_500)));
    }
}

#[tokio::test]
async fn judges_are_held_to_their_answers_and_replaced_after_a_fault() {
    let runtime = runtime();
    let features = Features { last_user_text: "code please".into(), ..Features::default() };
    let input = RouteInput { candidates: vec![Candidate::default(); 3], ..RouteInput::default() };
    for (deed, word) in [
        ("garble", "output"),
        ("grow", "memory"),
        ("lie", "output"),
        ("recurse", "stack"),
        ("spin", "deadline"),
        ("trap", "trap"),
    ] {
        let classifier = doing(&runtime, Plays::Classifier, deed);
        let policy = doing(&runtime, Plays::Policy, deed);
        for _ in 0..3 {
            let fault = classifier.classify(&features).await.unwrap_err();
            assert_eq!(fault.word(), word, "{deed}: {fault}");
            let fault = policy.decide(input.clone()).await.unwrap_err();
            assert_eq!(fault.word(), word, "{deed}: {fault}");
        }
    }
    let classifier = doing(&runtime, Plays::Classifier, "ok");
    let policy = doing(&runtime, Plays::Policy, "ok");
    for _ in 0..10 {
        assert_eq!(classifier.classify(&features).await.unwrap().label, "code");
        assert_eq!(policy.decide(input.clone()).await.unwrap().picks.len(), 3);
    }
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_the_upstreams_doing() {
    let runtime = runtime();
    let mut exchange = doing(&runtime, Plays::Provider, "ok").exchange().await.unwrap();
    exchange.open_decoder(Head { status: 200, headers: Vec::new() }, CallContext::default()).await.unwrap();
    let frame = |bytes| vec![Frame { name: None, data: "a".repeat(bytes) }];
    let CallFault::Refused(fault) = exchange.push(frame(MAX_FRAME_BYTES + 1)).await.unwrap_err() else {
        panic!("it was let through");
    };
    assert_eq!(fault.kind, FaultKind::Protocol);
    assert_eq!(text_of(&exchange.push(frame(MAX_FRAME_BYTES)).await.unwrap()).len(), MAX_FRAME_BYTES);
}

/// Fifty streams, two frames a step, and what each of them said.
async fn fifty(healthy: &Arc<Instance>) -> Vec<String> {
    let streams = (0..50).map(|number| {
        let healthy = Arc::clone(healthy);
        async move {
            let mut exchange = healthy.exchange().await.unwrap();
            let head = Head { status: 200, headers: Vec::new() };
            exchange.open_decoder(head, CallContext::default()).await.unwrap();
            let mut text = String::new();
            for step in 0..20 {
                let frames = (0..2)
                    .map(|half| Frame { name: None, data: format!("{number}.{step}.{half} ") })
                    .collect();
                text.push_str(&text_of(&exchange.push(frames).await.unwrap()));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let end = exchange.finish(true).await.unwrap();
            assert_eq!(end.len(), 1);
            text
        }
    });
    let mut running = tokio::task::JoinSet::new();
    for (number, stream) in streams.enumerate() {
        running.spawn(async move { (number, stream.await) });
    }
    let mut texts = running.join_all().await;
    texts.sort();
    texts.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_streams_beside_each_misdeed_say_what_they_say_without_it() {
    let runtime = runtime();
    let healthy = doing(&runtime, Plays::Provider, "ok");
    let alone = fifty(&healthy).await;
    assert!(alone.iter().all(|text| text.split_whitespace().count() == 40));
    for (deed, word) in HOSTILE {
        let hostile = tight(&runtime, deed);
        let beside = async {
            for _ in 0..6 {
                assert_eq!(answer(&hostile, "hello").await.unwrap_err().word(), word, "{deed}");
            }
        };
        let (streams, ()) = tokio::join!(fifty(&healthy), beside);
        assert_eq!(streams, alone, "beside {deed}");
    }
}

#[tokio::test]
async fn a_spinner_leaves_the_callers_threads_after_its_second_overrun() {
    let runtime = runtime();
    let spinner = doing(&runtime, Plays::Provider, "spin");
    for _ in 0..2 {
        assert_eq!(answer(&spinner, "hello").await.unwrap_err().word(), "deadline");
    }
    // On this one thread nothing else could happen if the spinner were called here.
    let mut exchange = spinner.exchange().await.unwrap();
    let mut beats = 0;
    let call = exchange.answer(asking("hello"), CallContext::default());
    tokio::pin!(call);
    let fault = loop {
        tokio::select! {
            biased;
            result = &mut call => break result.unwrap_err(),
            () = tokio::time::sleep(Duration::from_millis(1)) => beats += 1,
        }
    };
    assert_eq!(fault.word(), "deadline");
    assert!(beats >= 2, "{beats} beats while it span");
}

#[tokio::test]
async fn calls_for_what_is_not_exported_are_faults() {
    let runtime = runtime();
    let instance = bundled_with(&runtime, |exports| exports.standalone);
    let mut exchange = instance.exchange().await.unwrap();
    let fault = exchange.prepare(relay_call()).await.unwrap_err();
    let by = Culprit { component: "under-test".into(), instance: "bundled".into(), export: "relay.prepare" };
    assert_eq!(fault, CallFault::Missing { by });
    // The instance is as good as before.
    assert!(exchange.answer(asking("hello"), CallContext::default()).await.is_ok());
    // Exported, but not by the world of the part that it plays.
    let policy = doing(&runtime, Plays::Policy, "ok");
    let fault = policy.classify(&Features::default()).await.unwrap_err();
    assert!(matches!(fault, CallFault::Missing { by } if by.export == "classifier.classify"));
}

fn bundled_with(runtime: &crate::Runtime, fits: impl Fn(crate::Exports) -> bool) -> Arc<Instance> {
    let component = super::bundled()
        .into_iter()
        .map(|laid| {
            let plays = laid.manifest.plays;
            load(runtime, laid, plays)
        })
        .find(|component| fits(component.exports()) && !component.exports().relay)
        .unwrap();
    Arc::new(runtime.instantiate(component, spec("bundled", serde_json::json!({}))).unwrap())
}
