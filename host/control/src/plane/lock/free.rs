//! A person frees what a session holds: nobody else holds it then, and the session is told.

use brains_core::Fault;
use brains_core::id::{Id, Lock};
use brains_core::plane::lock::LockRecord;
use brains_core::plane::session::{SessionRecord, check_text, missing};
use brains_core::plane::workspace::WorkspaceRole;
use serde_json::json;

use super::grant::described;
use super::on;
use crate::context::Cx;
use crate::plane::mail::Notice;

/// The reason that was given; none is no reason.
pub(super) fn reason(text: Option<&str>) -> Result<String, Fault> {
    check_text("reason", text)?.ok_or_else(|| {
        Fault::invalid("a lock that a session holds is freed for a reason")
            .param("reason")
            .hint("say why with `reason`; its holder and the audit log are told")
    })
}

/// Frees a lock, whoever holds it. It takes a person with the role `maintainer`; an agent needs a session of its own.
pub(super) async fn free(cx: &Cx<'_>, id: Id<Lock>, said: Option<&str>) -> Result<LockRecord, Fault> {
    if cx.is_agent() {
        return Err(missing());
    }
    let reason = reason(said)?;
    let access = {
        let mut view = cx.control.store.read().await?;
        let lock = view.lock(&id).await?.ok_or_else(|| absent(&id))?;
        cx.workspace_of(&mut view, &lock.workspace, WorkspaceRole::Maintainer, || absent(&id)).await?
    };
    let workspace = access.workspace.clone();
    let freed = cx
        .write_in(&access, None, move |tx, _| {
            Box::pin(async move {
                let now = tx.now();
                let found = tx.lock(&id).await?.filter(|lock| lock.workspace == workspace.id);
                let lock = found.filter(|lock| lock.lives(now)).ok_or_else(|| absent(&id))?;
                tx.delete_lock(&lock.id).await?;
                let mut detail = described(&LockRecord { count: 0, ..lock.clone() });
                if let Some(members) = detail.as_object_mut() {
                    members.insert("reason".into(), json!(reason));
                }
                tx.record("lock.release", detail).await?;
                let who = tx.author().operator;
                notice(&who, &lock, &reason).send(tx, None::<&SessionRecord>, &workspace).await?;
                Ok(lock)
            })
        })
        .await?;
    cx.control.freed.notify_waiters();
    Ok(freed)
}

pub(super) fn absent(id: &Id<Lock>) -> Fault {
    Fault::not_found("lock", id)
        .code("lock_not_found")
        .param("id")
        .hint("it is free already, or in another workspace: `acquire_lock` it")
}

fn notice(operator: &str, lock: &LockRecord, reason: &str) -> Notice {
    let what = on(&lock.resource);
    Notice {
        to: lock.session.clone(),
        kind: "lock.release",
        subject: format!("{operator} freed your lock on {what}: {reason}"),
        body: format!(
            "{operator}, a person, freed your lock {} on {what}.\n\nReason: {reason}\n\nWhat you still write with the \
             fence {} is refused. Stop writing there, and `acquire_lock` again before you go on.",
            lock.id, lock.fence
        ),
    }
}
