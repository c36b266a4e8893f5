//! Every operation of the coordination planes, how it is called, and the least standing that it takes.

use serde_json::{Value, json};

/// What somebody is to a workspace, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// An operator without a membership; whether that is nothing depends on the workspace.
    Nobody,
    Reader,
    Member,
    Maintainer,
    Owner,
    /// An operator with the role `admin`, who needs no membership.
    Administrator,
}

use Standing::{Administrator, Maintainer, Member, Nobody, Owner, Reader};

impl Standing {
    pub(crate) const ALL: [Self; 6] = [Nobody, Reader, Member, Maintainer, Owner, Administrator];

    /// The slug of the operator that stands so.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Nobody => "nobody",
            Reader => "reader",
            Member => "member",
            Maintainer => "maintainer",
            Owner => "owner",
            Administrator => "administrator",
        }
    }
}

/// The planes that the table is about, by the noun of their operations.
pub(crate) const PLANES: [&str; 12] = [
    "admin-key",
    "audit",
    "event",
    "focus",
    "handoff",
    "key",
    "lock",
    "mail",
    "operator",
    "session",
    "task",
    "workspace",
];

/// One call.
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    /// Everybody from here on may; `Nobody` stands for every operator there is.
    pub(crate) least: Standing,
    pub(crate) input: fn(&Value) -> Value,
    /// Made as the caller's own session; those that can have none name somebody else's.
    pub(crate) as_session: bool,
    /// What of the answer later calls need: where it is, and its name.
    pub(crate) keep: Option<(&'static str, &'static str)>,
    /// The code with which even those are refused that may, as the test is set up.
    pub(crate) refused: Option<&'static str>,
}

const fn verb(name: &'static str, least: Standing, input: fn(&Value) -> Value) -> Verb {
    Verb { name, least, input, as_session: false, keep: None, refused: None }
}

/// A call as a session.
const fn own(name: &'static str, least: Standing, input: fn(&Value) -> Value) -> Verb {
    Verb { as_session: true, ..verb(name, least, input) }
}

impl Verb {
    const fn keep(self, at: &'static str, name: &'static str) -> Self {
        Self { keep: Some((at, name)), ..self }
    }

    const fn refused(self, code: &'static str) -> Self {
        Self { refused: Some(code), ..self }
    }
}

fn here(at: &Value) -> Value {
    json!({ "workspace": at["workspace"] })
}

fn none(_: &Value) -> Value {
    json!({})
}

/// In an order in which none is in the way of the next. `at` holds what was made for this run: `workspace`, `path`, its
/// `visibility`; a session `other` of the admin's with a `lock`, a `message` to everybody, tasks, a session `victim`; a
/// `key`; names that are `fresh`.
pub(crate) const VERBS: &[Verb] = &[
    // Whoever has a key may ask; what they see is another matter.
    verb("list_workspaces", Nobody, none),
    verb("check_workspaces", Nobody, none),
    verb("prune_workspaces", Nobody, |at| json!({ "slug_prefix": [at["fresh"]], "apply": true })),
    verb("find_sessions", Nobody, |_| json!({ "tool": "t", "tool_session_id": "n" })),
    verb("list_presence", Nobody, none),
    verb("list_activity", Nobody, none),
    verb("adoption_report", Nobody, none),
    verb("list_keys", Nobody, none),
    verb("show_operator", Nobody, none),
    // Looking.
    verb("adoption_report", Reader, here),
    verb("show_workspace", Reader, here),
    verb("get_state", Reader, here),
    verb("list_workspace_members", Reader, here),
    verb("register_workspace", Reader, |at| json!({ "path": at["path"] })),
    verb("import_workspaces", Reader, |at| json!({ "workspaces": [{ "path": at["path"] }] })),
    verb("list_sessions", Reader, here),
    verb("show_session", Reader, |at| json!({ "id": at["other"] })),
    verb("list_checkpoints", Reader, |at| json!({ "id": at["other"] })),
    verb("latest_checkpoint", Reader, |at| json!({ "id": at["other"] })),
    verb("list_focus", Reader, here),
    verb("list_locks", Reader, here),
    verb("who_blocks", Reader, |at| json!({ "workspace": at["workspace"], "path": "src" })),
    verb("list_workspace_claims", Reader, here),
    verb("list_tasks", Reader, here),
    verb("count_tasks", Reader, here),
    verb("show_task", Reader, |at| json!({ "task": at["task"] })),
    verb("list_task_comments", Reader, |at| json!({ "task": at["task"] })),
    verb("list_task_history", Reader, |at| json!({ "task": at["task"] })),
    verb("list_handoffs", Reader, here),
    verb("list_events", Reader, here),
    verb("wait_events", Reader, |at| json!({ "workspace": at["workspace"], "timeout_ms": 0 })),
    // Working, as a person.
    verb("create_task", Member, |at| json!({ "workspace": at["workspace"], "title": "t" })),
    verb("update_task", Member, |at| json!({ "task": at["task"], "priority": "p1" })),
    verb("comment_task", Member, |at| json!({ "task": at["task"], "body": "b" })),
    verb("assign_task", Member, |at| json!({ "task": at["task"] })),
    verb("block_task", Member, |at| json!({ "task": at["task"], "reason": "r" })),
    verb("unblock_task", Member, |at| json!({ "task": at["task"] })),
    verb("archive_task", Member, |at| json!({ "task": at["task"] })),
    verb("reopen_task", Member, |at| json!({ "task": at["task"] })),
    verb("set_handoff", Member, |at| json!({ "workspace": at["workspace"], "title": "t" })),
    verb("pick_handoff", Member, here),
    verb("set_handoff", Member, |at| json!({ "workspace": at["workspace"], "title": "t" })),
    verb("clear_handoff", Member, here),
    verb("send_message", Member, |at| json!({ "workspace": at["workspace"], "subject": "s" })),
    verb("append_event", Member, |at| json!({ "workspace": at["workspace"], "kind": "k", "message": "m" })),
    verb("start_session", Member, here).keep("/session_id", "mine"),
    // Working, as a session.
    own("heartbeat_session", Member, none),
    own("get_state", Member, none),
    own("set_focus", Member, |_| json!({ "intent": "looking" })),
    own("clear_focus", Member, none),
    own("write_checkpoint", Member, |_| json!({ "summary": "s" })),
    own("link_session", Member, |at| json!({ "tool": "t", "tool_session_id": at["fresh"] })),
    own("list_session_links", Member, none),
    own("acquire_lock", Member, |_| json!({ "name": "x" })).keep("/lock/id", "own_lock"),
    own("renew_lock", Member, |at| json!({ "id": at["own_lock"] })),
    own("release_lock", Member, |_| json!({ "name": "x" })),
    own("claim_workspace", Member, none),
    own("release_workspace", Member, none),
    own("claim_task", Member, |at| json!({ "task": at["task"] })),
    own("release_task", Member, |at| json!({ "task": at["task"] })),
    own("claim_task", Member, |at| json!({ "task": at["task"] })),
    own("handoff_task", Member, |at| json!({ "task": at["task"], "title": "next" })),
    own("next_task", Member, none).keep("/task/code", "next"),
    own("complete_task", Member, |at| json!({ "task": at["next"] })),
    own("send_message", Member, |at| json!({ "subject": "s", "to": [at["other"]] })),
    own("list_messages", Member, none),
    own("show_message", Member, |at| json!({ "message": at["message"] })),
    own("show_thread", Member, |at| json!({ "message": at["message"] })),
    own("read_messages", Member, none),
    own("wait_messages", Member, |_| json!({ "timeout_ms": 0 })),
    own("acknowledge_message", Member, |at| json!({ "message": at["message"] })),
    own("steal_lock", Maintainer, |at| json!({ "id": at["lock"], "reason": "r" })),
    // What a session is in: over and taken up again.
    own("resume_session", Member, none),
    own("end_session", Member, none),
    verb("kill_session", Maintainer, |at| json!({ "id": at["victim"], "reason": "r" })),
    // Deciding about the workspace.
    verb("rename_workspace", Maintainer, |at| json!({ "workspace": at["workspace"], "name": "App" })),
    verb("move_workspace", Member, |at| json!({ "workspace": at["workspace"], "path": at["path"] })),
    verb("archive_workspace", Maintainer, here),
    verb("unarchive_workspace", Maintainer, here),
    verb("invite_to_workspace", Owner, |at| json!({ "workspace": at["workspace"], "operator": "guest" })),
    verb("uninvite_from_workspace", Owner, |at| json!({ "workspace": at["workspace"], "operator": "guest" })),
    verb(
        "set_workspace_visibility",
        Owner,
        |at| json!({ "workspace": at["workspace"], "visibility": at["visibility"] }),
    ),
    // What is outside of every workspace.
    verb("list_events", Administrator, |_| json!({ "global": true })),
    verb("wait_events", Administrator, |_| json!({ "global": true, "timeout_ms": 0 })),
    verb("list_operators", Administrator, none),
    verb("add_operator", Administrator, |at| json!({ "slug": at["fresh"] })),
    verb("revoke_operator", Administrator, |at| json!({ "slug": at["fresh"] })),
    verb("create_key", Administrator, |at| json!({ "name": at["fresh"] })).keep("/id", "key"),
    verb("revoke_key", Administrator, |at| json!({ "id": at["key"] })),
    verb("show_admin_key", Administrator, none),
    verb("rotate_admin_key", Administrator, none).refused("conflict"),
    verb("list_audit", Administrator, none),
    verb("verify_audit", Administrator, none),
    verb("export_audit", Administrator, |_| json!({ "heads_only": true })),
    verb("rotate_audit_key", Administrator, none),
];
