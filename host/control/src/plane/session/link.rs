//! Native ids of sessions: tied by hand, listed to their own session, found by whoever knows one. They prove who
//! somebody is, so nobody else is told them.

use brains_core::Fault;
use brains_core::caller::NativeId;
use brains_core::id::{Id, Session};
use brains_core::plane::session::{CONNECTION, LinkRecord, LinkedBy};
use brains_core::plane::workspace::WorkspaceRole;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::start::check_native;
use super::{NOUN, SessionLine};
use crate::context::Cx;
use crate::operation::{CliShape, Example, Operation, OperationKind};
use crate::tool::ToolShape;

/// How many sessions one native id is shown for.
const FOUND: u32 = 100;

/// Ties your session to an id that your program has for it. Whoever sends that id is recognised as the session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkSession {
    /// What kind of id it is: the program's name, or the header that carries it.
    tool: String,
    /// The id itself.
    tool_session_id: String,
    /// Who ties it; the program when nothing is said.
    #[serde(default)]
    linked_by: LinkedBy,
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// A link.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LinkAnswer {
    link: LinkRecord,
}

impl Operation for LinkSession {
    const NAME: &'static str = "link_session";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Write;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "link"]).positional(&["tool", "tool_session_id"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "By the program's own id",
        command: "session link my-agent 7f3a --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"tool": "my-agent", "tool_session_id": "7f3a", "session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const FORMER: &'static [&'static str] = &["link_tool_session"];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = LinkAnswer;

    async fn run(self, cx: &Cx<'_>) -> Result<LinkAnswer, Fault> {
        let native =
            NativeId { kind: self.tool.trim().to_owned(), value: self.tool_session_id.trim().to_owned() };
        check_native(&native)?;
        let linked_by = self.linked_by;
        let (session, access) = cx.session_there(self.session, None).await?;
        let link = cx
            .write_as(&access, Some(session.id), move |tx, session| {
                Box::pin(async move {
                    let NativeId { kind, value } = native;
                    let link = LinkRecord {
                        session: session.id.clone(),
                        kind,
                        value,
                        linked_at: tx.now(),
                        linked_by,
                    };
                    if tx.link_session(&link).await? {
                        tx.record("session.link", json!({ "session": session.id, "kind": link.kind }))
                            .await?;
                        return Ok(link);
                    }
                    let there = tx.session_links(&session.id).await?;
                    Ok(there
                        .into_iter()
                        .find(|old| old.kind == link.kind && old.value == link.value)
                        .unwrap_or(link))
                })
            })
            .await?;
        Ok(LinkAnswer { link })
    }
}

/// Lists the native ids of your session, oldest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSessionLinks {
    /// Your session; recognised by the connection when nothing is said.
    session: Option<Id<Session>>,
}

/// Native ids of a session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LinkList {
    links: Vec<LinkRecord>,
}

/// Links as they may be told: our own connections are nobody's business.
pub(super) fn without_own_connections(links: Vec<LinkRecord>) -> Vec<LinkRecord> {
    links.into_iter().filter(|link| link.kind != CONNECTION).collect()
}

impl Operation for ListSessionLinks {
    const NAME: &'static str = "list_session_links";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape =
        CliShape::new(&["session", "links"]).table("links", &["kind", "value", "linked_at", "linked_by"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "What yours is known by",
        command: "session links --session ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        input: r#"{"session": "ses_01kax3v7yqe5nbp8w0c4mzt6rd"}"#,
    }];
    const FORMER: &'static [&'static str] = &["list_tool_session_links"];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = LinkList;

    async fn run(self, cx: &Cx<'_>) -> Result<LinkList, Fault> {
        let (session, _) = cx.session_there(self.session, None).await?;
        let mut view = cx.control.store.read().await?;
        Ok(LinkList { links: without_own_connections(view.session_links(&session.id).await?) })
    }
}

/// Finds the sessions that a native id belongs or belonged to, newest link first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindSessions {
    /// What kind of id it is.
    tool: String,
    /// The id itself.
    tool_session_id: String,
}

/// Sessions that were found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionsFound {
    sessions: Vec<SessionLine>,
}

impl Operation for FindSessions {
    const NAME: &'static str = "find_sessions";
    const NOUN: &'static str = NOUN;
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["session", "find"])
        .positional(&["tool", "tool_session_id"])
        .table("sessions", &["id", "workspace", "tool", "operator", "state", "last_seen_at"]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "By the program's own id",
        command: "session find my-agent 7f3a",
        input: r#"{"tool": "my-agent", "tool_session_id": "7f3a"}"#,
    }];
    const FORMER: &'static [&'static str] = &["find_brain_sessions"];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = SessionsFound;

    async fn run(self, cx: &Cx<'_>) -> Result<SessionsFound, Fault> {
        let native =
            NativeId { kind: self.tool.trim().to_owned(), value: self.tool_session_id.trim().to_owned() };
        check_native(&native)?;
        let now = cx.now();
        let mut view = cx.control.store.read().await?;
        let mut sessions = Vec::new();
        for link in view.linked_sessions(&native.kind, &native.value, FOUND).await? {
            match cx.session_in_sight(&mut view, &link.session, WorkspaceRole::Reader).await {
                Ok((session, access)) => sessions.push(SessionLine::of(session, &access.workspace, now)),
                Err(fault) if fault.code == "session_not_found" => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(SessionsFound { sessions })
    }
}
