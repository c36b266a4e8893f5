//! Answers that are too large, no text, no JSON, another wire, or headers of somebody else.

use brains_tests::{Reply, Seen};
use serde_json::{Value, json};

use super::{Bad, Scene, everywhere, fault, misdeed};

/// Thirty-two mebibytes, thirty-two times: a component cannot hold more, but it can say the same again.
#[tokio::test(flavor = "multi_thread")]
async fn a_gibibyte_of_output() {
    let limits = json!({"call_ms": 2_000});
    let bad = everywhere("amplify", &["answer", "encode", "decode-unary", "push", "finish"]);
    misdeed(bad.into_iter().map(|bad| bad.limits(limits.clone())).collect(), "output)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_mebibytes_at_once() {
    let limits = json!({"call_ms": 2_000, "memory_mib": 128, "output_kib": 16 << 10});
    let bad = everywhere("huge", &["answer", "prepare", "encode", "decode-unary", "decode-error", "push"]);
    misdeed(bad.into_iter().map(|bad| bad.limits(limits.clone())).collect(), "output)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_events_per_push() {
    let limits = json!({"call_ms": 10_000, "memory_mib": 256});
    let bad = everywhere("million", &["push"]);
    misdeed(bad.into_iter().map(|bad| bad.limits(limits.clone())).collect(), "output)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_utf8() {
    let exports = ["answer", "prepare", "encode", "decode-unary", "decode-error", "push", "finish"];
    misdeed(everywhere("garble", &exports), "output)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_none() {
    misdeed(everywhere("lie", &["answer", "prepare", "decode-unary", "push", "finish"]), "output)").await;
}

/// It says that its upstream speaks the client's wire, so its bytes would be moved on as they are.
#[tokio::test(flavor = "multi_thread")]
async fn lying_about_its_dialect() {
    let answer = |seen: &Seen| {
        let asked = seen.json()["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        match asked.as_str() {
            "another" => Reply::stream([
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[]}}\n\n",
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hi\"}}\n\n",
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            ]),
            "lines" => Reply::stream(["{\"message\":{\"content\":\"hi\"}}\n", "{\"done\":true}\n"]),
            "page" => Reply::stream(["<html><body>hello</body></html>"]),
            "binary" => Reply::stream([vec![0_u8, 159, 146, 150, 10, 10]]),
            "whole" => {
                Reply::json(200, "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}")
            }
            "text" => Reply::json(200, "hello"),
            _ => Reply::json(200, "[1,2,3]"),
        }
    };
    let bad = vec![
        Bad::new("liar", "remote", json!({})),
        // What nobody speaks is nobody's wire: such an instance is asked in its own.
        Bad::new("boaster", "remote", json!({"claims": "every-wire-there-is", "do": "trap", "at": "encode"})),
    ];
    let scene = Scene::with(bad, "", answer).await;
    scene
        .beside(async |round| {
            for (text, stream) in [
                ("another", true),
                ("lines", true),
                ("page", true),
                ("binary", true),
                ("whole", false),
                ("text", false),
                ("list", false),
            ] {
                let answer = scene.ask("liar", text, stream).await;
                let fault = fault(&answer);
                assert!(
                    answer.status != 200 || !answer.text().contains("[DONE]") || !fault.is_null(),
                    "{text}"
                );
                if round == 0 {
                    assert_eq!(answer.status, 502, "{text}: {}", answer.text());
                }
            }
            let answer = scene.ask("boaster", "say", false).await;
            assert!(round > 0 || answer.text().contains("`chat.encode` failed (trap)"), "{}", answer.text());
        })
        .await;
}

/// Into the request that goes out, and into the answer that the client gets.
#[tokio::test(flavor = "multi_thread")]
async fn header_injection() {
    let headers = [
        ["x-one", "a\r\nx-injected: 1"],
        ["x-one", "a\nx-injected: 1"],
        ["x-one", "a\u{0}b"],
        ["x-one\r\nx-injected", "1"],
        ["x one", "1"],
        [":authority", "evil.test"],
        ["host", "evil.test"],
        ["Content-Length", "0"],
        ["Transfer-Encoding", "chunked"],
        ["Connection", "close, authorization"],
        ["Proxy-Authorization", "Basic x"],
        ["", "1"],
    ];
    let bad = headers
        .iter()
        .enumerate()
        .map(|(at, header)| Bad::new(format!("header{at}"), "remote", json!({"header": header})));
    let scene = Scene::new(bad.collect()).await;
    scene
        .beside(async |round| {
            for at in 0..headers.len() {
                let answer = scene.ask(&format!("header{at}"), "say", false).await;
                let fault = fault(&answer);
                if round == 0 {
                    assert_eq!(
                        (answer.status, &fault["code"]),
                        (502, &json!("egress_refused")),
                        "{at}: {fault}"
                    );
                }
            }
        })
        .await;
    assert!(scene.upstream.seen().is_empty(), "nothing went out: {:?}", scene.upstream.seen());
}

/// A component's words become an error's message and code; both stand in JSON and in a trace, none in a header.
#[tokio::test(flavor = "multi_thread")]
async fn words_with_line_breaks_and_keys() {
    let answer = |_: &Seen| {
        Reply::json(
            400,
            "no\r\nx-injected: 1\r\n\r\n<script>\u{1b}[2J\u{0} sk-proj-aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3",
        )
    };
    let bad =
        vec![Bad::new("teller", "remote", json!({"do": "tell", "at": "decode-error", "lane": "translate"}))];
    let scene = Scene::with(bad, "", answer).await;
    scene
        .beside(async |_| {
            let answer = scene.ask("teller", "say", false).await;
            let message = fault(&answer)["message"].as_str().unwrap_or_default().to_owned();
            assert!(!message.contains(char::is_control) && !message.contains("sk-proj-"), "{message}");
            assert!(answer.headers.get("x-injected").is_none());
        })
        .await;
    let log = scene.service.log();
    assert!(!log.contains("aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3"), "a key-like text is in the log");
    assert!(log.lines().all(|line| !line.starts_with("x-injected")), "a forged line is in the log");
    let traces = scene.service.client.operation("list_traces", &json!({"limit": 5})).await;
    assert_eq!(traces.as_object().map(|_| ()), Some(()), "{traces}");
    let text = Value::to_string(&traces);
    assert!(!text.contains("aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3"), "{text}");
}
