//! Keys: made and listed; taken back in `key/revoke.rs`. A key is shown once, in the answer that makes it; the store has its hash.

mod revoke;

use brains_core::id::{Id, Key};
use brains_core::plane::key::{KeyRecord, KeyState, generate};
use brains_core::principal::{ADMIN, KeyScope, LOCAL, Role};
use brains_core::{Fault, Millis, Principal, Secret};
use brains_store::{Rows, Scope, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::Cx;
use crate::idempotency::lapsed;
use crate::input::Span;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

pub(crate) use revoke::RevokeKey;

const NAME_MAX: usize = 100;

/// Makes a key for a client: for models and its own traces, unless more is asked for. The key itself is in the answer,
/// this once; only its hash is kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// Name for people; unique among the operator's active keys.
    name: String,
    /// What it may be used for: `gateway` when nothing is said; all three with `agent` or `admin`.
    #[serde(default)]
    scopes: Vec<KeyScope>,
    /// How long it works, e.g. `90d`; for ever when nothing is said.
    expires_in: Option<Span>,
    /// Slug of the operator that it acts as; the caller's own when nothing is said.
    operator: Option<String>,
    /// For an agent: whoever presents it may not do what a person must, whatever the operator's role.
    #[serde(default)]
    agent: bool,
    /// An administrator's, as its operator is one. Without it a key is a member's: it sees what its operator is a member
    /// of, and its own traces.
    #[serde(default)]
    admin: bool,
}

/// A fresh key.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyCreated {
    id: Id<Key>,
    name: String,
    operator: String,
    scopes: Vec<KeyScope>,
    /// The most that whoever presents it may be.
    role: Role,
    /// Whether it is an agent's.
    agent: bool,
    /// First 16 hex digits of its SHA-256.
    fingerprint: String,
    created_at: Millis,
    expires_at: Option<Millis>,
    /// The key itself, shown this once: none when the request was made before.
    key: Option<String>,
}

impl std::fmt::Debug for KeyCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCreated").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Operation for CreateKey {
    const NAME: &'static str = "create_key";
    const NOUN: &'static str = "key";
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["key", "create"])
        .positional(&["name"])
        .table("", &["id", "name", "operator", "role", "scopes", "agent", "expires_at", "key"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "A key for one client's models, for a month",
            command: "key create laptop --expires-in 30d",
            input: r#"{"name": "laptop", "expires_in": "30d"}"#,
        },
        Example {
            title: "One for an agent, which works in your workspaces",
            command: "key create codex --agent",
            input: r#"{"name": "codex", "agent": true}"#,
        },
        Example {
            title: "One that reads what a member may",
            command: "key create report --scopes read",
            input: r#"{"name": "report", "scopes": ["read"]}"#,
        },
    ];
    type Output = KeyCreated;

    async fn run(self, cx: &Cx<'_>) -> Result<KeyCreated, Fault> {
        let name = checked_name(&self.name)?;
        if self.agent && self.admin {
            return Err(Fault::invalid("an agent's key is no administrator's")
                .param("admin")
                .hint("leave out `admin`: what an administrator must do, a person does"));
        }
        let wanted = match (self.scopes.is_empty(), self.agent || self.admin) {
            (true, false) => vec![KeyScope::Gateway],
            (true, true) => vec![KeyScope::Gateway, KeyScope::Read, KeyScope::Write],
            (false, _) => self.scopes,
        };
        let scopes = granted(wanted, cx.principal)?;
        let operator = self.operator.unwrap_or_else(|| cx.principal.operator.clone());
        let admin = self.admin;
        let key = generate(&*cx.control.ambient);
        let created_at = cx.now();
        let expires_at = self.expires_in.map(|span| created_at.plus_ms(span.ms));
        let mut record = record(cx, &key, name, operator, scopes, created_at, expires_at);
        record.agent = self.agent;
        record.role = if admin { Role::Admin } else { Role::Member };
        let (record, before) = cx
            .write_or_repeat(
                Scope::global(),
                move |tx| {
                    Box::pin(async move {
                        check_operator(tx, &record.operator, admin).await?;
                        tx.insert_key(&record).await?;
                        tx.record("key.create", described(&record)).await?;
                        Ok(record)
                    })
                },
                |tx, before| Box::pin(still_works(tx, before)),
            )
            .await?;
        Ok(KeyCreated {
            id: record.id,
            name: record.name,
            operator: record.operator,
            scopes: record.scopes,
            role: record.role,
            agent: record.agent,
            fingerprint: record.fingerprint,
            created_at: record.created_at,
            expires_at: record.expires_at,
            key: (!before).then(|| key.expose().to_owned()),
        })
    }
}

/// A key that was made before, as it is now; one that opens nothing any more is no grant.
async fn still_works(tx: &mut Tx, before: KeyRecord) -> Result<KeyRecord, Fault> {
    let key = tx.key(&before.id).await?;
    let now = tx.now();
    key.filter(|key| key.state(now) == KeyState::Active)
        .ok_or_else(|| lapsed(format!("the key `{}` that it made was revoked or expired since", before.id)))
}

/// What the store keeps of `key`.
pub(super) fn record(
    cx: &Cx<'_>,
    key: &Secret,
    name: String,
    operator: String,
    scopes: Vec<KeyScope>,
    created_at: Millis,
    expires_at: Option<Millis>,
) -> KeyRecord {
    KeyRecord {
        id: Id::mint(&*cx.control.ambient),
        name,
        // Whoever can read the key file is the administrator.
        operator: if operator == LOCAL { ADMIN.to_owned() } else { operator },
        scopes,
        role: Role::Member,
        agent: false,
        fingerprint: key.fingerprint(),
        hash: key.sha256_hex(),
        created_at,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    }
}

/// What the audit log says about a key.
pub(super) fn described(key: &KeyRecord) -> serde_json::Value {
    json!({
        "id": key.id, "name": key.name, "operator": key.operator, "scopes": key.scopes,
        "role": key.role, "agent": key.agent, "expires_at": key.expires_at,
    })
}

fn checked_name(name: &str) -> Result<String, Fault> {
    let name = name.trim();
    if brains_core::visible::is_blank(name)
        || name.chars().count() > NAME_MAX
        || name.chars().any(char::is_control)
    {
        return Err(
            Fault::invalid(format!("`name` must have 1 to {NAME_MAX} printable characters")).param("name")
        );
    }
    Ok(name.to_owned())
}

/// The wanted scopes, when the caller holds them itself: nobody hands out what they do not have.
fn granted(mut scopes: Vec<KeyScope>, principal: &Principal) -> Result<Vec<KeyScope>, Fault> {
    scopes.sort();
    scopes.dedup();
    // A key with `write` may run reading operations too.
    let holds =
        |scope: KeyScope| principal.may(scope) || (scope == KeyScope::Read && principal.may(KeyScope::Write));
    if scopes.iter().all(|scope| holds(*scope)) {
        Ok(scopes)
    } else {
        Err(Fault::forbidden("a key cannot be given a scope that yours does not have").param("scopes"))
    }
}

async fn check_operator(rows: &mut Rows, slug: &str, admin: bool) -> Result<(), Fault> {
    if slug == ADMIN {
        return Ok(());
    }
    match rows.operator(slug).await? {
        Some(operator) if admin && operator.role != Role::Admin => {
            Err(Fault::conflict(format!("the operator `{slug}` is no administrator")).param("admin"))
        }
        Some(operator) if operator.is_active() => Ok(()),
        Some(_) => Err(Fault::conflict(format!("the operator `{slug}` is revoked")).param("operator")),
        None => Err(Fault::not_found("operator", slug)
            .param("operator")
            .hint("`brains operator list` shows them")),
    }
}

/// Lists keys without the keys themselves. A member sees their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListKeys {
    /// Only those of this operator.
    operator: Option<String>,
    /// Revoked and expired ones too.
    #[serde(default)]
    all: bool,
}

/// One key, without the key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyLine {
    id: Id<Key>,
    name: String,
    /// Slug of the operator that it acts as.
    operator: String,
    scopes: Vec<KeyScope>,
    /// The most that whoever presents it may be; never more than its operator is.
    role: Role,
    /// Whether whoever presents it acts as an agent.
    agent: bool,
    state: KeyState,
    /// First 16 hex digits of its SHA-256.
    fingerprint: String,
    created_at: Millis,
    expires_at: Option<Millis>,
    revoked_at: Option<Millis>,
    /// When it was last presented, to the minute.
    last_used_at: Option<Millis>,
}

impl KeyLine {
    pub(super) fn belongs_to(&self, slug: &str) -> bool {
        self.operator == slug
    }

    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) fn of(key: KeyRecord, now: Millis) -> Self {
        let state = key.state(now);
        let KeyRecord {
            id,
            name,
            operator,
            scopes,
            role,
            agent,
            fingerprint,
            hash: _,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
        } = key;
        Self {
            id,
            name,
            operator,
            scopes,
            role,
            agent,
            state,
            fingerprint,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
        }
    }
}

/// Keys that work now, oldest first.
pub(super) async fn working(
    rows: &mut Rows,
    operator: Option<&str>,
    now: Millis,
) -> Result<Vec<KeyLine>, Fault> {
    let keys = rows.keys(operator).await?.into_iter();
    Ok(keys.filter(|key| key.state(now) == KeyState::Active).map(|key| KeyLine::of(key, now)).collect())
}

/// Keys.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyList {
    keys: Vec<KeyLine>,
}

impl Operation for ListKeys {
    const NAME: &'static str = "list_keys";
    const NOUN: &'static str = "key";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["key", "list"]).table(
        "keys",
        &["id", "name", "operator", "role", "scopes", "agent", "state", "expires_at", "last_used_at"],
    );
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Keys that work", command: "key list", input: "{}" },
        Example { title: "All there ever were", command: "key list --all", input: r#"{"all": true}"# },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people();
    type Output = KeyList;

    async fn run(self, cx: &Cx<'_>) -> Result<KeyList, Fault> {
        let operator = match visible_keys(cx.principal, self.operator) {
            VisibleKeys::Everybody => None,
            VisibleKeys::Only(slug) => Some(slug),
            VisibleKeys::Own(_) | VisibleKeys::Nobody => return Ok(KeyList { keys: Vec::new() }),
        };
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let keys = view.keys(operator.as_deref()).await?;
        let keys = keys.into_iter().filter(|key| self.all || key.state(now) == KeyState::Active);
        Ok(KeyList { keys: keys.map(|key| KeyLine::of(key, now)).collect() })
    }
}

/// Whose things a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VisibleKeys {
    Everybody,
    Only(String),
    /// What was done with this key.
    Own(Id<Key>),
    Nobody,
}

impl VisibleKeys {
    /// Whether something that `operator` did with `key` is in it.
    pub(super) fn holds(&self, operator: &str, key: Option<&Id<Key>>) -> bool {
        match self {
            Self::Everybody => true,
            Self::Only(slug) => slug == operator,
            Self::Own(own) => key == Some(own),
            Self::Nobody => false,
        }
    }
}

/// What `principal` may see, out of what it asks for. A key that is for models alone sees what was done with it.
pub(super) fn visible_keys(principal: &Principal, asked: Option<String>) -> VisibleKeys {
    if !principal.may(KeyScope::Read) && !principal.may(KeyScope::Write) {
        return match &principal.key {
            Some(key) if asked.is_none_or(|slug| slug == principal.operator) => VisibleKeys::Own(key.clone()),
            _ => VisibleKeys::Nobody,
        };
    }
    match (principal.role, asked) {
        (Role::Admin, None) => VisibleKeys::Everybody,
        (Role::Admin, Some(slug)) => VisibleKeys::Only(slug),
        (Role::Member, Some(slug)) if slug != principal.operator => VisibleKeys::Nobody,
        (Role::Member, _) => VisibleKeys::Only(principal.operator.clone()),
    }
}
