//! Which version of a component serves: pinned, replaced, brought back. It is a digest in the overlay, so a change is
//! there whole or not at all, whenever the process ends.

use brains_core::Fault;
use brains_core::plane::component::ComponentStanding;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::advice::approval;
use super::change::{ComponentChanged, NOUN, TABLE, changed, note, pin_to, put, unset};
use super::find;
use super::install_input::{bytes, manifest, meant};
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};

/// Pins a component to one version: another one in its file waits until somebody takes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinComponent {
    /// The component's id.
    id: String,
    /// `sha256:` and 64 hex digits. Unset: the version that serves.
    digest: Option<String>,
}

impl Operation for PinComponent {
    const NAME: &'static str = "pin_component";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "pin"]).positional(&["id", "digest"]).table("", TABLE);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Keep to the version that serves",
        command: "plugin pin acme",
        input: r#"{"id": "acme"}"#,
    }];
    type Output = ComponentChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentChanged, Fault> {
        let record = find(cx, &self.id)?;
        let id = record.component.id;
        let digest = match self.digest {
            Some(digest) => digest,
            None if record.component.state == ComponentStanding::Live => record.component.digest,
            None => {
                return Err(Fault::conflict(format!(
                    "`{id}` does not serve, so there is nothing to keep to"
                ))
                .hint("give the digest to pin it to"));
            }
        };
        let revision = put(cx, vec![pin_to(&id, &digest)], "component.pin").await?;
        changed(cx, &id, revision)
    }
}

/// Puts another version in place of the one that serves, under traffic. One that asks for more than the version that
/// serves waits until it is approved; the old one serves meanwhile. Exchanges that began on the old one are
/// finished on it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpgradeComponent {
    /// The component's id.
    id: String,
    /// The file in base64. Unset: the one that waits in its file.
    #[schemars(extend("contentMediaType" = "application/wasm", "contentEncoding" = "base64"))]
    wasm: Option<String>,
    /// Text of its manifest. Unset: it asks for nothing.
    manifest: Option<String>,
    /// `sha256:` and 64 hex digits that the file must have.
    digest: Option<String>,
}

impl Operation for UpgradeComponent {
    const NAME: &'static str = "upgrade_component";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "upgrade"]).positional(&["id", "wasm"]).table("", TABLE);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Replace a component",
            command: "plugin upgrade acme acme-2.wasm",
            input: r#"{"id": "acme", "wasm": "AGFzbQ0AAQA="}"#,
        },
        Example {
            title: "Take what waits in its file",
            command: "plugin upgrade acme",
            input: r#"{"id": "acme"}"#,
        },
    ];
    const UPLOAD: bool = true;
    type Output = ComponentChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentChanged, Fault> {
        let record = find(cx, &self.id)?;
        let id = record.component.id.clone();
        let ports = &cx.control.ports;
        let staged = match &self.wasm {
            Some(wasm) => {
                let manifest = manifest(self.manifest.as_deref())?;
                ports.components.stage(id.clone(), bytes(wasm)?, manifest).await?
            }
            None => ports.components.waiting(id.clone()).await?.ok_or_else(|| {
                Fault::not_found("waiting version of component", &id)
                    .hint(format!("`brains plugin upgrade {id} FILE` brings one"))
            })?,
        };
        meant(&staged, self.digest.as_deref())?;
        if record.component.plays.is_some_and(|plays| plays != staged.plays) {
            return Err(Fault::invalid(format!("the file plays a {}", staged.plays.name()))
                .code("component_refused")
                .hint("`brains plugin add` brings it in under an id of its own"));
        }
        let config = ports.settings.active().config;
        let own = config.providers.values().filter(|spec| spec.component == id);
        let allowed: Vec<&String> = own.flat_map(|spec| &spec.allow.http).collect();
        let more: Vec<&str> =
            staged.more.iter().filter(|more| !allowed.contains(more)).map(String::as_str).collect();
        if !more.is_empty() {
            let reason = format!(
                "it asks for more than the version that serves: {}; `{}` approves it",
                more.join(", "),
                approval(&id, &staged.asks)
            );
            note(cx, "component.waits", json!({ "id": id, "digest": staged.digest, "reason": reason }))
                .await?;
            return Ok(ComponentChanged {
                id,
                state: ComponentStanding::Pending,
                digest: staged.digest,
                reason: Some(reason),
                instances: record.instances,
                revision: None,
            });
        }
        if staged.quarantined.is_some() {
            ports.components.unquarantine(id.clone(), staged.digest.clone()).await?;
        }
        let revision = put(cx, vec![pin_to(&id, &staged.digest)], "component.upgrade").await?;
        changed(cx, &id, revision)
    }
}

/// Brings an earlier version of a component back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackComponent {
    /// The component's id.
    id: String,
    /// Digest of the version to go back to, as `brains plugin show` lists them. Unset: the one before this.
    digest: Option<String>,
}

impl Operation for RollbackComponent {
    const NAME: &'static str = "rollback_component";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape =
        CliShape::new(&["plugin", "rollback"]).positional(&["id", "digest"]).table("", TABLE);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Go back to the version before",
        command: "plugin rollback acme",
        input: r#"{"id": "acme"}"#,
    }];
    type Output = ComponentChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentChanged, Fault> {
        roll_back(cx, &self.id, self.digest).await
    }
}

/// Goes back to an earlier version and names it in the overlay.
pub(super) async fn roll_back(
    cx: &Cx<'_>,
    id: &str,
    digest: Option<String>,
) -> Result<ComponentChanged, Fault> {
    let record = find(cx, id)?;
    let id = record.component.id;
    let components = &cx.control.ports.components;
    let earlier = components.earlier(&id);
    let serves = record.component.state == ComponentStanding::Live;
    let digest = match digest {
        // What serves already only has to be named.
        Some(digest) if earlier.contains(&digest) || serves && record.component.digest == digest => digest,
        Some(digest) => {
            let shown = digest.chars().take(128).collect::<String>();
            return Err(Fault::not_found("earlier version", shown)
                .param("digest")
                .hint("`brains plugin show` lists those that are kept"));
        }
        None => earlier.into_iter().next().ok_or_else(|| {
            Fault::not_found("earlier version of component", &id)
                .hint(format!("`brains plugin upgrade {id} FILE` brings another version"))
        })?,
    };
    components.unquarantine(id.clone(), digest.clone()).await?;
    let edit = match unset(cx, format!("components.{id}.digest")) {
        Some(edit) if components.is_bundled(&id, &digest) => edit,
        _ => pin_to(&id, &digest),
    };
    let revision = put(cx, vec![edit], "component.rollback").await?;
    changed(cx, &id, revision)
}
