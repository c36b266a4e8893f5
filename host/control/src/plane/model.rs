//! The names that a request may carry as `model`.

use brains_core::Fault;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::ports::ModelName;
use crate::tool::ToolShape;

/// Lists the model names that a request may carry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListModels {}

/// Model names.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelList {
    /// Automatic first, then tiers, then single models.
    models: Vec<ModelName>,
}

impl Operation for ListModels {
    const NAME: &'static str = "list_models";
    const NOUN: &'static str = "model";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["model", "list"])
        .aliases(&[Alias { path: &["models"], hidden: false }])
        .table("models", &["id", "kind", "provider", "model"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "List model names", command: "models", input: "{}" }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).open_world();
    type Output = ModelList;

    async fn run(self, cx: &Cx<'_>) -> Result<ModelList, Fault> {
        Ok(ModelList { models: cx.control.ports.routing.models().await? })
    }
}
