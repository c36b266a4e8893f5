//! Files and names that do not answer, have no end, or are another's: whoever meets one is told so, and nobody else
//! notices. Beside every attack all listeners answer as before, byte for byte.

mod documents;
mod ending;
mod hanging;
mod names;
mod reasons;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use brains_tests::dead::DeadMount;
use brains_tests::{Answer, Brains, Client, HANG, Setup, Upstream, mcp, model, within};
use serde_json::{Value, json};

use super::{Before, Row, Scene, kinds_of, withstand};

/// What a file in the state directory would give away.
const SECRET: &str = "sk-live-4242424242424242abcdefABCDEF";

/// A service, honest work, and a folder full of traps.
struct Traps {
    brains: Brains,
    reader: String,
    agent: String,
    folder: tempfile::TempDir,
    dead: DeadMount,
    expected: Vec<String>,
    _upstream: Upstream,
}

impl Scene for Traps {
    async fn open() -> Self {
        alone(Self::begin())
    }
}

impl Traps {
    async fn begin() -> Self {
        let upstream = Upstream::start(model::answer).await;
        let brains = Brains::start(Setup::upstream(&upstream.base())).await;
        let key = async |input: Value| {
            let made = brains.client.operation("create_key", &input).await;
            made["key"].as_str().expect("a key").to_owned()
        };
        let reader = key(json!({"name": "reader", "scopes": ["read"]})).await;
        let agent =
            key(json!({"name": "agent", "scopes": ["gateway", "read", "write"], "agent": true})).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut scene = Self {
            brains,
            reader,
            agent,
            folder,
            dead: DeadMount::default(),
            expected: Vec::new(),
            _upstream: upstream,
        };
        scene.expected = scene.honest().await;
        scene
    }
}

impl Traps {
    /// What honest work answers on every listener.
    async fn honest(&self) -> Vec<String> {
        let brains = &self.brains;
        let chat =
            json!({"model": "openai_compatible/m", "messages": [{"role": "user", "content": "hello"}]});
        let listed = mcp::stateless(&brains.mcp, "/mcp", "tools/list", json!({}));
        let called = async {
            let called = mcp::call(&brains.mcp, "list_workspaces", json!({"limit": 1})).await;
            called["result"]["isError"].to_string()
        };
        let value = json!({"key": "max_concurrent_requests"});
        let all = async {
            let (health, other, chat, operation, listed, called) = tokio::join!(
                brains.client.get("/health"),
                brains.mcp.get("/health"),
                brains.client.chat(&chat),
                brains.client.operation("get_config", &value),
                Client::send(listed),
                called,
            );
            assert_eq!(chat.status, 200, "{}", chat.text());
            vec![health.text(), other.text(), chat.text(), operation.to_string(), listed.text(), called]
        };
        within("honest work beside the attack", all).await
    }

    async fn goes_on(&self) {
        assert_eq!(self.honest().await, self.expected, "honest work differs");
    }

    /// Two of the same request at once, honest work while they wait, and then what they were told.
    async fn attacked_by(self: &Arc<Self>, attack: impl Fn(&Self) -> reqwest::RequestBuilder) -> Vec<Answer> {
        #[expect(clippy::disallowed_methods, reason = "both are waited for below")]
        let two: Vec<_> = (0..2).map(|_| tokio::spawn(Client::send(attack(self)))).collect();
        // So that they have been read, and are where they hang.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        self.goes_on().await;
        let mut answers = Vec::new();
        for one in two {
            answers.push(within("an answer to the attack", one).await.expect("sent"));
        }
        self.goes_on().await;
        answers
    }

    fn operation(&self, key: &str, name: &str, input: &Value) -> reqwest::RequestBuilder {
        let client = self.brains.client.with_key(key);
        let request = client.request(http::Method::POST, &format!("/api/ops/{name}"));
        request.header("content-type", "application/json").body(input.to_string())
    }

    fn tool(&self, key: &str, name: &str, input: &Value) -> reqwest::RequestBuilder {
        let client = self.brains.mcp.with_key(key);
        mcp::stateless(&client, "/mcp", "tools/call", json!({"name": name, "arguments": input}))
    }

    fn admin(&self) -> String {
        self.brains.client.key.clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self, name: &str) -> PathBuf {
        self.brains.home.state().join(name)
    }

    /// The most memory that the process ever held, in KiB.
    fn peak_kib(&self) -> u64 {
        let status = fs_err::read_to_string(format!("/proc/{}/status", self.brains.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

/// Runs what cannot go from one thread to another where it is.
fn alone<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

fn row<F: Future<Output = ()> + 'static>(
    kind: &'static str,
    what: impl Into<String>,
    before: Before,
    attempt: impl Fn(Arc<Traps>) -> F + Send + Sync + 'static,
) -> Row<Traps> {
    let attempt = Arc::new(attempt);
    super::row(kind, what, before, move |scene| {
        let attempt = Arc::clone(&attempt);
        async move { alone(attempt(scene)) }
    })
}

fn fifo(path: &Path) {
    let made = rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600));
    made.expect("a FIFO");
}

fn link(target: impl AsRef<Path>, at: &Path) {
    std::os::unix::fs::symlink(target.as_ref(), at).expect("a link");
}

/// A refusal that says what does not answer, or an answer: nothing in between.
#[track_caller]
fn told(answer: &Answer) -> String {
    let text = answer.text();
    assert!(answer.status < 500 || answer.status == 503, "{}: {text}", answer.status);
    text
}

fn rows() -> Vec<Row<Traps>> {
    let mut rows = hanging::rows();
    rows.extend(documents::rows());
    rows.extend(reasons::rows());
    rows.extend(ending::rows());
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_hang_never_end_or_are_anothers_stop_nobody() {
    assert!(HANG.as_secs() > 10, "a look at a file is given up before a test is");
    withstand(rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_answers_for_stop_nobody() {
    withstand(names::rows()).await;
}

/// What the rows of this area stand for.
pub(super) fn kinds() -> Vec<&'static str> {
    [kinds_of(&rows()), kinds_of(&names::rows())].concat()
}
