//! The audit log: who changed what, whether anybody touched the log itself, and a copy that others can check.

mod export;
mod verify;

use brains_core::Fault;
use brains_core::Millis;
use brains_core::plane::audit::Entry;
use brains_core::principal::Role;
use brains_store::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Cx;
use crate::input::page;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};

pub(crate) use export::ExportAudit;
pub(crate) use verify::{RotateAuditKey, VerifyAudit};

/// Lists audit entries of one scope, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListAudit {
    /// The scope: `global`, or `workspace:` and a workspace's id.
    #[serde(default = "global")]
    scope: String,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this position: `next_cursor` of the page before.
    cursor: Option<String>,
}

fn global() -> String {
    "global".into()
}

/// One entry of the audit log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditLine {
    id: String,
    /// Position in the chain, from 1.
    seq: i64,
    at: Millis,
    /// Slug of the operator.
    operator: String,
    /// The key that was presented.
    key: Option<String>,
    /// The session that did it, when one did.
    session: Option<String>,
    /// Through which door it came: `cli`, `http` or `mcp`.
    surface: Option<String>,
    /// Whether an agent did it, rather than a person or the program.
    agent: bool,
    /// What was done.
    action: String,
    detail: Value,
    hash: String,
}

impl From<Entry> for AuditLine {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            seq: entry.seq,
            at: entry.at,
            operator: entry.operator,
            key: entry.key,
            session: entry.session,
            surface: entry.surface,
            agent: entry.agent,
            action: entry.action,
            // What cannot be read as JSON was changed from outside: shown as it stands.
            detail: serde_json::from_str(&entry.detail).unwrap_or(Value::String(entry.detail)),
            hash: entry.hash,
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditPage {
    entries: Vec<AuditLine>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListAudit {
    const NAME: &'static str = "list_audit";
    const NOUN: &'static str = "audit";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["audit", "list"])
        .aliases(&[Alias { path: &["audit-list"], hidden: true }])
        .table("entries", &["seq", "at", "action", "operator", "agent", "session", "detail"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "The last ten", command: "audit list --limit 10", input: r#"{"limit": 10}"# }];
    const FORMER: &'static [&'static str] = &["audit_list"];
    type Output = AuditPage;

    async fn run(self, cx: &Cx<'_>) -> Result<AuditPage, Fault> {
        let limit = page::limit(self.limit)?;
        let before = match &self.cursor {
            Some(cursor) => Some(cursor.parse::<i64>().map_err(|_| page::bad_cursor())?),
            None => None,
        };
        let mut view = cx.control.store.read().await?;
        let scope = known_scope(&view.audit_scopes().await?, &self.scope)?;
        let found = view.audit_entries(&scope, before, limit + 1).await?;
        let mut entries: Vec<AuditLine> = found.into_iter().map(AuditLine::from).collect();
        let next_cursor = cx.budget.cut(&mut entries, limit, |entry| entry.seq.to_string());
        Ok(AuditPage { entries, next_cursor })
    }
}

/// The scope of this name. The scope of all is known even while nothing was written.
fn known_scope(scopes: &[Scope], name: &str) -> Result<Scope, Fault> {
    let found = scopes.iter().find(|scope| scope.as_str() == name).cloned();
    let found = found.or_else(|| (name == Scope::global().as_str()).then(Scope::global));
    found.ok_or_else(|| {
        Fault::not_found("audit scope", name.chars().take(128).collect::<String>())
            .param("scope")
            .hint("`brains audit verify` lists the scopes")
    })
}
