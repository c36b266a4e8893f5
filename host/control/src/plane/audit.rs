//! The audit log: who changed what, and whether anybody touched the log itself.

use brains_core::Fault;
use brains_core::Millis;
use brains_core::principal::Role;
use brains_store::{Reason, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Cx;
use crate::operation::{Alias, CliShape, Example, Kind, Operation};
use crate::plane::page;

/// Lists audit entries, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListAudit {
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this position: `next_cursor` of the page before.
    cursor: Option<String>,
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
    /// What was done.
    action: String,
    detail: Value,
    hash: String,
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
    const KIND: Kind = Kind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["audit", "list"])
        .aliases(&[Alias { path: &["audit-list"], hidden: true }])
        .table("entries", &["seq", "at", "operator", "action", "detail"]);
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
        let mut entries = view.audit_entries(&Scope::global(), before, limit + 1).await?;
        let next_cursor = page::cut(&mut entries, limit, |entry| entry.seq.to_string());
        let entries = entries
            .into_iter()
            .map(|entry| AuditLine {
                id: entry.id,
                seq: entry.seq,
                at: entry.at,
                operator: entry.operator,
                key: entry.key,
                action: entry.action,
                // What cannot be read as JSON was changed from outside: shown as it stands.
                detail: serde_json::from_str(&entry.detail).unwrap_or(Value::String(entry.detail)),
                hash: entry.hash,
            })
            .collect();
        Ok(AuditPage { entries, next_cursor })
    }
}

/// Checks every chain of the audit log from its first entry to its head.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyAudit {}

/// What the check of one chain found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChainVerified {
    scope: String,
    /// Entries that are sound, counted from the first.
    entries: i64,
    /// Position of the first entry that is not.
    broken_at: Option<i64>,
    /// What is wrong there.
    reason: Option<String>,
}

/// What the check of the audit log found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditVerified {
    /// Whether every chain is sound.
    ok: bool,
    chains: Vec<ChainVerified>,
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Missing => "an entry before this one was deleted or moved",
        Reason::Unlinked => "the entry does not follow from the one before it",
        Reason::Edited => "the entry was changed",
        Reason::Head => "the end was cut off, or the head was changed",
    }
}

impl Operation for VerifyAudit {
    const NAME: &'static str = "verify_audit";
    const NOUN: &'static str = "audit";
    const KIND: Kind = Kind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["audit", "verify"])
        .aliases(&[Alias { path: &["audit-verify"], hidden: true }])
        .table("chains", &["scope", "entries", "broken_at", "reason"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Verify the log", command: "audit verify", input: "{}" }];
    const FORMER: &'static [&'static str] = &["audit_verify"];
    type Output = AuditVerified;

    async fn run(self, cx: &Cx<'_>) -> Result<AuditVerified, Fault> {
        let mut view = cx.control.store.read().await?;
        let mut chains = Vec::new();
        for scope in view.audit_scopes().await? {
            let found = view.verify_audit(&scope).await?;
            chains.push(ChainVerified {
                scope: found.scope,
                entries: found.entries,
                broken_at: found.broken.as_ref().map(|broken| broken.seq),
                reason: found.broken.map(|broken| reason(broken.reason).to_owned()),
            });
        }
        Ok(AuditVerified { ok: chains.iter().all(|chain| chain.broken_at.is_none()), chains })
    }
}
