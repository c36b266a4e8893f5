//! Events: what happened in a workspace, in order. Every audited change is one; clients add their own.

use brains_core::id::{Id, Session};
use brains_core::plane::task::check_said;
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use brains_core::{Fault, Millis};
use brains_store::{EventFilter, Scope, StoredEvent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::Cx;
use crate::input::page;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;
use crate::waiting::{Ground, Waiting, check_timeout, default_ms, outside};

const NOUN: &str = "event";
/// Most characters of a kind.
const KIND_MAX: usize = 48;
/// Most kinds that one filter names.
const KINDS_MAX: usize = 20;

/// One event.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventLine {
    /// Position in the workspace, rising.
    seq: i64,
    pub(crate) at: Millis,
    /// Noun and verb, `task.claim`; one word without a dot is a client's own.
    kind: String,
    /// Slug of the operator.
    operator: String,
    session: Option<String>,
    /// Whether an agent did it, rather than a person or the program.
    agent: bool,
    detail: Value,
}

impl From<StoredEvent> for EventLine {
    fn from(event: StoredEvent) -> Self {
        Self {
            seq: event.seq,
            at: event.at,
            kind: event.kind,
            operator: event.operator,
            session: event.session,
            agent: event.agent,
            detail: serde_json::from_str(&event.detail).unwrap_or(Value::String(event.detail)),
        }
    }
}

/// Where the events are that a call is about.
async fn ground(cx: &Cx<'_>, workspace: Option<&str>, global: bool) -> Result<(Ground, Scope), Fault> {
    if !global {
        let mut view = cx.control.store.read().await?;
        let access = cx.workspace(&mut view, workspace, WorkspaceRole::Reader).await?;
        let (scope, told) = (access.scope(), workspace.unwrap_or(&access.workspace.slug).to_owned());
        return Ok((Ground::Inside(Box::new(access), told), scope));
    }
    if workspace.is_some() {
        return Err(Fault::invalid("`global` and `workspace` exclude each other").param("global"));
    }
    if cx.principal.role != Role::Admin {
        return Err(outside());
    }
    Ok((Ground::Outside, Scope::global()))
}

fn check_kinds(kinds: &[String]) -> Result<(), Fault> {
    if kinds.len() > KINDS_MAX {
        return Err(Fault::invalid(format!("`kinds` names more than {KINDS_MAX}")).param("kinds"));
    }
    Ok(())
}

fn position(cursor: Option<&str>) -> Result<Option<i64>, Fault> {
    cursor.map(|cursor| cursor.parse::<i64>().map_err(|_| page::bad_cursor())).transpose()
}

/// Lists what happened in a workspace, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListEvents {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// What happened outside of the workspaces instead; for administrators.
    #[serde(default)]
    global: bool,
    /// Only these kinds, e.g. `task.claim`.
    #[serde(default)]
    kinds: Vec<String>,
    /// Only what this session did.
    by: Option<Id<Session>>,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Continue behind this event: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of events.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventPage {
    events: Vec<EventLine>,
    /// Give it as `cursor` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Operation for ListEvents {
    const NAME: &'static str = "list_events";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["event", "list"])
        .table("events", &["seq", "at", "kind", "operator", "agent", "session", "detail"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Who claimed what",
        command: "event list --kinds task.claim,task.release",
        input: r#"{"kinds": ["task.claim", "task.release"]}"#,
    }];
    type Output = EventPage;

    async fn run(self, cx: &Cx<'_>) -> Result<EventPage, Fault> {
        let limit = page::limit(self.limit)?;
        check_kinds(&self.kinds)?;
        let before = position(self.cursor.as_deref())?;
        let (_, scope) = ground(cx, self.workspace.as_deref(), self.global).await?;
        let filter =
            EventFilter { kinds: self.kinds, session: self.by, after: None, before, newest_first: true };
        let mut view = cx.control.store.read().await?;
        let found = view.list_events(&scope, &filter, limit + 1).await?;
        let mut events: Vec<EventLine> = found.into_iter().map(EventLine::from).collect();
        let next_cursor = cx.budget.cut(&mut events, limit, |event| event.seq.to_string());
        Ok(EventPage { events, next_cursor })
    }
}

/// Waits for what happens in a workspace after a position, and tells it, oldest first. An answer without events means that
/// nothing happened in time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitEvents {
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// What happens outside of the workspaces instead; for administrators.
    #[serde(default)]
    global: bool,
    /// Only what comes after this position: `after` of the answer before, or a `seq`; from now on when left out.
    after: Option<String>,
    /// Only these kinds, e.g. `task.complete`.
    #[serde(default)]
    kinds: Vec<String>,
    /// Only what this session does.
    by: Option<Id<Session>>,
    /// How long to wait, in milliseconds.
    #[serde(default = "default_ms")]
    #[schemars(range(max = 60000))]
    timeout_ms: u64,
    /// How many at most.
    #[serde(default = "page::default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventsHeard {
    events: Vec<EventLine>,
    /// Give it as `after` to go on from here.
    after: String,
}

impl Operation for WaitEvents {
    const NAME: &'static str = "wait_events";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Flow;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["event", "wait"])
        .table("events", &["seq", "at", "kind", "operator", "session", "detail"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Until a task is done",
        command: "event wait --kinds task.complete",
        input: r#"{"kinds": ["task.complete"]}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).read_only();
    type Output = EventsHeard;

    async fn run(self, cx: &Cx<'_>) -> Result<EventsHeard, Fault> {
        let limit = page::limit(self.limit)?;
        check_kinds(&self.kinds)?;
        let time = check_timeout(self.timeout_ms)?;
        let (ground, scope) = ground(cx, self.workspace.as_deref(), self.global).await?;
        let session = cx.acting_alive().await?;
        let waiting = Waiting::start(cx, vec![scope.as_str().to_owned()], time, ground, session);
        let asked = position(self.after.as_deref().filter(|after| !after.is_empty()))
            .map_err(|fault| fault.param("after"))?;
        let newest = {
            let newest = EventFilter { newest_first: true, ..EventFilter::default() };
            let mut view = cx.control.store.read().await?;
            view.list_events(&scope, &newest, 1).await?.first().map_or(0, |event| event.seq)
        };
        let after = asked.unwrap_or(newest);
        if after > newest {
            return Err(Fault::invalid(format!("nothing has the position {after} yet: the newest is {newest}"))
                .param("after")
                .hint("a position counts in one workspace, and not in another database; leave `after` out to begin now"));
        }
        let filter = EventFilter {
            kinds: self.kinds,
            session: self.by,
            after: Some(after),
            before: None,
            newest_first: false,
        };
        loop {
            let found = waiting.look().await?.list_events(&scope, &filter, limit).await?;
            if !found.is_empty() || !waiting.again().await {
                let mut events: Vec<EventLine> = found.into_iter().map(EventLine::from).collect();
                events.truncate(cx.budget.fitting(&events));
                let after = events.last().map_or(after, |event| event.seq).to_string();
                return Ok(EventsHeard { events, after });
            }
        }
    }
}

/// Writes an event of your own into a workspace, for whoever follows it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppendEvent {
    /// One word of your own, without a dot.
    kind: String,
    /// What happened.
    message: String,
    /// Slug, id or path of the workspace; where you work when left out.
    workspace: Option<String>,
    /// The session that tells it.
    session: Option<Id<Session>>,
}

/// The event, as it was written.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Appended {
    /// Position in the workspace.
    seq: i64,
    kind: String,
    at: Millis,
}

impl Operation for AppendEvent {
    const NAME: &'static str = "append_event";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["event", "append"]).positional(&["kind", "message"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "A deployment",
        command: "event append deployed \"version 1.4 is live\"",
        input: r#"{"kind": "deployed", "message": "version 1.4 is live"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = Appended;

    async fn run(self, cx: &Cx<'_>) -> Result<Appended, Fault> {
        let sound = (1..=KIND_MAX).contains(&self.kind.len())
            && self.kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !sound {
            return Err(Fault::invalid(format!(
                "`kind` must be one word of 1 to {KIND_MAX} letters, digits, `_` and `-`"
            ))
            .param("kind")
            .hint("kinds with a dot are the program's own"));
        }
        let message = check_said("message", self.message)?;
        let access = {
            let mut view = cx.control.store.read().await?;
            cx.workspace(&mut view, self.workspace.as_deref(), WorkspaceRole::Member).await?
        };
        let (kind, scope) = (self.kind, access.scope());
        cx.write_in(&access, self.session, move |tx, _| {
            Box::pin(async move {
                tx.record(&kind, json!({ "message": message })).await?;
                let newest = EventFilter { newest_first: true, ..EventFilter::default() };
                let seq = tx.list_events(&scope, &newest, 1).await?.first().map_or(0, |event| event.seq);
                Ok(Appended { seq, kind, at: tx.now() })
            })
        })
        .await
    }
}
