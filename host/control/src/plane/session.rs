//! Sessions: started, kept alive, ended, taken up again; who is there, and what they were offered.

mod activity;
mod adoption;
mod again;
mod checkpoint;
mod life;
mod link;
mod list;
mod presence;
mod resume;
mod start;
mod welcome;

use std::collections::BTreeMap;

use brains_core::caller::CallSurface;
use brains_core::id::{Id, Session};
use brains_core::plane::session::{CONNECTION, Ending, Process, SessionRecord, SessionState};
use brains_core::plane::workspace::{Visibility, WorkspaceRecord};
use brains_core::principal::{ADMIN, Role};
use brains_core::{Caller, Fault, Millis, Principal};
use brains_store::{Scope, Scopes, Tx};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::context::{ControlPlane, Cx};
use crate::operation::Operation as _;

pub(crate) use activity::ListActivity;
pub(crate) use adoption::AdoptionReport;
pub(crate) use checkpoint::{ListCheckpoints, ShowCheckpoint, WriteCheckpoint};
pub(crate) use life::{EndSession, HeartbeatSession, KillSession};
pub(crate) use link::{FindSessions, LinkSession, ListSessionLinks};
pub(crate) use list::{ListSessions, ShowSession};
pub(crate) use presence::ListPresence;
pub(crate) use resume::ResumeSession;
pub(crate) use start::StartSession;
pub(crate) use welcome::Sibling;

const NOUN: &str = "session";
/// Sessions of one connection that end with it.
const CONNECTED_MAX: u32 = 64;
/// Sessions of one workspace that are looked at in one write.
const LIVE_MAX: u32 = 100_000;

/// One session, as others see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SessionLine {
    pub(crate) id: Id<Session>,
    /// Slug of its workspace.
    workspace: String,
    /// The working tree that it works in.
    worktree: String,
    /// The branch that the working tree is on now; none without git, or off every branch.
    branch: Option<String>,
    /// Slug of the operator that it works for.
    operator: String,
    tool: String,
    /// Name of the key that it works with; none for the admin key and for commands of this machine's user.
    key: Option<String>,
    state: SessionState,
    /// Whether an agent started it.
    agent: bool,
    /// Rises with every resumption.
    epoch: u64,
    started_at: Millis,
    last_seen_at: Millis,
    /// When it expires unless something is heard of it; every call renews it.
    lease_expires_at: Millis,
    ended_at: Option<Millis>,
    /// What ended it.
    ending: Option<Ending>,
    summary: Option<String>,
    /// The process on the service's machine that it ends with.
    pid: Option<u32>,
}

impl SessionLine {
    pub(crate) fn of(session: SessionRecord, workspace: &WorkspaceRecord, now: Millis) -> Self {
        let state = session.state(now);
        Self {
            id: session.id,
            workspace: workspace.slug.clone(),
            worktree: workspace.path.clone(),
            branch: None,
            operator: session.operator,
            tool: session.tool,
            key: session.key.map(|key| key.name),
            state,
            agent: session.agent,
            epoch: session.epoch,
            started_at: session.started_at,
            last_seen_at: session.last_seen_at,
            lease_expires_at: session.lease_until,
            ended_at: session.ended_at,
            ending: session.ending,
            summary: session.summary,
            pid: session.process.map(|process| process.pid),
        }
    }
}

/// Adds the branches to lines of sessions. It looks at files: no view of the database is held meanwhile.
pub(crate) async fn add_branches(cx: &Cx<'_>, lines: &mut [SessionLine]) {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    for line in lines {
        let branch = match known.get(&line.worktree) {
            Some(branch) => branch.clone(),
            None => cx.branch(&line.worktree).await,
        };
        known.insert(line.worktree.clone(), branch.clone());
        line.branch = branch;
    }
}

/// The local process that a session is to end with. One that is not there, or that is another user's, is taken as one of
/// another machine: the lease ends the session then. The answer is the same, for which processes live is nobody's business.
fn process(cx: &Cx<'_>, pid: Option<u32>) -> Option<Process> {
    let Some(pid) = pid else {
        // Of an agent's own process its connection tells; one that is not of this machine says nothing here.
        let processes = &cx.control.ports.processes;
        let claimed = cx.caller.process.clone();
        return claimed
            .filter(|process| process.machine == processes.machine() && processes.is_alive(process));
    };
    let found = cx.control.ports.processes.find(pid);
    Some(found.unwrap_or_else(|| Process { machine: String::new(), pid, started: None }))
}

/// Ends the sessions of a private workspace whose operators do not see it any more, in a write of the workspace.
pub(super) async fn end_unseen(tx: &mut Tx, workspace: &WorkspaceRecord) -> Result<(), Fault> {
    if workspace.visibility != Visibility::Private {
        return Ok(());
    }
    let now = tx.now();
    for session in tx.live_sessions(&workspace.id, now, LIVE_MAX).await? {
        let administrator = session.operator == ADMIN
            || tx.operator(&session.operator).await?.is_some_and(|operator| operator.role == Role::Admin);
        if !administrator && tx.membership(&workspace.id, &session.operator).await?.is_none() {
            tx.reap_one(&session, Ending::Revoked).await?;
        }
    }
    Ok(())
}

impl ControlPlane {
    /// Ends the sessions that are known by a connection which its client has ended, so that what they hold is free. One
    /// that was taken up elsewhere is known by that by now, and stays.
    pub async fn end_connection(&self, principal: &Principal, connection: &str) {
        let caller = Caller {
            surface: CallSurface::Mcp,
            agent: true,
            connection: Some(connection.to_owned()),
            ..Caller::default()
        };
        let known = async {
            let mut view = self.store.read().await?;
            Ok::<_, Fault>(view.linked_sessions(CONNECTION, connection, CONNECTED_MAX).await?)
        };
        let links = match known.await {
            Ok(links) => links,
            Err(fault) => {
                tracing::warn!(fault = %fault.chain(), "sessions of a connection that ended live on until their lease ends");
                return;
            }
        };
        for link in links {
            let input = json!({ "session": link.session });
            if let Err(fault) = self.call_as(EndSession::NAME, input, principal, &caller).await {
                tracing::debug!(fault = %fault.chain(), "a session of a connection that ended was not ended");
            }
        }
    }
}

/// The scopes that a write takes which ends everything of an operator.
pub(super) async fn scopes_of(cx: &Cx<'_>, operator: &str) -> Result<Scopes, Fault> {
    let sessions = cx.control.store.read().await?.sessions_of(operator).await?;
    let others = sessions.iter().map(|session| Scope::workspace(session.workspace.as_str())).collect();
    Ok(Scopes::new(Scope::global(), others))
}

/// Ends every session of an operator in a write that holds their scopes. One that was started since the scopes were
/// read works with no key any more; its lease ends it.
pub(super) async fn end_all_of(tx: &mut Tx, operator: &str) -> Result<u64, Fault> {
    let mut ended = 0;
    for session in tx.sessions_of(operator).await? {
        let scope = Scope::workspace(session.workspace.as_str());
        if !tx.holds(&scope) {
            continue;
        }
        if let Some(freed) = tx.end_session(&session.id, Ending::Revoked, None).await? {
            let detail = json!({ "session": session.id, "operator": operator, "cause": Ending::Revoked, "freed": freed });
            tx.record_in(&scope, "session.reap", detail).await?;
            ended += 1;
        }
    }
    Ok(ended)
}
