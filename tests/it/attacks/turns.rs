//! Whose turn it is: answers that are kept under a key, waits and streams that outlive a right, agents over stdio that die,
//! and requests that nobody can read. Beside each there is somebody honest who goes on.

mod answers;
mod deaths;
mod property;
mod speaker;
mod unreadable;
mod waits;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brains_tests::HANG;
use brains_tests::client::{Answer, Client};
use brains_tests::team::{Database, Team};
use serde_json::{Value, json};

use super::{Before, Fell, Held, Row, Scene, kinds_of, withstand};

/// A service with the workspace `app`, on one of the databases.
struct Place<const POSTGRES: bool> {
    team: Team,
    numbers: AtomicUsize,
}

impl<const POSTGRES: bool> Scene for Place<POSTGRES> {
    async fn open() -> Self {
        let database = if POSTGRES { Database::Postgres } else { Database::Sqlite };
        Self { team: opened(Team::start(database)), numbers: AtomicUsize::new(0) }
    }
}

/// Waits on this thread: starting a service is no future that may move to another.
fn opened<S>(scene: impl Future<Output = S>) -> S {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(scene))
}

/// A row whose attempt may hold what does not move between threads.
fn row<S: Scene, F: Future<Output = ()>>(
    kind: &'static str,
    what: impl Into<String>,
    before: Before,
    attempt: impl Fn(Arc<S>) -> F + Send + Sync + 'static,
) -> Row<S> {
    let attempt = Arc::new(attempt);
    super::row(kind, what, before, move |scene| {
        let attempt = Arc::clone(&attempt);
        async move { opened(tokio::time::timeout(HANG * 2, attempt(scene))).expect("it ends") }
    })
}

/// Somebody who may see a private workspace, for now.
struct Guest {
    slug: String,
    /// The slug of the workspace.
    workspace: String,
    client: Client,
    mcp: Client,
    key_id: String,
}

impl<const POSTGRES: bool> Place<POSTGRES> {
    fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// An operator with a key of its own in a private workspace of the admin's.
    async fn guest(&self) -> Guest {
        let number = self.number();
        let (slug, workspace) = (format!("guest{number}"), format!("secret{number}"));
        let admin = self.team.admin();
        self.team.project(&workspace);
        admin.operation("register_workspace", &json!({ "path": self.team.path(&workspace) })).await;
        let private = json!({ "workspace": workspace, "visibility": "private" });
        admin.operation("set_workspace_visibility", &private).await;
        admin.operation("add_operator", &json!({ "slug": slug })).await;
        let invited = json!({ "workspace": workspace, "operator": slug });
        admin.operation("invite_to_workspace", &invited).await;
        let made = json!({ "name": "second", "operator": slug, "scopes": ["gateway", "read", "write"] });
        let made = admin.operation("create_key", &made).await;
        let key = made["key"].as_str().expect("a key");
        Guest {
            slug,
            workspace,
            client: admin.with_key(key),
            mcp: self.team.services[0].mcp.with_key(key),
            key_id: made["id"].as_str().expect("an id").to_owned(),
        }
    }
}

/// Calls an operation over HTTP with headers of one's own.
async fn post(client: &Client, name: &str, input: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut request = client
        .request(http::Method::POST, &format!("/api/ops/{name}"))
        .header("content-type", "application/json");
    for (header, value) in headers {
        request = request.header(*header, *value);
    }
    Client::send(request.body(input.to_string())).await
}

/// The code of a refusal.
#[track_caller]
fn code(answer: &Answer) -> String {
    let value = answer.json();
    value["error"]["code"].as_str().unwrap_or_else(|| panic!("it was answered: {value}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_belong_to_who_is_proven() {
    withstand(answers::rows::<false>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_belong_to_who_is_proven_on_postgres() {
    withstand(answers::rows::<true>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_end_with_the_right_to_the_answer() {
    withstand(waits::rows::<false>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_end_with_the_right_to_the_answer_on_postgres() {
    withstand(waits::rows::<true>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_end_leave_nothing_behind() {
    withstand(deaths::rows::<false>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_end_leave_nothing_behind_on_postgres() {
    withstand(deaths::rows::<true>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cannot_be_read_are_answered() {
    withstand(unreadable::rows()).await;
}

/// What the rows of this area stand for.
pub(super) fn kinds() -> Vec<&'static str> {
    [
        kinds_of(&answers::rows::<false>()),
        kinds_of(&waits::rows::<false>()),
        kinds_of(&deaths::rows::<false>()),
        kinds_of(&unreadable::rows()),
    ]
    .concat()
}
