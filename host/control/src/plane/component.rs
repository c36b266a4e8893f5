//! Components: what is loaded, what was refused and why.

use brains_core::Fault;
use brains_core::config::manifest::Plays;
use brains_core::plane::component::{ComponentRecord, ComponentStanding};
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Cx;
use crate::operation::{CliShape, Example, Kind, Operation};

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
    const KIND: Kind = Kind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "list"])
        .table("components", &["id", "plays", "state", "version", "instances", "reason"]);
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
}

impl Operation for ShowComponent {
    const NAME: &'static str = "show_component";
    const NOUN: &'static str = "component";
    const KIND: Kind = Kind::Read;
    const ROLE: Role = Role::Admin;
    const CLI: CliShape = CliShape::new(&["plugin", "show"]).positional(&["id"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Show a component", command: "plugin show acme", input: r#"{"id": "acme"}"# }];
    type Output = ComponentShown;

    async fn run(self, cx: &Cx<'_>) -> Result<ComponentShown, Fault> {
        let settings = &cx.control.ports.settings;
        let components = settings.components();
        let component = components
            .iter()
            .find(|record| record.component.id == self.id)
            .or_else(|| components.iter().find(|record| record.instances.contains(&self.id)))
            .ok_or_else(|| {
                Fault::not_found("component", &self.id).hint("`brains plugin list` shows what there is")
            })?;
        let schema = settings.component_schema(&component.component.id);
        Ok(ComponentShown { component: component.clone(), schema })
    }
}
