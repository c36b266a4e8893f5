//! The process that answers: what it is, where it listens, what it counts.

use std::collections::BTreeMap;

use brains_core::principal::{KeyScope, Role};
use brains_core::{Fault, Millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Cx;
use crate::job_status::JobStatus;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// Shows version, uptime, addresses and counters of the running service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceStatus {}

/// The running service.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Status {
    version: String,
    /// When it started; none when a command works on the store directly.
    started_at: Option<Millis>,
    uptime_seconds: Option<i64>,
    /// Base URL by listener.
    urls: BTreeMap<String, String>,
    traces: TraceCounters,
    /// Number of components by state.
    components: BTreeMap<String, u64>,
    /// Whether the newest configuration is in force; otherwise the last good one is.
    config_sound: bool,
    /// What the process does by itself, and how the last run of each job went.
    background: Vec<JobStatus>,
}

/// What became of traces since the start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TraceCounters {
    /// Kept.
    written: u64,
    /// Lost, because the store was slower than the requests.
    dropped: u64,
}

impl Operation for ServiceStatus {
    const NAME: &'static str = "service_status";
    const NOUN: &'static str = "service";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["service", "status"]);
    const EXAMPLES: &'static [Example] =
        &[Example { title: "Show the service", command: "service status", input: "{}" }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = Status;

    async fn run(self, cx: &Cx<'_>) -> Result<Status, Fault> {
        let ports = &cx.control.ports;
        let facts = ports.service.facts();
        let mut components = BTreeMap::new();
        for component in ports.settings.components() {
            let count: &mut u64 = components.entry(component.component.state.name().to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        let mut jobs = cx.control.job_statuses();
        let principal = cx.principal;
        // As everywhere: reasons are for administrators who are people and may write.
        if principal.role != Role::Admin || !principal.may(KeyScope::Write) || cx.is_agent() {
            jobs = jobs.into_iter().map(JobStatus::without_reason).collect();
        }
        let counts = cx.control.store.traces().counts();
        Ok(Status {
            version: facts.version,
            started_at: facts.started_at,
            uptime_seconds: facts.started_at.map(|at| cx.now().since(at) / 1_000),
            urls: facts.urls,
            traces: TraceCounters { written: counts.written, dropped: counts.dropped },
            components,
            background: jobs,
            config_sound: ports.settings.active().problems.is_empty(),
        })
    }
}
