//! Who else is there, over all workspaces: how many, never where.

use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NOUN;
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Lists the other operators who have sessions that live, freshest first. It tells no workspace and counts only those
/// that you can see.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPresence {}

/// One operator who is there.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PresenceLine {
    operator_slug: String,
    display_name: Option<String>,
    workspace_count: u64,
    active_session_count: u64,
    last_activity_at: Millis,
}

/// Operators who are there.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PresenceList {
    operators: Vec<PresenceLine>,
}

impl Operation for ListPresence {
    const NAME: &'static str = "list_presence";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "presence"]).table(
        "operators",
        &["operator_slug", "display_name", "active_session_count", "workspace_count", "last_activity_at"],
    );
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Who else is there", command: "session presence", input: "{}" }];
    const FORMER: &'static [&'static str] = &["list_other_operators_active"];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = PresenceList;

    async fn run(self, cx: &Cx<'_>) -> Result<PresenceList, Fault> {
        let mut view = cx.control.store.read().await?;
        let found = view.presence(cx.principal.owner(), cx.principal.role == Role::Admin, cx.now()).await?;
        let mut operators = Vec::with_capacity(found.len());
        for presence in found {
            let operator = view.operator(&presence.operator).await?;
            operators.push(PresenceLine {
                operator_slug: presence.operator,
                display_name: operator.and_then(|operator| operator.display_name),
                workspace_count: presence.workspaces,
                active_session_count: presence.sessions,
                last_activity_at: presence.last_seen_at,
            });
        }
        Ok(PresenceList { operators })
    }
}
