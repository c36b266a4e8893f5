use std::sync::Arc;

use brains_core::config::manifest::Plays;
use brains_core::config::{ComponentSpec, Config, Provenance, ProviderSpec, Resolved};
use brains_core::plane::component::ComponentStanding;
use brains_dialect::canon::{CallContext, ChatRequest};
use indexmap::IndexMap;
use serde_json::json;

use super::{answer, asking, hostile, runtime, text_of};
use crate::component::bundle::Bundled;
use crate::component::{ComponentPlaces, ComponentRegistry};
use crate::load::digest;
use crate::{CallFault, Look, Pace};

const MANIFEST: &str = "component: under-test\nplays: provider\nasks: { kv: 1KiB }\n";

fn registry(
    bundled: &'static [Bundled],
    plugins: &std::path::Path,
    components: &std::path::Path,
) -> ComponentRegistry {
    let gate = &brains_files::Gate::default();
    let places = ComponentPlaces { bundled, plugins: plugins.to_owned(), components, gate };
    ComponentRegistry::new(runtime(), places, |id, step| format!("{id}: {step:?}"))
}

/// A bundle of one sound component and one that is none, in a folder of files that may be named.
fn live(files: &std::path::Path) -> ComponentRegistry {
    let wasm: &'static [u8] = Box::leak(hostile().wasm.into_boxed_slice());
    let bundled = vec![
        Bundled { id: "broken", wasm: b"\0asm\x0d\0\x01\0broken", manifest: MANIFEST },
        Bundled { id: "under-test", wasm, manifest: MANIFEST },
        Bundled { id: "unused", wasm, manifest: MANIFEST },
    ];
    registry(Box::leak(bundled.into_boxed_slice()), files, &files.join("components"))
}

fn provider(component: &str, config: serde_json::Value) -> ProviderSpec {
    ProviderSpec {
        stand_in: false,
        vendor: None,
        component: component.into(),
        config,
        secrets: std::collections::BTreeMap::default(),
        commands: std::collections::BTreeMap::new(),
        allow: brains_core::config::Allow::default(),
        timeout_seconds: 1.5,
        aliases: Vec::new(),
    }
}

fn config(providers: Vec<(&str, ProviderSpec)>) -> Config {
    let providers: IndexMap<_, _> =
        providers.into_iter().map(|(name, spec)| (name.to_owned(), spec)).collect();
    Config { providers, ..Config::default() }
}

fn resolved(config: Config) -> Resolved {
    Resolved {
        config: Arc::new(config),
        provenance: Provenance::default(),
        warnings: Vec::new(),
        missing: Vec::new(),
    }
}

/// Prepares what waits for it.
fn prepare(live: &ComponentRegistry) {
    for pace in [Pace::Quick, Pace::Long] {
        while live.has_due(pace) {
            live.prepare(pace);
        }
    }
}

fn standing(live: &ComponentRegistry, id: &str) -> (ComponentStanding, Option<String>) {
    let all = live.components();
    let record = all.iter().find(|record| record.component.id == id).unwrap();
    (record.component.state, record.component.reason.clone())
}

#[test]
fn without_components_there_is_an_empty_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let live = registry(&[], &folder.path().join("plugins"), folder.path());
    live.start(resolved(Config::default()), |_| {});
    let current = live.current();
    assert_eq!(current.providers().count(), 0);
    assert!(live.components().is_empty() && current.classifier.is_none() && current.policy.is_none());
}

#[tokio::test]
async fn at_the_start_what_is_bad_is_reported_and_the_rest_serves() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    let mut one = provider("under-test", json!({}));
    one.aliases = vec!["first".into()];
    let mut begun = Vec::new();
    let configured = resolved(config(vec![
        ("one", one),
        ("two", provider("broken", json!({}))),
        ("three", provider("absent", json!({}))),
    ]));
    let snapshot = live.start(configured, |count| begun.push(count));
    // The broken one, and the sound one unless other tests had it compiled; that there is no third is known without.
    assert!(matches!(begun[..], [1 | 2]), "{begun:?}");
    live.compile_bundled(&snapshot.config.clone(), |count| begun.push(count));
    assert_eq!(begun[1..], [1], "the broken one alone is tried again: {begun:?}");
    assert_eq!(snapshot.providers().map(|instance| instance.name()).collect::<Vec<_>>(), ["one"]);
    assert_eq!(snapshot.provider("first").unwrap().name(), "one");
    assert_eq!(snapshot.provider("one").unwrap().timeout_ms(), 1_500);
    assert_eq!(standing(&live, "under-test").0, ComponentStanding::Live);
    assert_eq!(standing(&live, "unused").0, ComponentStanding::Off);
    let (state, reason) = standing(&live, "broken");
    assert_eq!(state, ComponentStanding::Rejected);
    assert!(reason.unwrap().contains("not a component"));
    assert!(standing(&live, "absent").1.unwrap().contains("neither bundled nor named"));
    assert_eq!(answer(snapshot.provider("one").unwrap(), "hello").await.unwrap(), "hello");
}

#[test]
fn an_instance_about_which_nothing_changed_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    let with = |deed: &str| {
        config(vec![
            ("same", provider("under-test", json!({}))),
            ("other", provider("under-test", json!({ "do": deed }))),
        ])
    };
    let before = live.start(resolved(with("ok")), |_| {});
    let loaded = live.runtime().stats();
    let after = live.apply(resolved(with("lie"))).unwrap();
    assert!(Arc::ptr_eq(before.provider("same").unwrap(), after.provider("same").unwrap()));
    assert!(!Arc::ptr_eq(before.provider("other").unwrap(), after.provider("other").unwrap()));
    let stats = live.runtime().stats();
    assert_eq!((stats.compiled, stats.cache_hits), (loaded.compiled, loaded.cache_hits));
    // A request that began before keeps what it began with.
    assert_eq!(before.provider("other").unwrap().name(), "other");
}

#[test]
fn a_change_that_does_not_hold_together_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    let before = live.start(resolved(config(vec![("one", provider("under-test", json!({})))])), |_| {});
    let problems = live
        .apply(resolved(config(vec![(
            "one",
            provider("under-test", json!({ "deep": { "count": "many" } })),
        )])))
        .unwrap_err();
    assert!(problems[0].path.starts_with("providers.one"), "{}", problems[0].path);
    assert!(problems[0].message.contains("deep.count"), "{}", problems[0].message);
    assert!(Arc::ptr_eq(&before, &live.current()));
    assert_eq!(live.problems(), problems);
    live.apply(resolved(config(vec![("one", provider("under-test", json!({})))]))).unwrap();
    assert!(live.problems().is_empty());
}

#[test]
fn a_check_finds_what_a_change_would_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    let before = live.start(resolved(config(vec![("one", provider("under-test", json!({})))])), |_| {});
    live.version_events();
    let wrong = || {
        config(vec![
            ("one", provider("under-test", json!({ "deep": { "count": "many" } }))),
            ("two", provider("absent", json!({}))),
            ("three", provider("unused", json!({}))),
        ])
    };
    let loaded = live.components_loaded();
    let problems = live.check(resolved(wrong()));
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["providers.one", "providers.two"]);
    assert!(Arc::ptr_eq(&before, &live.current()));
    assert_eq!((live.components_loaded(), live.problems().len()), (loaded, 0));
    assert!(live.version_events().is_empty() && !live.has_due(Pace::Quick));
    assert_eq!(live.apply(resolved(wrong())).unwrap_err(), problems);
    assert!(live.check(resolved(config(vec![("three", provider("unused", json!({})))]))).is_empty());
}

#[test]
fn a_file_must_have_the_digest_that_it_is_pinned_to() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = hostile().wasm;
    fs_err::write(folder.path().join("mine.wasm"), &wasm).unwrap();
    fs_err::write(folder.path().join("mine.yaml"), MANIFEST).unwrap();
    let live = live(folder.path());
    let pinned = |digest: String| {
        let mut config = config(vec![("one", provider("mine", json!({})))]);
        let source = brains_core::config::ComponentSource {
            source: Some("mine.wasm".into()),
            digest: Some(digest),
            ..brains_core::config::ComponentSource::default()
        };
        config.components.insert("mine".into(), source);
        resolved(config)
    };
    live.start(resolved(Config::default()), |_| {});
    let problems = live.apply(pinned(format!("sha256:{}", "0".repeat(64)))).unwrap_err();
    assert!(problems[0].message.contains("the pin says sha256:000"), "{}", problems[0].message);
    let snapshot = live.apply(pinned(crate::load::digest(&wasm))).unwrap();
    assert_eq!(snapshot.provider("one").unwrap().component_id(), "mine");
}

#[test]
fn a_component_plays_only_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    live.start(resolved(Config::default()), |_| {});
    let part = ComponentSpec { component: "under-test".into(), config: json!({}) };
    let problems = live.apply(resolved(Config { classifier: Some(part), ..Config::default() })).unwrap_err();
    assert!(problems[0].message.contains(Plays::Classifier.name()), "{}", problems[0].message);
}

#[tokio::test]
async fn an_exchange_goes_on_with_the_version_it_began_on_until_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    let with = |limit: f64, drain: f64| {
        let mut config = config(vec![(
            "one",
            ProviderSpec { timeout_seconds: limit, ..provider("under-test", json!({})) },
        )]);
        config.component_drain_seconds = drain;
        resolved(config)
    };
    live.start(with(1.0, 600.0), |_| {});
    let mut old = live.current().provider("one").unwrap().exchange().await.unwrap();
    live.apply(with(2.0, 600.0)).unwrap();
    live.sweep();
    assert_eq!((live.draining(), live.runtime().stats().instances), (1, 2));
    let versions =
        live.components().into_iter().find(|record| record.component.id == "under-test").unwrap().versions;
    let states: Vec<_> = versions.iter().map(|version| (version.state, version.exchanges)).collect();
    assert_eq!(states, [(ComponentStanding::Live, Some(0)), (ComponentStanding::Draining, Some(1))]);
    assert_ne!(versions[0].config_digest, versions[1].config_digest);
    assert_eq!(versions[0].grants_digest, versions[1].grants_digest);
    let said_on_the_old = old.answer(asking("still here"), CallContext::default()).await.unwrap();
    assert_eq!(text_of(&said_on_the_old), "still here");

    // The limit is read when it counts, so an operator can lower it.
    live.apply(with(2.0, 0.000_001)).unwrap();
    live.sweep();
    assert_eq!(old.recalled().await, CallFault::Recalled);
    assert_eq!(old.answer(asking("gone"), CallContext::default()).await, Err(CallFault::Recalled));
    assert_eq!(answer(live.current().provider("one").unwrap(), "new").await.unwrap(), "new");
    drop(old);
    live.sweep();
    assert_eq!((live.draining(), live.runtime().stats().instances), (0, 1));
}

/// The hostile component with another digest.
fn variant(tag: &str) -> Vec<u8> {
    let mut wasm = hostile().wasm;
    wasm.extend_from_slice(&[0, u8::try_from(tag.len() + 2).unwrap(), 1, b'v']);
    wasm.extend_from_slice(tag.as_bytes());
    wasm
}

#[tokio::test]
async fn a_version_whose_faults_rise_makes_room_for_the_one_before_and_stays_away() {
    let folder = tempfile::tempdir().unwrap();
    let components = folder.path().join("components");
    let open = || {
        let live = registry(&[], folder.path(), &components);
        live.start(resolved(Config::default()), |_| {});
        live
    };
    let drop_in = |live: &ComponentRegistry, wasm: &[u8]| {
        fs_err::write(folder.path().join("mine.wasm"), wasm).unwrap();
        live.look(Look::Once);
        prepare(live);
        live.refresh().unwrap();
    };
    let serves =
        |live: &ComponentRegistry| live.current().provider("mine").unwrap().component().digest().to_owned();
    let [one, two, three] = ["one", "two", "three"].map(variant);
    let live = open();
    drop_in(&live, &one);
    drop_in(&live, &two);
    assert_eq!(serves(&live), digest(&two));
    let bad = Arc::clone(live.current().provider("mine").unwrap());
    for _ in 0..5 {
        assert!(live.alarms().is_empty());
        let mut exchange = bad.exchange().await.unwrap();
        let asked = ChatRequest { model: "m-trap".into(), ..asking("x") };
        exchange.answer(asked, CallContext::default()).await.unwrap_err();
    }
    drop(bad);
    let alarms = live.alarms();
    assert_eq!((alarms.len(), alarms[0].digest.as_str()), (1, digest(&two).as_str()));
    let back = live.quarantine(&alarms[0]).unwrap();
    assert_eq!((back.to.as_str(), back.pinned), (digest(&one).as_str(), false));
    assert_eq!(serves(&live), digest(&one));
    assert_eq!(live.quarantine(&alarms[0]), None, "it does not serve any more");
    live.sweep();
    assert!(live.components_loaded() <= 2);
    let told: Vec<_> = live
        .version_events()
        .into_iter()
        .filter(|one| one.digest == digest(&two))
        .map(|one| one.state)
        .collect();
    assert!(
        told.ends_with(&[ComponentStanding::Live, ComponentStanding::Quarantined, ComponentStanding::Off]),
        "{told:?}"
    );

    // Neither a start nor another configuration brings it back, another version is judged for itself.
    drop(live);
    let live = open();
    assert_eq!(serves(&live), digest(&one));
    live.apply(resolved(Config::default())).unwrap();
    assert_eq!(serves(&live), digest(&one));
    drop_in(&live, &three);
    assert_eq!(serves(&live), digest(&three));
    // What nothing needs is not kept.
    live.tidy();
    let stored = fs_err::read_dir(components.join("sha256")).unwrap().count();
    assert_eq!(stored, 2);
}

#[test]
fn a_name_stays_with_the_provider_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    fs_err::write(folder.path().join("one.wasm"), hostile().wasm).unwrap();
    fs_err::write(folder.path().join("unused.wasm"), variant("x")).unwrap();
    live.start(resolved(config(vec![("one", provider("under-test", json!({})))])), |_| {});
    assert_eq!(live.current().provider("one").unwrap().component_id(), "under-test");
    let (state, reason) = standing(&live, "one");
    assert_eq!(state, ComponentStanding::Pending);
    assert!(reason.unwrap().contains("NameInstance"));
    // A file of a bundled component's name does not take its place either.
    assert_eq!(standing(&live, "unused").0, ComponentStanding::Off);
    let all = live.components();
    let unused = all.iter().find(|record| record.component.id == "unused").unwrap();
    assert!(
        unused
            .versions
            .iter()
            .any(|version| version.reason.as_ref().is_some_and(|r| r.contains("unused: TakeFile")))
    );
}

#[test]
fn a_named_file_that_comes_late_counts_when_it_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let live = live(folder.path());
    let mut named = config(vec![("one", provider("late", json!({})))]);
    let source = brains_core::config::ComponentSource {
        source: Some("late.wasm".into()),
        ..brains_core::config::ComponentSource::default()
    };
    named.components.insert("late".into(), source);
    live.start(resolved(named), |_| {});
    assert!(standing(&live, "late").1.unwrap().contains("could not read"));
    let offer = |wasm: &[u8]| {
        fs_err::write(folder.path().join("late.wasm"), wasm).unwrap();
        live.look(Look::Once);
        prepare(&live);
        live.refresh().map(drop)
    };
    offer(b"junk").unwrap();
    let (state, reason) = standing(&live, "late");
    assert_eq!(state, ComponentStanding::Rejected);
    assert!(reason.as_deref().unwrap().contains("not a component"), "{reason:?}");
    offer(&variant("good")).unwrap();
    assert_eq!(standing(&live, "late").0, ComponentStanding::Live);
    offer(b"junk again").unwrap();
    let (state, reason) = standing(&live, "late");
    assert_eq!(state, ComponentStanding::Live);
    assert!(reason.as_deref().unwrap().contains("not a component"), "{reason:?}");
    assert!(live.problems().is_empty());
}
