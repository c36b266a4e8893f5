//! Keeping a session alive, ending it, and ending somebody else's.

use brains_core::id::{Id, Session};
use brains_core::plane::session::{Ending, check_lease, check_text};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use brains_store::{Holdings, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::NOUN;
use crate::context::Cx;
use crate::input::Span;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Renews a session's lease and does nothing else. Every other call as the session does so too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeartbeatSession {
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
    /// Another length of the lease from here on, e.g. `2h`.
    lease: Option<Span>,
}

/// A lease that was renewed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionRenewed {
    session_id: Id<Session>,
    lease_expires_at: Millis,
}

impl Operation for HeartbeatSession {
    const NAME: &'static str = "heartbeat_session";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Touch;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "heartbeat"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Still there, for two hours",
        command: "session heartbeat --session ses_01kax3v7yqe5nbp8w0c4mzt6rd --lease 2h",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd", "lease": "2h"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = SessionRenewed;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionRenewed, Fault> {
        let lease_ms = self.lease.map(|span| check_lease(Some(span.ms))).transpose()?;
        let (session, _) = {
            let mut view = cx.control.store.read().await?;
            cx.own_session(&mut view, self.session, WorkspaceRole::Reader).await?
        };
        let id = session.id.clone();
        let (renewed, at) = cx
            .control
            .store
            .touch(move |tx| Box::pin(async move { Ok((tx.renew_session(&id, lease_ms).await?, tx.now())) }))
            .await?;
        if !renewed {
            // It ended since it was looked up.
            let mut view = cx.control.store.read().await?;
            if let Some(session) = view.session(&session.id).await? {
                session.check_alive(at)?;
            }
        }
        let lease_expires_at = at.plus_ms(lease_ms.unwrap_or(session.lease_ms));
        Ok(SessionRenewed { session_id: session.id, lease_expires_at })
    }
}

/// Ends a session. Everything that it held is free at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndSession {
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
    /// What was done, for whoever comes next.
    #[serde(default)]
    summary: String,
}

/// A session that ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionEnded {
    ok: bool,
    session_id: Id<Session>,
    /// How many locks are free now.
    locks_released: u64,
}

impl SessionEnded {
    fn of(session_id: Id<Session>, freed: &Freed) -> Self {
        Self { ok: true, session_id, locks_released: freed.locks }
    }
}

/// What an ending freed, as it is kept for a repeated request.
#[derive(Debug, Serialize, Deserialize)]
struct Freed {
    locks: u64,
}

impl From<&Holdings> for Freed {
    fn from(holdings: &Holdings) -> Self {
        Self { locks: holdings.locks }
    }
}

impl Operation for EndSession {
    const NAME: &'static str = "end_session";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape =
        CliShape::new(&["session", "end"]).aliases(&[Alias { path: &["session-end"], hidden: true }]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Done, with a note",
        command: "session end --session ses_01kax3v7yqe5nbp8w0c4mzt6rd --summary \"cart rounds up now\"",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd", "summary": "cart rounds up now"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["summary"]).idempotent();
    type Output = SessionEnded;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionEnded, Fault> {
        let summary = check_text("summary", Some(&self.summary))?;
        let (session, access) = {
            let mut view = cx.control.store.read().await?;
            match cx.own_session(&mut view, self.session.clone(), WorkspaceRole::Reader).await {
                // A request that is made again finds its session ended, and its answer kept.
                Err(fault) if fault.code == "session_ended" && cx.once.is_some() => {
                    let Some(id) = self.session else { return Err(fault) };
                    cx.session_in_sight(&mut view, &id, WorkspaceRole::Reader).await?
                }
                found => found?,
            }
        };
        let access = access.even_archived();
        let (id, workspace) = (session.id.clone(), access.clone());
        let freed = cx
            .write_as(&access, Some(session.id.clone()), move |tx, _| {
                Box::pin(async move {
                    let freed = end(tx, &id, Ending::Ended, summary.as_deref()).await?;
                    let mut workspace = workspace.confirm(tx).await?;
                    workspace.last_touched_at = Some(tx.now());
                    workspace.last_summary = summary.or(workspace.last_summary);
                    tx.save_workspace(&workspace).await?;
                    tx.record("session.end", json!({ "session": id, "freed": freed })).await?;
                    Ok(freed)
                })
            })
            .await?;
        cx.found.forget();
        cx.control.freed.notify_waiters();
        Ok(SessionEnded::of(session.id, &freed))
    }
}

/// Ends somebody else's session: one that hangs, or whose agent went astray. What it held is free at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KillSession {
    /// The session's id, as `list_sessions` shows it.
    id: Id<Session>,
    /// Why; it stands in the audit log.
    reason: String,
}

impl Operation for KillSession {
    const NAME: &'static str = "kill_session";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "kill"])
        .positional(&["id"])
        .confirm("End the session? Everything it holds is free at once.");
    const EXAMPLES: &'static [Example] = &[Example {
        title: "One that hangs",
        command: "session kill ses_01kax3v7yqe5nbp8w0c4mzt6rd --reason \"hangs since noon\"",
        input: r#"{"id": "ses_01kax3v7yqe5nbp8w0c4mzt6rd", "reason": "hangs since noon"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people().destructive();
    type Output = SessionEnded;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionEnded, Fault> {
        let reason = check_text("reason", Some(&self.reason))?
            .ok_or_else(|| Fault::invalid("`reason` is empty").param("reason"))?;
        let (session, access) = {
            let mut view = cx.control.store.read().await?;
            // Whoever started it may end it; for others it takes authority.
            let (session, access) = cx.session_in_sight(&mut view, &self.id, WorkspaceRole::Member).await?;
            let own = session.operator == cx.principal.owner();
            let least = if own { WorkspaceRole::Member } else { WorkspaceRole::Maintainer };
            (
                session,
                cx.workspace_of(&mut view, &access.workspace.id, least, || {
                    crate::session_identity::unknown_session(&self.id)
                })
                .await?,
            )
        };
        let id = session.id.clone();
        let freed = cx
            .write_in(&access.even_archived(), None, move |tx, _| {
                Box::pin(async move {
                    let freed = end(tx, &id, Ending::Killed, None).await?;
                    tx.record("session.kill", json!({ "session": id, "reason": reason, "freed": freed }))
                        .await?;
                    Ok(freed)
                })
            })
            .await?;
        cx.found.forget();
        cx.control.freed.notify_waiters();
        Ok(SessionEnded::of(session.id, &freed))
    }
}

async fn end(tx: &mut Tx, id: &Id<Session>, ending: Ending, summary: Option<&str>) -> Result<Freed, Fault> {
    if let Some(freed) = tx.end_session(id, ending, summary).await? {
        return Ok(Freed::from(&freed));
    }
    if let Some(session) = tx.session(id).await? {
        session.check_alive(tx.now())?;
    }
    Err(crate::session_identity::unknown_session(id))
}
