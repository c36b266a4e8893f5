//! Why a component is not live: told to administrators who are people, without a value of any file, and without a
//! secret. Manifests are regular files of ours.

use std::sync::Arc;

use brains_tests::{Client, components, until};
use serde_json::{Value, json};

use super::super::Before::{self, Fell, Held};
use super::super::Row;
use super::{SECRET, Traps, fifo, link, row, told};

const MANIFESTS: [(&str, Before, fn(&Traps, &std::path::Path)); 8] = [
    ("a link to the admin key", Fell, |scene, at| link(scene.state("admin-key"), at)),
    ("a link to another manifest", Fell, |scene, at| {
        let other = scene.path("manifest.yaml");
        fs_err::write(&other, components::manifest("acme", "provider", "{}")).expect("written");
        link(other, at);
    }),
    ("a FIFO", Fell, |_, at| fifo(at)),
    ("a link into a dead mount", Fell, |scene, at| link(scene.dead.path().join("x.yaml"), at)),
    ("100,000 nested lists", Fell, |_, at| fs_err::write(at, "[".repeat(100_000)).expect("written")),
    ("an alias", Fell, |_, at| {
        let text = "component: &a acme\nplays: provider\nsummary: *a\n";
        fs_err::write(at, text).expect("written");
    }),
    ("a secret as its whole", Fell, |_, at| fs_err::write(at, SECRET).expect("written")),
    ("a secret as a value that does not fit", Fell, |_, at| {
        fs_err::write(at, format!("component: acme\nplays: {SECRET}\n")).expect("written");
    }),
];

pub(super) fn rows() -> Vec<Row<Traps>> {
    let mut rows = Vec::new();
    for (at, (what, before, make)) in MANIFESTS.into_iter().enumerate() {
        rows.push(row(
            "security 5",
            format!("a manifest that is {what}"),
            before,
            move |scene: Arc<Traps>| async move {
                let id = format!("trap{at}");
                let peak = scene.peak_kib();
                let plugins = scene.state("plugins");
                fs_err::create_dir_all(&plugins).expect("there");
                make(&scene, &plugins.join(format!("{id}.yaml")));
                fs_err::write(plugins.join(format!("{id}.wasm")), components::component("provider-echo"))
                    .expect("written");
                scene.goes_on().await;
                let mut seen = Value::Null;
                until("the component to be refused", async || {
                    let ready = scene.brains.client.get("/health/ready").await.json();
                    let all = ready["components"].as_array().cloned().unwrap_or_default();
                    seen = all.into_iter().find(|one| one["id"] == id.as_str()).unwrap_or_default();
                    seen["state"] == "rejected"
                })
                .await;
                let secret = scene.admin();
                let reason = seen["reason"].as_str().expect("an administrator is told why").to_owned();
                assert!(reason.contains("its manifest"), "{reason}");
                for key in [&scene.reader, &scene.agent, &scene.admin()] {
                    let ready = scene.brains.client.with_key(key).get("/health/ready").await;
                    let listed = Client::send(scene.operation(key, "list_components", &json!({}))).await;
                    let shown =
                        Client::send(scene.operation(key, "show_component", &json!({"id": id}))).await;
                    for answer in [&ready, &listed, &shown] {
                        let text = told(answer);
                        assert!(!text.contains(&secret) && !text.contains(SECRET), "{text}");
                        if *key != secret {
                            assert!(!text.contains("its manifest"), "why is for administrators: {text}");
                        }
                    }
                }
                // The first start shows the admin key once, to whoever started it.
                let log = scene.brains.log();
                let log = log.strip_prefix(&scene.brains.stderr()).expect("it begins so");
                assert!(!log.contains(&secret) && !log.contains(SECRET), "the log tells");
                assert!(scene.peak_kib() < peak + (160 << 10), "{} KiB became {}", peak, scene.peak_kib());
                for ending in ["wasm", "yaml"] {
                    fs_err::remove_file(plugins.join(format!("{id}.{ending}"))).expect("removed");
                }
                scene.goes_on().await;
            },
        ));
    }
    rows.push(row(
        "security 5",
        "a component that is a link to the admin key",
        Held,
        |scene: Arc<Traps>| async move {
            let at = scene.state("plugins").join("linked.wasm");
            link(scene.state("admin-key"), &at);
            let mut seen = Value::Null;
            until("it to be looked at", async || {
                let ready = scene.brains.client.get("/health/ready").await.json();
                let all = ready["components"].as_array().cloned().unwrap_or_default();
                seen = all.into_iter().find(|one| one["id"] == "linked").unwrap_or_default();
                seen["state"] == "rejected"
            })
            .await;
            assert!(!seen.to_string().contains(&scene.admin()), "{seen}");
            fs_err::remove_file(at).expect("removed");
            scene.goes_on().await;
        },
    ));
    rows
}
