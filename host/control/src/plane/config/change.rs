//! One change of the overlay from request to effect, and the history that it becomes part of. Whoever else writes
//! the file meanwhile, another process or a person with an editor, is found out before anything is replaced, and the
//! change is planned anew on what they wrote.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brains_core::config::{Problem, differences};
use brains_core::plane::config::ConfigRevision;
use brains_core::redact::redact_json;
use brains_core::secret::sha256_hex;
use brains_core::{Caller, Fault, Id, Principal};
use brains_store::{Scope, Tx};
use serde_json::{Value, json};

use crate::context::{ControlPlane, Cx};
use crate::ports::{FileReading, Overlay, OverlayCandidate, OverlayEdit, Proposal, Reloaded};

/// A change that is in force.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    /// Dotted paths that were changed.
    pub(super) changed: Vec<String>,
    pub(super) warnings: Vec<Problem>,
}

/// How often a change is planned anew because somebody else was faster. Each time that one got on, so a bound
/// is only against programs that never stop editing.
const TRIES: u32 = 512;
/// What a change was planned on is not what stands there any more.
const OVERTAKEN: &str = "config_overtaken";
/// Author of the edits that were made by hand.
pub(super) const BY_HAND: &str = "file";
/// Cause of their revisions.
const EDITED: &str = "config.file";

/// Validates, keeps, writes and applies `edits`.
pub(super) async fn apply(
    cx: &Cx<'_>,
    edits: Vec<OverlayEdit>,
    action: &'static str,
) -> Result<Change, Fault> {
    settle(cx, action, |_| Ok(Proposal::Edits(edits.clone()))).await
}

/// As [`apply`], with a proposal that depends on what stands there.
pub(super) async fn settle(
    cx: &Cx<'_>,
    action: &'static str,
    propose: impl Fn(&Overlay) -> Result<Proposal, Fault>,
) -> Result<Change, Fault> {
    let _one_at_a_time = cx.control.editing.lock().await;
    let settings = &cx.control.ports.settings;
    let (kept, candidate) = settle_file(cx, action, propose).await?;
    match settings.reload(FileReading::AtOnce).await {
        Ok(reloaded) => {
            let warnings = if reloaded.warnings.is_empty() { candidate.warnings } else { reloaded.warnings };
            Ok(Change { revision: kept.number, changed: kept.changed, warnings })
        }
        Err(problems) => {
            // The overlay was sound on its own, but could not be put in force (a component refused its
            // settings): go back, so that the next start finds what serves now.
            if let Err(fault) = revert(cx, &candidate, kept.number).await {
                tracing::error!(%fault, "the configuration before the edit could not be brought back");
            } else if let Err(problems) = settings.reload(FileReading::AtOnce).await {
                tracing::error!(
                    problems = problems.len(),
                    "the configuration before the edit cannot be put in force"
                );
            }
            Err(unsound(problems))
        }
    }
}

/// Plans and writes until nobody else was faster.
async fn settle_file(
    cx: &Cx<'_>,
    action: &'static str,
    propose: impl Fn(&Overlay) -> Result<Proposal, Fault>,
) -> Result<(Kept, OverlayCandidate), Fault> {
    let settings = &cx.control.ports.settings;
    let mut tries = 0;
    loop {
        tries += 1;
        let newest = newest(cx).await?;
        let proposal = propose(&settings.overlay().await?)?;
        let candidate = settings.plan(proposal).await.map_err(unsound)?;
        match keep(cx, newest, action, &candidate.next, &candidate.previous).await {
            Ok(kept) => return Ok((kept, candidate)),
            Err(fault) if fault.code == OVERTAKEN && tries < TRIES => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Takes back what `made` changed. Edits that others made on top of it stay.
async fn revert(cx: &Cx<'_>, made: &OverlayCandidate, revision: u64) -> Result<(), Fault> {
    const ACTION: &str = "config.revert";
    match keep(cx, revision, ACTION, &made.previous, &made.next).await {
        Err(fault) if fault.code == OVERTAKEN => {}
        outcome => return outcome.map(drop),
    }
    let back: Vec<OverlayEdit> = differences(&made.next.shown, &made.previous.shown)
        .into_iter()
        .map(|change| OverlayEdit { key: change.key, value: change.new })
        .collect();
    settle_file(cx, ACTION, |_| Ok(Proposal::Edits(back.clone()))).await.map(drop)
}

/// Number of the newest revision, 0 before the first.
async fn newest(cx: &Cx<'_>) -> Result<u64, Fault> {
    let newest = cx.control.store.read().await?.latest_config_revision().await?;
    Ok(newest.map_or(0, |revision| revision.number))
}

/// Reads the files again; an edit by hand that is in force now becomes a revision.
pub(super) async fn reload(cx: &Cx<'_>, reading: FileReading) -> Result<(Reloaded, Option<u64>), Fault> {
    let _one_at_a_time = cx.control.editing.lock().await;
    let settings = &cx.control.ports.settings;
    let read = settings.overlay().await;
    let reloaded = settings.reload(reading).await.map_err(unsound)?;
    let detail = json!({ "changed": reloaded.changed });
    let noticed = notice(cx, read?, Some(detail)).await?;
    Ok((reloaded, noticed))
}

impl ControlPlane {
    /// Keeps an overlay that was edited while no service ran as a revision; gives its number. For the start of a service.
    pub async fn notice_edits(&self) -> Result<Option<u64>, Fault> {
        let (principal, caller, found) = (Principal::local(), Caller::http(), Arc::default());
        let cx = Cx::new(self, &principal, &caller, &found);
        let _one_at_a_time = self.editing.lock().await;
        notice(&cx, self.ports.settings.overlay().await?, None).await
    }
}

/// Keeps `read` as a revision when no program wrote it, and notes a reload.
async fn notice(cx: &Cx<'_>, read: Overlay, reload: Option<Value>) -> Result<Option<u64>, Fault> {
    let mint = Mint::of(cx);
    let settings = cx.control.ports.settings.clone();
    cx.control
        .store
        .write(Scope::global(), cx.principal, move |tx| {
            Box::pin(async move {
                let newest = tx.latest_config_revision().await?;
                // Written again since it was read: the reload that follows on that will keep it.
                let number = if settings.overlay().await?.text == read.text {
                    keep_by_hand(tx, newest.as_ref(), &read, mint).await?
                } else {
                    None
                };
                if let Some(detail) = reload {
                    tx.record("config.reload", detail).await?;
                }
                Ok(number)
            })
        })
        .await
}

/// What a revision takes from the call that makes it.
#[derive(Debug, Clone)]
struct Mint {
    id: Id<brains_core::id::Revision>,
    by_hand: Id<brains_core::id::Revision>,
    now: brains_core::Millis,
}

impl Mint {
    fn of(cx: &Cx<'_>) -> Self {
        // In this order: ids rise with the numbers.
        let by_hand = Id::mint(&*cx.control.ambient);
        Self { by_hand, id: Id::mint(&*cx.control.ambient), now: cx.now() }
    }
}

/// Appends a revision for `found` when it differs from what the newest one wrote.
async fn keep_by_hand(
    tx: &mut Tx,
    newest: Option<&ConfigRevision>,
    found: &Overlay,
    mint: Mint,
) -> Result<Option<u64>, Fault> {
    let digest = sha256_hex(found.text.as_bytes());
    let known = newest.map_or(found.text.is_empty(), |newest| newest.digest == digest);
    if known {
        return Ok(None);
    }
    let shown = covered(&found.shown);
    let before = newest.and_then(|newest| newest.document.clone()).unwrap_or_else(|| json!({}));
    let revision = ConfigRevision {
        id: mint.by_hand,
        number: 0,
        created_at: mint.now,
        author: BY_HAND.into(),
        cause: EDITED.into(),
        changed: changed(&before, &shown),
        digest,
        text: found.kept_text(&shown),
        document: Some(shown),
    };
    let number = tx.append_config_revision(&revision).await?;
    tx.record(EDITED, json!({ "keys": revision.changed, "revision": number })).await?;
    Ok(Some(number))
}

/// A revision that was written.
#[derive(Debug)]
struct Kept {
    number: u64,
    changed: Vec<String>,
}

/// Keeps `next` behind revision `newest` and writes it in the place of `previous`. The file is replaced last:
/// a refused statement leaves it as it was, and a refused commit brings it back.
async fn keep(
    cx: &Cx<'_>,
    newest: u64,
    action: &'static str,
    next: &Overlay,
    previous: &Overlay,
) -> Result<Kept, Fault> {
    let settings = &cx.control.ports.settings;
    let mint = Mint::of(cx);
    let shown = covered(&next.shown);
    let revision = ConfigRevision {
        id: mint.id.clone(),
        number: 0,
        created_at: mint.now,
        author: cx.principal.operator.clone(),
        cause: action.into(),
        changed: changed(&covered(&previous.shown), &shown),
        digest: sha256_hex(next.text.as_bytes()),
        text: next.kept_text(&shown),
        document: Some(shown),
    };
    let written = Arc::new(AtomicBool::new(false));
    let (mark, files, replaced, text) =
        (written.clone(), settings.clone(), previous.clone(), next.text.clone());
    let kept = cx
        .control
        .store
        .write(Scope::global(), cx.principal, move |tx| {
            Box::pin(async move {
                let before = tx.latest_config_revision().await?;
                if before.as_ref().map_or(0, |revision| revision.number) != newest {
                    return Err(overtaken());
                }
                keep_by_hand(tx, before.as_ref(), &replaced, mint).await?;
                let number = tx.append_config_revision(&revision).await?;
                tx.record(action, json!({ "keys": revision.changed, "revision": number })).await?;
                if !files.write_overlay(text, replaced.text).await? {
                    return Err(overtaken());
                }
                mark.store(true, Ordering::Release);
                Ok(Kept { number, changed: revision.changed })
            })
        })
        .await;
    if kept.is_err()
        && written.load(Ordering::Acquire)
        && self::newest(cx).await.is_ok_and(|now| now == newest)
    {
        settings.write_overlay(previous.text.clone(), next.text.clone()).await?;
    }
    kept
}

impl Overlay {
    /// The text as a revision may keep it, when `shown` is what it keeps of the tree.
    fn kept_text(&self, shown: &Value) -> Option<String> {
        (self.open && *shown == self.shown).then(|| self.text.clone())
    }
}

fn overtaken() -> Fault {
    Fault::conflict("the configuration was changed meanwhile").code(OVERTAKEN).hint("try again")
}

pub(super) fn covered(shown: &Value) -> Value {
    let mut shown = shown.clone();
    redact_json(&mut shown);
    shown
}

fn changed(before: &Value, after: &Value) -> Vec<String> {
    differences(before, after).into_iter().map(|change| change.key).collect()
}

/// Problems as one fault: the first in full, the rest as a number.
fn unsound(problems: Vec<Problem>) -> Fault {
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
