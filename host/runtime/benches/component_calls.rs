//! What a call of a component costs, beside the same code native where the host has it in `dialect`. Processor time
//! of this thread, so that other load does not count; the lower quartile of fifteen batches. Components are
//! chosen by the part that they play and what they export.
//!
//! One JSON line per figure on stdout, a table on stderr.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops where it cannot measure")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use brains_core::config::manifest::{Manifest, Plays};
use brains_core::{Ambient, Millis, Secret};
use brains_dialect::canon::ResultPart;
use brains_dialect::canon::exchange::{Frame, Head};
use brains_dialect::canon::relay::Call;
use brains_dialect::canon::task::{Candidate, Features, RouteInput, Verdict};
use brains_dialect::canon::{
    CallContext, ChatRequest, Content, FunctionTool, Message, Part, Role, Tool, ToolCall, ToolResult,
};
use brains_dialect::openai_chat::upstream::{decode, encode};
use brains_runtime::{
    CallLimits, Exports, Instance, InstanceSpec, PoolProfile, Program, Runtime, RuntimeOptions,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const BATCHES: usize = 15;

#[derive(Debug)]
struct Clock(Instant);

impl Ambient for Clock {
    #[expect(clippy::disallowed_methods, reason = "the real clock, at the edge")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Millis(i64::try_from(since.as_millis()).unwrap())
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn thread_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark")]
    let us = time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3;
    us
}

/// Microseconds of one call.
fn measure(calls: u32, mut call: impl FnMut()) -> f64 {
    (0..calls.div_ceil(4)).for_each(|_| call());
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let began_us = thread_us();
            (0..calls).for_each(|_| call());
            (thread_us() - began_us) / f64::from(calls)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches.get(BATCHES / 4).copied().unwrap()
}

struct Figures(Vec<(&'static str, f64, Option<f64>)>);

impl Figures {
    fn add(&mut self, name: &'static str, component_us: f64, native_us: Option<f64>) {
        let ratio = native_us.map(|native_us| (component_us / native_us * 100.0).round() / 100.0);
        let line = json!({
            "bench": "component_calls", "figure": name, "component_us": component_us, "native_us": native_us, "ratio": ratio,
        });
        println!("{line}");
        self.0.push((name, component_us, native_us));
    }

    fn table(&self) {
        eprintln!("{:<38}{:>14}{:>12}{:>8}", "one call", "component µs", "native µs", "ratio");
        for (name, component_us, native_us) in &self.0 {
            match native_us {
                Some(native_us) => {
                    eprintln!(
                        "{name:<38}{component_us:>14.2}{native_us:>12.2}{:>8.1}",
                        component_us / native_us
                    );
                }
                None => eprintln!("{name:<38}{component_us:>14.2}{:>12}{:>8}", "–", "–"),
            }
        }
    }
}

fn folder(variable: &str, fallback: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join(fallback),
        PathBuf::from,
    )
}

/// Instances of every component in a folder.
fn instances(runtime: &Runtime, folder: &Path) -> Vec<(Plays, Exports, Arc<Instance>)> {
    let entries = fs_err::read_dir(folder).unwrap_or_else(|error| panic!("{error}: run `cargo xtask build`"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let manifest =
                Manifest::parse(&fs_err::read_to_string(path.with_extension("yaml")).unwrap()).unwrap();
            let plays = manifest.plays;
            let component =
                Arc::new(runtime.load("measured", &fs_err::read(path).unwrap(), manifest).unwrap());
            let spec = InstanceSpec {
                name: "measured".into(),
                aliases: Vec::new(),
                config: json!({}),
                secrets: BTreeMap::from([("api_key".to_owned(), Secret::new("measured"))]),
                commands: BTreeMap::new(),
                grants: Vec::new(),
                timeout_ms: 1_000,
                limits: if plays == Plays::Provider { CallLimits::PROVIDER } else { CallLimits::JUDGE },
            };
            let exports = component.exports();
            (plays, exports, Arc::new(runtime.instantiate(component, spec).unwrap()))
        })
        .collect()
}

/// A conversation with tools and calls, of about this much text.
fn conversation(bytes: usize) -> ChatRequest {
    let text = |role, bytes: usize| Message {
        role,
        name: None,
        parts: vec![Part::plain(Content::Text(
            "The quick \"brown\" fox jumps.\n".repeat(bytes.div_ceil(29)),
        ))],
        extra: None,
    };
    let call = ToolCall {
        id: "call_1".into(),
        name: "read_file".into(),
        namespace: None,
        arguments: json!({ "path": "src/main.rs" }).to_string(),
        signature: None,
        origin: None,
        extra: None,
    };
    let result = ToolResult {
        call_id: "call_1".into(),
        is_error: false,
        content: vec![ResultPart::Text("fn main() {}\n".repeat(bytes / 52))],
        extra: None,
    };
    let holding =
        |role, content| Message { role, name: None, parts: vec![Part::plain(content)], extra: None };
    let tool = FunctionTool {
        name: "read_file".into(),
        namespace: None,
        description: Some("Reads one file of the workspace".into()),
        parameters: json!({ "type": "object", "properties": { "path": { "type": "string" } } }).to_string(),
        strict: None,
        cache: None,
        extra: None,
    };
    ChatRequest {
        model: "a-model".into(),
        messages: vec![
            text(Role::System, bytes / 4),
            text(Role::User, bytes / 4),
            holding(Role::Assistant, Content::ToolCall(call)),
            holding(Role::Tool, Content::ToolResult(result)),
            text(Role::User, bytes / 8),
        ],
        tools: vec![Tool::Function(tool)],
        stream: true,
        ..ChatRequest::default()
    }
}

fn frames(count: usize) -> Vec<Frame> {
    let data = json!({
        "id": "chatcmpl-0123456789abcdefghijklmnopqrs",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "a-model-2025-01-01",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [{ "index": 0, "delta": { "content": " several words of an answer" }, "logprobs": null, "finish_reason": null }],
        "usage": null,
        "obfuscation": "aBcDeFgHiJkLmNoP",
    });
    vec![Frame { name: None, data: data.to_string() }; count]
}

fn candidates(count: u32) -> Vec<Candidate> {
    let tiers = ["cheap", "default", "strong", "deep"];
    let candidate = |number: u32| Candidate {
        id: format!("provider/model-{number}"),
        provider: "provider".into(),
        model: format!("model-{number}"),
        tier: tiers.get(number as usize % tiers.len()).copied().unwrap_or_default().into(),
        input_price: Some(f64::from(number)),
        output_price: Some(f64::from(number) * 4.0),
        context: 128_000,
        p50_ms: Some(400 + number),
        ..Candidate::default()
    };
    (0..count).map(candidate).collect()
}

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the real clock, at the edge")]
    let ambient: Arc<dyn Ambient> = Arc::new(Clock(Instant::now()));
    let compiler = Program::at(folder("BRAINS_BIN", "release/brains"));
    let options = RuntimeOptions {
        cache: Some(cache.path().to_owned()),
        profile: PoolProfile::Laptop,
        compiler,
        ambient,
    };
    let runtime = Runtime::start(options).unwrap();
    let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bundled = instances(&runtime, &folder("BRAINS_BUNDLE", "bundle"));
    let for_tests = instances(&runtime, &folder("BRAINS_GUESTS", "bundle-test"));
    let find = |plays: Plays, fits: fn(&Exports) -> bool| {
        let found = bundled.iter().rev().find(|(part, exports, _)| *part == plays && fits(exports));
        Arc::clone(&found.unwrap_or_else(|| panic!("no bundled {} fits", plays.name())).2)
    };
    let vendor = find(Plays::Provider, |exports| exports.relay && exports.chat);
    let classifier = find(Plays::Classifier, |_| true);
    let policy = find(Plays::Policy, |_| true);
    let plain = for_tests.iter().find(|(_, exports, _)| exports.chat).map_or(&vendor, |(_, _, found)| found);
    let context = || CallContext { request_id: "req_1".into(), attempt: 1, ..CallContext::default() };
    let head = || Head { status: 200, headers: Vec::new() };
    let mut figures = Figures(Vec::new());

    let mut warm = waiting.block_on(plain.exchange()).unwrap();
    waiting.block_on(warm.open_decoder(head(), context())).unwrap();
    let us = measure(20_000, || drop(black_box(waiting.block_on(warm.finish(true)).unwrap())));
    figures.add("warm call that does next to nothing", us, None);

    let us = measure(2_000, || drop(black_box(waiting.block_on(vendor.exchange()).unwrap())));
    figures.add("fresh instance, made and dropped", us, None);

    let call = || Call {
        surface: "chat".into(),
        model: "a-model".into(),
        stream: true,
        query: String::new(),
        headers: Vec::new(),
        ctx: context(),
    };
    let mut warm = waiting.block_on(vendor.exchange()).unwrap();
    let us = measure(5_000, || drop(black_box(waiting.block_on(warm.prepare(call())).unwrap())));
    figures.add("relay head, warm", us, None);
    let us = measure(2_000, || {
        let mut fresh = waiting.block_on(vendor.exchange()).unwrap();
        drop(black_box(waiting.block_on(fresh.prepare(call())).unwrap()));
    });
    figures.add("relay head, fresh instance", us, None);

    let sizes = [
        ("encode 2 KB, warm", "encode 2 KB, fresh instance", 2_048, 2_000),
        ("encode 20 KB, warm", "encode 20 KB, fresh instance", 20_480, 500),
    ];
    for (warm_name, fresh_name, bytes, calls) in sizes {
        let request = conversation(bytes);
        let options = encode::OpenAiChatOptions::default();
        let native_us = measure(calls, || {
            // The call takes the request over; so does this.
            let request = request.clone();
            drop(black_box(encode::encode(&request, &options)));
        });
        let us = measure(calls, || {
            drop(black_box(waiting.block_on(warm.encode(request.clone(), Vec::new(), context())).unwrap()));
        });
        figures.add(warm_name, us, Some(native_us));
        let us = measure(calls, || {
            let mut fresh = waiting.block_on(vendor.exchange()).unwrap();
            drop(black_box(waiting.block_on(fresh.encode(request.clone(), Vec::new(), context())).unwrap()));
        });
        figures.add(fresh_name, us, Some(native_us));
    }

    for (name, count) in [("decode 1 frame", 1), ("decode 8 frames", 8)] {
        let frames = frames(count);
        let mut native = decode::OpenAiChatDecoder::new("req_1");
        let native_us = measure(2_000, || {
            let frames = frames.clone();
            drop(black_box(native.push(&frames).unwrap()));
        });
        let mut stream = waiting.block_on(vendor.exchange()).unwrap();
        waiting.block_on(stream.open_decoder(head(), context())).unwrap();
        let us = measure(2_000, || drop(black_box(waiting.block_on(stream.push(frames.clone())).unwrap())));
        figures.add(name, us, Some(native_us));
    }

    let features = Features {
        last_user_text: "Refactor this function so that the failing test passes. ".repeat(18),
        message_count: 3,
        approx_input_tokens: 250,
        ..Features::default()
    };
    let us = measure(1_000, || drop(black_box(waiting.block_on(classifier.classify(&features)).unwrap())));
    figures.add("classify 1 KB, warm", us, None);

    let input = RouteInput {
        requested: "brains-auto".into(),
        features: Features { last_user_text: "hello".into(), ..Features::default() },
        verdict: Verdict { label: "other".into(), confidence: 0.8, ..Verdict::default() },
        candidates: candidates(20),
        extra: Some(
            json!({ "tiers": ["cheap", "default", "strong", "deep"], "routes": {}, "default_tier": "default" })
                .to_string(),
        ),
        ..RouteInput::default()
    };
    let us = measure(1_000, || drop(black_box(waiting.block_on(policy.decide(input.clone())).unwrap())));
    figures.add("decide among 20, warm", us, None);

    figures.table();
}
