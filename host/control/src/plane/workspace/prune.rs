//! Putting away many workspaces at once: those that match a pattern, and those whose directory is gone. They are
//! archived as `archive_workspace` does it, so nothing is lost; one that somebody works in stays.

use brains_core::Fault;
use brains_core::id::{Id, Workspace};
use brains_core::plane::workspace::{WorkspaceRecord, WorkspaceRole};
use brains_core::principal::Role;
use brains_store::{Scope, Scopes, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::NOUN;
use crate::context::Cx;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_access::{WorkspaceAccess, not_found};
use crate::workspace_role::role_in;

/// Workspaces that one write puts away at most: it holds the scope of each.
const AT_ONCE: usize = 100;
/// Workspaces that are read at a time.
const PAGE: u32 = 1_000;

/// A workspace, named.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Named")]
pub(crate) struct PrunableWorkspace {
    id: Id<Workspace>,
    slug: String,
    path: String,
}

impl PrunableWorkspace {
    fn of(workspace: &WorkspaceRecord) -> Self {
        Self { id: workspace.id.clone(), slug: workspace.slug.clone(), path: workspace.path.clone() }
    }
}

/// A workspace that stays although it was meant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Kept")]
pub(crate) struct KeptWorkspace {
    slug: String,
    /// Why.
    reason: String,
}

/// What is to be put away, and what is not.
#[derive(Debug, Default)]
struct Planned {
    places: Vec<WorkspaceAccess>,
    kept: Vec<KeptWorkspace>,
}

/// Puts away the workspaces whose slug or path matches a pattern. Without `apply` it only says which. None is deleted:
/// `unarchive_workspace` brings one back. Those that somebody works in stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PruneWorkspaces {
    /// Those whose slug begins with one of these.
    #[serde(default)]
    slug_prefix: Vec<String>,
    /// Those whose path contains one of these.
    #[serde(default)]
    path_contains: Vec<String>,
    /// Do it, rather than only say what would be done.
    #[serde(default)]
    apply: bool,
    /// How many of them are named in the answer.
    #[serde(default = "crate::input::page::default_limit")]
    #[schemars(range(max = 1000))]
    sample: u32,
}

/// The patterns that were asked for; one that matches is enough.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Patterns {
    slug_prefix: Vec<String>,
    path_contains: Vec<String>,
}

impl Patterns {
    fn check(&self) -> Result<(), Fault> {
        for (param, patterns) in [("slug_prefix", &self.slug_prefix), ("path_contains", &self.path_contains)]
        {
            if patterns.iter().any(|pattern| pattern.trim().is_empty()) {
                return Err(Fault::invalid(format!(
                    "`{param}` holds an empty pattern, which matches everything"
                ))
                .param(param));
            }
        }
        if self.slug_prefix.is_empty() && self.path_contains.is_empty() {
            return Err(Fault::invalid("no pattern was given")
                .code("pattern_required")
                .param("slug_prefix")
                .hint("send `slug_prefix`, `path_contains`, or both: what matches one of them is meant"));
        }
        Ok(())
    }

    fn matches(&self, workspace: &WorkspaceRecord) -> bool {
        self.slug_prefix.iter().any(|prefix| workspace.slug.starts_with(prefix))
            || self.path_contains.iter().any(|part| workspace.path.contains(part))
    }
}

/// What was put away, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Pruned {
    /// How many match.
    matched: usize,
    patterns: Patterns,
    /// Whether nothing was done.
    dry_run: bool,
    /// The first of those that match.
    sample: Vec<PrunableWorkspace>,
    /// How many were archived.
    archived: usize,
    /// Those that match and stay.
    kept: Vec<KeptWorkspace>,
}

impl Operation for PruneWorkspaces {
    const NAME: &'static str = "prune_workspaces";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "prune"])
        .aliases(&[Alias { path: &["workspaces", "prune"], hidden: true }]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "What tests left behind",
            command: "workspace prune --path-contains /tmp/pytest-",
            input: r#"{"path_contains": ["/tmp/pytest-"]}"#,
        },
        Example {
            title: "Put it away",
            command: "workspace prune --slug-prefix tmp-,scratch- --apply",
            input: r#"{"slug_prefix": ["tmp-", "scratch-"], "apply": true}"#,
        },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people().destructive().idempotent();
    type Output = Pruned;

    async fn run(self, cx: &Cx<'_>) -> Result<Pruned, Fault> {
        let patterns = Patterns { slug_prefix: self.slug_prefix, path_contains: self.path_contains };
        patterns.check()?;
        let mut found = visible(cx).await?;
        found.retain(|workspace| patterns.matches(workspace));
        let sample = usize::try_from(self.sample).unwrap_or(usize::MAX);
        let planned = plan(cx, &found).await?;
        let (archived, kept) =
            if self.apply { put_away(cx, planned, "prune").await? } else { (0, planned.kept) };
        Ok(Pruned {
            matched: found.len(),
            patterns,
            dry_run: !self.apply,
            sample: found.iter().take(sample).map(PrunableWorkspace::of).collect(),
            archived,
            kept,
        })
    }
}

/// Says which workspaces have no directory on the service's machine any more, and in which nothing says that a project
/// lives there. With `prune_missing` and `apply` the missing ones are put away; none is deleted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckWorkspaces {
    /// Put away those whose directory is missing.
    #[serde(default)]
    prune_missing: bool,
    /// Do it, rather than only say what would be done.
    #[serde(default)]
    apply: bool,
}

/// What is wrong with workspaces.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkspacesChecked {
    /// How many were looked at.
    total: usize,
    /// How many of them are fine.
    ok: usize,
    missing_count: usize,
    no_marker_count: usize,
    /// Those without a directory.
    missing: Vec<PrunableWorkspace>,
    /// Those in which nothing says that a project lives there.
    no_marker: Vec<PrunableWorkspace>,
    /// How many of the missing were archived.
    pruned_missing: usize,
    /// Missing ones that stay.
    kept: Vec<KeptWorkspace>,
}

impl Operation for CheckWorkspaces {
    const NAME: &'static str = "check_workspaces";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["workspace", "doctor"])
        .aliases(&[Alias { path: &["workspaces", "doctor"], hidden: true }]);
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Which directories are gone", command: "workspace doctor", input: "{}" },
        Example {
            title: "Put those away",
            command: "workspace doctor --prune-missing --apply",
            input: r#"{"prune_missing": true, "apply": true}"#,
        },
    ];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).people().destructive().idempotent();
    type Output = WorkspacesChecked;

    async fn run(self, cx: &Cx<'_>) -> Result<WorkspacesChecked, Fault> {
        if self.apply && !self.prune_missing {
            return Err(Fault::invalid("`apply` without `prune_missing` does nothing")
                .param("apply")
                .hint("leave it out to look, or add `prune_missing`"));
        }
        let found = visible(cx).await?;
        let total = found.len();
        let (missing, no_marker) = look(cx, found).await?;
        let planned = if self.prune_missing { plan(cx, &missing).await? } else { Planned::default() };
        let (pruned_missing, kept) =
            if self.apply { put_away(cx, planned, "missing").await? } else { (0, planned.kept) };
        Ok(WorkspacesChecked {
            total,
            ok: total.saturating_sub(missing.len() + no_marker.len()),
            missing_count: missing.len(),
            no_marker_count: no_marker.len(),
            missing: missing.iter().map(PrunableWorkspace::of).collect(),
            no_marker: no_marker.iter().map(PrunableWorkspace::of).collect(),
            pruned_missing,
            kept,
        })
    }
}

/// Those without a directory, and those without a marker.
async fn look(
    cx: &Cx<'_>,
    found: Vec<WorkspaceRecord>,
) -> Result<(Vec<WorkspaceRecord>, Vec<WorkspaceRecord>), Fault> {
    let (mut missing, mut no_marker) = (Vec::new(), Vec::new());
    for workspace in found {
        let location = cx.control.ports.directories.locate(workspace.path.clone().into()).await?;
        if !location.exists {
            missing.push(workspace);
        } else if !location.marked || location.path != workspace.path {
            // A marker further up belongs to another tree.
            no_marker.push(workspace);
        }
    }
    Ok((missing, no_marker))
}

/// The workspaces that the caller sees and that were not put away, by slug.
async fn visible(cx: &Cx<'_>) -> Result<Vec<WorkspaceRecord>, Fault> {
    let owner = (cx.principal.role == Role::Member).then(|| cx.principal.owner());
    let mut view = cx.control.store.read().await?;
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = view.workspaces(owner, false, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after.clone_from(&last.slug);
        found.extend(page);
    }
}

/// Sorts out those that the caller may not put away, and those that somebody works in.
async fn plan(cx: &Cx<'_>, found: &[WorkspaceRecord]) -> Result<Planned, Fault> {
    let now = cx.now();
    let mut view = cx.control.store.read().await?;
    let mut planned = Planned::default();
    for workspace in found {
        let slug = workspace.slug.clone();
        let role = role_in(&mut view, cx.principal, workspace).await?;
        if role.is_none_or(|role| role < WorkspaceRole::Maintainer) {
            let reason = format!("it takes the role `{}`", WorkspaceRole::Maintainer.word());
            planned.kept.push(KeptWorkspace { slug, reason });
        } else if !view.live_sessions(&workspace.id, now, 1).await?.is_empty() {
            planned.kept.push(busy(slug));
        } else {
            let absent = || not_found(&workspace.slug);
            let access = cx.workspace_of(&mut view, &workspace.id, WorkspaceRole::Maintainer, absent);
            planned.places.push(access.await?);
        }
    }
    Ok(planned)
}

fn busy(slug: String) -> KeptWorkspace {
    KeptWorkspace { slug, reason: "sessions work in it".into() }
}

/// Archives what is planned, so many in one write; tells how many, and what stays after all.
async fn put_away(
    cx: &Cx<'_>,
    planned: Planned,
    cause: &'static str,
) -> Result<(usize, Vec<KeptWorkspace>), Fault> {
    let Planned { places, mut kept } = planned;
    let mut archived = 0;
    for places in places.chunks(AT_ONCE) {
        let scopes = Scopes::new(Scope::global(), places.iter().map(WorkspaceAccess::scope).collect());
        let (places, count) = (places.to_vec(), places.len());
        let stay: Vec<String> = cx
            .write(scopes, move |tx| {
                Box::pin(async move {
                    let mut stay = Vec::new();
                    for access in places {
                        if !archive(tx, &access, cause).await? {
                            stay.push(access.workspace.slug);
                        }
                    }
                    Ok(stay)
                })
            })
            .await?;
        archived += count - stay.len();
        kept.extend(stay.into_iter().map(busy));
    }
    cx.control.freed.notify_waiters();
    Ok((archived, kept))
}

/// Archives one; `false` when somebody began to work in it meanwhile.
async fn archive(tx: &mut Tx, access: &WorkspaceAccess, cause: &str) -> Result<bool, Fault> {
    let mut workspace = access.confirm(tx).await?;
    let now = tx.now();
    if !tx.live_sessions(&workspace.id, now, 1).await?.is_empty() {
        return Ok(false);
    }
    workspace.archived_at = Some(now);
    tx.save_workspace(&workspace).await?;
    let detail = json!({ "slug": workspace.slug, "cause": cause });
    tx.record_in(&access.scope(), "workspace.archive", detail).await?;
    Ok(true)
}
