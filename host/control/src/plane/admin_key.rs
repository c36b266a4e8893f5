//! The admin key. Its value and its path are for whoever can read the state directory; they are never here,
//! except for the one answer that hands out a fresh key.

use brains_core::principal::Role;
use brains_core::{Fault, Secret};
use brains_store::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::ports::AdminKeySource;

/// Shows where the admin key comes from, and its fingerprint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowAdminKey {}

/// The admin key in force, without its value.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AdminKeyShown {
    source: AdminKeySource,
    /// First 16 hex digits of its SHA-256.
    fingerprint: String,
}

impl Operation for ShowAdminKey {
    const NAME: &'static str = "show_admin_key";
    const NOUN: &'static str = "admin-key";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["admin-key", "show"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Show the fingerprint", command: "admin-key show", input: "{}" }];
    type Output = AdminKeyShown;

    async fn run(self, cx: &Cx<'_>) -> Result<AdminKeyShown, Fault> {
        let key = cx.control.ports.files.admin_key().await?;
        Ok(AdminKeyShown { source: key.source, fingerprint: key.fingerprint })
    }
}

/// Replaces the admin key. The new one counts at once and is returned this once; the old one stops working.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateAdminKey {}

/// A fresh admin key.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AdminKeyRotated {
    /// The key itself, shown this once.
    key: String,
    /// First 16 hex digits of its SHA-256.
    fingerprint: String,
}

impl std::fmt::Debug for AdminKeyRotated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminKeyRotated").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Operation for RotateAdminKey {
    const NAME: &'static str = "rotate_admin_key";
    const NOUN: &'static str = "admin-key";
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["admin-key", "rotate"])
        .confirm("Replace the admin key? Everything that uses the old one stops working at once.");
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Rotate without being asked", command: "admin-key rotate --yes", input: "{}" }];
    type Output = AdminKeyRotated;

    async fn run(self, cx: &Cx<'_>) -> Result<AdminKeyRotated, Fault> {
        cx.check_person("the admin key is replaced")?;
        let files = cx.control.ports.files.clone();
        let before = files.admin_key().await?;
        match before.source {
            AdminKeySource::File => {}
            AdminKeySource::Configuration => {
                return Err(Fault::conflict("the admin key is set by configuration, not by the key file")
                    .hint("change `BRAINS_API_KEY` or `api_key` where it is set, or unset it to use the key file"));
            }
        }
        let key = Secret::generate("", &*cx.control.ambient);
        let fingerprint = key.fingerprint();
        let raw = key.expose().to_owned();
        // Audited first and written last: whoever could not be told the new key still has the old one.
        note(cx, "admin_key.rotate", json!({ "before": before.fingerprint, "after": fingerprint })).await?;
        if let Err(fault) = files.write_admin_key(key.clone()).await {
            note(cx, "admin_key.rotate_failed", json!({ "after": fingerprint })).await?;
            return Err(fault);
        }
        Ok(AdminKeyRotated { key: raw, fingerprint })
    }
}

async fn note(cx: &Cx<'_>, action: &'static str, detail: Value) -> Result<(), Fault> {
    cx.control
        .store
        .write(Scope::global(), cx.principal, move |tx| {
            Box::pin(async move { Ok(tx.record(action, detail).await?) })
        })
        .await
}
