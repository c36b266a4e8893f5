//! Taking a session up again: the same id, a new epoch, and everything it left.

use brains_core::Fault;
use brains_core::id::{Id, Session};
use brains_core::plane::lock::LockRecord;
use brains_core::plane::session::{
    CheckpointRecord, Ending, LinkRecord, SessionRecord, check_lease, foreign, missing, token,
};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::again::still_own;
use super::link::without_own_connections;
use super::start::{SessionStarted, key, links, take_up};
use super::welcome::Welcome;
use super::{NOUN, process};
use crate::context::Cx;
use crate::input::Span;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::workspace_access::check_fence;

/// Takes a session up again under its id, after a pause, an end or a crash. One that lives is taken up by whoever can
/// show that it is theirs; one that is over by anybody who works for the same operator. Its old token is void. With the
/// `fence` of a lock it is taken up only if the session still holds that lock.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResumeSession {
    /// The session to take up; left out, the one whose `session_token` this call carries.
    session: Option<Id<Session>>,
    /// What kind of native id follows: the program's name.
    tool: Option<String>,
    /// The id that the program itself has for this session, if any.
    tool_session_id: Option<String>,
    /// How long it lives without a call; as before when nothing is said.
    lease: Option<Span>,
    /// Id of a process of the service's user on its machine: when that is gone, the session ends within seconds. One that
    /// is not there changes nothing.
    pid: Option<u32>,
}

/// A session that lives again.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionResumed {
    #[serde(flatten)]
    started: SessionStarted,
    last_checkpoint: Option<CheckpointRecord>,
    checkpoints_total: u64,
    /// What it holds.
    locks: Vec<LockRecord>,
    /// What it is known by.
    tool_session_links: Vec<LinkRecord>,
}

impl std::fmt::Debug for SessionResumed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.started.fmt(f)
    }
}

impl Operation for ResumeSession {
    const NAME: &'static str = "resume_session";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "resume"])
        .positional(&["session"])
        .table("", &["session_id", "workspace", "operator", "session.epoch", "session_token"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "After a crash",
        command: "session resume ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const FORMER: &'static [&'static str] = &["resume_brain_session"];
    const MAKES_SESSION: bool = true;
    type Output = SessionResumed;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionResumed, Fault> {
        let lease = self.lease.map(|span| check_lease(Some(span.ms))).transpose()?;
        let (process, key) = (process(cx, self.pid), key(cx).await?);
        let (session, access) = {
            let mut view = cx.control.store.read().await?;
            let named = match self.session {
                Some(session) => Some(session),
                None => cx.session_identity(None).proven(&mut view, cx.now()).await?,
            };
            let session = named.ok_or_else(missing)?;
            cx.session_in_sight(&mut view, &session, WorkspaceRole::Member).await?
        };
        let links = links(cx, self.tool.as_deref().unwrap_or(&session.tool), self.tool_session_id)?;
        let secret = token(&*cx.control.ambient);
        let hash = secret.sha256_hex();
        // Only who may act is looked at here: the session may well be over.
        let fence = cx.fence;
        let (identity, owner) =
            (cx.session_identity(Some(session.id.clone())), cx.principal.owner().to_owned());
        let (asks, shown) = (identity.clone(), links.clone());
        let (id, entered, now_hash) = (session.id.clone(), access.clone(), hash.clone());
        let (session, before) = cx
            .write_or_repeat(
                access.scope(),
                move |tx| {
                    Box::pin(async move {
                        entered.confirm(tx).await?;
                        tx.reap(&entered.workspace.id).await?;
                        let now = tx.now();
                        let session = tx
                            .session(&id)
                            .await?
                            .ok_or_else(|| crate::session_identity::unknown_session(&id))?;
                        let over = !session.lives(now) && session.operator == owner;
                        if !over && !identity.is(tx, &session).await? {
                            return Err(foreign(&id));
                        }
                        if session.ending == Some(Ending::Killed) && !identity.is(tx, &session).await? {
                            return Err(foreign(&id));
                        }
                        if let Some(fence) = fence {
                            check_fence(tx, &entered.workspace.id, Some(&session), fence).await?;
                        }
                        take_up(tx, &session, &now_hash, lease, process.as_ref(), key.as_ref(), links).await
                    })
                },
                move |tx, before: SessionRecord| {
                    Box::pin(async move { still_own(tx, &asks, &shown, &before.id).await })
                },
            )
            .await?;
        cx.found.forget();
        if before {
            let id = session.id.clone();
            cx.control
                .store
                .touch(move |tx| Box::pin(async move { Ok(tx.replace_token(&id, &hash).await?) }))
                .await?;
        }
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let id = session.id.clone();
        let welcome = Welcome::of(&mut view, &session, now).await?;
        let welcome = welcome.with_siblings(&mut view, cx, &access.workspace).await?;
        let welcome = welcome.with_handoff(&mut view, cx, &session.workspace).await?;
        let last_checkpoint = view.checkpoints(&id, None, 1).await?.pop();
        let checkpoints_total = view.checkpoint_count(&id).await?;
        let locks = view.locks_of(&id, now).await?;
        let tool_session_links = without_own_connections(view.session_links(&id).await?);
        drop(view);
        let (welcome, branch) = (welcome.with_branches(cx).await, cx.branch(&access.workspace.path).await);
        Ok(SessionResumed {
            last_checkpoint,
            checkpoints_total,
            locks,
            tool_session_links,
            started: SessionStarted::of(session, &secret, &access, welcome, now, branch),
        })
    }
}
