//! Components brought in, put to work, switched off and taken out. Each is one change of the overlay, kept as a
//! revision with its author.

use std::collections::BTreeMap;

use brains_core::Fault;
use brains_core::config::Layer;
use brains_core::config::manifest::Plays;
use brains_core::plane::component::ComponentStanding;
use brains_core::principal::Role;
use brains_store::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::advice::approval;
use super::find;
use super::install_input::{InstallInput, bytes, id, manifest, meant};
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::plane::config;
use crate::ports::{FileReading, OverlayEdit};

pub(super) const NOUN: &str = "component";
pub(super) const TABLE: &[&str] = &["id", "state", "digest", "reason", "revision"];

/// A component after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComponentChanged {
    pub(super) id: String,
    pub(super) state: ComponentStanding,
    /// Digest of the version that serves, or that waits when none does.
    pub(super) digest: String,
    /// Why it is not live, or what waits beside it and which command takes it.
    pub(super) reason: Option<String>,
    /// Names of the instances that run it.
    pub(super) instances: Vec<String>,
    /// Number of the configuration's revision that holds the change; none when nothing had to be changed.
    pub(super) revision: Option<u64>,
}

/// A component as it is now.
pub(super) fn changed(cx: &Cx<'_>, id: &str, revision: Option<u64>) -> Result<ComponentChanged, Fault> {
    let record = find(cx, id)?;
    Ok(ComponentChanged {
        id: record.component.id,
        state: record.component.state,
        digest: record.component.digest,
        reason: record.component.reason,
        instances: record.instances,
        revision,
    })
}

pub(super) async fn put(
    cx: &Cx<'_>,
    edits: Vec<OverlayEdit>,
    action: &'static str,
) -> Result<Option<u64>, Fault> {
    if edits.is_empty() { Ok(None) } else { config::put(cx, edits, action).await.map(Some) }
}

/// Writes down what no edit says.
pub(super) async fn note(cx: &Cx<'_>, action: &'static str, detail: Value) -> Result<(), Fault> {
    cx.control
        .store
        .write(Scope::global(), cx.principal, move |tx| {
            Box::pin(async move { Ok(tx.record(action, detail).await?) })
        })
        .await
}

pub(super) fn pin_to(id: &str, digest: &str) -> OverlayEdit {
    OverlayEdit { key: format!("components.{id}.digest"), value: Some(digest.into()) }
}

/// What takes a value out that stands in the overlay; none when it stands elsewhere.
pub(super) fn unset(cx: &Cx<'_>, key: String) -> Option<OverlayEdit> {
    let shown = cx.control.ports.settings.active();
    (shown.provenance.of(&key).layer == Layer::Overlay).then_some(OverlayEdit { key, value: None })
}

/// Brings a component in: checks, compiles and keeps it, and puts it to work when it asks for nothing or is given
/// what it asks for. Otherwise it waits, and the answer says what for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddComponent {
    /// The component in base64.
    #[schemars(extend("contentMediaType" = "application/wasm", "contentEncoding" = "base64"))]
    wasm: String,
    /// Its id. Unset: as its manifest says.
    id: Option<String>,
    /// Text of its manifest. Unset: it asks for nothing and plays what its exports say.
    manifest: Option<String>,
    /// `sha256:` and 64 hex digits that the file must have.
    digest: Option<String>,
    /// Name of the provider that it becomes. Unset: its id.
    instance: Option<String>,
    /// Its settings.
    #[serde(default)]
    settings: Map<String, Value>,
    /// Its secrets by name, as references: `${ENV:NAME}` or `${FILE:path}`.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Origins that it may reach, e.g. `https://api.example.com`.
    #[serde(default)]
    allow_http: Vec<String>,
}

impl Operation for AddComponent {
    const NAME: &'static str = "add_component";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "add"]).positional(&["wasm"]).table("", TABLE);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Bring in a component, with the manifest beside it",
            command: "plugin add acme.wasm",
            input: r#"{"wasm": "AGFzbQ0AAQA=", "id": "acme"}"#,
        },
        Example {
            title: "Bring it in with what it asks for",
            command: "plugin add acme.wasm --allow-http https://api.acme.example",
            input: r#"{"wasm": "AGFzbQ0AAQA=", "id": "acme", "allow_http": ["https://api.acme.example"]}"#,
        },
    ];
    const UPLOAD: bool = true;
    type Output = ComponentChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentChanged, Fault> {
        let wasm = bytes(&self.wasm)?;
        let manifest = manifest(self.manifest.as_deref())?;
        let id = id(self.id, manifest.as_ref())?;
        let settings = &cx.control.ports.settings;
        let is_named = settings.active().config.components.contains_key(&id);
        let taken = settings
            .components()
            .into_iter()
            .any(|record| record.component.id == id && (is_named || record.source == "bundle"));
        if taken {
            return Err(Fault::conflict(format!("there is a component `{id}` already")).param("id").hint(
                format!("`brains plugin upgrade {id} FILE` replaces it; `--id` gives this one another"),
            ));
        }
        let staged = cx.control.ports.components.stage(id.clone(), wasm, manifest).await?;
        meant(&staged, self.digest.as_deref())?;
        let given = InstallInput {
            instance: self.instance,
            settings: self.settings,
            secrets: self.secrets,
            allow_http: self.allow_http,
        };
        let mut edits = vec![pin_to(&id, &staged.digest)];
        // A classifier or a policy takes another one's place, so that is said in so many words.
        let by_itself = staged.plays == Plays::Provider && staged.more.is_empty();
        if by_itself || !given.is_nothing() {
            edits.extend(given.edits(
                cx,
                &id,
                staged.plays,
                &staged.asks.http,
                &approval(&id, &staged.asks),
            )?);
        }
        let revision = put(cx, edits, "component.add").await?;
        changed(cx, &id, revision)
    }
}

/// Puts a component to work: approves the version that waits, with all that it asks for, and gives it settings,
/// secrets and origins. One that was switched off or taken out of service comes back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnableComponent {
    /// The component's id.
    id: String,
    /// Name of the provider that it becomes or that the settings are for. Unset: its id, or the only one it has.
    instance: Option<String>,
    /// Its settings.
    #[serde(default)]
    settings: Map<String, Value>,
    /// Its secrets by name, as references: `${ENV:NAME}` or `${FILE:path}`.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Origins that it may reach, e.g. `https://api.example.com`.
    #[serde(default)]
    allow_http: Vec<String>,
}

impl Operation for EnableComponent {
    const NAME: &'static str = "enable_component";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "enable"]).positional(&["id"]).table("", TABLE);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Approve a component and what it asks for",
        command: "plugin enable acme --allow-http https://api.acme.example",
        input: r#"{"id": "acme", "allow_http": ["https://api.acme.example"]}"#,
    }];
    type Output = ComponentChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentChanged, Fault> {
        let record = find(cx, &self.id)?;
        let id = record.component.id.clone();
        let ports = &cx.control.ports;
        let mut edits = Vec::new();
        let config = ports.settings.active().config;
        let entry = config.components.get(&id);
        if entry.is_some_and(|entry| !entry.enabled) {
            let key = format!("components.{id}.enabled");
            edits.push(unset(cx, key.clone()).unwrap_or(OverlayEdit { key, value: Some(true.into()) }));
        }
        let waiting = ports.components.waiting(id.clone()).await?;
        if let Some(waiting) = &waiting
            && entry.and_then(|entry| entry.digest.as_ref()) != Some(&waiting.digest)
        {
            edits.push(pin_to(&id, &waiting.digest));
        }
        let plays = waiting.as_ref().map(|waiting| waiting.plays).or(record.component.plays);
        let plays = plays.ok_or_else(|| {
            let reason = record.component.reason.clone().unwrap_or_default();
            Fault::conflict(format!("`{id}` cannot be put to work: {reason}"))
                .hint("`brains plugin show` says more")
        })?;
        let given = InstallInput {
            instance: self.instance,
            settings: self.settings,
            secrets: self.secrets,
            allow_http: self.allow_http,
        };
        let (asked, approving) = match &waiting {
            Some(waiting) => (waiting.asks.http.clone(), approval(&id, &waiting.asks)),
            None => (Vec::new(), format!("brains plugin enable {id}")),
        };
        edits.extend(given.edits(cx, &id, plays, &asked, &approving)?);
        if let Some(waiting) = waiting.filter(|waiting| waiting.quarantined.is_some()) {
            ports.components.unquarantine(id.clone(), waiting.digest.clone()).await?;
        }
        let revision = put(cx, edits, "component.enable").await?;
        changed(cx, &id, revision)
    }
}

/// Switches a component off: its instances are taken out and their settings stay. Requests under way are finished.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisableComponent {
    /// The component's id.
    id: String,
}

impl Operation for DisableComponent {
    const NAME: &'static str = "disable_component";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "disable"]).positional(&["id"]).table("", TABLE);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Switch a component off",
        command: "plugin disable acme",
        input: r#"{"id": "acme"}"#,
    }];
    type Output = ComponentChanged;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentChanged, Fault> {
        let id = find(cx, &self.id)?.component.id;
        let config = cx.control.ports.settings.active().config;
        let off = config.components.get(&id).is_some_and(|entry| !entry.enabled);
        let edit = OverlayEdit { key: format!("components.{id}.enabled"), value: Some(false.into()) };
        let revision = put(cx, if off { Vec::new() } else { vec![edit] }, "component.disable").await?;
        changed(cx, &id, revision)
    }
}

/// Takes a component out for good, with its instances, its versions and its file in the plugins directory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveComponent {
    /// The component's id.
    id: String,
}

/// A component that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComponentRemoved {
    id: String,
    /// Number of the configuration's revision that holds the change; none when nothing had to be changed.
    revision: Option<u64>,
}

impl Operation for RemoveComponent {
    const NAME: &'static str = "remove_component";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "remove"])
        .positional(&["id"])
        .table("", &["id", "revision"])
        .confirm("Remove the component, its instances and its versions?");
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Take a component out",
        command: "plugin remove acme --yes",
        input: r#"{"id": "acme"}"#,
    }];
    type Output = ComponentRemoved;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentRemoved, Fault> {
        let component = find(cx, &self.id)?.component;
        let id = component.id;
        let ports = &cx.control.ports;
        let edits = uses(cx, &id)?;
        if edits.is_empty() && ports.components.is_bundled(&id, &component.digest) {
            return Err(Fault::invalid(format!("`{id}` is part of the program"))
                .param("id")
                .hint(format!("`brains plugin disable {id}` switches it off")));
        }
        let revision = put(cx, edits, "component.remove").await?;
        ports.components.forget(id.clone()).await?;
        if revision.is_none() {
            note(cx, "component.remove", json!({ "id": id })).await?;
        }
        // What was still made of its file goes with it.
        if let Err(problems) = ports.settings.reload(FileReading::AtOnce).await {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            return Err(Fault::internal(format!("it is removed, but the rest is not in force: {first}"))
                .hint("`brains config show` lists what is wrong"));
        }
        Ok(ComponentRemoved { id, revision })
    }
}

/// The edits that take out everything that the overlay says of a component. What another layer says of it is in
/// the way.
fn uses(cx: &Cx<'_>, id: &str) -> Result<Vec<OverlayEdit>, Fault> {
    let shown = cx.control.ports.settings.active();
    let config = &shown.config;
    let own = config.providers.iter().filter(|(_, spec)| spec.component == id);
    let mut keys: Vec<String> = own.map(|(name, _)| format!("providers.{name}")).collect();
    for (key, part) in [("classifier", &config.classifier), ("policy", &config.policy)] {
        keys.extend(part.iter().filter(|part| part.component == id).map(|_| key.to_owned()));
    }
    keys.extend(config.components.contains_key(id).then(|| format!("components.{id}")));
    for key in &keys {
        let below = format!("{key}.");
        let elsewhere = shown.provenance.iter().any(|(path, access)| {
            (path == key || path.starts_with(&below))
                && !matches!(access.layer, Layer::Overlay | Layer::Default)
        });
        if elsewhere {
            return Err(Fault::conflict(format!("`{key}` uses it, and does not stand in the overlay"))
                .param("id")
                .hint(format!(
                    "take it out where it stands, or switch the component off: `brains plugin disable {id}`"
                )));
        }
    }
    Ok(keys.into_iter().map(|key| OverlayEdit { key, value: None }).collect())
}
