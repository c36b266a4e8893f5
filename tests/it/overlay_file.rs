//! Files that somebody edits by hand while the service runs: an edit counts by itself, a broken one changes nothing
//! and is told.

use std::time::Duration;

use brains_tests::{Brains, Setup, until};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

async fn limit(service: &Brains) -> Value {
    service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await["value"].clone()
}

async fn becomes(service: &Brains, expected: u64) {
    until(&format!("a limit of {expected}"), async || limit(service).await == json!(expected)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_by_hand_counts_however_the_file_is_written() {
    let service = Brains::plain().await;
    let overlay = service.home.state().join("brains.runtime.yaml");
    // It appears.
    fs_err::write(&overlay, "# mine\nrate_limit_per_minute: 1001\n").expect("written");
    becomes(&service, 1001).await;
    // It is written in place.
    fs_err::write(&overlay, "# mine\nrate_limit_per_minute: 1002\n").expect("written");
    becomes(&service, 1002).await;
    // It is replaced, as editors do.
    let aside = service.home.state().join(".overlay.swp");
    fs_err::write(&aside, "# mine\nrate_limit_per_minute: 1003\n").expect("written");
    fs_err::rename(&aside, &overlay).expect("renamed");
    becomes(&service, 1003).await;
    // It goes.
    fs_err::remove_file(&overlay).expect("removed");
    becomes(&service, 0).await;
    // The file below it counts too, and appears later than the service.
    fs_err::write(service.home.state().join("config.yaml"), "rate_limit_per_minute: 1004\n")
        .expect("written");
    becomes(&service, 1004).await;
    // An edit by command on top of one by hand keeps it.
    fs_err::write(&overlay, "# kept\ngateway_preamble: by hand\n").expect("written");
    until("the edit by hand", async || {
        let shown = service.client.operation("show_config", &json!({"key": "gateway_preamble"})).await;
        shown["values"][0]["value"] == "by hand"
    })
    .await;
    service.client.operation("set_config", &json!({"key": "rate_limit_per_minute", "value": 1005})).await;
    becomes(&service, 1005).await;
    let text = fs_err::read_to_string(&overlay).expect("there");
    assert!(text.starts_with("# kept\ngateway_preamble: by hand\n"), "{text}");
}

/// A program that writes in place empties the file first, and an empty file is a sound one.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_being_written_in_place_is_not_in_force_half_written() {
    let service = Brains::plain().await;
    let overlay = service.home.state().join("brains.runtime.yaml");
    let mut rounds = 0;
    for number in 2_000..2_100 {
        let text = format!("rate_limit_per_minute: {number}\n");
        fs_err::write(&overlay, &text).expect("written");
        becomes(&service, number).await;
        let emptied = Instant::now();
        fs_err::write(&overlay, "").expect("emptied");
        // Longer than a burst of changes lasts, shorter than a file must hold still.
        sleep(Duration::from_millis(75)).await;
        fs_err::write(&overlay, &text).expect("written");
        if emptied.elapsed() > Duration::from_millis(90) {
            continue;
        }
        for _ in 0..15 {
            assert_eq!(limit(&service).await, json!(number), "the file was empty for a moment");
            sleep(Duration::from_millis(10)).await;
        }
        rounds += 1;
        if rounds == 5 {
            return;
        }
    }
    panic!("this machine was too busy to write a file in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_leaves_the_last_good_state_and_says_so() {
    let service = Brains::start(Setup::config("rate_limit_per_minute: 500\n")).await;
    let overlay = service.home.state().join("brains.runtime.yaml");
    fs_err::write(&overlay, "rate_limit_per_minute: 600\n").expect("written");
    becomes(&service, 600).await;
    let problems = async || {
        let shown = service.client.operation("show_config", &json!({})).await;
        shown["problems"].as_array().cloned().unwrap_or_default()
    };
    for (broken, word) in [
        ("rate_limit_per_minute: [", "readable YAML"),
        ("rate_limit_per_minute: lots\n", "rate_limit_per_minute"),
        ("providers: {echo: {component: no-such-thing}}\n", "no-such-thing"),
        ("db_url: sqlite:///elsewhere.db\n", "db_url"),
    ] {
        fs_err::write(&overlay, broken).expect("written");
        until(&format!("a problem that names {word}"), async || {
            problems().await.iter().any(|problem| problem.to_string().contains(word))
        })
        .await;
        assert_eq!(limit(&service).await, json!(600), "{broken}");
        let health = service.client.get("/health/ready").await;
        assert_eq!(health.status, 200, "the last good state serves");
        assert!(health.json()["config_problems"].to_string().contains(word), "{}", health.text());
        let stranger = service.client.with_key("").get("/health/ready").await;
        assert!(!stranger.text().contains(word), "{}", stranger.text());
    }
    assert!(service.log().contains("is not in force"), "{}", service.log());
    let audit = service.client.operation("list_audit", &json!({"limit": 100})).await;
    let refused = audit["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .find(|entry| entry["action"] == "config.refused");
    assert_eq!(refused.expect("an entry")["operator"], "system", "{audit}");
    fs_err::write(&overlay, "rate_limit_per_minute: 700\n").expect("written");
    becomes(&service, 700).await;
    assert!(problems().await.is_empty());
}
