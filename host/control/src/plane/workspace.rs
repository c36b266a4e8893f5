//! Workspaces: registered and found; changed in `workspace/change.rs`, shared in `workspace/member.rs`, many at once in
//! `workspace/import.rs` and `workspace/prune.rs`. Only writing verbs register one.

mod change;
mod import;
mod member;
mod moved;
mod prune;
mod state;
mod tree;

use brains_core::id::Id;
use brains_core::plane::workspace::{
    Location, Visibility, WorkspaceRecord, WorkspaceRole, check_name, check_slug, slug_of,
};
use brains_core::principal::Role;
use brains_core::{Fault, FaultKind, Principal};
use brains_store::{Rows, Scope, StoreError, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::Cx;
use crate::input::page::{default_limit, limit};
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::not_found;
use crate::workspace_role::role_in;

pub(crate) use change::{ArchiveWorkspace, RenameWorkspace, SetWorkspaceVisibility, UnarchiveWorkspace};
pub(crate) use import::ImportWorkspaces;
pub(crate) use member::{InviteToWorkspace, ListWorkspaceMembers, UninviteFromWorkspace};
pub(crate) use moved::MoveWorkspace;
pub(crate) use prune::{CheckWorkspaces, PruneWorkspaces};
pub(crate) use state::GetState;
pub(crate) use tree::refuse_moved;

const NOUN: &str = "workspace";

/// One workspace, as the caller sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkspaceLine {
    #[serde(flatten)]
    workspace: WorkspaceRecord,
    /// What the caller may do in it.
    role: WorkspaceRole,
}

/// A workspace.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkspaceAnswer {
    workspace: WorkspaceLine,
}

/// Registers a directory as a workspace, or tells the one that is there. The tree is told from its git directory, so
/// two working trees of one repository are two workspaces; without git it is the directory itself. A member registers
/// projects: directories with a marker that belong to the user of the service. Any other directory takes an administrator.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterWorkspace {
    /// Absolute path of a directory on the machine of the service; where the caller works when nothing is said.
    path: Option<String>,
    /// Unique name; made from the path when nothing is said.
    slug: Option<String>,
    /// Name for people; the slug when nothing is said.
    name: Option<String>,
    /// Who sees it: `shared` when nothing is said.
    visibility: Option<Visibility>,
}

/// A workspace, and whether it is new.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkspaceRegistered {
    workspace: WorkspaceLine,
    /// False when it was registered before; it is told as it is then.
    registered: bool,
    /// Whether anything in the directory says that a project lives there.
    marked: bool,
}

impl Operation for RegisterWorkspace {
    const NAME: &'static str = "register_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "register"])
        .positional(&["path"])
        .aliases(&[Alias { path: &["add-repo"], hidden: true }])
        .table("", &["workspace.slug", "workspace.path", "workspace.visibility", "registered"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Register a directory",
            command: "workspace register /home/ada/shop",
            input: r#"{"path": "/home/ada/shop"}"#,
        },
        Example {
            title: "For invited people only",
            command: "workspace register /home/ada/diary --visibility private",
            input: r#"{"path": "/home/ada/diary", "visibility": "private"}"#,
        },
    ];
    const FORMER: &'static [&'static str] = &["add_repo"];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = WorkspaceRegistered;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceRegistered, Fault> {
        let path = cx.directory_at(self.path.as_deref())?;
        let location = cx.control.ports.directories.locate(path.clone()).await?;
        if self.visibility == Some(Visibility::Private) {
            cx.check_person("a workspace is made private")?;
        }
        let wish = Wish { slug: self.slug, name: self.name, visibility: self.visibility };
        let marked = location.marked;
        let reference = path.display().to_string();
        let (workspace, registered, role) = register(cx, location, wish, reference).await?;
        Ok(WorkspaceRegistered { workspace: WorkspaceLine { workspace, role }, registered, marked })
    }
}

/// What somebody who registers a workspace asks for.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) slug: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) visibility: Option<Visibility>,
}

/// Registers `location`; whoever does it owns it. `reference` is how they named it.
async fn register(
    cx: &Cx<'_>,
    location: Location,
    wish: Wish,
    reference: String,
) -> Result<(WorkspaceRecord, bool, WorkspaceRole), Fault> {
    refuse_moved(cx, &location).await?;
    let fresh = Fresh::of(cx, location, &wish, reference)?;
    fresh.look(&mut *cx.control.store.read().await?).await?;
    cx.write(Scope::global(), move |tx| Box::pin(async move { fresh.insert(tx).await })).await
}

/// A workspace that somebody wants, checked as far as it can be without the rows.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    record: WorkspaceRecord,
    /// Whether the slug was chosen, and the name.
    exact: bool,
    named: bool,
    seen_by: Option<Visibility>,
    /// What is registered already stays as it is, whatever is wanted of it.
    keeps: bool,
    principal: Principal,
    claim: DirectoryClaim,
    reference: String,
    tree: Option<String>,
}

/// What somebody may make of a directory that is no workspace yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectoryClaim {
    /// Any: a person who is an administrator.
    Any,
    /// It is not there, which such a person is told.
    Missing,
    /// A project that nobody else works below.
    Project,
    None,
}

impl DirectoryClaim {
    pub(super) fn of(cx: &Cx<'_>, location: &Location) -> Self {
        if cx.principal.role == Role::Admin && !cx.is_agent() {
            return if location.exists { Self::Any } else { Self::Missing };
        }
        if location.is_open() { Self::Project } else { Self::None }
    }
}

impl Fresh {
    pub(crate) fn of(cx: &Cx<'_>, location: Location, wish: &Wish, reference: String) -> Result<Self, Fault> {
        Ok(Self {
            exact: wish.slug.is_some(),
            named: wish.name.is_some(),
            seen_by: wish.visibility,
            keeps: false,
            principal: cx.principal.clone(),
            claim: DirectoryClaim::of(cx, &location),
            tree: location.tree.clone(),
            record: row(cx, location, wish)?,
            reference,
        })
    }

    /// For a list: what is registered already stays as it is.
    pub(crate) fn keeping(self) -> Self {
        Self { keeps: true, ..self }
    }

    /// Refuses what the caller may not register; the one that is there already is given back with what they are in it.
    /// Somebody else's private one, a directory that is not there and one that is not theirs to take are answered in the
    /// same words: nobody learns here what exists.
    pub(crate) async fn look(
        &self,
        rows: &mut Rows,
    ) -> Result<Option<(WorkspaceRecord, WorkspaceRole)>, Fault> {
        let owner = self.principal.owner();
        let there = rows.workspace_at(&self.record.common_dir, &self.record.path).await?;
        let others_below = rows.others_below(&self.record.path, owner).await?;
        if let Some(there) = there {
            let role = role_in(rows, &self.principal, &there).await?;
            let role = role.ok_or_else(|| self.invisible())?;
            if !self.keeps {
                self.check_wish(&there)?;
            }
            return Ok(Some((there, role)));
        }
        match self.claim {
            DirectoryClaim::Any => Ok(None),
            DirectoryClaim::Missing => Err(Fault::not_found("directory", &self.reference).param("path")),
            DirectoryClaim::Project if !others_below => Ok(None),
            DirectoryClaim::Project | DirectoryClaim::None => Err(self.invisible()),
        }
    }

    /// Refuses what was asked for and is otherwise already: it is not changed on the way.
    fn check_wish(&self, there: &WorkspaceRecord) -> Result<(), Fault> {
        let (path, slug) = (&there.path, &there.slug);
        let (member, verb) = if self.exact && self.record.slug != *slug {
            ("slug", "rename_workspace")
        } else if self.named && self.record.name != there.name {
            ("name", "rename_workspace")
        } else if self.seen_by.is_some_and(|seen_by| seen_by != there.visibility) {
            ("visibility", "set_workspace_visibility")
        } else {
            return Ok(());
        };
        Err(Fault::conflict(format!("`{path}` is the workspace `{slug}` already, with another `{member}`"))
            .code("workspace_exists")
            .param(member)
            .hint(format!("leave `{member}` out, or change it with `{verb}`")))
    }

    fn invisible(&self) -> Fault {
        not_found(&self.reference).param("path")
    }

    /// Adds it in a write of the global scope.
    pub(crate) async fn insert(self, tx: &mut Tx) -> Result<(WorkspaceRecord, bool, WorkspaceRole), Fault> {
        if let Some((there, role)) = self.look(tx).await? {
            if let Some(tree) = &self.tree {
                tx.note_tree(&there.id, tree).await?;
            }
            return Ok((there, false, role));
        }
        let (mut workspace, _) = tx.register_workspace(self.record, self.exact).await.map_err(taken)?;
        if let Some(tree) = &self.tree {
            tx.note_tree(&workspace.id, tree).await?;
        }
        if !self.named && workspace.name != workspace.slug {
            workspace.name.clone_from(&workspace.slug);
            tx.save_workspace(&workspace).await?;
        }
        tx.set_member(&workspace.id, self.principal.owner(), WorkspaceRole::Owner).await?;
        let detail = json!({
            "workspace": workspace.id, "slug": workspace.slug, "path": workspace.path,
            "visibility": workspace.visibility,
        });
        tx.record_in(&Scope::global(), "workspace.register", detail).await?;
        Ok((workspace, true, WorkspaceRole::Owner))
    }
}

/// A slug that another workspace has is told as such.
fn taken(error: StoreError) -> Fault {
    let fault = Fault::from(error);
    if fault.kind == FaultKind::Conflict { fault.param("slug") } else { fault }
}

/// The row of a workspace that is not there yet.
fn row(cx: &Cx<'_>, location: Location, wish: &Wish) -> Result<WorkspaceRecord, Fault> {
    if let Some(slug) = &wish.slug {
        check_slug(slug)?;
    }
    let slug = wish.slug.clone().unwrap_or_else(|| slug_of(&location.path));
    let name = wish.name.as_deref().map(check_name).transpose()?;
    Ok(WorkspaceRecord {
        id: Id::mint(&*cx.control.ambient),
        name: name.unwrap_or_else(|| slug.clone()),
        slug,
        path: location.path,
        common_dir: location.common_dir,
        visibility: wish.visibility.unwrap_or(Visibility::Shared),
        created_at: cx.now(),
        created_by: cx.principal.owner().to_owned(),
        archived_at: None,
        last_touched_at: None,
        last_summary: None,
    })
}

/// Lists the workspaces that you can see, by slug.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListWorkspaces {
    /// Archived ones too.
    #[serde(default)]
    all: bool,
    /// How many at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A page of workspaces.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkspacePage {
    workspaces: Vec<WorkspaceLine>,
    /// Where the next page begins; none when this is the last.
    next_cursor: Option<String>,
}

impl Operation for ListWorkspaces {
    const NAME: &'static str = "list_workspaces";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "list"]).table(
        "workspaces",
        &["slug", "name", "path", "visibility", "role", "last_touched_at", "archived_at"],
    );
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Where agents work", command: "workspace list", input: "{}" }];
    type Output = WorkspacePage;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspacePage, Fault> {
        let limit = limit(self.limit)?;
        let after = self.cursor.unwrap_or_default();
        let owner = match cx.principal.role {
            Role::Admin => None,
            Role::Member => Some(cx.principal.owner()),
        };
        let mut view = cx.control.store.read().await?;
        let mut found = view.workspaces(owner, self.all, &after, limit + 1).await?;
        let next_cursor = cx.budget.cut(&mut found, limit, |workspace| workspace.slug.clone());
        let mut workspaces = Vec::new();
        for workspace in found {
            if let Some(role) = role_in(&mut view, cx.principal, &workspace).await? {
                workspaces.push(WorkspaceLine { workspace, role });
            }
        }
        Ok(WorkspacePage { workspaces, next_cursor })
    }
}

/// Shows one workspace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowWorkspace {
    /// Slug, id, or a path in it; where you are when nothing is said.
    workspace: Option<String>,
}

impl Operation for ShowWorkspace {
    const NAME: &'static str = "show_workspace";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "show"]).positional(&["workspace"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "By name", command: "workspace show shop", input: r#"{"workspace": "shop"}"# }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = WorkspaceAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspaceAnswer, Fault> {
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Reader).await?;
        Ok(WorkspaceAnswer { workspace: WorkspaceLine { workspace: access.workspace, role: access.role } })
    }
}
