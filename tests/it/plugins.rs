//! The plugins directory and the life cycle of components, through files, commands and operations.

use brains_tests::components::{component, digest, drop_in, manifest, patched, variant};
use brains_tests::{Answer, Brains, Setup, Upstream, model, until};
use serde_json::{Value, json};

const NOTHING: &str = "{}";

/// The list's row of a component; null without one.
async fn row(service: &Brains, id: &str) -> Value {
    let listed = service.client.operation("list_components", &json!({})).await;
    let all = listed["components"].as_array().expect("a list");
    all.iter().find(|record| record["id"] == id).cloned().unwrap_or(Value::Null)
}

/// Waits until a component stands where it should, with a reason that holds `word`.
async fn stands(service: &Brains, id: &str, state: &str, word: &str) -> Value {
    let mut last = Value::Null;
    until(&format!("{id} to be {state} ({word})"), async || {
        last = row(service, id).await;
        last["state"] == state && last["reason"].as_str().unwrap_or("").contains(word)
    })
    .await;
    last
}

/// Waits until this content serves.
async fn serves(service: &Brains, id: &str, wasm: &[u8]) {
    let wanted = digest(wasm);
    until(&format!("{id} to serve {wanted}"), async || {
        let row = row(service, id).await;
        row["state"] == "live" && row["digest"] == wanted.as_str()
    })
    .await;
}

async fn ask(service: &Brains, model: &str) -> Answer {
    service.client.chat(&json!({"model": model, "messages": [{"role": "user", "content": "hello"}]})).await
}

/// Actions in the audit log, newest first, with who did them.
async fn actions(service: &Brains) -> Vec<(String, String, String)> {
    let audit = service.client.operation("list_audit", &json!({"limit": 200})).await;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    audit["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| (text(&entry["action"]), text(&entry["operator"]), text(&entry["detail"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_asks_for_nothing_serves_by_itself_and_goes_with_its_file() {
    let service = Brains::plain().await;
    let first = variant("provider-echo", "first");
    drop_in(&service.home, "parrot", &first, Some(&manifest("parrot", "provider", NOTHING)));
    serves(&service, "parrot", &first).await;
    let answer = ask(&service, "parrot/echo-small").await;
    assert_eq!((answer.status, answer.header("x-brains-provider")), (200, "parrot"), "{}", answer.text());
    // Another content, and the first one again.
    let second = variant("provider-echo", "second");
    drop_in(&service.home, "parrot", &second, None);
    serves(&service, "parrot", &second).await;
    assert_eq!(ask(&service, "parrot/echo-small").await.status, 200);
    drop_in(&service.home, "parrot", &first, None);
    serves(&service, "parrot", &first).await;
    // What became of each is written down.
    until("the history", async || {
        let shown = service.client.operation("show_component", &json!({"id": "parrot"})).await;
        let states: Vec<String> = shown["history"]
            .as_array()
            .expect("a history")
            .iter()
            .map(|past| past["state"].as_str().unwrap_or("").to_owned())
            .collect();
        ["seen", "checking", "live"].iter().all(|state| states.iter().any(|known| known == state))
            && states.iter().filter(|state| *state == "live").count() == 3
    })
    .await;
    let live = actions(&service).await.into_iter().filter(|(action, ..)| action == "component.live");
    assert!(live.clone().any(|(_, by, detail)| by == "system" && detail.contains("parrot")));
    // The file goes, and with it the provider.
    fs_err::remove_file(service.home.state().join("plugins/parrot.wasm")).expect("removed");
    until("parrot to be gone", async || row(&service, "parrot").await.is_null()).await;
    assert_eq!(ask(&service, "parrot/echo-small").await.status, 404);
    assert_eq!(ask(&service, "echo/echo-small").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_manifest_is_what_its_exports_say() {
    let service = Brains::plain().await;
    drop_in(&service.home, "bare", &variant("provider-echo", "bare"), None);
    stands(&service, "bare", "live", "").await;
    assert_eq!(ask(&service, "bare/echo-small").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_something_waits_for_the_command_that_it_names() {
    let upstream = Upstream::start(model::answer).await;
    let setup = Setup::default().env("ACME_KEY", "sk-acme-0123456789abcdefghij");
    let service = Brains::start(setup).await;
    let wasm = variant("provider-openai", "acme");
    drop_in(
        &service.home,
        "acme",
        &wasm,
        Some(&manifest("acme", "provider", "{secrets: [api_key], kv: 1KiB}")),
    );
    let waiting = stands(&service, "acme", "pending", "brains plugin enable acme").await;
    let reason = waiting["reason"].as_str().expect("a reason");
    assert!(reason.contains("the secret `api_key`") && reason.contains("1KiB"), "{reason}");
    assert_eq!(ask(&service, "acme/scripted-1").await.status, 404);
    let ready = service.client.get("/health/ready").await;
    assert!(ready.text().contains("brains plugin enable acme"), "{}", ready.text());

    let config = format!("{{base_url: \"{}\"}}", upstream.base());
    let enabled = service
        .home
        .run(&[
            "plugin",
            "enable",
            "acme",
            "--settings",
            &config,
            "--secrets",
            "{api_key: \"${ENV:ACME_KEY}\"}",
            "--json",
        ])
        .await;
    assert!(enabled.status.success(), "{enabled:?}");
    serves(&service, "acme", &wasm).await;
    let answer = ask(&service, "acme/scripted-1").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-acme-0123456789abcdefghij"));
    let overlay = fs_err::read_to_string(service.home.state().join("brains.runtime.yaml")).expect("there");
    assert!(overlay.contains(&digest(&wasm)) && overlay.contains("${ENV:ACME_KEY}"), "{overlay}");
    assert!(actions(&service).await.iter().any(|(action, ..)| action == "component.enable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_good_is_refused_and_named_and_the_old_one_serves() {
    let service = Brains::plain().await;
    let good = variant("provider-echo", "good");
    drop_in(&service.home, "parrot", &good, Some(&manifest("parrot", "provider", NOTHING)));
    serves(&service, "parrot", &good).await;
    let compiled = async || service.client.get("/health/ready").await.json()["runtime"]["compiled"].clone();
    let before = compiled().await;
    let mut cut = component("provider-echo");
    cut.truncate(cut.len() / 2);
    let refused = [
        (b"no component at all".to_vec(), "not a component"),
        (cut, "not a component"),
        (
            patched(component("provider-echo"), "wasi:cli/environment", "wasi:cli/environmenX"),
            "wasi:cli/environmenX",
        ),
        (
            patched(component("provider-echo"), "brains:plugin/meta@0.2.0", "brains:plugin/meta@0.1.0"),
            "meta@0.1.0",
        ),
    ];
    for (wasm, word) in refused {
        drop_in(&service.home, "parrot", &wasm, None);
        let row = stands(&service, "parrot", "live", word).await;
        assert_eq!(row["digest"], digest(&good).as_str());
        let versions = row["versions"].as_array().expect("versions").clone();
        assert!(versions.iter().any(|version| version["state"] == "rejected"), "{row}");
        assert_eq!(ask(&service, "parrot/echo-small").await.status, 200, "{word}");
    }
    assert_eq!(compiled().await, before, "what can be refused before is not compiled");
    // Nothing that plays the part: known only by its exports.
    drop_in(&service.home, "parrot", &component("classifier-weighted"), None);
    stands(&service, "parrot", "live", "part of a provider").await;
    // More than the version that serves was given.
    let greedy = variant("provider-echo", "greedy");
    drop_in(
        &service.home,
        "parrot",
        &greedy,
        Some(&manifest("parrot", "provider", "{secrets: [token], clock: true}")),
    );
    let row = stands(&service, "parrot", "live", "the secret `token`, the time of day").await;
    assert_eq!(row["digest"], digest(&good).as_str());
    assert_eq!(ask(&service, "parrot/echo-small").await.status, 200);
    let enabled = service.home.run(&["plugin", "enable", "parrot", "--json"]).await;
    assert!(enabled.status.success(), "{enabled:?}");
    serves(&service, "parrot", &greedy).await;
    // It is pinned now, so that another content waits.
    let next = variant("provider-echo", "next");
    drop_in(&service.home, "parrot", &next, Some(&manifest("parrot", "provider", NOTHING)));
    stands(&service, "parrot", "live", "brains plugin upgrade parrot").await;
    assert_eq!(row_digest(&service, "parrot").await, digest(&greedy));
    let upgraded = service.home.run(&["plugin", "upgrade", "parrot", "--json"]).await;
    assert!(upgraded.status.success(), "{upgraded:?}");
    serves(&service, "parrot", &next).await;

    // Alone, with nothing to stand behind it.
    drop_in(&service.home, "junk", b"junk", None);
    stands(&service, "junk", "rejected", "not a component").await;
    drop_in(&service.home, "Not_A_Name", &good, None);
    stands(&service, "Not_A_Name", "rejected", "no id").await;
    drop_in(&service.home, "odd", &good, Some("component: [\n"));
    stands(&service, "odd", "rejected", "manifest").await;
}

async fn row_digest(service: &Brains, id: &str) -> String {
    row(service, id).await["digest"].as_str().unwrap_or("").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_patch_of_the_package_is_spoken() {
    let service = Brains::plain().await;
    let later = patched(variant("provider-echo", "later"), "@0.2.0", "@0.2.7");
    drop_in(&service.home, "later", &later, None);
    serves(&service, "later", &later).await;
    let answer = ask(&service, "later/echo-small").await;
    assert_eq!(answer.status, 200, "{}{}", answer.text(), service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_in_the_file_refuses_another_content_by_name() {
    let service = Brains::plain().await;
    let wasm = variant("provider-echo", "pinned");
    drop_in(&service.home, "parrot", &wasm, None);
    serves(&service, "parrot", &wasm).await;
    let overlay = service.home.state().join("brains.runtime.yaml");
    let wrong = format!("sha256:{}", "0".repeat(64));
    fs_err::write(
        &overlay,
        format!("components: {{parrot: {{source: parrot.wasm, digest: \"{wrong}\"}}}}\nproviders: {{parrot: {{component: parrot}}}}\n"),
    )
    .expect("written");
    until("a problem that names the pin", async || {
        let shown = service.client.operation("show_config", &json!({})).await;
        shown["problems"].to_string().contains(&wrong)
    })
    .await;
    assert_eq!(ask(&service, "parrot/echo-small").await.status, 200);
    assert_eq!(row_digest(&service, "parrot").await, digest(&wasm));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_takes_its_place_only_when_it_is_told_to() {
    let service = Brains::plain().await;
    let wasm = variant("classifier-weighted", "sorter");
    drop_in(&service.home, "sorter", &wasm, None);
    stands(&service, "sorter", "pending", "brains plugin enable sorter").await;
    service.client.operation("enable_component", &json!({"id": "sorter"})).await;
    serves(&service, "sorter", &wasm).await;
    stands(&service, "classifier-weighted", "off", "").await;
    assert_eq!(ask(&service, "brains-auto").await.status, 200);
    service.client.operation("disable_component", &json!({"id": "sorter"})).await;
    stands(&service, "sorter", "off", "switched off").await;
    assert_eq!(ask(&service, "brains-auto").await.status, 200, "the default tier answers");
    service.client.operation("enable_component", &json!({"id": "sorter"})).await;
    serves(&service, "sorter", &wasm).await;
    let removed = service.home.run(&["plugin", "remove", "sorter", "--yes", "--json"]).await;
    assert!(removed.status.success(), "{removed:?}");
    assert!(row(&service, "sorter").await.is_null());
    stands(&service, "classifier-weighted", "live", "").await;
    assert!(!service.home.state().join("plugins/sorter.wasm").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_component_by_commands() {
    let service = Brains::plain().await;
    let folder = service.home.path().join("made");
    fs_err::create_dir_all(&folder).expect("a folder");
    let (one, two) = (variant("provider-echo", "one"), variant("provider-echo", "two"));
    fs_err::write(folder.join("acme.wasm"), &one).expect("written");
    fs_err::write(folder.join("acme.yaml"), manifest("acme", "provider", NOTHING)).expect("written");
    fs_err::write(folder.join("next.wasm"), &two).expect("written");
    let run = async |arguments: &[&str]| -> (bool, Value) {
        let mut all = vec!["plugin"];
        all.extend(arguments);
        all.push("--json");
        let output = service.home.run(&all).await;
        let text = if output.status.success() { &output.stdout } else { &output.stderr };
        let value = serde_json::from_slice(text)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(text).into_owned()));
        (output.status.success(), value)
    };
    let (_, refused) = run(&["add", "made/acme.wasm", "--digest", &digest(&two)]).await;
    assert!(refused.to_string().contains(&digest(&one)), "{refused}");
    let (done, added) = run(&["add", "made/acme.wasm"]).await;
    assert!(done, "{added}");
    assert_eq!((&added["state"], &added["digest"]), (&json!("live"), &json!(digest(&one))), "{added}");
    assert_eq!(ask(&service, "acme/echo-small").await.status, 200);
    let (done, again) = run(&["add", "made/acme.wasm"]).await;
    assert!(!done && again.to_string().contains("plugin upgrade acme"), "{again}");
    let (done, bundled) = run(&["add", "made/next.wasm", "--id", "provider-echo"]).await;
    assert!(!done && bundled.to_string().contains("already"), "{bundled}");
    let (done, upgraded) = run(&["upgrade", "acme", "made/next.wasm"]).await;
    assert!(done && upgraded["digest"] == digest(&two).as_str(), "{upgraded}");
    let (done, shown) = run(&["show", "acme"]).await;
    let previous = shown["component"]["versions"].as_array().cloned().unwrap_or_default();
    assert!(
        done && previous.iter().any(|v| v["state"] == "previous" && v["digest"] == digest(&one).as_str()),
        "{shown}"
    );
    let (done, back) = run(&["rollback", "acme"]).await;
    assert!(done && back["digest"] == digest(&one).as_str(), "{back}");
    let (done, pinned) = run(&["pin", "acme"]).await;
    assert!(done && pinned["digest"] == digest(&one).as_str(), "{pinned}");
    let (done, unknown) = run(&["pin", "acme", &format!("sha256:{}", "a".repeat(64))]).await;
    assert!(!done && unknown.to_string().contains("not in the store"), "{unknown}");
    assert_eq!(ask(&service, "acme/echo-small").await.status, 200, "a refused change changes nothing");
    fs_err::write(folder.join("next.yaml"), manifest("acme", "provider", "{random: true}")).expect("written");
    fs_err::write(folder.join("next.wasm"), variant("provider-echo", "three")).expect("written");
    let (done, waits) = run(&["upgrade", "acme", "made/next.wasm"]).await;
    assert!(
        done && waits["state"] == "pending" && waits["reason"].to_string().contains("random bytes"),
        "{waits}"
    );
    assert_eq!(row_digest(&service, "acme").await, digest(&one));
    let (done, approved) = run(&["enable", "acme"]).await;
    assert!(done && approved["digest"] == digest(&variant("provider-echo", "three")).as_str(), "{approved}");
    let (done, off) = run(&["disable", "acme"]).await;
    assert!(done && off["state"] == "off", "{off}");
    assert_eq!(ask(&service, "acme/echo-small").await.status, 404);
    let (done, on) = run(&["enable", "acme"]).await;
    assert!(done && on["state"] == "live", "{on}");
    let (done, removed) = run(&["remove", "acme", "--yes"]).await;
    assert!(done, "{removed}");
    assert!(row(&service, "acme").await.is_null());
    let (done, unknown) = run(&["rollback", "acme"]).await;
    assert!(!done && unknown.to_string().contains("acme"), "{unknown}");
    let (done, refused) = run(&["remove", "provider-echo", "--yes"]).await;
    assert!(!done && refused.to_string().contains("plugin disable"), "{refused}");
    let done: Vec<String> = actions(&service).await.into_iter().map(|(action, ..)| action).collect();
    for action in ["add", "upgrade", "rollback", "pin", "waits", "enable", "disable", "remove"] {
        let action = format!("component.{action}");
        assert!(done.contains(&action), "{action} in {done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_without_a_service_and_the_next_one_finds_what_they_did() {
    let home = brains_tests::service::Home::default();
    let wasm = variant("provider-echo", "offline");
    fs_err::write(home.path().join("acme.wasm"), &wasm).expect("written");
    let added = home.run(&["plugin", "add", "acme.wasm", "--json"]).await;
    assert!(added.status.success(), "{added:?}");
    let service = Brains::start_in(home, Setup::default()).await;
    serves(&service, "acme", &wasm).await;
    assert_eq!(ask(&service, "acme/echo-small").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_says_is_shown_without_secrets() {
    let service = Brains::plain().await;
    drop_in(
        &service.home,
        "wordy",
        &component("provider-chaos"),
        Some(&manifest("wordy", "provider", NOTHING)),
    );
    stands(&service, "wordy", "live", "").await;
    ask(&service, "wordy/chaos-print").await;
    let printed = service.home.run(&["plugin", "logs", "wordy", "--limit", "5", "--json"]).await;
    let printed: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    let lines = printed["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 5, "{printed}");
    assert!(lines.iter().all(|line| line["instance"] == "wordy" && line["level"] == "info"), "{printed}");
    assert!(lines[4]["message"].as_str().expect("text").contains("of many"), "{printed}");
    // The lines of an instance outlive its version.
    drop_in(&service.home, "wordy", &variant("provider-chaos", "next"), None);
    serves(&service, "wordy", &variant("provider-chaos", "next")).await;
    let after = service.client.operation("component_logs", &json!({"id": "wordy"})).await;
    assert!(after["lines"].as_array().expect("lines").len() >= 5, "{after}");
    let unknown = service.client.post("/api/ops/component_logs", json!({"id": "nobody"}).to_string()).await;
    assert_eq!(unknown.status, 404);
}
