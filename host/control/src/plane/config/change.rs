//! One edit of the overlay from request to effect.

use std::sync::Arc;

use brains_core::Fault;
use brains_core::Id;
use brains_core::config::Problem;
use brains_core::plane::config::ConfigRevision;
use brains_core::redact::redact_json;
use brains_core::secret::sha256_hex;
use brains_store::Scope;
use serde_json::json;

use crate::context::Cx;
use crate::ports::{Candidate, Edit, Overlay, Reloaded, Settings};

/// An edit that is in force.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) warnings: Vec<Problem>,
}

/// Validates, keeps, writes and applies `edits`.
pub(super) async fn apply(cx: &Cx<'_>, edits: Vec<Edit>, action: &'static str) -> Result<Change, Fault> {
    let _one_at_a_time = cx.control.editing.lock().await;
    let settings = cx.control.ports.settings.clone();
    let keys: Vec<String> = edits.iter().map(|edit| edit.key.clone()).collect();
    let candidate = settings.plan(edits).await.map_err(refused)?;
    let Candidate { next, previous, warnings } = candidate;
    let revision = keep(cx, settings.clone(), action, keys.clone(), next).await?;
    match settings.reload().await {
        Ok(reloaded) => Ok(Change {
            revision,
            warnings: if reloaded.warnings.is_empty() { warnings } else { reloaded.warnings },
        }),
        Err(problems) => {
            // The overlay was sound on its own, but could not be put in force (a component refused its
            // settings): go back, so that the next start finds what serves now.
            keep(cx, settings.clone(), "config.revert", keys, previous).await?;
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

/// Keeps a document as the newest revision and writes it. The file is replaced last: a refused statement
/// leaves it as it was.
async fn keep(
    cx: &Cx<'_>,
    settings: Arc<dyn Settings>,
    action: &'static str,
    changed: Vec<String>,
    overlay: Overlay,
) -> Result<u64, Fault> {
    let Overlay { text, mut shown } = overlay;
    redact_json(&mut shown);
    let revision = ConfigRevision {
        id: Id::mint(&*cx.control.ambient),
        number: 0,
        created_at: cx.now(),
        author: cx.principal.operator.clone(),
        cause: action.into(),
        changed,
        digest: sha256_hex(text.as_bytes()),
        document: Some(shown),
    };
    cx.control
        .store
        .write(Scope::global(), cx.principal, move |tx| {
            Box::pin(async move {
                let number = tx.append_config_revision(&revision).await?;
                tx.record(action, json!({ "keys": revision.changed, "revision": number })).await?;
                settings.write_overlay(&text)?;
                Ok(number)
            })
        })
        .await
}

/// Problems as one fault: the first in full, the rest as a number.
fn refused(problems: Vec<Problem>) -> Fault {
    let more = problems.len().saturating_sub(1);
    let Some(first) = problems.into_iter().next() else {
        return Fault::invalid("the configuration is not sound").code("invalid_config");
    };
    let mut message = first.to_string();
    if more > 0 {
        message.push_str(&format!(" (and {more} more)"));
    }
    let mut fault = Fault::invalid(message).code("invalid_config");
    if !first.path.is_empty() {
        fault = fault.param(first.path);
    }
    fault.hint = first.hint;
    fault
}
