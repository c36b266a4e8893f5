//! A whole listener on a free port, over models and operations that do as their test says; and a client that
//! writes and reads plain bytes.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brains_control::{OperationAnswer, OperationEntry, Registry};
use brains_core::config::Config;
use brains_core::id::{Id, Trace};
use brains_core::secret::sha256_hex;
use brains_core::{Ambient, Caller, Fault, Millis, Principal};
use brains_dialect::ingress::Ingress;
use brains_gateway::{ActiveSet, GatewayCall, KeptAsk, ModelEntry, Outcome, Reply, RoutingHeaders, TRACE_ID};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::keyring::{KeyCredential, KeyRing, KeySource, Loading};
use crate::port::{Models, Operations, ProcessInfo, Readiness};
use crate::{
    App, AppParts, ConnectionThreads, ListenerService, ListenerState, TrafficCounters, gateway, serve,
};

pub(crate) const KEY: &str = "the-admin-key";

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct Still;

impl Ambient for Still {
    fn now(&self) -> Millis {
        Millis(1_700_000_000_000)
    }
    fn monotonic_us(&self) -> u64 {
        1_000_000
    }
    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Counts what is being answered; a guard lives as long as the answer does.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) alive: Arc<AtomicUsize>,
    pub(crate) bodies: Mutex<Vec<Bytes>>,
}

#[derive(Debug)]
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn routing() -> RoutingHeaders {
    vec![
        (TRACE_ID, Id::<Trace>::mint(&Still).to_string()),
        ("x-brains-task", "code".into()),
        ("x-brains-confidence", "0.50".into()),
        ("x-brains-tier", "strong".into()),
        ("x-brains-provider", "up".into()),
        ("x-brains-model", "m-1".into()),
        ("x-brains-strategy", "tier".into()),
        ("x-brains-attempts", "2".into()),
        ("x-brains-route-reason", "weil es „schön“ ist".into()),
    ]
}

impl Models for Fake {
    fn answer(&self, _: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        let alive = Alive::new(&self.alive);
        let wanted = String::from_utf8_lossy(&call.body).into_owned();
        self.bodies.lock().unwrap().push(call.body);
        Box::pin(async move {
            let result = match wanted.as_str() {
                "hang" => std::future::pending().await,
                "panic" => panic!("as told"),
                "stream" => {
                    let first = stream::iter([Bytes::from_static(b"data: 1\n\n")]);
                    let rest = stream::unfold(alive, |alive| async move {
                        tokio::time::sleep(Duration::from_hours(1)).await;
                        Some((Bytes::new(), alive))
                    });
                    Ok(Reply::Stream(Box::pin(futures_util::StreamExt::chain(first, rest))))
                }
                "busy" => Err(Fault::unavailable("no candidate is left").retry_after_ms(1_200)),
                _ => Ok(Reply::Whole { content_type: "application/json", body: Bytes::from_static(b"{}") }),
            };
            Outcome { headers: routing(), attempts: 2, result }
        })
    }

    fn embed(&self, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        self.answer(Ingress::OpenAiChat, call)
    }

    fn count(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        self.answer(ingress, call)
    }

    fn kept<'a>(
        &'a self,
        _: Ingress,
        principal: &'a Principal,
        id: &'a str,
        ask: KeptAsk,
    ) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(async move { Ok(format!("{{\"asked\":\"{} {id} {ask:?}\"}}", principal.operator)) })
    }

    fn touch(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        self.answer(ingress, call)
    }

    fn list(&self) -> BoxFuture<'_, Vec<ModelEntry>> {
        Box::pin(async { vec![entry("brains-auto", "automatic"), entry("up/m/1", "model")] })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ModelEntry, Fault>> {
        Box::pin(async move {
            if id == "up/m/1" {
                Ok(entry(id, "model"))
            } else {
                Err(Fault::not_found("model", id).code("model_not_found"))
            }
        })
    }
}

fn entry(id: &str, kind: &'static str) -> ModelEntry {
    let provider = (kind == "model").then(|| "up".to_owned());
    ModelEntry { id: id.into(), kind, tier: None, provider, model: None, label: None, context: None }
}

impl Operations for Fake {
    fn admit(&self, name: &str, _: &Principal, _: &Caller) -> Result<&'static OperationEntry, Fault> {
        let stands_for = match name {
            "say_back" => "create_task",
            "set_config" => "set_config",
            "upload" => "install_component",
            _ => return Err(Fault::not_found("operation", name).hint("look it up")),
        };
        Ok(Registry::shared().find(stands_for).expect("an operation"))
    }

    fn call<'a>(
        &'a self,
        _: &'a OperationEntry,
        input: Value,
        _: &'a Principal,
        _: &'a Caller,
    ) -> BoxFuture<'a, OperationAnswer> {
        Box::pin(async move { OperationAnswer { outcome: Ok(input), replayed: false, notice: None } })
    }

    fn document(&self) -> Value {
        json!({ "openapi": "3.1.0" })
    }
}

#[derive(Debug)]
struct Grounds {
    active: Arc<ActiveSet>,
    loads: Arc<AtomicUsize>,
}

impl ProcessInfo for Grounds {
    fn active(&self) -> Arc<ActiveSet> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        Arc::clone(&self.active)
    }

    fn readiness(&self) -> BoxFuture<'_, Readiness> {
        let details = json!({ "components": [], "status": "mine" });
        Box::pin(async move {
            Readiness {
                ready: false,
                details: details.as_object().cloned().unwrap_or_default(),
                ..Readiness::default()
            }
        })
    }
}

/// Keys that a test adds and takes away.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) generation: AtomicU64,
    pub(crate) held: Mutex<Option<Vec<KeyCredential>>>,
    pub(crate) loads: AtomicUsize,
}

impl Keys {
    pub(crate) fn set(&self, held: Option<Vec<KeyCredential>>) {
        *self.held.lock().unwrap() = held;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) fn credential(key: &str, principal: Principal) -> KeyCredential {
    KeyCredential { sha256_hex: sha256_hex(key.as_bytes()), principal, expires_at: None }
}

impl KeySource for Keys {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn load(&self) -> Loading<'_> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let held = self.held.lock().unwrap().clone();
        Box::pin(async move { held.ok_or_else(|| Fault::internal("the database is away")) })
    }
}

/// A listener that serves until it is dropped or stopped.
pub(crate) struct TestListener {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) fake: Arc<Fake>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) state: ListenerState,
    /// How often somebody asked for the configuration.
    pub(crate) config_loads: Arc<AtomicUsize>,
    door: std::net::TcpListener,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl TestListener {
    pub(crate) async fn start(config: Config) -> Self {
        let fake = Arc::new(Fake::default());
        let keys = Arc::new(Keys::default());
        keys.set(Some(vec![credential(KEY, Principal::admin("admin"))]));
        let ring = Arc::new(KeyRing::new(vec![Arc::clone(&keys) as Arc<dyn KeySource>], Arc::new(Still)));
        let config_loads = Arc::new(AtomicUsize::new(0));
        let mut active = ActiveSet::default();
        active.config = Arc::new(config);
        let process: Arc<dyn ProcessInfo> =
            Arc::new(Grounds { active: Arc::new(active), loads: Arc::clone(&config_loads) });
        let counters = TrafficCounters::new(Arc::clone(&process), Arc::new(Still), 0);
        let app = App::new(AppParts {
            models: Arc::clone(&fake) as Arc<dyn Models>,
            operations: Arc::clone(&fake) as Arc<dyn Operations>,
            process,
            counters: counters.clone(),
            proof: None,
            keys: ring,
            ambient: Arc::new(Still),
            version: "0.0.0",
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        // The same socket under another name, for a test to end it.
        let socket = socket.into_std().unwrap();
        let door = socket.try_clone().unwrap();
        let socket = TcpListener::from_std(socket).unwrap();
        let state = ListenerState::default();
        let drain = Duration::from_millis(200);
        let threads = Arc::new(ConnectionThreads::start().unwrap());
        let service =
            ListenerService { router: gateway(app), threads, counters, state: state.clone(), drain };
        let serving = serve(socket, service, shutdown.clone());
        tasks.spawn(async move { serving.await.unwrap() });
        Self { address, fake, keys, state, config_loads, door, tasks, shutdown }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Ends the listening socket under whoever accepts from it, as a system does that takes its address away.
    pub(crate) fn slam(&self) {
        let socket = std::os::fd::OwnedFd::from(self.door.try_clone().unwrap());
        std::net::TcpStream::from(socket).shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Sends one request on its own connection and reads the whole answer.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> TestAnswer {
        let mut stream = self.connect().await;
        stream.write_all(&head(method, path, headers, body.len())).await.unwrap();
        // The service may answer and stop reading before all of it went out.
        drop(stream.write_all(body).await);
        let mut answer = Vec::new();
        let hang = Duration::from_secs(20);
        tokio::time::timeout(hang, stream.read_to_end(&mut answer))
            .await
            .expect("an end")
            .expect("an answer");
        TestAnswer::parse(&answer)
    }

    pub(crate) async fn with_key(&self, method: &str, path: &str, body: &[u8]) -> TestAnswer {
        self.ask(method, path, &[("authorization", "Bearer the-admin-key")], body).await
    }

    /// Waits until nothing is being answered.
    pub(crate) async fn quiet(&self) {
        let wait = async {
            while self.fake.alive.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("everything was dropped");
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(20), self.tasks.wait()).await.expect("an end");
    }
}

pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str("host: localhost:8787\r\n");
    }
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if length > 0 || method == "POST" {
        write!(head, "content-length: {length}\r\n").unwrap();
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct TestAnswer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl TestAnswer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { status: status.unwrap(), headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    pub(crate) fn code(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}
