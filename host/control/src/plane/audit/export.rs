//! The audit log as lines that a third party can check without any secret: entries, seals, hand-overs.

use brains_core::Fault;
use brains_core::plane::audit::{Entry, Seal};
use brains_core::principal::Role;
use brains_store::{Rows, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::known_scope;
use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};

/// Layout of the lines.
const LAYOUT: u32 = 1;

/// Writes the audit log out as JSON lines: hand-overs of the sealing key, then each chain's entries with the seals
/// that were kept, then its signed head. Whoever has them can check them with the public key alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportAudit {
    /// Only this scope: `global`, or `workspace:` and a workspace's id.
    scope: Option<String>,
    /// Only the signed heads: small, and enough to find out later whether the log was rolled back.
    #[serde(default)]
    heads_only: bool,
    /// How many entries at most.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this position: `next_cursor` of the page before.
    cursor: Option<String>,
}

fn most() -> u32 {
    1_000
}

/// A page of lines.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditLines {
    /// Each is one line; a member `type` says which kind.
    lines: Vec<Map<String, Value>>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

fn typed(kind: &str, value: Value) -> Map<String, Value> {
    let mut line = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    if let Value::Object(members) = value {
        line.extend(members);
    }
    line
}

fn seal_line(seal: &Seal) -> Map<String, Value> {
    typed("seal", serde_json::to_value(seal).unwrap_or_default())
}

fn entry_line(entry: &Entry) -> Map<String, Value> {
    typed("entry", Value::Object(entry.columns()))
}

impl Operation for ExportAudit {
    const NAME: &'static str = "export_audit";
    const NOUN: &'static str = "audit";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["audit", "export"]).lines("lines");
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Everything, as JSON lines", command: "audit export", input: "{}" },
        Example {
            title: "Where the chains stand, to be kept elsewhere",
            command: "audit export --heads-only",
            input: r#"{"heads_only": true}"#,
        },
    ];
    type Output = AuditLines;

    async fn run(self, cx: &Cx<'_>) -> Result<AuditLines, Fault> {
        let limit = page::limit(self.limit)?;
        let mut view = cx.control.store.read().await?;
        let mut scopes = view.audit_scopes().await?;
        if let Some(name) = &self.scope {
            scopes = vec![known_scope(&scopes, name)?];
        }
        let mut lines = Vec::new();
        let (mut scope, mut after) = if let Some(cursor) = &self.cursor {
            read_cursor(cursor)?
        } else {
            lines.extend(opening(cx, &mut view).await?);
            (scopes.first().cloned().unwrap_or_else(Scope::global), 0)
        };
        if self.heads_only {
            for scope in &scopes {
                lines.extend(head(&mut view, scope).await?);
            }
            return Ok(AuditLines { lines, next_cursor: None });
        }
        loop {
            let entries = view.audit_entries_after(&scope, after, limit).await?;
            if let Some(last) = entries.last() {
                let seals = view.audit_seals(&scope, after, limit).await?;
                let mut seals = seals.iter().filter(|seal| seal.seq <= last.seq).peekable();
                for entry in &entries {
                    lines.push(entry_line(entry));
                    while let Some(seal) = seals.next_if(|seal| seal.seq <= entry.seq) {
                        lines.push(seal_line(seal));
                    }
                }
                return Ok(AuditLines {
                    lines,
                    next_cursor: Some(format!("{}#{}", scope.as_str(), last.seq)),
                });
            }
            lines.extend(head(&mut view, &scope).await?);
            let Some(next) = scopes.iter().find(|next| **next > scope) else {
                return Ok(AuditLines { lines, next_cursor: None });
            };
            (scope, after) = (next.clone(), 0);
        }
    }
}

/// What stands before everything: what this is, and how trust in one key reaches the others.
async fn opening(cx: &Cx<'_>, view: &mut Rows) -> Result<Vec<Map<String, Value>>, Fault> {
    let about = json!({
        "layout": LAYOUT, "at": cx.now().0, "key": cx.control.store.sealing_key().public(),
    });
    let mut lines = vec![typed("export", about)];
    for hand_over in view.hand_overs().await? {
        lines.push(typed("hand_over", serde_json::to_value(hand_over).unwrap_or_default()));
    }
    Ok(lines)
}

/// The signed head of a chain.
async fn head(view: &mut Rows, scope: &Scope) -> Result<Option<Map<String, Value>>, Fault> {
    let head = view.audit_head(scope).await?;
    Ok(head.and_then(|head| head.seal).map(|seal| seal_line(&seal)))
}

fn read_cursor(cursor: &str) -> Result<(Scope, i64), Fault> {
    let (scope, seq) = cursor.rsplit_once('#').ok_or_else(page::bad_cursor)?;
    Ok((Scope::named(scope), seq.parse().map_err(|_| page::bad_cursor())?))
}
