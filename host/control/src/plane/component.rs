//! Components: what is loaded, what was refused and why, what they say. What changes them is in `change` and
//! `version`, how a version comes in and what it is given in `install_input`; what
//! becomes of versions that serve is in `lifecycle`.

mod advice;
mod change;
mod install_input;
mod lifecycle;
mod version;

pub use advice::component_advice;
pub(crate) use change::{AddComponent, DisableComponent, EnableComponent, RemoveComponent};
pub(crate) use lifecycle::{follow_versions, write_events};
pub(crate) use version::{PinComponent, RollbackComponent, UpgradeComponent};

use brains_core::config::manifest::Plays;
use brains_core::plane::component::{ComponentLogLine, ComponentRecord, ComponentStanding};
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};

/// Lists the components with their state, those that were refused included.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListComponents {
    /// Only those that play this part.
    plays: Option<Plays>,
    /// Only those in this state.
    state: Option<ComponentStanding>,
}

/// Components.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComponentList {
    components: Vec<ComponentRecord>,
}

impl Operation for ListComponents {
    const NAME: &'static str = "list_components";
    const NOUN: &'static str = "component";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "list"])
        .table("components", &["id", "plays", "state", "version", "reason"]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "List all components", command: "plugin list", input: "{}" },
        Example {
            title: "Only what was refused",
            command: "plugin list --state rejected",
            input: r#"{"state": "rejected"}"#,
        },
    ];
    type Output = ComponentList;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentList, Fault> {
        let mut components = cx.control.ports.settings.components();
        components.retain(|record| {
            let component = &record.component;
            self.plays.is_none_or(|plays| component.plays == Some(plays))
                && self.state.is_none_or(|state| component.state == state)
        });
        if !cx.principal.administers() {
            components.iter_mut().for_each(cover_reasons);
        }
        Ok(ComponentList { components })
    }
}

/// Shows one component: digest, state, exports, instances and the schema of its settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowComponent {
    /// The component's id, or the name of one of its instances.
    id: String,
}

/// A component.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComponentShown {
    component: ComponentRecord,
    /// JSON Schema of its settings.
    schema: Option<Value>,
    /// What it was before, newest first.
    history: Vec<ComponentPast>,
}

/// What a component was from one moment on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComponentPast {
    at: Millis,
    digest: String,
    state: ComponentStanding,
    reason: Option<String>,
}

/// Changes that are shown.
const HISTORY: u32 = 50;

/// Why a component does not serve is for people who administer (contract 19): a component has a word in it.
fn cover_reasons(record: &mut ComponentRecord) {
    record.component.reason = None;
    record.versions.iter_mut().for_each(|version| version.reason = None);
}

fn find(cx: &Cx<'_>, id: &str) -> Result<ComponentRecord, Fault> {
    let components = cx.control.ports.settings.components();
    let found = components
        .iter()
        .find(|record| record.component.id == id)
        .or_else(|| components.iter().find(|record| record.instances.iter().any(|name| name == id)));
    found.cloned().ok_or_else(|| {
        let shown = id.chars().take(128).collect::<String>();
        Fault::not_found("component", shown)
            .param("id")
            .hint("`brains plugin list` shows what there is; `brains plugin add FILE` brings one in")
    })
}

impl Operation for ShowComponent {
    const NAME: &'static str = "show_component";
    const NOUN: &'static str = "component";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "show"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Show a component", command: "plugin show acme", input: r#"{"id": "acme"}"# }];
    type Output = ComponentShown;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentShown, Fault> {
        let mut component = find(cx, &self.id)?;
        if !cx.principal.administers() {
            cover_reasons(&mut component);
        }
        let schema = cx.control.ports.settings.component_schema(component.component.id.clone()).await?;
        let mut view = cx.control.store.read().await?;
        let history = view.component_history(&component.component.id, HISTORY).await?;
        let history = history
            .into_iter()
            .map(|past| ComponentPast {
                at: past.at,
                digest: past.digest,
                state: past.state,
                reason: past.reason.filter(|_| cx.principal.administers()),
            })
            .collect();
        Ok(ComponentShown { component, schema, history })
    }
}

/// Prints the newest lines that a component wrote, secrets covered, oldest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComponentLogs {
    /// The component's id, or the name of one of its instances.
    id: String,
    /// How many lines at most.
    #[serde(default = "lines")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
}

fn lines() -> u32 {
    100
}

/// What a component wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComponentLines {
    /// Kept in memory, a few hundred of each instance, and gone with the process.
    lines: Vec<ComponentLogLine>,
}

impl Operation for ComponentLogs {
    const NAME: &'static str = "component_logs";
    const NOUN: &'static str = "component";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "logs"])
        .positional(&["id"])
        .table("lines", &["at", "level", "instance", "message", "fields"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "The last lines of a component",
        command: "plugin logs acme --limit 20",
        input: r#"{"id": "acme", "limit": 20}"#,
    }];
    type Output = ComponentLines;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentLines, Fault> {
        let limit = page::limit(self.limit)?;
        let lines = cx.control.ports.components.lines(&self.id, limit as usize);
        if lines.is_empty() {
            find(cx, &self.id)?;
        }
        Ok(ComponentLines { lines })
    }
}
