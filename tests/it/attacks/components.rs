//! Components that are expensive to compile, or that take what others need: however they come in, and whatever goes on
//! meanwhile.

mod shapes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_tests::components::{drop_in, manifest, variant};
use brains_tests::counts::count;
use brains_tests::service::Home;
use brains_tests::{Brains, HANG, Setup, until, within};
use serde_json::{Value, json};

use super::{Fell, Held, Row, Scene, kinds_of, row, withstand};
use shapes::{Shape, refused, reported, slow};

/// A service with an honest provider.
struct Prepared {
    service: Brains,
    /// The honest answer.
    alone: String,
    /// Makes each file another one.
    next: AtomicU32,
}

impl Scene for Prepared {
    /// Each wait has its own limit.
    const LIMIT: Duration = HANG.saturating_mul(20);

    async fn open() -> Self {
        let service = Brains::plain().await;
        let alone = honest(&service).await;
        Self { service, alone, next: AtomicU32::new(1) }
    }
}

async fn honest(service: &Brains) -> String {
    let body = json!({
        "model": "echo/echo-small", "stream": true, "messages": [{"role": "user", "content": "honest words"}],
    });
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.events().into_iter().filter_map(|event| {
        let chunk: Value = serde_json::from_str(&event).ok()?;
        chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
    });
    text.collect()
}

impl Prepared {
    fn name(&self) -> (u32, String) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number, format!("file-{number}"))
    }

    /// What others do meanwhile: it is done, and done as ever.
    async fn others_go_on(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        within("an edit", async {
            let edit = json!({"key": "rate_limit_per_minute", "value": 1_000 + number});
            self.service.client.operation("set_config", &edit).await;
            let read = json!({"key": "rate_limit_per_minute"});
            let now = self.service.client.operation("get_config", &read).await;
            assert_eq!(now["value"], 1_000 + number, "{now}");
            self.service.client.operation("reload_config", &json!({})).await;
        })
        .await;
        assert_eq!(within("an honest answer", honest(&self.service)).await, self.alone);
    }

    async fn record(&self, id: &str) -> Value {
        let listed = self.service.client.operation("list_components", &json!({})).await;
        let all = listed["components"].as_array().expect("a list");
        all.iter().find(|record| record["id"] == id).cloned().unwrap_or(Value::Null)
    }

    async fn stands(&self, id: &str, state: &str, word: &str) -> Value {
        self.compiling(&format!("{id} to be {state}: {word}"), async {
            loop {
                let last = self.record(id).await;
                if last["state"] == state && last["reason"].as_str().unwrap_or("").contains(word) {
                    return last;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    }

    /// Waits for what comes of compiling. That is limited in processor time and gets what others leave: on a busy machine it
    /// may take long, and hangs when what compiles does not get on.
    async fn compiling<T>(&self, what: &str, event: impl Future<Output = T>) -> T {
        tokio::pin!(event);
        let mut before = Vec::new();
        loop {
            if let Ok(done) = tokio::time::timeout(HANG, &mut event).await {
                return done;
            }
            let now = processor_times(self.service.pid());
            assert!(now != before, "{what}: it did not happen, and nothing is being compiled");
            before = now;
        }
    }

    async fn dropped(&self, wasm: &[u8], word: &str) {
        let (_, id) = self.name();
        drop_in(&self.service.home, &id, wasm, None);
        self.others_go_on().await;
        self.stands(&id, "rejected", word).await;
        self.remove(&id);
    }

    async fn added(&self, wasm: &[u8], word: &str) {
        let (_, id) = self.name();
        let input = json!({"id": id, "wasm": STANDARD.encode(wasm)});
        let refused = self
            .compiling("the refusal", self.service.client.post("/api/ops/add_component", input.to_string()));
        let (refused, ()) = tokio::join!(refused, self.others_go_on());
        assert!((400..500).contains(&refused.status), "{} {}", refused.status, refused.text());
        if refused.status != 413 {
            assert!(refused.text().contains(word), "{word}: {}", refused.text());
        }
    }

    async fn named(&self, wasm: &[u8], word: &str) {
        let (_, id) = self.name();
        let elsewhere = self.service.home.path().join(format!("{id}.wasm"));
        fs_err::write(&elsewhere, wasm).expect("written");
        let source = json!({"key": format!("components.{id}.source"), "value": elsewhere});
        self.service.client.operation("set_config", &source).await;
        let part = json!({"key": format!("providers.{id}"), "value": {"component": id}});
        let set = self.service.client.post("/api/ops/set_config", part.to_string());
        let set = self.compiling("the edit", set).await;
        self.others_go_on().await;
        if set.status == 200 {
            self.stands(&id, "rejected", word).await;
            self.service.client.operation("unset_config", &json!({"key": format!("providers.{id}")})).await;
        } else {
            assert!(set.text().contains(word), "{word}: {}", set.text());
        }
        self.service
            .client
            .operation("unset_config", &json!({"key": format!("components.{id}.source")}))
            .await;
        fs_err::remove_file(elsewhere).expect("removed");
    }

    fn remove(&self, id: &str) {
        fs_err::remove_file(self.service.home.state().join(format!("plugins/{id}.wasm"))).expect("removed");
    }

    /// Whatever is compiled from here on has so long.
    async fn compile_for(&self, seconds: u32) {
        if !super::before() {
            let edit = json!({"key": "budgets.compile_seconds", "value": seconds});
            self.service.client.operation("set_config", &edit).await;
        }
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

fn rows() -> Vec<Row<Prepared>> {
    let mut rows = Vec::new();
    for Shape { what, word, make, held } in refused() {
        for way in ["dropped", "added", "named"] {
            let before = if held.contains(&way) { Held } else { Fell };
            rows.push(row(
                "security 3",
                format!("{what}, {way}"),
                before,
                move |scene: Arc<Prepared>| async move {
                    let wasm = make(scene.number());
                    match way {
                        "dropped" => scene.dropped(&wasm, word).await,
                        "added" => scene.added(&wasm, word).await,
                        _ => scene.named(&wasm, word).await,
                    }
                },
            ));
        }
    }
    for (what, make) in reported() {
        rows.push(row(
            "security 3",
            format!("{what}, dropped"),
            Held,
            move |scene: Arc<Prepared>| async move {
                let (number, id) = scene.name();
                drop_in(&scene.service.home, &id, &make(number), None);
                scene.others_go_on().await;
                let compiled = async {
                    loop {
                        let record = scene.record(&id).await;
                        let reason = record["reason"].as_str().unwrap_or("");
                        if record["state"] == "live"
                            || record["state"] == "rejected" && reason.contains("budgets.compile_")
                        {
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                };
                scene.compiling("it to be compiled, or refused for what it takes", compiled).await;
                scene.others_go_on().await;
                scene.remove(&id);
            },
        ));
    }
    let time = "budgets.compile_seconds";
    rows.push(row("security 3", "much work, dropped", Fell, move |scene: Arc<Prepared>| async move {
        scene.compile_for(1).await;
        scene.dropped(&slow(scene.number()), time).await;
        scene.compile_for(60).await;
    }));
    rows.push(row("security 3", "much work, added", Fell, move |scene: Arc<Prepared>| async move {
        scene.compile_for(1).await;
        scene.added(&slow(scene.number()), time).await;
        scene.compile_for(60).await;
    }));
    rows.push(row("security 3", "much work, named", Fell, move |scene: Arc<Prepared>| async move {
        scene.compile_for(1).await;
        scene.named(&slow(scene.number()), time).await;
        scene.compile_for(60).await;
    }));
    rows.push(row(
        "security 3",
        "much work, beside an honest component",
        Fell,
        |scene: Arc<Prepared>| async move {
            let (number, bad) = scene.name();
            drop_in(&scene.service.home, &bad, &slow(number), None);
            scene.stands(&bad, "checking", "").await;
            let (number, id) = scene.name();
            let wasm = STANDARD.encode(variant("provider-echo", &number.to_string()));
            let input = json!({"id": id, "wasm": wasm});
            let added = scene.service.client.operation("add_component", &input);
            assert_eq!(scene.compiling("another component", added).await["state"], "live");
            scene.remove(&bad);
            scene.service.client.operation("remove_component", &json!({"id": id})).await;
        },
    ));
    rows.push(row("security 3", "a refused file, dropped again", Fell, |scene: Arc<Prepared>| async move {
        let (number, id) = scene.name();
        scene.compile_for(1).await;
        let wasm = slow(number);
        drop_in(&scene.service.home, &id, &wasm, None);
        scene.stands(&id, "rejected", "budgets.compile_seconds").await;
        let again = format!("{id}-again");
        drop_in(&scene.service.home, &again, &wasm, None);
        // It was never looked into: what is remembered counts at once.
        until("the second to be refused", async || {
            let record = scene.record(&again).await;
            assert_ne!(record["state"], "live");
            record["state"] == "rejected"
        })
        .await;
        let compiled =
            fs_err::read_to_string(scene.service.home.state().join("components/compiled/refused.json"));
        assert!(compiled.expect("remembered").contains("compile_seconds"));
        scene.remove(&id);
        scene.remove(&again);
        scene.compile_for(60).await;
    }));
    rows.extend(asking());
    rows
}

/// More memory or time than the usual, each by its own manifest.
fn asking() -> Vec<Row<Prepared>> {
    let asks = |id: &str, limits: &str| format!("{}limits: {limits}\n", manifest(id, "provider", "{}"));
    let mut rows = Vec::new();
    for (limits, word) in [("{memory_mib: 256}", "256 MiB of memory"), ("{call_ms: 50}", "50 ms in one call")]
    {
        rows.push(row(
            "security 13",
            format!("{limits} in a manifest, dropped"),
            Fell,
            move |scene: Arc<Prepared>| async move {
                let (number, id) = scene.name();
                let wasm = variant("provider-echo", &format!("asks {number}"));
                drop_in(&scene.service.home, &id, &wasm, Some(&asks(&id, limits)));
                let waits = scene.stands(&id, "pending", word).await;
                let reason = waits["reason"].as_str().expect("a reason");
                assert!(reason.contains(&format!("brains plugin enable {id}")), "{reason}");
                scene.service.client.operation("enable_component", &json!({"id": id})).await;
                scene.stands(&id, "live", "").await;
            },
        ));
        rows.push(row(
            "security 13",
            format!("{limits} in a manifest, added"),
            Fell,
            move |scene: Arc<Prepared>| async move {
                let (number, id) = scene.name();
                let wasm = STANDARD.encode(variant("provider-echo", &format!("asks {number}")));
                let input = json!({"id": id, "wasm": wasm, "manifest": asks(&id, limits)});
                let added = scene.service.client.operation("add_component", &input).await;
                assert_eq!(added["state"], "pending", "{added}");
                scene.stands(&id, "pending", word).await;
            },
        ));
        rows.push(row(
            "security 13",
            format!("{limits} in a manifest, as an upgrade"),
            Fell,
            move |scene: Arc<Prepared>| async move {
                let (number, id) = scene.name();
                let first = variant("provider-echo", &format!("modest {number}"));
                drop_in(&scene.service.home, &id, &first, Some(&manifest(&id, "provider", "{}")));
                scene.stands(&id, "live", "").await;
                let second = variant("provider-echo", &format!("greedy {number}"));
                drop_in(&scene.service.home, &id, &second, Some(&asks(&id, limits)));
                scene.stands(&id, "live", word).await;
            },
        ));
    }
    rows.push(row(
        "security 13",
        "limits in a manifest that the operator's limits answer",
        Held,
        move |scene: Arc<Prepared>| async move {
            let (number, id) = scene.name();
            let limits = json!({"key": format!("components.{id}.limits.memory_mib"), "value": 128});
            scene.service.client.operation("set_config", &limits).await;
            let wasm = variant("provider-echo", &format!("asks {number}"));
            drop_in(&scene.service.home, &id, &wasm, Some(&asks(&id, "{memory_mib: 256}")));
            scene.stands(&id, "live", "").await;
        },
    ));
    rows.push(row(
        "security 13",
        "memory of all instances together",
        Fell,
        |scene: Arc<Prepared>| async move {
            let set = async |mib: u32| {
                let edit = json!({"key": "budgets.component_memory_mib", "value": mib});
                scene.service.client.operation("set_config", &edit).await;
            };
            set(1).await;
            let body =
                json!({"model": "echo/echo-small", "messages": [{"role": "user", "content": "hello"}]});
            let refused = scene.service.client.chat(&body).await;
            assert_eq!(refused.status, 503, "{}", refused.text());
            assert!(refused.text().contains("1 MiB"), "{}", refused.text());
            assert!(!refused.header("retry-after").is_empty());
            let ready = scene.service.client.get("/health/ready").await.json();
            let standing = &ready["budgets"]["component_memory_mib"];
            assert!(standing["limit"] == 1 && standing["refused"].as_u64() >= Some(1), "{standing}");
            set(2_048).await;
            assert_eq!(honest(&scene.service).await, scene.alone);
        },
    ));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn components_that_are_expensive_hold_up_nobody() {
    withstand(rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_dropped_during_starts_edits_and_stops_holds_up_none_of_them() {
    let mut home = Home::default();
    let shapes = refused();
    for round in 0..count(3, 20) {
        let number = u32::try_from(round).expect("small");
        let shape = &shapes[round % shapes.len()];
        let config = "budgets: {compile_seconds: 60}\n";
        // There before the start, and never compiled.
        drop_in(&home, "slow", &slow(number), None);
        drop_in(&home, "shape", &(shape.make)(number), None);
        let service = Brains::start_in(home, Setup::config(config).hasty()).await;
        let alone = honest(&service).await;
        let preparing = service
            .client
            .chat(&json!({"model": "slow/any", "messages": [{"role": "user", "content": "hello"}]}))
            .await;
        assert_eq!(preparing.status, 503, "{}", preparing.text());
        assert!(!preparing.header("retry-after").is_empty() && preparing.text().contains("being prepared"));
        drop_in(&service.home, "another", &slow(1_000 + number), None);
        within("an edit to be in force", async {
            let edit = json!({"key": "rate_limit_per_minute", "value": 500 + number});
            service.client.operation("set_config", &edit).await;
            let now = service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await;
            assert_eq!(now["value"], 500 + number, "{now}");
        })
        .await;
        assert_eq!(honest(&service).await, alone);
        let (again, status) = service.stop().await;
        assert!(status.success(), "{status}");
        home = again;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_compiles_has_little_and_ends_with_the_service() {
    let home = Home::default();
    drop_in(&home, "slow", &slow(1), None);
    let service = Brains::start_in(home, Setup::config("budgets: {compile_seconds: 600}\n").hasty()).await;
    let mut child = None;
    until("a process that compiles", async || {
        child = children(service.pid()).into_iter().next();
        child.is_some()
    })
    .await;
    let child = child.expect("found");
    let read = |name: &str| fs_err::read_to_string(format!("/proc/{child}/{name}")).unwrap_or_default();
    // The last that it does before it reads.
    until("its limits", async || read("oom_score_adj").trim() == "1000").await;
    assert!(read("cmdline").contains("compile-component"), "{}", read("cmdline"));
    assert_eq!(read("environ"), "");
    let limits = read("limits");
    assert!(
        limits.lines().any(|line| line.starts_with("Max core file size") && line.contains(" 0 ")),
        "{limits}"
    );
    assert!(
        limits.lines().any(|line| line.starts_with("Max address space") && line.contains("2147483648")),
        "{limits}"
    );
    // What whoever started the tests left open runs through every process; nothing of the service is among it.
    let open = |pid: &str| -> std::collections::BTreeSet<std::path::PathBuf> {
        let entries = fs_err::read_dir(format!("/proc/{pid}/fd")).expect("running").flatten();
        let beyond = entries.filter(|entry| {
            entry.file_name().to_string_lossy().parse::<u32>().is_ok_and(|number| number > 2)
        });
        beyond.filter_map(|entry| fs_err::read_link(entry.path()).ok()).collect()
    };
    let (its, ours) = (open(&child.to_string()), open("self"));
    assert!(its.is_subset(&ours), "{its:?}");
    let home = service.kill().await;
    until("the process to end with the service", async || {
        !std::path::Path::new(&format!("/proc/{child}/fd/0")).exists()
    })
    .await;
    drop(home);
}

/// What each process below this one has taken of the processors.
fn processor_times(pid: u32) -> Vec<(u32, Vec<String>)> {
    let times = |child: u32| -> Vec<String> {
        let text = fs_err::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        // The name may hold anything; the times are the twelfth and thirteenth field behind it.
        let (_, fields) = text.rsplit_once(')').unwrap_or_default();
        fields.split_whitespace().skip(11).take(2).map(str::to_owned).collect()
    };
    children(pid).into_iter().map(|child| (child, times(child))).collect()
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs_err::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| fs_err::read_to_string(task.path().join("children")).unwrap_or_default());
    lists.collect::<String>().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// What the rows of this area stand for.
pub(super) fn kinds() -> Vec<&'static str> {
    kinds_of(&rows())
}
