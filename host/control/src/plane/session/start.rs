//! The start of a session. In a directory with a project marker it registers the workspace (contract 5.6).

use brains_core::caller::NativeId;
use brains_core::id::{Id, Session};
use brains_core::plane::session::{
    CONNECTION, LinkRecord, LinkedBy, Process, SessionKey, SessionRecord, check_lease, check_tool, token,
};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_core::{Fault, FaultKind, Millis, Secret};
use brains_store::{Scope, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::again::still_own;
use super::welcome::Welcome;
use super::{NOUN, SessionLine, process};
use crate::context::Cx;
use crate::input::Span;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::plane::workspace::{Fresh, Wish, refuse_moved};
use crate::tool::ToolShape;
use crate::workspace_access::WorkspaceAccess;

/// The tool of a session whose program says no name.
const UNNAMED: &str = "agent";
/// Longest native id.
const NATIVE_MAX: usize = 256;

/// Starts a session: the thread under which you claim, lock, write and are seen by others. The answer holds a token, this
/// once; a connection that started a session needs none. A native id of one that lives takes that one up again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartSession {
    /// Slug, id, or a path in it; else where you are. A directory with a project is registered.
    workspace: Option<String>,
    /// The program that you are; else what your client calls itself.
    tool: Option<String>,
    /// The id that the program itself has for this session, if any: it is recognised by it later.
    tool_session_id: Option<String>,
    /// How long it lives without a call, e.g. `30m`; every call renews it.
    lease: Option<Span>,
    /// Id of a process of the service's user on its machine: when that is gone, the session ends within seconds. One that
    /// is not there changes nothing.
    pid: Option<u32>,
}

/// A fresh session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionStarted {
    session_id: Id<Session>,
    /// Shown this once: proves that you are this session, as `session_token` or in the header
    /// `x-brains-session-token`.
    session_token: String,
    /// Slug of the workspace.
    workspace: String,
    /// Slug of the operator that it works for.
    operator: String,
    session: SessionLine,
    welcome: Welcome,
}

impl std::fmt::Debug for SessionStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionStarted").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

impl SessionStarted {
    pub(super) fn of(
        session: SessionRecord,
        token: &Secret,
        access: &WorkspaceAccess,
        welcome: Welcome,
        now: Millis,
        branch: Option<String>,
    ) -> Self {
        let (session_id, operator) = (session.id.clone(), session.operator.clone());
        let mut line = SessionLine::of(session, &access.workspace, now);
        line.branch = branch;
        Self {
            session_id,
            session_token: token.expose().to_owned(),
            workspace: access.workspace.slug.clone(),
            operator,
            session: line,
            welcome,
        }
    }
}

impl Operation for StartSession {
    const NAME: &'static str = "start_session";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "start"])
        .aliases(&[Alias { path: &["session-start"], hidden: true }])
        .table("", &["session_id", "workspace", "operator", "session.tool", "session_token"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "In a directory",
            command: "session start --workspace /home/ada/shop --tool my-agent",
            input: r#"{"workspace": "/home/ada/shop", "tool": "my-agent"}"#,
        },
        Example {
            title: "With a longer lease",
            command: "session start --workspace shop --lease 2h",
            input: r#"{"workspace": "shop", "lease": "2h"}"#,
        },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).core(&["workspace", "tool"]);
    const MAKES_SESSION: bool = true;
    type Output = SessionStarted;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionStarted, Fault> {
        let tool = tool(self.tool.as_deref(), cx.caller.client.as_deref())?;
        let asked_ms = self.lease.map(|span| check_lease(Some(span.ms))).transpose()?;
        let lease_ms = check_lease(asked_ms)?;
        let process = process(cx, self.pid);
        let links = links(cx, &tool, self.tool_session_id)?;
        let access = find_or_register(cx, self.workspace.as_deref()).await?;
        let ambient = &*cx.control.ambient;
        let secret = token(ambient);
        let now = cx.now();
        let session = SessionRecord {
            id: Id::mint(ambient),
            workspace: access.workspace.id.clone(),
            operator: cx.principal.owner().to_owned(),
            tool,
            agent: cx.is_agent(),
            epoch: 1,
            token_hash: secret.sha256_hex(),
            lease_ms,
            lease_until: now.plus_ms(lease_ms),
            started_at: now,
            last_seen_at: now,
            ended_at: None,
            ending: None,
            summary: None,
            process,
            key: key(cx).await?,
        };
        let tree = cx.tree_of(&access.workspace);
        let (entered, identity, shown) = (access.clone(), cx.session_identity(None), links.clone());
        let (session, before) = cx
            .write_or_repeat(
                access.scope(),
                move |tx| {
                    Box::pin(async move {
                        entered.confirm(tx).await?;
                        if let Some(tree) = &tree {
                            tx.note_tree(&entered.workspace.id, tree).await?;
                        }
                        tx.reap(&entered.workspace.id).await?;
                        if let Some(own) = before_reconnecting(tx, &session, &links).await? {
                            let (hash, process) = (&session.token_hash, session.process.as_ref());
                            return take_up(tx, &own, hash, asked_ms, process, session.key.as_ref(), links)
                                .await;
                        }
                        let session = SessionRecord { id: tx.mint(), ..session };
                        tx.insert_session(&session).await?;
                        tx.deliver_standing(&session.workspace, &session.id).await?;
                        link_all(tx, &session.id, links).await?;
                        tx.act_as(&session);
                        let now = tx.now();
                        let welcome = Welcome::of(tx, &session, now).await?;
                        let detail = json!({
                            "session": session.id, "tool": session.tool, "agent": session.agent,
                            "welcome": welcome.counts(),
                        });
                        tx.record("session.start", detail).await?;
                        Ok(session)
                    })
                },
                move |tx, before: SessionRecord| {
                    Box::pin(async move { still_own(tx, &identity, &shown, &before.id).await })
                },
            )
            .await?;
        cx.found.forget();
        if before {
            // The token of the first answer was told once; this caller showed that it is the same one and gets another.
            let (id, hash) = (session.id.clone(), secret.sha256_hex());
            cx.control
                .store
                .touch(move |tx| Box::pin(async move { Ok(tx.replace_token(&id, &hash).await?) }))
                .await?;
        }
        let welcome = {
            let mut view = cx.control.store.read().await?;
            let welcome = Welcome::of(&mut view, &session, cx.now()).await?;
            let welcome = welcome.with_siblings(&mut view, cx, &access.workspace).await?;
            welcome.with_handoff(&mut view, cx, &session.workspace).await?
        };
        let (welcome, branch) = (welcome.with_branches(cx).await, cx.branch(&access.workspace.path).await);
        Ok(SessionStarted::of(session, &secret, &access, welcome, cx.now(), branch))
    }
}

/// Gives a session to whoever shows these ids, with a fresh token; its old token and its connections are void.
pub(super) async fn take_up(
    tx: &mut Tx,
    before: &SessionRecord,
    token_hash: &str,
    lease_ms: Option<i64>,
    process: Option<&Process>,
    key: Option<&SessionKey>,
    links: Vec<NativeId>,
) -> Result<SessionRecord, Fault> {
    let id = &before.id;
    tx.unlink_session(id, CONNECTION).await?;
    tx.resume_session(id, token_hash, lease_ms.unwrap_or(before.lease_ms), process, key).await?;
    link_all(tx, id, links).await?;
    // What was said to everybody while it was away.
    tx.deliver_standing(&before.workspace, id).await?;
    let session = tx.session(id).await?.ok_or_else(|| crate::session_identity::unknown_session(id))?;
    tx.act_as(&session);
    tx.record("session.resume", json!({ "session": id, "epoch": session.epoch })).await?;
    Ok(session)
}

/// The session that the program behind these ids had before it connected again, when that lives: its native id says so,
/// and its connection is another one now.
async fn before_reconnecting(
    tx: &mut Tx,
    fresh: &SessionRecord,
    links: &[NativeId],
) -> Result<Option<SessionRecord>, Fault> {
    let now = tx.now();
    let connection = links.iter().find(|link| link.kind == CONNECTION);
    for link in links.iter().filter(|link| link.kind != CONNECTION) {
        let found = tx.session_by_link(&link.kind, &link.value, &fresh.operator).await?;
        let Some(found) = found.filter(|found| found.lives(now) && found.workspace == fresh.workspace) else {
            continue;
        };
        if let Some(connection) = connection
            && tx.is_linked(&found.id, CONNECTION, &connection.value).await?
        {
            continue;
        }
        return Ok(Some(found));
    }
    Ok(None)
}

/// The name of the program: as it was said, else as the client calls itself, as far as that is a name.
fn tool(said: Option<&str>, client: Option<&str>) -> Result<String, Fault> {
    match said {
        Some(said) => check_tool(said),
        None => Ok(client.and_then(|client| check_tool(client).ok()).unwrap_or_else(|| UNNAMED.to_owned())),
    }
}

/// The key that the caller works with.
pub(super) async fn key(cx: &Cx<'_>) -> Result<Option<SessionKey>, Fault> {
    let Some(id) = &cx.principal.key else { return Ok(None) };
    let found = cx.control.store.look().await?.key(id).await?;
    Ok(found.map(|key| SessionKey { id: key.id, name: key.name }))
}

/// The workspace that is meant; a directory with a project in it is registered when it is not yet.
async fn find_or_register(cx: &Cx<'_>, reference: Option<&str>) -> Result<WorkspaceAccess, Fault> {
    let found = {
        let mut view = cx.control.store.read().await?;
        cx.workspace(&mut view, reference, WorkspaceRole::Member).await
    };
    let absent = match found {
        Err(fault) if fault.kind == FaultKind::NotFound => fault,
        found => return found,
    };
    let path = match reference {
        Some(reference) => cx.directory(reference)?,
        None => cx.caller.directory.clone(),
    };
    let Some(path) = path else { return Err(absent) };
    let shown = path.display().to_string();
    let location = cx.control.ports.directories.locate(path).await?;
    let known = location.exists && location.marked;
    refuse_moved(cx, &location).await?;
    let fresh = Fresh::of(cx, location, &Wish::default(), shown)?;
    // Whatever is in the way, it is told as what is not there.
    if !known || fresh.look(&mut *cx.control.store.read().await?).await.is_err() {
        return Err(absent);
    }
    let (workspace, ..) = cx
        .control
        .store
        .write(Scope::global(), cx.actor(), move |tx| Box::pin(async move { fresh.insert(tx).await }))
        .await?;
    let mut view = cx.control.store.read().await?;
    cx.workspace_of(&mut view, &workspace.id, WorkspaceRole::Member, || absent.clone()).await
}

/// What the session is to be known by: the connection, the native ids that the client sent, the one in the input.
pub(super) fn links(
    cx: &Cx<'_>,
    tool: &str,
    tool_session_id: Option<String>,
) -> Result<Vec<NativeId>, Fault> {
    let mut links = cx.caller.native.clone();
    links.extend(tool_session_id.map(|value| NativeId { kind: tool.to_owned(), value }));
    for link in &links {
        check_native(link)?;
    }
    if let Some(connection) = &cx.caller.connection {
        links.push(NativeId { kind: CONNECTION.into(), value: connection.clone() });
    }
    Ok(links)
}

pub(super) fn check_native(link: &NativeId) -> Result<(), Fault> {
    let sound = |text: &str| {
        !brains_core::visible::is_blank(text)
            && text.chars().count() <= NATIVE_MAX
            && !text.chars().any(char::is_control)
    };
    if sound(&link.kind) && sound(&link.value) && link.kind != CONNECTION {
        return Ok(());
    }
    Err(Fault::invalid(format!("a native session id must have 1 to {NATIVE_MAX} printable characters"))
        .param("tool_session_id"))
}

pub(super) async fn link_all(tx: &mut Tx, session: &Id<Session>, links: Vec<NativeId>) -> Result<(), Fault> {
    let linked_at = tx.now();
    for NativeId { kind, value } in links {
        let link = LinkRecord { session: session.clone(), kind, value, linked_at, linked_by: LinkedBy::Auto };
        tx.link_session(&link).await?;
    }
    Ok(())
}
