//! Names of hosts that nobody answers for: whoever names one waits alone, and not for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use brains_tests::service::Home;
use brains_tests::{Answer, Brains, Client, Setup, Upstream, model, within};
use serde_json::json;
use tokio::net::UdpSocket;

use super::super::Before::{self, Fell, Held};
use super::super::{Row, Scene, row};

const KIND: &str = "security 1";

/// A service for which every name server is silent, with one upstream that is an address and one that is a name.
pub(super) struct Unnamed {
    service: Brains,
    _upstream: Upstream,
    _silent: UdpSocket,
    _folder: tempfile::TempDir,
}

impl Scene for Unnamed {
    async fn open() -> Self {
        // Names are asked at this port only, so each has an address of its own.
        static LAST: AtomicU8 = AtomicU8::new(0);
        let address = format!("127.53.0.{}", LAST.fetch_add(1, Ordering::Relaxed) + 1);
        let silent = UdpSocket::bind((address.as_str(), 53)).await.expect("the port of names");
        let folder = tempfile::tempdir().expect("a folder");
        let resolver = folder.path().join("resolv.conf");
        fs_err::write(&resolver, format!("nameserver {address}\n")).expect("written");
        let upstream = Upstream::start(model::answer).await;
        let alone = format!(
            "exec unshare --mount sh -c 'mount --bind {} /etc/resolv.conf && exec \"$0\" \"$@\"' \"$0\" \"$@\"",
            resolver.display()
        );
        let setup = Setup::upstream(&upstream.base())
            .and("ollama_base_url: http://model.silent.example:9")
            .limits(&alone);
        Self {
            service: Brains::start_in(Home::default(), setup).await,
            _upstream: upstream,
            _silent: silent,
            _folder: folder,
        }
    }
}

impl Unnamed {
    async fn chat(&self, model: &str, stream: bool) -> Answer {
        let chat = json!({
            "model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}],
        });
        self.service.client.chat(&chat).await
    }

    async fn goes_on(&self) {
        let (health, chat) = within("who needs no name", async {
            tokio::join!(self.service.client.get("/health"), self.chat("openai_compatible/m", false))
        })
        .await;
        assert_eq!((health.status, chat.status), (200, 200), "{}", chat.text());
    }

    /// The refusal, or the answer of whoever can do without the name.
    async fn asked(&self, ask: Ask) {
        let answer = match ask {
            Ask::Chat { stream } => self.chat("ollama/m", stream).await,
            Ask::Models => self.service.client.get("/v1/models").await,
            Ask::Operation(name) => self.service.client.post(&format!("/api/ops/{name}"), "{}").await,
        };
        let text = answer.text();
        if matches!(ask, Ask::Chat { .. }) {
            assert!(matches!(answer.status, 502..=504), "{}: {text}", answer.status);
            assert!(text.contains("model.silent.example"), "who does not answer is named: {text}");
        } else {
            assert!(matches!(answer.status, 200 | 503), "{}: {text}", answer.status);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Chat { stream: bool },
    Models,
    Operation(&'static str),
}

const ASKS: [(Ask, Before); 6] = [
    (Ask::Chat { stream: false }, Held),
    (Ask::Chat { stream: true }, Held),
    (Ask::Models, Held),
    (Ask::Operation("list_models"), Held),
    (Ask::Operation("service_status"), Held),
    (Ask::Operation("reload_config"), Held),
];

pub(super) fn rows() -> Vec<Row<Unnamed>> {
    let mut rows = Vec::new();
    for (ask, before) in ASKS {
        let what = format!("{ask:?} while no name server answers");
        rows.push(row(KIND, what, before, move |scene: Arc<Unnamed>| async move {
            tokio::join!(within("an answer", scene.asked(ask)), scene.goes_on());
            scene.goes_on().await;
        }));
    }
    rows.push(row(KIND, "a hundred requests for a silent name", Fell, |scene: Arc<Unnamed>| async move {
        let all = futures_util::future::join_all((0..100).map(|_| scene.asked(Ask::Chat { stream: false })));
        tokio::join!(within("all answers", all), scene.goes_on());
        let ready = scene.service.client.get("/health/ready").await.json();
        let used = ready["budgets"]["name_threads"]["used"].as_u64();
        assert!(
            used.is_some_and(|used| used <= 8),
            "a silent name costs a few threads: {}",
            ready["budgets"]
        );
    }));
    rows.push(row(KIND, "SIGTERM while a name is looked up", Held, |_| async move {
        let scene = Unnamed::open().await;
        let request = scene.service.client.request(http::Method::POST, "/v1/chat/completions");
        let chat = json!({"model": "ollama/m", "messages": [{"role": "user", "content": "hello"}]});
        let request = request.header("content-type", "application/json").body(chat.to_string());
        #[expect(clippy::disallowed_methods, reason = "it hangs on purpose and goes with the test")]
        drop(tokio::spawn(Client::send(request)));
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let (_home, status) = scene.service.stop().await;
        assert!(status.success(), "{status}");
    }));
    rows
}
