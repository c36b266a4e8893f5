#![allow(warnings, clippy::all)]
use brains_core::config::manifest::Manifest;
use brains_core::config::*;
use brains_dialect::canon::task::*;
use brains_dialect::canon::*;
use std::sync::Arc;
#[derive(Debug)]
struct A;
impl brains_core::Ambient for A {
    fn now(&self) -> brains_core::Millis {
        brains_core::Millis(1)
    }
    fn monotonic_us(&self) -> u64 {
        use std::time::*;
        static S: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        S.get_or_init(Instant::now).elapsed().as_micros() as u64
    }
    fn fill_random(&self, b: &mut [u8]) {
        b.fill(3)
    }
}
struct R;
#[tokio::main]
async fn main() {
    let rt = Arc::new(
        brains_runtime::Runtime::start(brains_runtime::Options {
            cache: None,
            profile: Default::default(),
            ambient: Arc::new(A),
        })
        .unwrap(),
    );
    let manifests: Vec<Manifest> =
        brains_runtime::bundle::components().iter().map(|b| Manifest::parse(b.manifest).unwrap()).collect();
    println!("{} manifests", manifests.len());
    for b in brains_runtime::bundle::components() {
        let t = std::time::Instant::now();
        let c = match rt.load(b.id, b.wasm, Manifest::parse(b.manifest).unwrap()) {
            Ok(c) => c,
            Err(e) => {
                println!("LOAD {} {e:?}", b.id);
                continue;
            }
        };
        println!("{} v{} loaded in {:?}", c.id(), c.version(), t.elapsed());
    }
    let mut layers = Layers::default();
    layers.bundle = brains_runtime::bundle::defaults().map(|t| Source {
        path: "defaults.yaml".into(),
        text: t.into(),
        ..Default::default()
    });
    layers.environment.insert("BRAINS_OPENAI_COMPATIBLE_API_KEY".into(), "sk-test".into());
    let resolved = match resolve(&layers, &manifests, &NoRefs) {
        Ok(r) => r,
        Err(p) => {
            println!("{p:#?}");
            return;
        }
    };
    let live =
        brains_runtime::swap::Live::new(rt.clone(), brains_runtime::bundle::components(), "/tmp/nope".into());
    let snap = live.start(resolved);
    println!("problems {:?}", live.problems());
    for p in snap.providers() {
        println!("provider {} {:?} {:?} {:?}", p.name(), p.exports().names(), p.surfaces(), p.grants());
    }
    for c in &snap.components {
        println!("{c:?}");
    }
    let f = Features {
        last_user_text: "Fix retry bug in webhook handler".into(),
        message_count: 1,
        approx_input_tokens: 10,
        ..Default::default()
    };
    let cl = snap.classifier.clone().unwrap();
    for i in 0..3 {
        let t = std::time::Instant::now();
        let v = cl.classify(&f).await.unwrap();
        println!("{:?} {} {} {:?}", t.elapsed(), v.label, v.confidence, v.extra);
    }
    let t = std::time::Instant::now();
    for _ in 0..1000 {
        cl.classify(&f).await.unwrap();
    }
    println!("classify 1000 in {:?}", t.elapsed());
    let mut big = f.clone();
    big.last_user_text =
        "please look at the function and compare it with the other design of this system ".repeat(400);
    big.recent_text = vec![big.last_user_text[..1000].to_string(); 10];
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let r = cl.classify(&big).await;
        println!("big {:?} {:?}", t.elapsed(), r.map(|v| v.label));
    }
    let mut big = f.clone();
    big.last_user_text = "й".repeat(16000);
    {
        let t = std::time::Instant::now();
        let r = cl.classify(&big).await;
        println!("odd {:?} {:?}", t.elapsed(), r.map(|v| v.label));
    }
    let v = cl.classify(&f).await.unwrap();
    let ri = RouteInput {
        requested: "brains-auto".into(),
        features: f.clone(),
        verdict: v,
        candidates: vec![Candidate {
            id: "a/b".into(),
            provider: "a".into(),
            model: "b".into(),
            tier: "default".into(),
            circuit: Circuit::HalfOpen,
            ..Default::default()
        }],
        extra: Some(
            r#"{"tiers":["cheap","default"],"routes":{"code_fix":"default"},"default_tier":"default"}"#
                .into(),
        ),
        ..Default::default()
    };
    println!("{:?}", snap.policy.clone().unwrap().decide(&ri).await);
    let echo = snap.provider("echo").unwrap();
    let mut ex = echo.exchange().unwrap();
    let m = Message {
        role: Role::User,
        name: None,
        parts: vec![Part::plain(Content::Text("hi".into()))],
        extra: None,
    };
    let req = ChatRequest { model: "echo-small".into(), messages: vec![m], ..Default::default() };
    println!(
        "{:?}",
        ex.answer(req.clone(), CallContext { request_id: "r".into(), ..Default::default() }).await
    );
    println!("{:?}", echo.exchange().unwrap().models(None).await.map(|p| p.models.len()));
    if let Some(o) = snap.provider("openai") {
        let mut ex = o.exchange().unwrap();
        println!(
            "{:?}",
            ex.prepare(relay::Call {
                surface: "chat".into(),
                model: "m".into(),
                stream: true,
                query: "".into(),
                headers: vec![],
                ctx: Default::default()
            })
            .await
        );
        println!("{:?}", ex.encode(req, vec![], Default::default()).await);
        println!(
            "{:?}",
            ex.open_decoder(exchange::Head { status: 200, headers: vec![] }, Default::default()).await
        );
        println!(
            "{:?}",
            ex.push(vec![exchange::Frame {
                name: None,
                data: r#"{"id":"x","choices":[{"index":0,"delta":{"content":"yo"},"finish_reason":"stop"}]}"#
                    .into()
            }])
            .await
        );
        println!("{:?}", ex.finish(true).await);
        println!(
            "{:?}",
            ex.decode_error(exchange::Response {
                head: exchange::Head { status: 429, headers: vec![] },
                body: exchange::Payload::Text("{}".into())
            })
            .await
        );
    }
}
struct NoRefs;
impl RefSource for NoRefs {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn file(&self, _: &std::path::Path) -> Result<String, String> {
        Err("no".into())
    }
}
