//! Checking the audit log, and changing the key that signs it.

use brains_core::plane::audit::{BreakReason, HandOver, Seal, SealingKey, Trusted};
use brains_core::principal::Role;
use brains_core::{Fault, Origin};
use brains_store::{ReadSnapshot, Rows, Scope, VerifyFrom};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::{ControlPlane, Cx};
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};

/// Checks every chain of the audit log from its first entry to its head: hashes, signatures, and the seals that were
/// written down outside of the database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyAudit {
    /// Begin behind the newest seal that was kept of each chain: quicker, and blind to what happened before it.
    #[serde(default)]
    from_checkpoint: bool,
    /// An export that was made earlier and kept elsewhere: its seals must still hold.
    #[schemars(extend("contentMediaType" = "application/x-ndjson"))]
    anchors: Option<String>,
}

/// What the check of one chain found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChainVerified {
    scope: String,
    /// Entries that were looked at and are sound.
    entries: i64,
    /// Position of the first entry that is not.
    broken_at: Option<i64>,
    /// What is wrong there, as a word: `edited`, `missing`, `unlinked`, `head`, `unsealed`, `forged`, `stranger`,
    /// `rewritten`, `rolled_back`, `foreign`.
    fault: Option<String>,
    /// What is wrong there, for people.
    reason: Option<String>,
}

/// What the check of the audit log found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditVerified {
    /// Whether every chain is sound.
    ok: bool,
    /// Public key that signs now, base64url.
    key: String,
    chains: Vec<ChainVerified>,
}

fn describe(reason: BreakReason) -> (&'static str, &'static str) {
    match reason {
        BreakReason::Missing => ("missing", "an entry before this one was deleted or moved"),
        BreakReason::Unlinked => ("unlinked", "the entry does not follow from the one before it"),
        BreakReason::Edited => ("edited", "the entry was changed"),
        BreakReason::Head => ("head", "the end was cut off, or the head was changed"),
        BreakReason::Unsealed => ("unsealed", "the head is not signed"),
        BreakReason::Forged => ("forged", "a signature does not fit what it stands under"),
        BreakReason::Stranger => {
            ("stranger", "sealed by a key that no hand-over ties to the one of this installation")
        }
        BreakReason::Rewritten => {
            ("rewritten", "a seal was given for other content: the chain was made anew")
        }
        BreakReason::RolledBack => {
            ("rolled_back", "a seal was given for more entries: an older state was put back")
        }
        BreakReason::Foreign => {
            ("foreign", "a row stands where no write puts one; it belongs to no chain, and no list shows it")
        }
    }
}

impl Operation for VerifyAudit {
    const NAME: &'static str = "verify_audit";
    const NOUN: &'static str = "audit";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["audit", "verify"])
        .aliases(&[Alias { path: &["audit-verify"], hidden: true }])
        .table("chains", &["scope", "entries", "broken_at", "reason"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Verify the log", command: "audit verify", input: "{}" },
        Example {
            title: "Only what came since the last checkpoint",
            command: "audit verify --from-checkpoint",
            input: r#"{"from_checkpoint": true}"#,
        },
    ];
    const FORMER: &'static [&'static str] = &["audit_verify"];
    const UPLOAD: bool = true;
    type Output = AuditVerified;

    async fn run(self, cx: &Cx<'_>) -> Result<AuditVerified, Fault> {
        let mut anchors = cx.control.ports.files.audit_anchors().await?;
        if let Some(text) = &self.anchors {
            anchors.extend(seals_of(text)?);
        }
        let from = if self.from_checkpoint { VerifyFrom::Checkpoint } else { VerifyFrom::Start };
        let key = cx.control.store.sealing_key();
        let ours = key.public().to_owned();
        let store = &cx.control.store;
        let chains = store.scan(move |view| Box::pin(chains(view, ours, anchors, from))).await?;
        let ok = chains.iter().all(|chain| chain.broken_at.is_none());
        Ok(AuditVerified { ok, key: key.public().to_owned(), chains })
    }
}

/// Walks every chain that is there or should be.
async fn chains(
    view: &mut ReadSnapshot,
    key: String,
    anchors: Vec<Seal>,
    from: VerifyFrom,
) -> Result<Vec<ChainVerified>, Fault> {
    let trusted = Trusted::new([key], &view.hand_overs().await?);
    let mut scopes = view.audit_scopes().await?;
    // A chain that is known from elsewhere only was taken away whole.
    scopes.extend(anchors.iter().map(|seal| Scope::named(&seal.scope)));
    scopes.sort();
    scopes.dedup();
    let mut chains = Vec::new();
    for scope in scopes {
        let ours: Vec<Seal> = anchors.iter().filter(|seal| seal.scope == scope.as_str()).cloned().collect();
        let found = view.verify_audit(&scope, &trusted, &ours, from).await?;
        let broken = found.broken.as_ref().map(|broken| describe(broken.reason));
        chains.push(ChainVerified {
            scope: found.scope,
            entries: found.entries,
            broken_at: found.broken.as_ref().map(|broken| broken.seq),
            fault: broken.map(|(word, _)| word.to_owned()),
            reason: broken.map(|(_, text)| text.to_owned()),
        });
    }
    Ok(chains)
}

/// The seals in the lines of an export.
fn seals_of(text: &str) -> Result<Vec<Seal>, Fault> {
    let mut seals = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = || {
            Fault::invalid(format!("line {} of the anchors is not a line of an export", number + 1))
                .param("anchors")
                .hint("give a file that `brains audit export` wrote")
        };
        let mut line: Value = serde_json::from_str(line).map_err(|_| bad())?;
        let kind = line.as_object_mut().and_then(|members| members.remove("type")).ok_or_else(bad)?;
        if kind == "seal" {
            seals.push(serde_json::from_value(line).map_err(|_| bad())?);
        }
    }
    Ok(seals)
}

impl ControlPlane {
    /// Writes down, outside of the database, where every chain stands. A chain that no longer holds what was written
    /// down before keeps its old mark, for `verify_audit` to find.
    pub async fn anchor_audit(&self) -> Result<(), Fault> {
        let before = self.ports.files.audit_anchors().await?;
        let mut view = self.store.read().await?;
        let mut anchors = Vec::new();
        for head in view.audit_heads().await? {
            let old = before.iter().find(|seal| seal.scope == head.scope);
            match (old, head.seal) {
                (Some(old), seal) if !still_holds(&mut view, old).await? => {
                    tracing::error!(
                        audit.scope = old.scope,
                        audit.seq = old.seq,
                        audit.head = seal.map_or(0, |seal| seal.seq),
                        "the audit log no longer holds what was written down of it: run `brains audit verify`"
                    );
                    anchors.push(old.clone());
                }
                (_, Some(seal)) => anchors.push(seal),
                (Some(old), None) => anchors.push(old.clone()),
                (None, None) => {}
            }
        }
        let gone = before.iter().filter(|old| !anchors.iter().any(|seal| seal.scope == old.scope));
        let gone: Vec<Seal> = gone.cloned().collect();
        anchors.extend(gone);
        anchors.sort_by(|one, other| one.scope.cmp(&other.scope));
        if anchors != before {
            self.ports.files.keep_audit_anchors(anchors).await?;
        }
        Ok(())
    }
}

/// Whether the entry that a seal covers last is still there, as it was.
async fn still_holds(view: &mut Rows, seal: &Seal) -> Result<bool, Fault> {
    let scope = Scope::named(&seal.scope);
    let found = view.audit_entries_after(&scope, seal.seq.saturating_sub(1), 1).await?;
    Ok(found.first().is_some_and(|entry| entry.seq == seal.seq && entry.hash == seal.hash))
}

/// Makes a new key that signs the audit log. The old key and the new one sign the hand-over, so what the old one sealed
/// stays vouched for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateAuditKey {}

/// A hand-over of sealing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditKeyRotated {
    /// Public key that signed until now, base64url.
    from: String,
    /// Public key that signs from now on, base64url.
    to: String,
}

impl Operation for RotateAuditKey {
    const NAME: &'static str = "rotate_audit_key";
    const NOUN: &'static str = "audit";
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["audit", "rotate-key"])
        .confirm("The audit log is signed by a new key from now on. Go on?");
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Sign with a new key", command: "audit rotate-key --yes", input: "{}" }];
    type Output = AuditKeyRotated;

    async fn run(self, cx: &Cx<'_>) -> Result<AuditKeyRotated, Fault> {
        let control = cx.control;
        let _one_at_a_time = control.editing.lock().await;
        let (old, next) = (control.store.sealing_key(), SealingKey::mint(&*control.ambient));
        let hand_over = HandOver::new(&old, &next, cx.now().0);
        // First the entry, sealed by the old key: a key that was introduced and never used does no harm, one that
        // seals without having been introduced would.
        let written = hand_over.clone();
        control
            .store
            .write(Scope::global(), cx.actor(), move |tx| {
                Box::pin(async move { Ok(tx.record_hand_over(&written).await?) })
            })
            .await?;
        control.ports.files.write_audit_key(next.clone()).await.map_err(|fault| Fault {
            origin: Origin::Brains,
            hint: Some("the old key goes on sealing; check the state directory: `brains doctor`".into()),
            ..fault
        })?;
        control.store.seal_with(next);
        Ok(AuditKeyRotated { from: hand_over.from, to: hand_over.to })
    }
}

#[cfg(test)]
mod tests;
