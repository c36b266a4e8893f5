//! Guests that cannot hurt. Each test lets one component misbehave in the running program, again and again, beside
//! honest requests; these must come back byte for byte as they do without it, and none may fail.

mod answers;
mod computing;
mod crowds;
mod judges;
mod keeping;
mod reaching;
mod secrets;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::service::Home;
use brains_tests::{Answer, Brains, Reply, Seen, Setup, Upstream, model, within};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Honest streams under way beside a misdeed.
fn streams() -> usize {
    count(6, 50)
}

/// How often a misdeed is done in one test.
fn rounds() -> usize {
    count(8, 100)
}

/// Starts one after another: each compiles what the cache does not have, and they would wait for one another anyway.
static STARTING: Mutex<()> = Mutex::const_new(());

const CREDENTIAL: &str = "sk-hostile-7f3a9c1e5b2d8046";

/// Lays the hostile component into the home's plugins directory: as it is (it answers by itself), as one that needs an
/// upstream, and in the other parts that it can play.
fn lay(home: &Home) {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bundle-test/provider-chaos.wasm");
    let wasm = fs_err::read(built).expect("built by `cargo xtask build`");
    let upstreamed = without(&wasm, b"brains:plugin/standalone@");
    let asks = "asks: {secrets: [token], kv: 64KiB}\n";
    for (name, plays, wasm) in [
        ("alone", "provider", &wasm),
        ("remote", "provider", &upstreamed),
        ("labels", "classifier", &wasm),
        ("orders", "policy", &wasm),
    ] {
        let plugins = plugins(home);
        fs_err::create_dir_all(&plugins).expect("a folder");
        fs_err::write(plugins.join(format!("{name}.wasm")), wasm).expect("written");
        let manifest = format!("component: {name}\nplays: {plays}\n{asks}");
        fs_err::write(plugins.join(format!("{name}.yaml")), manifest).expect("written");
    }
}

/// Compiled code that all these tests share: most of them load the same file. A service has a directory of its own for it,
/// so what one left is laid into that of the next.
fn share_compiled(home: &Home) {
    copy_files(&shared_code(), &home.state().join("components/compiled"));
}

fn keep_compiled(home: &Home) {
    copy_files(&home.state().join("components/compiled"), &shared_code());
}

fn shared_code() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-compiled")
}

/// Copies what is not there yet; another test may do the same at the same time.
fn copy_files(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(to).expect("a folder");
    for entry in fs_err::read_dir(from).into_iter().flatten().flatten() {
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            copy_files(&entry.path(), &target);
        } else if !target.exists() && !name.to_string_lossy().starts_with('.') {
            let passing = tempfile::NamedTempFile::new_in(to).expect("a file");
            if fs_err::copy(entry.path(), passing.path()).is_ok() {
                passing.persist(&target).expect("in place");
            }
        }
    }
}

fn plugins(home: &Home) -> PathBuf {
    home.state().join("plugins")
}

/// The component under an interface name that no host knows: one export less.
fn without(wasm: &[u8], export: &[u8]) -> Vec<u8> {
    let mut wasm = wasm.to_vec();
    let places: Vec<usize> = wasm
        .windows(export.len())
        .enumerate()
        .filter(|(_, window)| *window == export)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the component exports it");
    for at in places {
        wasm[at + export.len() - 2] = b'x';
    }
    wasm
}

/// One hostile instance of the configuration. Each has a component of its own, so that no verdict on one touches another.
struct Bad {
    name: String,
    /// `alone` or `remote`.
    file: &'static str,
    config: Value,
    limits: Value,
}

impl Bad {
    fn new(name: impl Into<String>, file: &'static str, config: Value) -> Self {
        Self { name: name.into(), file, config, limits: json!({}) }
    }

    fn limits(mut self, limits: Value) -> Self {
        self.limits = limits;
        self
    }
}

/// A service with an honest upstream and hostile instances.
struct Scene {
    service: Brains,
    /// What the honest provider talks to.
    honest_upstream: Upstream,
    /// What hostile ones talk to.
    upstream: Upstream,
    /// What each honest stream comes back as when nobody misbehaves.
    alone: Vec<String>,
}

impl Scene {
    async fn new(bad: Vec<Bad>) -> Self {
        Self::with(bad, "", vague).await
    }

    /// `more` is further configuration, `answer` what the hostile instances' upstream says.
    async fn with(
        bad: Vec<Bad>,
        more: &str,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let honest = Upstream::start(|seen: &Seen| model::answer(seen).gap(Duration::from_millis(4))).await;
        let upstream = Upstream::start(answer).await;
        let home = Home::default();
        lay(&home);
        share_compiled(&home);
        let base = upstream.address;
        let mut components = serde_json::Map::new();
        let mut providers = serde_json::Map::new();
        for (part, name) in [("labels", "labels"), ("orders", "orders")] {
            components.insert(part.into(), json!({"source": format!("{name}.wasm")}));
        }
        for bad in bad {
            let id = format!("c-{}", bad.name);
            let mut config = bad.config;
            if bad.file == "remote" && config["base_url"].is_null() {
                config["base_url"] = json!(format!("http://{base}"));
            }
            fs_err::copy(
                plugins(&home).join(format!("{}.yaml", bad.file)),
                plugins(&home).join(format!("{id}.yaml")),
            )
            .expect("copied");
            let text = fs_err::read_to_string(plugins(&home).join(format!("{id}.yaml"))).expect("a manifest");
            let text = text.replace(&format!("component: {}\n", bad.file), &format!("component: {id}\n"));
            fs_err::write(plugins(&home).join(format!("{id}.yaml")), text).expect("written");
            fs_err::copy(
                plugins(&home).join(format!("{}.wasm", bad.file)),
                plugins(&home).join(format!("{id}.wasm")),
            )
            .expect("copied");
            components.insert(id.clone(), json!({"source": format!("{id}.wasm"), "limits": bad.limits}));
            let provider = json!({"component": id, "config": config, "secrets": {"token": CREDENTIAL}});
            providers.insert(bad.name, provider);
        }
        let setup = Setup::upstream(&honest.base())
            .and(&format!("components: {}", Value::Object(components)))
            .and(&format!("providers: {}", Value::Object(providers)))
            .and(more);
        let service = {
            let _turn = STARTING.lock().await;
            Brains::start_in(home, setup).await
        };
        keep_compiled(&service.home);
        let mut scene = Self { service, honest_upstream: honest, upstream, alone: Vec::new() };
        scene.alone = join_all((0..streams()).map(|number| scene.honest(number))).await;
        scene
    }

    /// One honest request: relayed streams for the most part, and some that are answered whole.
    async fn honest(&self, number: usize) -> String {
        let text = format!("honest words of stream {number}, {}", "and some more ".repeat(number % 7));
        let body = json!({
            "model": "openai_compatible/scripted-1", "stream": number % 5 != 4,
            "messages": [{"role": "user", "content": text}],
        });
        let answer = self.service.client.chat(&body).await;
        format!("{} {}", answer.status, answer.text())
    }

    /// Does `misdeed` for all rounds while honest streams go on; each must be what it is without.
    async fn beside(&self, mut misdeed: impl AsyncFnMut(usize)) {
        let done = AtomicBool::new(false);
        let honest = join_all((0..streams()).map(|number| {
            let done = &done;
            async move {
                loop {
                    // What began before the misdeeds' end is held to them too.
                    let last = done.load(Ordering::SeqCst);
                    let came = within("an honest answer", self.honest(number)).await;
                    assert_eq!(came, self.alone[number], "stream {number} beside a misdeed");
                    if last {
                        return;
                    }
                }
            }
        }));
        let hostile = async {
            for round in 0..rounds() {
                within("a misdeed's end", misdeed(round)).await;
            }
            done.store(true, Ordering::SeqCst);
        };
        tokio::join!(honest, hostile);
        assert!(self.alone.iter().all(|answer| answer.starts_with("200 ")), "{:?}", self.alone.first());
        // Afterwards nothing is left over.
        brains_tests::until("every exchange to end", async || self.exchanges().await == 0).await;
    }

    /// Exchanges of components under way.
    async fn exchanges(&self) -> u64 {
        let ready = self.service.client.get("/health/ready").await.json();
        ready["runtime"]["exchanges"].as_u64().expect("a number")
    }

    /// Asks a hostile instance.
    async fn ask(&self, instance: &str, text: &str, stream: bool) -> Answer {
        let body = json!({
            "model": format!("{instance}/any"), "stream": stream,
            "messages": [{"role": "user", "content": text}],
        });
        self.service.client.chat(&body).await
    }
}

/// An upstream of hostile instances: a failure when asked for one, a stream when asked for one, else a text.
fn vague(seen: &Seen) -> Reply {
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    if body.contains("fail") {
        Reply::json(500, "{\"error\":\"as you wish\"}")
    } else if body.contains("stream") {
        Reply::stream(["data: a\n\n", "data: b\n\n"])
    } else {
        Reply::json(200, "\"a text\"")
    }
}

/// The exports of a provider that a request reaches: name, kind of instance, settings beside the deed, the prompt and
/// whether it is streamed.
const EXPORTS: [(&str, &str, &str, bool); 8] = [
    ("answer", "alone", "say", false),
    ("prepare", "remote", "say", false),
    ("encode", "remote", "say", false),
    ("decode-unary", "remote", "say", false),
    ("decode-error", "remote", "fail", false),
    ("open", "remote", "stream", true),
    ("push", "remote", "stream", true),
    ("finish", "remote", "stream", true),
];

/// An instance that does `deed` in each of `exports`.
fn everywhere(deed: &str, exports: &[&str]) -> Vec<Bad> {
    let chosen = EXPORTS.iter().filter(|(export, ..)| exports.is_empty() || exports.contains(export));
    chosen
        .map(|(export, file, ..)| {
            let mut config = json!({"do": deed, "at": export});
            if *export != "prepare" {
                config["lane"] = json!("translate");
            }
            Bad::new(*export, file, config)
        })
        .collect()
}

/// What the fault of a hostile instance calls its export.
fn called(export: &str) -> &'static str {
    match export {
        "answer" => "standalone.answer",
        "prepare" => "relay.prepare",
        "encode" => "chat.encode",
        "decode-unary" => "chat.decode-unary",
        "decode-error" => "errors.decode-error",
        "open" => "chat.decoder.open",
        "push" => "chat.decoder.push",
        _ => "chat.decoder.finish",
    }
}

/// The error that a client reads, whole or at the end of a stream.
#[track_caller]
fn fault(answer: &Answer) -> Value {
    if answer.status != 200 {
        return answer.json()["error"].clone();
    }
    let events = answer.events();
    let told = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let fault = told.rev().find(|event| !event["error"].is_null());
    assert!(fault.is_some(), "a success came back: {}", answer.text());
    fault.expect("just seen")["error"].clone()
}

/// Does `deed` in every one of `exports` (all, when empty): the first time it is told as what it is, with the export and
/// what ran out; each time the client gets an error, and nobody else notices.
async fn misdeed(bad: Vec<Bad>, told: &str) {
    let names: Vec<String> = bad.iter().map(|bad| bad.name.clone()).collect();
    let scene = Scene::new(bad).await;
    scene
        .beside(async |round| {
            for name in &names {
                let (_, _, text, stream) = EXPORTS.iter().find(|(export, ..)| export == name).expect("known");
                let answer = scene.ask(name, text, *stream).await;
                let fault = fault(&answer);
                if round > 0 {
                    // Later ones may be told that the component is not asked any more.
                    continue;
                }
                let message = fault["message"].as_str().expect("a message");
                let expected = format!("component `c-{name}` in `{}` failed ({told}", called(name));
                assert!(message.starts_with(&expected), "{expected}…: {message}");
                assert_eq!(fault["code"], "plugin_failed", "{fault}");
            }
        })
        .await;
    let log = scene.service.log();
    for name in &names {
        assert!(log.contains(&format!("c-{name}")), "the log names {name}");
    }
}
