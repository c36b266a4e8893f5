//! Checkpoints: notes that a session leaves for whoever takes it up again.

use brains_core::Fault;
use brains_core::id::{Checkpoint, Id, Session};
use brains_core::plane::session::{CheckpointRecord, check_text};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::NOUN;
use crate::context::Cx;
use crate::input::page::{bad_cursor, default_limit, limit};
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Notes where your session stands, for whoever takes it up again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteCheckpoint {
    /// Where it stands.
    summary: String,
    /// What to do next.
    next_action: Option<String>,
    /// What is in the way.
    blockers: Option<String>,
    /// Where further notes lie.
    scratchpad_path: Option<String>,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// A checkpoint.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckpointAnswer {
    checkpoint: CheckpointRecord,
}

impl Operation for WriteCheckpoint {
    const NAME: &'static str = "write_checkpoint";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "checkpoint"]).positional(&["summary"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Before a pause",
        command: "session checkpoint \"tests are red in cart\" --next-action \"fix rounding\" --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"summary": "tests are red in cart", "next_action": "fix rounding", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const FORMER: &'static [&'static str] = &["checkpoint"];
    type Output = CheckpointAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<CheckpointAnswer, Fault> {
        let summary = check_text("summary", Some(&self.summary))?
            .ok_or_else(|| Fault::invalid("`summary` is empty").param("summary"))?;
        let next_action = check_text("next_action", self.next_action.as_deref())?;
        let blockers = check_text("blockers", self.blockers.as_deref())?;
        let scratchpad_path = check_text("scratchpad_path", self.scratchpad_path.as_deref())?;
        let (session, access) = cx.session_there(self.session, None).await?;
        let checkpoint = cx
            .write_as(&access, Some(session.id), move |tx, session| {
                Box::pin(async move {
                    let checkpoint = CheckpointRecord {
                        id: tx.mint(),
                        session: session.id.clone(),
                        workspace: session.workspace.clone(),
                        epoch: session.epoch,
                        summary,
                        next_action,
                        blockers,
                        scratchpad_path,
                        created_at: tx.now(),
                    };
                    tx.insert_checkpoint(&checkpoint).await?;
                    let detail = json!({
                        "checkpoint": checkpoint.id, "session": session.id,
                        "has_next_action": checkpoint.next_action.is_some(),
                        "has_blockers": checkpoint.blockers.is_some(),
                    });
                    tx.record("session.checkpoint", detail).await?;
                    Ok(checkpoint)
                })
            })
            .await?;
        Ok(CheckpointAnswer { checkpoint })
    }
}

/// Lists the checkpoints of a session, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListCheckpoints {
    /// The session's id, as `list_sessions` shows it.
    id: Id<Session>,
    /// How many at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A page of checkpoints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckpointPage {
    checkpoints: Vec<CheckpointRecord>,
    /// Where the next page begins; none when this is the last.
    next_cursor: Option<String>,
}

impl Operation for ListCheckpoints {
    const NAME: &'static str = "list_checkpoints";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "checkpoints"])
        .positional(&["id"])
        .table("checkpoints", &["created_at", "summary", "next_action", "blockers"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "How it went",
        command: "session checkpoints ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"id": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = CheckpointPage;

    async fn run(self, cx: &Cx<'_>) -> Result<CheckpointPage, Fault> {
        let limit = limit(self.limit)?;
        let before =
            self.cursor.map(|cursor| Id::<Checkpoint>::parse(&cursor).ok_or_else(bad_cursor)).transpose()?;
        let mut view = cx.control.store.read().await?;
        let (session, _) = cx.session_in_sight(&mut view, &self.id, WorkspaceRole::Reader).await?;
        let mut checkpoints =
            view.checkpoints(&session.id, before.as_ref().map(Id::as_str), limit + 1).await?;
        let next_cursor = cx.budget.cut(&mut checkpoints, limit, |checkpoint| checkpoint.id.to_string());
        Ok(CheckpointPage { checkpoints, next_cursor })
    }
}

/// Shows the newest checkpoint of a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowCheckpoint {
    /// The session's id, as `list_sessions` shows it.
    id: Id<Session>,
}

/// The newest checkpoint; none when the session wrote none.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LatestCheckpoint {
    checkpoint: Option<CheckpointRecord>,
}

impl Operation for ShowCheckpoint {
    const NAME: &'static str = "latest_checkpoint";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "latest-checkpoint"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Where it stands",
        command: "session latest-checkpoint ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"id": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = LatestCheckpoint;

    async fn run(self, cx: &Cx<'_>) -> Result<LatestCheckpoint, Fault> {
        let mut view = cx.control.store.read().await?;
        let (session, _) = cx.session_in_sight(&mut view, &self.id, WorkspaceRole::Reader).await?;
        Ok(LatestCheckpoint { checkpoint: view.checkpoints(&session.id, None, 1).await?.pop() })
    }
}
