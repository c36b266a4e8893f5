//! Handoffs: the one note of a workspace that says where work stopped, for whoever comes next.

use brains_core::Fault;
use brains_core::id::{Handoff, Id, Session, Workspace};
use brains_core::plane::handoff::{HandoffRecord, HandoffStatus, none_active};
use brains_core::plane::task::{check_text, check_title};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_store::{Rows, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::WorkspaceAccess;

const NOUN: &str = "handoff";

/// One handoff.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct HandoffShown {
    handoff: HandoffRecord,
}

/// How old a handoff may be.
fn stale_after_ms(cx: &Cx<'_>) -> i64 {
    i64::from(cx.control.ports.settings.active().config.handoff_stale_hours).saturating_mul(3_600_000)
}

/// The workspace of the handoff that is named, else of the one that is.
async fn workspace_access(
    cx: &Cx<'_>,
    workspace: Option<&str>,
    handoff: Option<&Id<Handoff>>,
    least: WorkspaceRole,
) -> Result<WorkspaceAccess, Fault> {
    let mut view = cx.control.store.read().await?;
    let Some(handoff) = handoff else { return cx.workspace(&mut view, workspace, least).await };
    let found = view.handoff_workspace(handoff).await?.ok_or_else(|| absent(handoff))?;
    cx.workspace_of(&mut view, &found, least, || absent(handoff)).await
}

fn absent(handoff: &Id<Handoff>) -> Fault {
    Fault::not_found("handoff", handoff).code("handoff_not_found").param("handoff")
}

async fn load(
    tx: &mut Tx,
    access: &WorkspaceAccess,
    named: Option<&Id<Handoff>>,
    stale_after_ms: i64,
) -> Result<HandoffRecord, Fault> {
    let now = tx.now();
    let rows: &mut Rows = tx;
    let found = if let Some(id) = named {
        rows.handoff(id).await?.ok_or_else(|| absent(id))?
    } else {
        let slug = &access.workspace.slug;
        rows.active_handoff(&access.workspace.id).await?.ok_or_else(|| none_active(slug))?
    };
    Ok(found.aged(now, stale_after_ms))
}

/// The handoff that waits to be picked up in a workspace.
pub(super) async fn pending(
    rows: &mut Rows,
    cx: &Cx<'_>,
    workspace: &Id<Workspace>,
) -> Result<Option<HandoffRecord>, Fault> {
    let found =
        rows.active_handoff(workspace).await?.map(|handoff| handoff.aged(cx.now(), stale_after_ms(cx)));
    Ok(found.filter(|handoff| handoff.status == HandoffStatus::Active))
}

/// Leaves the note of where you stopped. It replaces the one that nobody picked up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetHandoff {
    /// One line that says where things stand.
    title: String,
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// What is done, what is next, what to look out for.
    #[serde(default)]
    body: String,
    /// The session that leaves it.
    session: Option<Id<Session>>,
}

/// A fresh handoff.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct HandoffSet {
    handoff: HandoffRecord,
    /// The one that waited before and does not any more.
    replaced: Option<Id<Handoff>>,
}

impl Operation for SetHandoff {
    const NAME: &'static str = "set_handoff";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["handoff", "set"]).positional(&["title"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Stop for today",
        command: "handoff set \"Parser done, printer half way\" --body \"Next: floats\"",
        input: r#"{"title": "Parser done, printer half way", "body": "Next: floats"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["body"]);
    type Output = HandoffSet;

    async fn run(self, cx: &Cx<'_>) -> Result<HandoffSet, Fault> {
        let (title, body) = (check_title("title", &self.title)?, check_text("body", self.body)?);
        let access = workspace_access(cx, self.workspace.as_deref(), None, WorkspaceRole::Member).await?;
        let (workspace, slug) = (access.workspace.id.clone(), access.workspace.slug.clone());
        let stale_after_ms = stale_after_ms(cx);
        cx.write_in(&access, self.session, move |tx, _| {
            Box::pin(async move {
                let mut replaced = None;
                if let Some(before) = tx.active_handoff(&workspace).await? {
                    let mut before = before.aged(tx.now(), stale_after_ms);
                    // What was stale already stays known as that.
                    let end = match before.status {
                        HandoffStatus::Stale => HandoffStatus::Stale,
                        HandoffStatus::Active | HandoffStatus::PickedUp | HandoffStatus::Cleared => {
                            HandoffStatus::Cleared
                        }
                    };
                    tx.end_handoff(&mut before, end, Some("replaced".into())).await?;
                    replaced = Some(before.id);
                }
                let handoff = tx.insert_handoff(&workspace, &slug, &title, &body).await?;
                let detail = json!({ "handoff": handoff.id, "title": handoff.title, "replaced": replaced });
                tx.record("handoff.set", detail).await?;
                Ok(HandoffSet { handoff, replaced })
            })
        })
        .await
    }
}

/// Picks up the handoff of a workspace. One picker gets it, whoever else asks at the same time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PickHandoff {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// This one, also when it is stale.
    handoff: Option<Id<Handoff>>,
    /// The session that picks it up.
    session: Option<Id<Session>>,
}

impl Operation for PickHandoff {
    const NAME: &'static str = "pick_handoff";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["handoff", "pick"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Go on where somebody stopped", command: "handoff pick", input: "{}" }];
    type Output = HandoffShown;

    async fn run(self, cx: &Cx<'_>) -> Result<HandoffShown, Fault> {
        let access =
            workspace_access(cx, self.workspace.as_deref(), self.handoff.as_ref(), WorkspaceRole::Member)
                .await?;
        let (named, inside, stale_after_ms) = (self.handoff, access.clone(), stale_after_ms(cx));
        cx.write_in(&access, self.session, move |tx, _| {
            Box::pin(async move {
                let mut handoff = load(tx, &inside, named.as_ref(), stale_after_ms).await?;
                handoff.may_pick(named.is_some())?;
                if !tx.pick_handoff(&mut handoff).await? {
                    return Err(none_active(&inside.workspace.slug));
                }
                tx.record("handoff.pick", json!({ "handoff": handoff.id, "title": handoff.title })).await?;
                Ok(HandoffShown { handoff })
            })
        })
        .await
    }
}

/// Takes back the handoff that waits to be picked up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearHandoff {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// This one only.
    handoff: Option<Id<Handoff>>,
    /// Why.
    reason: Option<String>,
    /// The session that takes it back.
    session: Option<Id<Session>>,
}

impl Operation for ClearHandoff {
    const NAME: &'static str = "clear_handoff";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["handoff", "clear"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "It is out of date",
        command: "handoff clear --reason \"done meanwhile\"",
        input: r#"{"reason": "done meanwhile"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).destructive();
    type Output = HandoffShown;

    async fn run(self, cx: &Cx<'_>) -> Result<HandoffShown, Fault> {
        let reason = self.reason.map(|reason| check_text("reason", reason)).transpose()?;
        let access =
            workspace_access(cx, self.workspace.as_deref(), self.handoff.as_ref(), WorkspaceRole::Member)
                .await?;
        let (named, inside, stale_after_ms) = (self.handoff, access.clone(), stale_after_ms(cx));
        cx.write_in(&access, self.session, move |tx, _| {
            Box::pin(async move {
                let mut handoff = load(tx, &inside, named.as_ref(), stale_after_ms).await?;
                handoff.may_pick(named.is_some())?;
                tx.end_handoff(&mut handoff, HandoffStatus::Cleared, reason.clone()).await?;
                tx.record("handoff.clear", json!({ "handoff": handoff.id, "reason": reason })).await?;
                Ok(HandoffShown { handoff })
            })
        })
        .await
    }
}

/// Lists the handoffs of a workspace, newest first. Looking at one neither picks it up nor ages it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListHandoffs {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// Those that do not wait any more, too.
    #[serde(default)]
    all: bool,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this handoff: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of handoffs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HandoffPage {
    handoffs: Vec<HandoffRecord>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListHandoffs {
    const NAME: &'static str = "list_handoffs";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["handoff", "list"])
        .table("handoffs", &["id", "status", "title", "set_by", "set_by_agent", "set_at"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "What waits to be picked up", command: "handoff list", input: "{}" },
        Example { title: "And what was before", command: "handoff list --all", input: r#"{"all": true}"# },
    ];
    type Output = HandoffPage;

    async fn run(self, cx: &Cx<'_>) -> Result<HandoffPage, Fault> {
        let limit = page::limit(self.limit)?;
        let before = self
            .cursor
            .as_deref()
            .map(|cursor| Id::parse(cursor).ok_or_else(page::bad_cursor))
            .transpose()?;
        let (now, stale_after_ms) = (cx.now(), stale_after_ms(cx));
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        let found = if self.all {
            view.handoffs(&access.workspace.id, before.as_ref(), limit + 1).await?
        } else {
            view.active_handoff(&access.workspace.id).await?.into_iter().collect()
        };
        let mut handoffs: Vec<HandoffRecord> = found
            .into_iter()
            .map(|handoff| handoff.aged(now, stale_after_ms))
            .filter(|handoff| self.all || handoff.status == HandoffStatus::Active)
            .collect();
        let next_cursor =
            cx.budget.cut(&mut handoffs, limit, |handoff: &HandoffRecord| handoff.id.to_string());
        Ok(HandoffPage { handoffs, next_cursor })
    }
}
