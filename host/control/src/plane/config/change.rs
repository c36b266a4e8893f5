//! One edit of the overlay from request to effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brains_core::Fault;
use brains_core::Id;
use brains_core::config::Problem;
use brains_core::plane::config::ConfigRevision;
use brains_core::redact::redact_json;
use brains_core::secret::sha256_hex;
use brains_store::Scope;
use serde_json::json;

use crate::context::Cx;
use crate::ports::{Edit, Overlay, Reloaded};

/// An edit that is in force.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) warnings: Vec<Problem>,
}

/// How often an edit is planned anew because another process was faster. Each time that one got on, so a bound
/// is only against programs that never stop editing.
const TRIES: u32 = 64;
/// The revision that an edit was planned on is not the newest any more.
const OVERTAKEN: &str = "config_overtaken";

/// Validates, keeps, writes and applies `edits`.
pub(super) async fn apply(cx: &Cx<'_>, edits: Vec<Edit>, action: &'static str) -> Result<Change, Fault> {
    let _one_at_a_time = cx.control.editing.lock().await;
    let settings = &cx.control.ports.settings;
    let keys: Vec<String> = edits.iter().map(|edit| edit.key.clone()).collect();
    let mut tries = 0;
    let (revision, candidate) = loop {
        tries += 1;
        let newest = newest(cx).await?;
        let candidate = settings.plan(edits.clone()).await.map_err(refused)?;
        match keep(cx, newest, action, &keys, &candidate.next, &candidate.previous).await {
            Ok(revision) => break (revision, candidate),
            Err(fault) if fault.code == OVERTAKEN && tries < TRIES => {}
            Err(fault) => return Err(fault),
        }
    };
    match settings.reload().await {
        Ok(reloaded) if reloaded.warnings.is_empty() => Ok(Change { revision, warnings: candidate.warnings }),
        Ok(reloaded) => Ok(Change { revision, warnings: reloaded.warnings }),
        Err(problems) => {
            // The overlay was sound on its own, but could not be put in force (a component refused its
            // settings): go back, so that the next start finds what serves now.
            keep(cx, revision, "config.revert", &keys, &candidate.previous, &candidate.next).await?;
            if let Err(problems) = settings.reload().await {
                tracing::error!(
                    problems = problems.len(),
                    "the configuration before the edit cannot be put in force"
                );
            }
            Err(refused(problems))
        }
    }
}

/// Number of the newest revision, 0 before the first.
async fn newest(cx: &Cx<'_>) -> Result<u64, Fault> {
    let newest = cx.control.store.read().await?.latest_config_revision().await?;
    Ok(newest.map_or(0, |revision| revision.number))
}

/// Reads the files again.
pub(super) async fn reload(cx: &Cx<'_>) -> Result<Reloaded, Fault> {
    let _one_at_a_time = cx.control.editing.lock().await;
    let reloaded = cx.control.ports.settings.reload().await.map_err(refused)?;
    let detail = json!({ "changed": reloaded.changed });
    cx.control
        .store
        .write(Scope::global(), cx.principal, move |tx| {
            Box::pin(async move { Ok(tx.record("config.reload", detail).await?) })
        })
        .await?;
    Ok(reloaded)
}

/// Keeps `next` behind revision `newest` and writes it in the place of `previous`. The file is replaced last:
/// a refused statement leaves it as it was, and a refused commit brings it back.
async fn keep(
    cx: &Cx<'_>,
    newest: u64,
    action: &'static str,
    keys: &[String],
    next: &Overlay,
    previous: &Overlay,
) -> Result<u64, Fault> {
    let settings = &cx.control.ports.settings;
    let mut shown = next.shown.clone();
    redact_json(&mut shown);
    let revision = ConfigRevision {
        id: Id::mint(&*cx.control.ambient),
        number: 0,
        created_at: cx.now(),
        author: cx.principal.operator.clone(),
        cause: action.into(),
        changed: keys.to_vec(),
        digest: sha256_hex(next.text.as_bytes()),
        document: Some(shown),
    };
    let written = Arc::new(AtomicBool::new(false));
    let (mark, files, text) = (written.clone(), settings.clone(), next.text.clone());
    let kept = cx
        .control
        .store
        .write(Scope::global(), cx.principal, move |tx| {
            Box::pin(async move {
                let before = tx.latest_config_revision().await?.map_or(0, |revision| revision.number);
                if before != newest {
                    return Err(Fault::conflict("the configuration was changed meanwhile")
                        .code(OVERTAKEN)
                        .hint("try again"));
                }
                let number = tx.append_config_revision(&revision).await?;
                tx.record(action, json!({ "keys": revision.changed, "revision": number })).await?;
                files.write_overlay(&text)?;
                mark.store(true, Ordering::Release);
                Ok(number)
            })
        })
        .await;
    if kept.is_err()
        && written.load(Ordering::Acquire)
        && self::newest(cx).await.is_ok_and(|now| now == newest)
    {
        settings.write_overlay(&previous.text)?;
    }
    kept
}

/// Problems as one fault: the first in full, the rest as a number.
fn refused(problems: Vec<Problem>) -> Fault {
    let more = problems.len().saturating_sub(1);
    let Some(first) = problems.into_iter().next() else {
        return Fault::invalid("the configuration is not sound").code("invalid_config");
    };
    let message = match more {
        0 => first.to_string(),
        more => format!("{first} (and {more} more)"),
    };
    let mut fault = Fault::invalid(message).code("invalid_config");
    if !first.path.is_empty() {
        fault = fault.param(first.path);
    }
    fault.hint = first.hint;
    fault
}
