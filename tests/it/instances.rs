//! Many instances of one component: each has its own address and key, whatever is asked in which order.

use std::fmt::Write as _;

use brains_tests::counts::count;
use brains_tests::{Brains, Reply, Seen, Setup, Upstream, model};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

const NAMES: [&str; 3] = ["one", "two", "three"];

/// A prompt that the upstream answers with a failure of its own.
const FAIL: &str = "please fail";
/// Failures in a row that open a breaker here.
const THRESHOLD: u32 = 3;

fn key(name: &str) -> String {
    format!("sk-of-instance-{name}-0123456789")
}

/// An upstream that answers only to its own key, and to nobody else's requests.
async fn upstream(name: &'static str) -> Upstream {
    Upstream::start(move |seen: &Seen| {
        if seen.header("authorization") == Some(format!("Bearer {}", key(name)).as_str()) {
            let told_to_fail = String::from_utf8_lossy(&seen.body).contains(FAIL);
            if told_to_fail { Reply::json(500, "{}".to_owned()) } else { model::answer(seen) }
        } else {
            Reply::json(401, json!({"error": {"message": "not my key"}}).to_string())
        }
    })
    .await
}

/// The service with an instance for each upstream, and whatever else its configuration is to say.
async fn service(upstreams: &[Upstream; NAMES.len()], more: &str) -> Brains {
    let mut config = "providers:\n".to_owned();
    let mut setup = Setup::default();
    for (name, upstream) in NAMES.iter().zip(upstreams) {
        let variable = format!("KEY_{}", name.to_uppercase());
        let _written = write!(
            config,
            "  {name}:\n    component: provider-openai\n    config: {{base_url: \"{}\", headers: {{x-instance: {name}}}}}\n    secrets: {{api_key: \"${{ENV:{variable}}}\"}}\n",
            upstream.base()
        );
        setup = setup.env(&variable, &key(name));
    }
    setup.config = Some(config + more);
    Brains::start(setup).await
}

#[tokio::test(flavor = "multi_thread")]
async fn interleaved_calls_of_instances_never_mix_keys_or_addresses() {
    let upstreams = [upstream(NAMES[0]).await, upstream(NAMES[1]).await, upstream(NAMES[2]).await];
    let service = service(&upstreams, "").await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    // Which instance, whether streamed, whether the overlay is written meanwhile.
    let call = (0..NAMES.len(), any::<bool>(), prop::bool::weighted(0.05));
    let calls = proptest::collection::vec(call, 1..40);
    let mut asked = [0; NAMES.len()];
    for round in 0..count(8, 200) {
        let calls = calls.new_tree(&mut runner).expect("a case").current();
        let all = calls.iter().enumerate().map(|(at, (which, stream, edit))| {
            let (client, name) = (service.client.clone(), NAMES[*which]);
            let text = format!("round {round} call {at} of {name}");
            async move {
                if *edit {
                    let value = json!({"key": "gateway_preamble", "value": text});
                    client.operation("set_config", &value).await;
                }
                let body = json!({"model": format!("{name}/m-{name}"), "stream": stream,
                    "messages": [{"role": "user", "content": text}]});
                let answer = client.chat(&body).await;
                assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                assert!(answer.text().contains(&format!("of {name}")) || *stream, "{}", answer.text());
            }
        });
        futures_util::future::join_all(all).await;
        for (which, _, _) in calls {
            asked[which] += 1;
        }
    }
    for ((name, upstream), asked) in NAMES.iter().zip(&upstreams).zip(asked) {
        let seen = upstream.seen();
        assert_eq!(seen.len(), asked, "{name} got its calls and no other's");
        for request in seen {
            assert_eq!(request.header("x-instance"), Some(*name));
            assert_eq!(request.json()["model"], format!("m-{name}"));
            let body = String::from_utf8_lossy(&request.body).into_owned();
            for other in NAMES.iter().filter(|other| *other != name) {
                assert!(
                    !format!("{:?}{body}", request.headers).contains(&key(other)),
                    "{name} saw {other}'s key"
                );
            }
        }
    }
    for name in NAMES {
        assert!(!service.log().contains(&key(name)), "the key of {name} is in the log");
    }
}

/// Whatever is asked of whom in which order: a breaker opens by the failures of its own instance and model, and by no
/// other's. Once open it stays so for the length of the test.
#[tokio::test(flavor = "multi_thread")]
async fn interleaved_failures_of_instances_never_mix_breakers() {
    let upstreams = [upstream(NAMES[0]).await, upstream(NAMES[1]).await, upstream(NAMES[2]).await];
    let policy = format!(
        "{{retry_max_attempts: 1, circuit_failure_threshold: {THRESHOLD}, circuit_cooldown_seconds: 3600}}"
    );
    let policies = NAMES.map(|name| format!("  {name}: {policy}\n")).concat();
    let service = service(&upstreams, &format!("provider_policies:\n{policies}")).await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let call = (0..NAMES.len(), any::<bool>(), prop::bool::weighted(0.6));
    let calls = proptest::collection::vec(call, 10..60);
    for round in 0..count(6, 100) {
        let mut failures = [0_u32; NAMES.len()];
        let before: Vec<usize> = upstreams.iter().map(|upstream| upstream.seen().len()).collect();
        let mut reached = [0_usize; NAMES.len()];
        for (at, (which, stream, fails)) in
            calls.new_tree(&mut runner).expect("a case").current().into_iter().enumerate()
        {
            let name = NAMES[which];
            let text = if fails { FAIL } else { "please answer" };
            // A model of its own for each round: its breakers are fresh.
            let body = json!({"model": format!("{name}/m-{round}"), "stream": stream,
                "messages": [{"role": "user", "content": text}]});
            let answer = service.client.chat(&body).await;
            let open = failures[which] >= THRESHOLD;
            let told = format!("round {round}, call {at} of {name}: {} {}", answer.status, answer.text());
            assert_eq!(
                answer.status,
                if open {
                    503
                } else if fails {
                    502
                } else {
                    200
                },
                "{told}"
            );
            if !open {
                reached[which] += 1;
                failures[which] = if fails { failures[which] + 1 } else { 0 };
            }
        }
        for (at, upstream) in upstreams.iter().enumerate() {
            assert_eq!(
                upstream.seen().len() - before[at],
                reached[at],
                "calls of {} in round {round}",
                NAMES[at]
            );
        }
    }
}
