//! Versions change while requests run: nothing is lost, nothing is kept, and a bad one goes by itself.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_tests::components::{digest, drop_in, manifest, variant};
use brains_tests::counts::count;
use brains_tests::{Brains, Reply, Setup, Upstream, until, within};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

const STREAMS: usize = 200;

/// A chat completion of many pieces, one after the other.
fn long_answer(pieces: usize) -> Reply {
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices});
        Bytes::from(format!("data: {chunk}\n\n"))
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    chunks.extend((0..pieces).map(|at| chunk(json!({"content": format!("piece {at} ")}), Value::Null)));
    chunks.push(chunk(json!({}), json!("stop")));
    chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Reply::stream(chunks)
}

fn question(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
}

async fn row(service: &Brains, id: &str) -> Value {
    let listed = service.client.operation("list_components", &json!({})).await;
    let all = listed["components"].as_array().expect("a list");
    all.iter().find(|record| record["id"] == id).cloned().unwrap_or(Value::Null)
}

async fn serves(service: &Brains, id: &str, wanted: &str) {
    until(&format!("{id} to serve {wanted}"), async || {
        let row = row(service, id).await;
        row["state"] == "live" && row["digest"] == wanted
    })
    .await;
}

/// Resident memory in KiB and open files of the service.
fn held(service: &Brains) -> (usize, usize) {
    let process = Path::new("/proc").join(service.pid().to_string());
    let status = fs_err::read_to_string(process.join("status")).expect("running");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    let kib = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    (kib, fs_err::read_dir(process.join("fd")).expect("running").count())
}

async fn health(service: &Brains) -> Value {
    service.client.get("/health/ready").await.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn swaps_and_edits_under_streams_lose_nothing_and_keep_nothing() {
    let upstream = Upstream::start(|seen| {
        if seen.json()["stream"] == json!(true) {
            long_answer(20).gap(Duration::from_millis(250))
        } else {
            Reply::json(200, brains_tests::model::answer(seen).chunks.concat())
        }
    })
    .await;
    let service = Arc::new(
        Brains::start(Setup::upstream(&upstream.base()).and("components: {acme: {source: acme.wasm}}")).await,
    );
    let asks = manifest("acme", "provider", "{secrets: [api_key]}");
    let overlay = service.home.state().join("brains.runtime.yaml");
    let base =
        format!("providers: {{acme: {{component: acme, config: {{base_url: \"{}\"}}}}}}\n", upstream.base());
    fs_err::write(&overlay, &base).expect("written");
    let first = variant("provider-openai", "start");
    drop_in(&service.home, "acme", &first, Some(&asks));
    drop_in(&service.home, "parrot", &variant("provider-echo", "start"), None);
    serves(&service, "acme", &digest(&first)).await;
    serves(&service, "parrot", &digest(&variant("provider-echo", "start"))).await;

    let tasks = TaskTracker::new();
    let done = Arc::new(AtomicBool::new(false));
    let whole = Arc::new(AtomicUsize::new(0));
    let failed: Arc<Mutex<Vec<String>>> = Arc::default();
    for _ in 0..STREAMS {
        let (client, whole, failed) = (service.client.clone(), Arc::clone(&whole), Arc::clone(&failed));
        let done = Arc::clone(&done);
        // One after the other for as long as the swaps take.
        tasks.spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let answer = client.chat(&question("acme/scripted-1", true)).await;
                let ended = answer.events().last().is_some_and(|last| last == "[DONE]");
                let good = answer.status == 200 && ended && !answer.text().contains("\"error\"");
                if good {
                    whole.fetch_add(1, Ordering::SeqCst);
                } else {
                    failed.lock().expect("sound").push(format!(
                        "stream: {} {}",
                        answer.status,
                        answer.text()
                    ));
                }
            }
        });
    }
    until("all streams to run", async || upstream.open() >= STREAMS).await;
    for model in ["acme/scripted-1", "parrot/echo-small", "parrot/echo-small", "brains-auto"] {
        let (client, done, failed) = (service.client.clone(), Arc::clone(&done), Arc::clone(&failed));
        let whole = Arc::clone(&whole);
        tasks.spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let answer = client.chat(&question(model, false)).await;
                if answer.status == 200 {
                    whole.fetch_add(1, Ordering::SeqCst);
                } else {
                    failed.lock().expect("sound").push(format!(
                        "{model}: {} {}",
                        answer.status,
                        answer.text()
                    ));
                }
            }
        });
    }

    // By hand: in force for the next request.
    fs_err::write(&overlay, format!("{base}gateway_preamble: from the overlay\n")).expect("written");
    until("the preamble to reach the upstream", async || {
        service.client.chat(&question("acme/scripted-1", false)).await;
        upstream.last().json()["messages"][0]["content"] == "from the overlay"
    })
    .await;

    // By the operation.
    let swaps = count(100, 1_000);
    let mut settled = (0, 0);
    for swap in 0..swaps {
        let (id, original) =
            if swap % 2 == 0 { ("parrot", "provider-echo") } else { ("acme", "provider-openai") };
        let wasm = variant(original, &format!("swap {}", swap % count(12, 200)));
        let asks = if id == "acme" { "{secrets: [api_key]}" } else { "{}" };
        let input =
            json!({"id": id, "wasm": STANDARD.encode(&wasm), "manifest": manifest(id, "provider", asks)});
        let answer = service.client.operation("upgrade_component", &input).await;
        assert_eq!(
            (&answer["state"], &answer["digest"]),
            (&json!("live"), &json!(digest(&wasm))),
            "{answer}"
        );
        if swap + 1 == swaps / 4 {
            settled = held(&service);
        }
    }
    // Through the watcher, once the pins are off.
    for id in ["parrot", "acme"] {
        service.client.operation("unset_config", &json!({"key": format!("components.{id}.digest")})).await;
    }
    for swap in 0..count(5, 20) {
        let wasm = variant("provider-echo", &format!("watched {swap}"));
        drop_in(&service.home, "parrot", &wasm, None);
        serves(&service, "parrot", &digest(&wasm)).await;
    }
    done.store(true, Ordering::SeqCst);
    tasks.close();
    tokio::time::timeout(Duration::from_mins(2), tasks.wait()).await.expect("the streams end");
    let whole = whole.load(Ordering::SeqCst);
    assert_eq!(failed.lock().expect("sound").as_slice(), &[] as &[String], "of {whole}");
    assert!(whole > STREAMS);

    // What is over is gone: one version of each instance, and of each component the one that could come back.
    until("the old versions to be freed", async || {
        let health = health(&service).await;
        let components = health["components"].as_array().map_or(0, |all| all.len() as u64);
        health["versions_draining"] == 0
            && health["runtime"]["instances"].as_u64().is_some_and(|live| live <= components)
            && health["components_loaded"].as_u64().is_some_and(|held| held <= components + 2)
    })
    .await;
    let (kib, files) = held(&service);
    assert!(files <= settled.1 + 16, "{files} open files, {} while the streams ran", settled.1);
    assert!(
        kib < settled.0 + 96 * 1024,
        "{kib} KiB, {} before the last three quarters of the swaps",
        settled.0
    );
    let stored = fs_err::read_dir(service.home.state().join("components/sha256")).expect("a store").count();
    assert!(stored <= 16, "{stored} contents are kept");
}

/// Traps until the component has had enough of it, and tells how many it took.
async fn wear_out(service: &Brains, id: &str) {
    for _ in 0..5 {
        let answer = service.client.chat(&question(&format!("{id}/chaos-trap"), false)).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_faults_rise_goes_by_itself() {
    let service = Brains::plain().await;
    let versions = ["one", "two", "three"].map(|tag| variant("provider-chaos", tag));
    let [one, two, three] = versions.clone().map(|wasm| digest(&wasm));
    let asks = manifest("wobbly", "provider", "{}");
    drop_in(&service.home, "wobbly", &versions[0], Some(&asks));
    serves(&service, "wobbly", &one).await;
    drop_in(&service.home, "wobbly", &versions[1], None);
    serves(&service, "wobbly", &two).await;
    wear_out(&service, "wobbly").await;
    serves(&service, "wobbly", &one).await;
    let now = row(&service, "wobbly").await;
    assert!(now["reason"].as_str().expect("a reason").contains("5 of its calls failed within 60 s"), "{now}");
    let bad = now["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .find(|version| version["state"] == "quarantined");
    assert_eq!(bad.expect("one")["digest"], two.as_str());
    until("the entry", async || {
        let audit = service.client.operation("list_audit", &json!({"limit": 100})).await;
        audit["entries"].as_array().expect("entries").iter().any(|entry| {
            entry["action"] == "component.brought_back"
                && entry["operator"] == "system"
                && entry.to_string().contains(&two)
        })
    })
    .await;
    // The same content does not come back, by no touch of the file and by no start.
    drop_in(&service.home, "wobbly", &versions[1], None);
    fs_err::write(service.home.state().join("brains.runtime.yaml"), "rate_limit_per_minute: 9999\n")
        .expect("written");
    until("the edit", async || {
        service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await["value"]
            == 9999
    })
    .await;
    assert_eq!(row(&service, "wobbly").await["digest"], one.as_str());
    let (home, _) = service.stop().await;
    let service = Brains::start_in(home, Setup::default()).await;
    assert_eq!(row(&service, "wobbly").await["digest"], one.as_str());
    // With nothing before it, a bad version is better than none.
    wear_out(&service, "wobbly").await;
    assert_eq!(row(&service, "wobbly").await["digest"], one.as_str());
    // Somebody may want it all the same.
    service.client.operation("enable_component", &json!({"id": "wobbly"})).await;
    serves(&service, "wobbly", &two).await;
    service.client.operation("unset_config", &json!({"key": "components.wobbly.digest"})).await;
    // Another content is judged for itself.
    drop_in(&service.home, "wobbly", &versions[2], None);
    serves(&service, "wobbly", &three).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_to_a_version_whose_faults_rise_is_corrected() {
    let service = Brains::plain().await;
    let asks = manifest("wobbly", "provider", "{}");
    let (one, two) = (variant("provider-chaos", "one"), variant("provider-chaos", "two"));
    let input = |wasm: &[u8]| json!({"id": "wobbly", "wasm": STANDARD.encode(wasm), "manifest": asks});
    service.client.operation("add_component", &input(&one)).await;
    service.client.operation("upgrade_component", &input(&two)).await;
    serves(&service, "wobbly", &digest(&two)).await;
    wear_out(&service, "wobbly").await;
    serves(&service, "wobbly", &digest(&one)).await;
    until("the overlay to name the good one", async || {
        let overlay =
            fs_err::read_to_string(service.home.state().join("brains.runtime.yaml")).unwrap_or_default();
        overlay.contains(&digest(&one)) && !overlay.contains(&digest(&two))
    })
    .await;
    within("another content", async {
        let three = variant("provider-chaos", "three");
        service.client.operation("upgrade_component", &input(&three)).await;
        serves(&service, "wobbly", &digest(&three)).await;
    })
    .await;
}
