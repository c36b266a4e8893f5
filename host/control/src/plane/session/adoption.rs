//! Adoption: of what sessions were offered at their start, how much they took up soon after.

use std::collections::BTreeMap;

use brains_core::id::{Id, Workspace};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use brains_store::{Rows, SessionStart};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NOUN;
use crate::context::Cx;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::workspace_role::role_in;

/// What is offered, by its name in the event of a start, and the event by which it is taken up.
const SURFACES: [(&str, &str); 3] =
    [("unread_messages", "mail.read"), ("peers", "focus.set"), ("locks", "lock.acquire")];
/// Starts read at a time.
const PAGE: u32 = 500;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// The longest that is looked back.
const DAYS_MAX: i64 = 366;

/// Tells how often sessions took up what they were offered at their start, within a few minutes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptionReport {
    /// How soon after the start it counts.
    #[serde(default = "default_window")]
    window_minutes: i64,
    /// How far is looked back.
    #[serde(default = "default_days")]
    since_days: i64,
    /// Only sessions of this workspace; all that you can see when nothing is said.
    workspace: Option<String>,
}

const fn default_window() -> i64 {
    2
}

const fn default_days() -> i64 {
    14
}

/// One thing that is offered.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct SurfaceAdoption {
    /// The event by which it is taken up.
    follow_kind: String,
    /// Sessions that were offered it.
    offered: u64,
    /// Those of them that took it up in time.
    acted: u64,
    /// Their share; none when nobody was offered it.
    rate: Option<f64>,
}

/// What was taken up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Adoption {
    window_minutes: i64,
    since_days: i64,
    /// Slug of the workspace, when one was asked about.
    workspace: Option<String>,
    sessions_started: u64,
    surfaces: BTreeMap<String, SurfaceAdoption>,
}

impl Operation for AdoptionReport {
    const NAME: &'static str = "adoption_report";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "adoption"])
        .aliases(&[Alias { path: &["adoption-report"], hidden: true }]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "The last week, within five minutes",
        command: "session adoption --since-days 7 --window-minutes 5",
        input: r#"{"since_days": 7, "window_minutes": 5}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = Adoption;

    async fn run(self, cx: &Cx<'_>) -> Result<Adoption, Fault> {
        for (member, value, most) in
            [("window_minutes", self.window_minutes, 24 * 60), ("since_days", self.since_days, DAYS_MAX)]
        {
            if !(1..=most).contains(&value) {
                return Err(Fault::invalid(format!("`{member}` must be between 1 and {most}")).param(member));
            }
        }
        let mut view = cx.control.store.read().await?;
        let only = match &self.workspace {
            Some(reference) => {
                Some(cx.workspace(&mut view, Some(reference), WorkspaceRole::Reader).await?.workspace)
            }
            None => None,
        };
        let mut adoption = Adoption {
            window_minutes: self.window_minutes,
            since_days: self.since_days,
            workspace: only.as_ref().map(|workspace| workspace.slug.clone()),
            sessions_started: 0,
            surfaces: SURFACES
                .iter()
                .map(|(name, follow)| {
                    let surface =
                        SurfaceAdoption { follow_kind: (*follow).to_owned(), ..SurfaceAdoption::default() };
                    ((*name).to_owned(), surface)
                })
                .collect(),
        };
        let mut seen = SessionLookup { cx, only: only.map(|workspace| workspace.id), known: BTreeMap::new() };
        let mut from = (cx.now().plus_ms(-self.since_days * DAY_MS), String::new());
        loop {
            let starts = view.session_starts(from.0, &from.1, PAGE).await?;
            let Some(last) = starts.last() else { break };
            from = (last.at, last.session.clone());
            for start in &starts {
                if seen.sees(&mut view, &start.scope).await? {
                    adoption.sessions_started += 1;
                    count(&mut view, start, self.window_minutes * MINUTE_MS, &mut adoption.surfaces).await?;
                }
            }
        }
        for surface in adoption.surfaces.values_mut().filter(|surface| surface.offered > 0) {
            #[expect(clippy::cast_precision_loss, reason = "a share of far fewer than 2^52 sessions")]
            let rate = surface.acted as f64 / surface.offered as f64;
            surface.rate = Some(rate);
        }
        Ok(adoption)
    }
}

/// Which workspaces the caller sees, each asked once.
struct SessionLookup<'a> {
    cx: &'a Cx<'a>,
    only: Option<Id<Workspace>>,
    known: BTreeMap<String, bool>,
}

impl SessionLookup<'_> {
    async fn sees(&mut self, rows: &mut Rows, scope: &str) -> Result<bool, Fault> {
        if let Some(known) = self.known.get(scope) {
            return Ok(*known);
        }
        let id = scope.strip_prefix("workspace:").and_then(Id::<Workspace>::parse);
        let wanted = id.filter(|id| self.only.as_ref().is_none_or(|only| only == id));
        let sees = match wanted {
            Some(id) => match rows.workspace(&id).await? {
                Some(workspace) => role_in(rows, self.cx.principal, &workspace).await?.is_some(),
                None => false,
            },
            None => false,
        };
        self.known.insert(scope.to_owned(), sees);
        Ok(sees)
    }
}

async fn count(
    rows: &mut Rows,
    start: &SessionStart,
    window_ms: i64,
    surfaces: &mut BTreeMap<String, SurfaceAdoption>,
) -> Result<(), Fault> {
    let detail: Value = serde_json::from_str(&start.detail).unwrap_or_default();
    let until: Millis = start.at.plus_ms(window_ms);
    for (name, follow) in SURFACES {
        let offered = detail.pointer(&format!("/welcome/{name}")).and_then(Value::as_u64).unwrap_or(0);
        if offered == 0 {
            continue;
        }
        let acted = rows.session_did(&start.scope, &start.session, follow, start.at, until).await?;
        if let Some(surface) = surfaces.get_mut(name) {
            surface.offered += 1;
            surface.acted += u64::from(acted);
        }
    }
    Ok(())
}
