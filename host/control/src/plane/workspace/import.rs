//! Registering many directories from one list: all of them or none.

use std::path::Path;

use brains_core::Fault;
use brains_core::plane::workspace::{Location, WorkspaceRecord, WorkspaceRole};
use brains_core::principal::Role;
use brains_store::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fresh, NOUN, Wish, WorkspaceLine};
use crate::context::Cx;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Directories that one list names at most.
const MOST: usize = 1_000;

/// One directory to register.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// Absolute path of a directory on the machine of the service.
    path: String,
    /// Unique name; made from the path when left out.
    slug: Option<String>,
    /// Name for people; the slug when left out.
    name: Option<String>,
}

/// Registers many directories as workspaces: all of them, or none when one of them cannot be. One that is registered
/// already stays as it is, whatever the list says of its slug and name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportWorkspaces {
    /// JSON array of `path` with `slug` and `name`, where they matter.
    #[schemars(extend("contentMediaType" = "application/json"))]
    workspaces: Vec<Listed>,
}

/// One workspace of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Imported {
    #[serde(flatten)]
    workspace: WorkspaceLine,
    /// False when it was registered before.
    registered: bool,
}

/// The workspaces of the list, in its order.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkspacesImported {
    /// How many are new.
    imported: usize,
    workspaces: Vec<Imported>,
}

impl Operation for ImportWorkspaces {
    const NAME: &'static str = "import_workspaces";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "import"])
        .positional(&["workspaces"])
        .aliases(&[Alias { path: &["workspace-import"], hidden: true }])
        .table("workspaces", &["slug", "path", "visibility", "registered"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "From a list",
        command: "workspace import workspaces.json",
        input: r#"{"workspaces": [{"path": "/home/ada/shop"}, {"path": "/home/ada/site", "slug": "www", "name": "The Site"}]}"#,
    }];
    const FORMER: &'static [&'static str] = &["workspace_import"];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted().idempotent();
    const UPLOAD: bool = true;
    type Output = WorkspacesImported;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspacesImported, Fault> {
        if self.workspaces.len() > MOST {
            return Err(Fault::invalid(format!("`workspaces` names more than {MOST} directories"))
                .param("workspaces")
                .hint("send them in several lists"));
        }
        let mut records = Vec::new();
        for (index, listed) in self.workspaces.into_iter().enumerate() {
            let location = locate(cx, &listed.path).await.map_err(|fault| of_element(index, fault))?;
            let wish = Wish { slug: listed.slug, name: listed.name, visibility: None };
            let fresh = Fresh::of(cx, location, &wish, listed.path);
            records.push(fresh.map_err(|fault| of_element(index, fault))?.keeping());
        }
        let found: Vec<(WorkspaceRecord, bool, WorkspaceRole)> = cx
            .write(Scope::global(), move |tx| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    for (index, fresh) in records.into_iter().enumerate() {
                        found.push(fresh.insert(tx).await.map_err(|fault| of_element(index, fault))?);
                    }
                    Ok(found)
                })
            })
            .await?;
        let imported = |(workspace, registered, role)| Imported {
            workspace: WorkspaceLine { workspace, role },
            registered,
        };
        let workspaces: Vec<Imported> = found.into_iter().map(imported).collect();
        Ok(WorkspacesImported {
            imported: workspaces.iter().filter(|one| one.registered).count(),
            workspaces,
        })
    }
}

async fn locate(cx: &Cx<'_>, path: &str) -> Result<Location, Fault> {
    let asked = match &cx.caller.directory {
        Some(directory) => directory.join(path),
        None if Path::new(path).is_absolute() => path.into(),
        None => {
            return Err(Fault::invalid(format!("`{path}` is not absolute, and where you are is not known"))
                .code("relative_path")
                .param("path"));
        }
    };
    cx.control.ports.directories.locate(asked).await
}

/// The fault, with the element of the list that it is about.
fn of_element(index: usize, mut fault: Fault) -> Fault {
    let element = match &fault.param {
        Some(member) => format!("workspaces[{index}].{member}"),
        None => format!("workspaces[{index}]"),
    };
    fault.message = format!("`{element}`: {}", fault.message);
    fault.param(element).hint("nothing was imported; mend the list and send it again")
}
