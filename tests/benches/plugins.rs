//! What components cost by the language that they are written in, in one run: an instance, an encode, a decode, a whole
//! request through the program; and how long it takes from a file in the plugins directory to its first answer.
//!
//! `cargo xtask bench plugins`. Calls are measured in processor time of this process, lower quartile of fifteen batches;
//! requests and the way from drop to answer on the wall, as medians. Ratios beside the first language count.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark: it prints, reads clocks and fails at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use brains_core::config::manifest::Manifest;
use brains_core::{Ambient, Millis, Secret};
use brains_dialect::canon::exchange::{Frame, Head};
use brains_dialect::canon::{CallContext, ChatRequest, Content, Message, Part, Role};
use brains_runtime::{CallLimits, Instance, InstanceSpec, PoolProfile, Program, Runtime, RuntimeOptions};
use brains_tests::{Brains, Setup, Upstream, model};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const BATCHES: usize = 15;
const REQUESTS: usize = 150;
const DROPS: usize = 5;
const LANGUAGES: [(&str, &str); 3] = [
    ("Rust", "target/bundle-examples/provider-vendor.wasm"),
    ("JavaScript", "target/bundle-scripted/provider-javascript.wasm"),
    ("Python", "target/bundle-scripted/provider-python.wasm"),
];

#[derive(Debug)]
struct Clock(Instant);

impl Ambient for Clock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        Millis(i64::try_from(since.as_millis()).expect("in range"))
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).expect("in range")
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Of all threads: a slow component is called on a worker.
fn processor_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Microseconds of one call.
fn measure(calls: u32, mut call: impl FnMut()) -> f64 {
    (0..calls.div_ceil(4)).for_each(|_| call());
    let batches = (0..BATCHES).map(|_| {
        let began_us = processor_us();
        (0..calls).for_each(|_| call());
        (processor_us() - began_us) / f64::from(calls)
    });
    sorted(batches.collect())[BATCHES / 4]
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_by(f64::total_cmp);
    figures
}

fn median(figures: Vec<f64>) -> f64 {
    let figures = sorted(figures);
    figures[figures.len() / 2]
}

fn conversation(bytes: usize) -> ChatRequest {
    let turn = |at: usize| Message {
        role: if at.is_multiple_of(2) { Role::User } else { Role::Assistant },
        name: None,
        parts: vec![Part::plain(Content::Text("a turn of some length, ".repeat(bytes / 8 / 23)))],
        extra: None,
    };
    ChatRequest { model: "small".into(), messages: (0..8).map(turn).collect(), ..ChatRequest::default() }
}

fn frames(count: usize) -> Vec<Frame> {
    let data = |at: usize| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"content": format!("token {at} ")}, "finish_reason": null}]})
    };
    (0..count).map(|at| Frame { name: None, data: data(at).to_string() }).collect()
}

struct Called {
    compile_ms: f64,
    instance_us: f64,
    encode_us: f64,
    decode_us: f64,
}

fn calls(threads: &tokio::runtime::Runtime, file: &Path) -> Called {
    let options = RuntimeOptions {
        cache: None,
        profile: PoolProfile::Laptop,
        compiler: Program::at(brains_tests::service::program()),
        ambient: Arc::new(Clock(Instant::now())),
    };
    let runtime = Runtime::start(options).expect("a runtime");
    let manifest = fs_err::read_to_string(file.with_extension("yaml")).expect("a manifest");
    let manifest = Manifest::parse(&manifest).expect("a manifest");
    let limits =
        CallLimits::of(manifest.plays, manifest.limits, brains_core::config::ComponentLimits::default());
    let bytes = fs_err::read(file).expect("built by `cargo xtask bench`");
    let began_us = processor_us();
    let component = Arc::new(runtime.load("measured", &bytes, manifest).expect("a component"));
    let compile_ms = (processor_us() - began_us) / 1e3;
    let spec = InstanceSpec {
        name: "measured".into(),
        aliases: Vec::new(),
        config: json!({}),
        secrets: BTreeMap::from([("api_key".to_owned(), Secret::new("measured"))]),
        commands: BTreeMap::new(),
        grants: Vec::new(),
        timeout_ms: 1_000,
        limits,
    };
    let instance: Arc<Instance> = Arc::new(runtime.instantiate(component, spec).expect("an instance"));
    let context = || CallContext { request_id: "measured".into(), ..CallContext::default() };
    let request = conversation(2_000);
    let frames = frames(32);
    let head = || Head { status: 200, headers: Vec::new() };
    let instance_us = measure(40, || drop(threads.block_on(instance.exchange()).expect("an instance")));
    let encode_us = measure(20, || {
        let mut exchange = threads.block_on(instance.exchange()).expect("an instance");
        let encoded = threads.block_on(exchange.encode(request.clone(), Vec::new(), context()));
        drop(encoded.expect("encoded"));
    });
    let decode_us = measure(20, || {
        let mut exchange = threads.block_on(instance.exchange()).expect("an instance");
        threads.block_on(exchange.open_decoder(head(), context())).expect("opened");
        drop(threads.block_on(exchange.push(frames.clone())).expect("decoded"));
    });
    Called { compile_ms, instance_us, encode_us, decode_us: (decode_us - instance_us) / frames.len() as f64 }
}

/// A whole request, whole and streamed, in milliseconds.
async fn requests(file: &Path) -> (f64, f64) {
    let upstream = Upstream::start(model::answer).await;
    let config = format!(
        "components: {{measured: {{source: \"{}\"}}}}\nproviders: {{measured: {{component: measured, config: {{base_url: \"{}\"}}, secrets: {{api_key: measured}}}}}}\n",
        file.display(),
        upstream.base()
    );
    let service = Brains::start(Setup::config(config)).await;
    let mut medians = Vec::new();
    for stream in [false, true] {
        let body = json!({"model": "measured/small", "stream": stream,
            "messages": [{"role": "user", "content": "a turn of some length, ".repeat(80)}]});
        let mut taken = Vec::new();
        for at in 0..REQUESTS + 20 {
            let began = Instant::now();
            let answer = service.client.chat(&body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            if at >= 20 {
                taken.push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
        medians.push(median(taken));
    }
    drop(service.stop().await);
    (medians[0], medians[1])
}

/// From a component's file in the plugins directory, or from its operation, to the first answer, in milliseconds. Each
/// time another content under another name, so nothing of it was compiled before.
async fn to_first_answer() -> (f64, f64) {
    let service = Brains::plain().await;
    let plugins = service.home.state().join("plugins");
    fs_err::create_dir_all(&plugins).expect("a folder");
    let original = fs_err::read(root().join("target/bundle/provider-echo.wasm")).expect("a component");
    let manifest =
        fs_err::read_to_string(root().join("target/bundle/provider-echo.yaml")).expect("a manifest");
    let content = |name: &str| {
        let mut wasm = original.clone();
        // A custom section that holds the name: other bytes, the same code.
        wasm.extend([0, u8::try_from(name.len() + 1).expect("short"), 0]);
        wasm.extend(name.bytes());
        wasm
    };
    let answered = async |name: &str| {
        let body = json!({"model": format!("{name}/m"), "messages": [{"role": "user", "content": "hi"}]});
        while service.client.chat(&body).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let (mut dropped, mut added) = (Vec::new(), Vec::new());
    for at in 0..DROPS {
        let name = format!("dropped{at}");
        let began = Instant::now();
        fs_err::write(plugins.join(format!("{name}.yaml")), manifest.replace("provider-echo", &name))
            .expect("written");
        fs_err::write(plugins.join(format!("{name}.wasm")), content(&name)).expect("written");
        answered(&name).await;
        dropped.push(began.elapsed().as_secs_f64() * 1e3);

        let name = format!("added{at}");
        let file = service.home.path().join(format!("{name}.wasm"));
        fs_err::write(&file, content(&name)).expect("written");
        fs_err::write(file.with_extension("yaml"), manifest.replace("provider-echo", &name))
            .expect("written");
        let began = Instant::now();
        let output = service.home.run(&["plugin", "add", &file.display().to_string()]).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        answered(&name).await;
        added.push(began.elapsed().as_secs_f64() * 1e3);
    }
    drop(service.stop().await);
    (median(dropped), median(added))
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (dropped_ms, added_ms) = runtime.block_on(to_first_answer());
    println!(
        "{}",
        json!({"bench": "plugins", "figure": "to first answer", "dropped_ms": dropped_ms, "added_ms": added_ms})
    );
    eprintln!("drop to first answer {dropped_ms:.0} ms, `plugin add` to first answer {added_ms:.0} ms");
    eprintln!(
        "{:<12}{:>10}{:>12}{:>13}{:>14}{:>14}{:>12}{:>14}",
        "language",
        "MB",
        "compile ms",
        "instance µs",
        "+encode 2 KB",
        "per frame µs",
        "whole ms",
        "streamed ms"
    );
    for (language, file) in LANGUAGES {
        let file = root().join(file);
        let mb = fs_err::metadata(&file).expect("built by `cargo xtask bench`").len() as f64 / 1e6;
        let Called { compile_ms, instance_us, encode_us, decode_us } = calls(&runtime, &file);
        let (whole_ms, streamed_ms) =
            runtime.block_on(requests(&fs_err::canonicalize(&file).expect("a file")));
        println!(
            "{}",
            json!({"bench": "plugins", "figure": language, "mb": mb, "compile_ms": compile_ms,
            "instance_us": instance_us, "encode_us": encode_us, "frame_us": decode_us, "whole_ms": whole_ms, "streamed_ms": streamed_ms})
        );
        eprintln!(
            "{language:<12}{mb:>10.2}{compile_ms:>12.0}{instance_us:>13.1}{encode_us:>14.1}{decode_us:>14.2}{whole_ms:>12.2}{streamed_ms:>14.2}"
        );
    }
}
