//! Handles, log lines and kept values.

use serde_json::json;

use super::{Bad, Scene, everywhere, misdeed, rounds};

#[tokio::test(flavor = "multi_thread")]
async fn handles_that_are_never_dropped() {
    misdeed(everywhere("leak", &[]), "handles: 4096)").await;
}

/// Whatever an exchange leaves undone ends with it: its decoder is never dropped, its memory is given back.
#[tokio::test(flavor = "multi_thread")]
async fn exchanges_that_leave_everything_behind() {
    let bad = vec![Bad::new("sloppy", "remote", json!({"lane": "translate"}))];
    let scene = Scene::new(bad).await;
    let resident = || {
        let status = fs_err::read_to_string(format!("/proc/{}/status", scene.service.pid())).expect("alive");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line").to_owned();
        line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    let mut before = 0;
    scene
        .beside(async |round| {
            if round == rounds() / 2 {
                before = resident();
            }
            for _ in 0..20 {
                // The upstream fails, the stream is refused, the answer is none: in each case an instance is left as it is.
                for (text, stream) in [("fail", false), ("stream", true), ("say", false)] {
                    scene.ask("sloppy", text, stream).await;
                }
            }
        })
        .await;
    let grown_mib = resident().saturating_sub(before) / 1024;
    assert!(grown_mib < 64, "{grown_mib} MiB more than halfway");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_log_lines() {
    let bad = vec![
        Bad::new("chatty", "alone", json!({"do": "print", "lane": "translate"}))
            .limits(json!({"call_ms": 5_000})),
    ];
    let scene = Scene::new(bad).await;
    scene
        .beside(async |_| {
            let answer = scene.ask("chatty", "hello", false).await;
            assert!(answer.status != 200 || answer.text().contains("hello"), "{}", answer.text());
        })
        .await;
    let log = scene.service.log();
    assert!(log.contains("logs more than it may"), "it is told");
    let lines = log.lines().filter(|line| line.contains("of many")).count();
    // Sixty-four a second and not one of ten thousand; the log may be kept in two places.
    assert!(lines > 0 && lines < 10_000, "{lines}");
    assert!(
        log.lines().all(|line| !line.contains("forged: line") || line.contains("of many")),
        "a forged line"
    );
    assert!(log.lines().all(|line| line.len() < 20_000), "a line without end");
}

/// What `println!` and `eprintln!` of any program write, and why it trapped, stands where its author looks.
#[tokio::test(flavor = "multi_thread")]
async fn printing_and_the_reason_of_a_trap_reach_its_own_log() {
    let bad = vec![
        Bad::new("printer", "alone", json!({"do": "say", "lane": "translate"})),
        Bad::new("trapper", "alone", json!({"do": "trap", "lane": "translate"})),
    ];
    let scene = Scene::new(bad).await;
    scene
        .beside(async |_| {
            assert_eq!(scene.ask("printer", "hello", false).await.status, 200);
            scene.ask("trapper", "hello", false).await;
        })
        .await;
    let lines = async |name: &str| {
        let logs = scene.service.client.operation("component_logs", &json!({"id": name})).await;
        logs["lines"].to_string()
    };
    let said = lines("printer").await;
    for line in ["said to stdout", "said to stderr", "said without an end"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let trapped = lines("trapper").await;
    assert!(trapped.contains("it trapped"), "{trapped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_more_than_it_may() {
    let limits = json!({"call_ms": 5_000});
    let bad = vec![
        Bad::new("hoarder", "alone", json!({"do": "hoard", "lane": "translate"})).limits(limits),
        Bad::new("sound", "alone", json!({"do": "keep", "claims": "mine", "lane": "translate"})),
    ];
    let scene = Scene::new(bad).await;
    scene
        .beside(async |_| {
            assert_eq!(scene.ask("hoarder", "hello", false).await.status, 200);
            assert_eq!(scene.ask("sound", "hello", false).await.status, 200);
        })
        .await;
    // 64 KiB hold some sixty values of 1,000 bytes; the other instance's still fit.
    let log = scene.service.log();
    assert!(
        log.contains("hoarding was refused 19"),
        "{}",
        log.lines().filter(|line| line.contains("hoard")).count()
    );
    assert!(log.contains("a large value: true"));
    assert!(log.contains("kept") && !log.contains("not kept"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_what_another_instance_keeps() {
    let bad = vec![
        Bad::new("keeper", "alone", json!({"claims": "the keeper's own", "lane": "translate"})),
        Bad::new("thief", "alone", json!({"lane": "translate"})),
    ];
    let scene = Scene::new(bad).await;
    let told = async |instance: &str, deed: &str| {
        let body = json!({
            "model": format!("{instance}/x-{deed}"), "messages": [{"role": "user", "content": "hello"}],
        });
        let answer = scene.service.client.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
    };
    scene
        .beside(async |_| {
            told("keeper", "keep").await;
            assert_eq!(told("keeper", "peek").await, "the keeper's own");
            assert_eq!(told("thief", "peek").await, "nothing");
        })
        .await;
}
