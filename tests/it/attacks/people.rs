//! Agents are agents, workspaces are their owners': what somebody does whom it does not belong to, by role, by door and
//! by the kind of key, beside people and agents who do what they may.

mod audit;
mod deeds;
mod ground;
mod keys;
mod oracles;
mod words;

use std::collections::BTreeMap;

use brains_control::Registry;
use brains_tests::door::{Door, Outcome};
use brains_tests::team::{Database, Team};
use serde_json::{Value, json};

use super::{Row, Scene, kinds_of, withstand};

/// An installation with people of every standing, each with a key of their own and one of their agent's.
pub(super) struct People {
    team: Team,
    registry: Registry,
    keys: BTreeMap<(&'static str, bool), String>,
}

/// Everybody: `stranger` is no member of anything, `administrator` an operator of that role, the others are members of the
/// private workspace `yard` with the role of their name.
const EVERYBODY: [&str; 6] = ["stranger", "reader", "member", "maintainer", "owner", "administrator"];
const ALL_SCOPES: [&str; 3] = ["gateway", "read", "write"];

impl Scene for People {
    async fn open() -> Self {
        opened(Self::fresh())
    }
}

/// Waits on this thread: starting a service is no future that may move to another.
fn opened<S>(scene: impl Future<Output = S>) -> S {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(scene))
}

impl People {
    async fn fresh() -> Self {
        let team = Team::start(Database::Sqlite).await;
        let admin = team.admin();
        let mut keys = BTreeMap::new();
        for slug in EVERYBODY {
            let role = if slug == "administrator" { "admin" } else { "member" };
            let added = admin.operation("add_operator", &json!({ "slug": slug, "role": role })).await;
            keys.insert((slug, false), added["key"].as_str().expect("a key").to_owned());
            let agent = json!({ "name": "agent", "operator": slug, "agent": true, "scopes": ALL_SCOPES });
            let made = admin.operation("create_key", &agent).await;
            keys.insert((slug, true), made["key"].as_str().expect("a key").to_owned());
        }
        team.project("yard");
        let yard = json!({ "path": team.path("yard"), "visibility": "private" });
        admin.operation("register_workspace", &yard).await;
        for slug in ["reader", "member", "maintainer", "owner"] {
            let invite = json!({ "workspace": "yard", "operator": slug, "role": slug });
            admin.operation("invite_to_workspace", &invite).await;
        }
        // The owner's own, which nobody else sees.
        team.project("diary");
        let diary = json!({ "path": team.path("diary"), "visibility": "private" });
        admin.with_key(&keys[&("owner", false)]).operation("register_workspace", &diary).await;
        Self { team, registry: Registry::new(), keys }
    }

    fn key(&self, slug: &'static str, agent: bool) -> &str {
        &self.keys[&(slug, agent)]
    }

    async fn call(&self, door: Door, key: &str, name: &str, input: Value) -> Outcome {
        let entry = self.registry.find(name).expect("an operation");
        door.call(&self.team, key, entry, &input).await
    }

    /// A call over HTTP: the status and the whole answer.
    async fn post(&self, key: &str, name: &str, input: &Value) -> (u16, Value) {
        let client = self.team.admin().with_key(key);
        let answer = client.post(&format!("/api/ops/{name}"), input.to_string()).await;
        (answer.status, answer.json())
    }

    /// A call that must go well.
    async fn does(&self, key: &str, name: &str, input: Value) -> Value {
        self.team.admin().with_key(key).operation(name, &input).await
    }

    /// A directory beside the projects, with a marker in it or none.
    fn directory(&self, name: &str, marker: Option<&str>) -> String {
        let path = self.team.folder().join(name);
        fs_err::create_dir_all(&path).expect("a directory");
        if let Some(marker) = marker {
            fs_err::create_dir_all(path.join(marker)).expect("a marker");
        }
        path.display().to_string()
    }
}

fn rows() -> Vec<Row<People>> {
    let mut rows = deeds::rows();
    rows.extend(ground::rows());
    rows.extend(keys::rows());
    rows.extend(oracles::rows());
    rows.extend(words::rows());
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_agents_and_workspaces_are_their_owners() {
    withstand(rows()).await;
}

/// What the rows of this area stand for.
pub(super) fn kinds() -> Vec<&'static str> {
    [kinds_of(&rows()), kinds_of(&audit::rows::<false>())].concat()
}
