//! Where exchanges may not go.

use brains_tests::{Reply, Seen, Upstream};
use serde_json::json;

use super::{Bad, Scene, fault};

/// Lets each of `targets` be reached for, and expects `refusal` with the host's name in it.
async fn refused(targets: &[(&str, &str)], refusal: &str) {
    let bad = targets.iter().enumerate().flat_map(|(at, (url, _))| {
        [
            Bad::new(format!("relay{at}"), "remote", json!({"reach": url, "secret_in": "header"})),
            Bad::new(
                format!("chat{at}"),
                "remote",
                json!({"reach": url, "secret_in": "header", "lane": "translate"}),
            ),
        ]
    });
    let scene = Scene::new(bad.collect()).await;
    scene
        .beside(async |round| {
            for (at, (url, host)) in targets.iter().enumerate() {
                for lane in ["relay", "chat"] {
                    let answer = scene.ask(&format!("{lane}{at}"), "say", false).await;
                    let fault = fault(&answer);
                    if round == 0 {
                        assert_eq!(answer.status, 502, "{url}: {fault}");
                        let expected = refusal.replace("HOST", host);
                        assert_eq!(fault["message"], json!(expected), "{url}");
                    }
                }
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_address() {
    // This one is among the component's own defaults, which lead to the public internet only.
    refused(
        &[
            ("http://169.254.169.254", "169.254.169.254"),
            ("http://0xa9fea9fe", "169.254.169.254"),
            ("http://2852039166", "169.254.169.254"),
            ("http://169.254.169.254.", "169.254.169.254"),
        ],
        "`HOST` is a private address, which nobody granted",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_resolves_to_a_private_address() {
    refused(
        &[("http://localhost:9", "localhost"), ("http://LOCALHOST:9", "localhost")],
        "`HOST` leads to a private address, which nobody granted",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_granted() {
    refused(
        &[
            ("http://127.0.0.1:9", "127.0.0.1"),
            ("http://2130706433:9", "127.0.0.1"),
            ("http://0x7f.1:9", "127.0.0.1"),
            ("http://[::1]:9", "[::1]"),
            ("http://[::ffff:127.0.0.1]:9", "[::ffff:7f00:1]"),
            ("http://localhost", "localhost"),
            ("http://localhost:10", "localhost"),
            ("https://localhost:9", "localhost"),
            ("http://localhost.:9", "localhost."),
            ("http://169.254.169.254:81", "169.254.169.254"),
            ("https://api.example.com", "api.example.com"),
            ("https://\u{430}pi.example.com", "xn--pi-7kc.example.com"),
        ],
        "the origin of `HOST` has not been granted",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_web_address() {
    let scene = Scene::new(
        [
            "file:///etc/passwd",
            "http://user:pw@localhost:9",
            "gopher://localhost:9",
            "//localhost:9",
            "http://",
        ]
        .iter()
        .enumerate()
        .map(|(at, url)| Bad::new(format!("odd{at}"), "remote", json!({"reach": url})))
        .collect(),
    )
    .await;
    scene
        .beside(async |round| {
            for at in 0..5 {
                let answer = scene.ask(&format!("odd{at}"), "say", false).await;
                let fault = fault(&answer);
                assert!(
                    round > 0 || (answer.status, &fault["code"]) == (502, &json!("egress_refused")),
                    "{fault}"
                );
                assert!(!fault.to_string().contains("pw@"), "{fault}");
            }
        })
        .await;
}

/// The upstream is granted; where it sends the request on to is not, and neither is a granted one handed the secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_private_address() {
    let inside = Upstream::start(|_: &Seen| Reply::json(200, "\"inside\"")).await;
    let elsewhere = inside.base();
    let answer = move |seen: &Seen| {
        let body = String::from_utf8_lossy(&seen.body);
        let to = match body.split("redirect ").nth(1).and_then(|rest| rest.split(['"', ' ']).next()) {
            Some("metadata") => "http://169.254.169.254/latest/meta-data/".to_owned(),
            Some("name") => "http://localhost:9/".to_owned(),
            Some("odd") => "//0x7f.1:9/".to_owned(),
            Some("file") => "file:///etc/passwd".to_owned(),
            Some("user") => "http://user:pw@127.0.0.1:9/".to_owned(),
            _ => format!("{elsewhere}/inside"),
        };
        let status = if body.contains("307") { 307 } else { 302 };
        Reply::json(status, "").header("location", &to)
    };
    let bad = vec![
        Bad::new("relay", "remote", json!({"secret_in": "header"})),
        Bad::new("chat", "remote", json!({"secret_in": "header", "lane": "translate"})),
    ];
    let scene = Scene::with(bad, "", answer).await;
    scene
        .beside(async |round| {
            for target in ["metadata", "name", "odd", "file", "user", "elsewhere"] {
                for status in [302, 307] {
                    for lane in ["relay", "chat"] {
                        let answer = scene.ask(lane, &format!("{status} redirect {target}"), false).await;
                        let fault = fault(&answer);
                        assert!(round > 0 || answer.status == 502, "{target}: {fault}");
                    }
                }
            }
        })
        .await;
    assert!(inside.seen().is_empty(), "the redirect was followed: {:?}", inside.seen());
    assert!(!scene.upstream.seen().is_empty());
}
