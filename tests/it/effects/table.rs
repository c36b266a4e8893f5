//! Every tool that changes something: how it is called, where its effect shows, and how it looks.

use brains_core::Millis;
use serde_json::{Value, json};

const HOUR_MS: i64 = 3_600_000;

/// One call, where its effect shows, and how.
pub(super) struct Effect {
    pub(super) name: &'static str,
    pub(super) input: fn(&Value) -> Value,
    pub(super) look: (&'static str, fn(&Value) -> Value),
    /// Whether what is seen holds the effect.
    pub(super) holds: fn(&Value, &Value) -> bool,
    /// What of the answer later calls need: where it is, and its name.
    pub(super) keep: &'static [(&'static str, &'static str)],
}

const fn effect(
    name: &'static str,
    input: fn(&Value) -> Value,
    look: &'static str,
    at: fn(&Value) -> Value,
    holds: fn(&Value, &Value) -> bool,
) -> Effect {
    Effect { name, input, look: (look, at), holds, keep: &[] }
}

impl Effect {
    const fn keep(self, keep: &'static [(&'static str, &'static str)]) -> Self {
        Self { keep, ..self }
    }
}

fn any(list: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    list.as_array().expect("a list").iter().any(holds)
}

fn all(_: &Value) -> Value {
    json!({ "limit": 1000 })
}

fn app(_: &Value) -> Value {
    json!({ "workspace": "app" })
}

/// As the session that the tools act as.
fn own(at: &Value, input: Value) -> Value {
    let mut input = input;
    input["session"] = at["mine"].clone();
    input["session_token"] = at["token"].clone();
    input
}

/// As the other session.
fn ben(at: &Value, input: Value) -> Value {
    let mut input = input;
    input["session"] = at["ben"].clone();
    input["session_token"] = at["ben_token"].clone();
    input
}

fn task(at: &Value) -> Value {
    json!({ "task": at["task"] })
}

fn mine(at: &Value) -> Value {
    json!({ "id": at["mine"] })
}

fn handoffs(_: &Value) -> Value {
    json!({ "workspace": "app", "all": true })
}

fn lies_between(from: &Value, until: &Value, ms: i64) -> bool {
    let at = |time: &Value| time.as_str().and_then(|text| text.parse::<Millis>().ok()).expect("a time");
    at(until).since(at(from)) > ms
}

/// In an order in which each finds what it takes. Set up are: the workspace `app`; a session `ben` with a lock and two
/// messages to everybody; a task `second`; a workspace `fifth`, whose directory was moved.
pub(super) const EFFECTS: &[Effect] = &[
    effect(
        "register_workspace",
        |at| json!({ "path": at["third"] }),
        "list_workspaces",
        all,
        |_, seen| any(&seen["workspaces"], |one| one["slug"] == "third"),
    ),
    effect(
        "import_workspaces",
        |at| json!({ "workspaces": [{ "path": at["fourth"] }] }),
        "list_workspaces",
        all,
        |_, seen| any(&seen["workspaces"], |one| one["slug"] == "fourth"),
    ),
    effect(
        "move_workspace",
        |at| json!({ "workspace": "fifth", "path": at["moved"] }),
        "list_workspaces",
        all,
        |at, seen| any(&seen["workspaces"], |one| one["slug"] == "fifth" && one["path"] == at["moved"]),
    ),
    effect(
        "start_session",
        |_| json!({ "workspace": "app", "tool": "effects" }),
        "list_sessions",
        app,
        |_, seen| any(&seen["sessions"], |one| one["tool"] == "effects"),
    )
    .keep(&[("/session_id", "mine"), ("/session_token", "token")]),
    effect(
        "heartbeat_session",
        |at| own(at, json!({ "lease": "3h" })),
        "show_session",
        mine,
        |_, seen| {
            let session = &seen["session"];
            lies_between(&session["last_seen_at"], &session["lease_expires_at"], 2 * HOUR_MS)
        },
    ),
    effect(
        "write_checkpoint",
        |at| own(at, json!({ "summary": "half way" })),
        "latest_checkpoint",
        mine,
        |_, seen| seen["checkpoint"]["summary"] == "half way",
    ),
    effect(
        "link_session",
        |at| own(at, json!({ "tool": "t", "tool_session_id": "n" })),
        "find_sessions",
        |_| json!({ "tool": "t", "tool_session_id": "n" }),
        |at, seen| any(&seen["sessions"], |one| one["id"] == at["mine"]),
    ),
    effect(
        "set_focus",
        |at| own(at, json!({ "intent": "looking" })),
        "list_focus",
        app,
        |_, seen| any(&seen["focus"], |one| one["intent"] == "looking"),
    ),
    effect(
        "clear_focus",
        |at| own(at, json!({})),
        "list_focus",
        app,
        |at, seen| !any(&seen["focus"], |one| one["session"] == at["mine"]),
    ),
    effect(
        "acquire_lock",
        |at| own(at, json!({ "name": "build" })),
        "list_locks",
        app,
        |_, seen| any(&seen["locks"], |one| one["resource"] == "build"),
    )
    .keep(&[("/lock/id", "lock")]),
    effect(
        "renew_lock",
        |at| own(at, json!({ "id": at["lock"], "ttl": "3h" })),
        "list_locks",
        app,
        |at, seen| {
            any(&seen["locks"], |one| {
                one["id"] == at["lock"] && lies_between(&one["acquired_at"], &one["expires_at"], 2 * HOUR_MS)
            })
        },
    ),
    effect(
        "release_lock",
        |at| own(at, json!({ "id": at["lock"] })),
        "list_locks",
        app,
        |at, seen| !any(&seen["locks"], |one| one["id"] == at["lock"]),
    ),
    effect(
        "steal_lock",
        |at| own(at, json!({ "id": at["ben_lock"], "reason": "hangs" })),
        "list_locks",
        app,
        |at, seen| any(&seen["locks"], |one| one["resource"] == "held" && one["session"] == at["mine"]),
    ),
    effect(
        "claim_workspace",
        |at| own(at, json!({})),
        "list_workspace_claims",
        app,
        |at, seen| any(&seen["claims"], |one| one["session_id"] == at["mine"]),
    ),
    effect(
        "release_workspace",
        |at| own(at, json!({})),
        "list_workspace_claims",
        app,
        |_, seen| seen["claims"] == json!([]),
    ),
    effect(
        "create_task",
        |at| own(at, json!({ "title": "made", "priority": "p0" })),
        "list_tasks",
        app,
        |_, seen| any(&seen["tasks"], |one| one["title"] == "made"),
    )
    .keep(&[("/task/code", "task")]),
    effect(
        "update_task",
        |at| own(at, json!({ "task": at["task"], "title": "made anew" })),
        "show_task",
        task,
        |_, seen| seen["task"]["title"] == "made anew",
    ),
    effect(
        "comment_task",
        |at| own(at, json!({ "task": at["task"], "body": "look here" })),
        "list_task_comments",
        task,
        |_, seen| any(&seen["comments"], |one| one["body"] == "look here"),
    ),
    effect(
        "assign_task",
        |at| own(at, json!({ "task": at["task"], "assignee": at["mine"] })),
        "show_task",
        task,
        |at, seen| seen["task"]["assignee"] == at["mine"],
    ),
    effect(
        "block_task",
        |at| own(at, json!({ "task": at["task"], "reason": "r" })),
        "show_task",
        task,
        |_, seen| seen["task"]["status"] == "blocked",
    ),
    effect(
        "unblock_task",
        |at| own(at, task(at)),
        "show_task",
        task,
        |_, seen| seen["task"]["status"] == "available",
    ),
    effect(
        "claim_task",
        |at| own(at, task(at)),
        "show_task",
        task,
        |at, seen| seen["task"]["holder"] == at["mine"],
    ),
    effect(
        "release_task",
        |at| own(at, task(at)),
        "show_task",
        task,
        |_, seen| seen["task"]["holder"].is_null(),
    ),
    effect(
        "next_task",
        |at| own(at, json!({})),
        "show_task",
        task,
        |at, seen| seen["task"]["holder"] == at["mine"],
    ),
    effect(
        "complete_task",
        |at| own(at, task(at)),
        "show_task",
        task,
        |_, seen| seen["task"]["status"] == "done",
    ),
    effect(
        "reopen_task",
        |at| own(at, task(at)),
        "show_task",
        task,
        |_, seen| seen["task"]["status"] == "available",
    ),
    effect(
        "archive_task",
        |at| own(at, task(at)),
        "show_task",
        task,
        |_, seen| seen["task"]["status"] == "archived",
    ),
    effect(
        "claim_task",
        |at| own(at, json!({ "task": at["second"] })),
        "list_tasks",
        app,
        |at, seen| any(&seen["tasks"], |one| one["holder"] == at["mine"]),
    ),
    effect(
        "handoff_task",
        |at| own(at, json!({ "task": at["second"], "title": "the rest" })),
        "list_tasks",
        app,
        |_, seen| any(&seen["tasks"], |one| one["title"] == "the rest"),
    ),
    effect(
        "set_handoff",
        |at| own(at, json!({ "title": "half" })),
        "list_handoffs",
        app,
        |_, seen| any(&seen["handoffs"], |one| one["title"] == "half"),
    ),
    effect(
        "pick_handoff",
        |at| own(at, json!({})),
        "list_handoffs",
        handoffs,
        |_, seen| seen["handoffs"][0]["status"] == "picked_up",
    ),
    effect(
        "set_handoff",
        |at| own(at, json!({ "title": "whole" })),
        "list_handoffs",
        app,
        |_, seen| any(&seen["handoffs"], |one| one["title"] == "whole"),
    ),
    effect(
        "clear_handoff",
        |at| own(at, json!({})),
        "list_handoffs",
        handoffs,
        |_, seen| seen["handoffs"][0]["status"] == "cleared",
    ),
    effect(
        "send_message",
        |at| own(at, json!({ "subject": "hello", "to": [at["ben"]] })),
        "list_messages",
        |at| ben(at, json!({})),
        |_, seen| any(&seen["messages"], |one| one["subject"] == "hello"),
    ),
    effect(
        "read_messages",
        |at| own(at, json!({ "limit": 1, "mark_read": true })),
        "list_messages",
        |at| own(at, json!({})),
        |at, seen| any(&seen["messages"], |one| one["id"] == at["first"] && one["read_at"].is_string()),
    ),
    effect(
        "wait_messages",
        |at| own(at, json!({ "timeout_ms": 0, "limit": 1, "mark_read": true })),
        "list_messages",
        |at| own(at, json!({})),
        |at, seen| any(&seen["messages"], |one| one["id"] == at["then"] && one["read_at"].is_string()),
    ),
    effect(
        "acknowledge_message",
        |at| own(at, json!({ "message": at["first"] })),
        "show_message",
        |at| ben(at, json!({ "message": at["first"] })),
        |at, seen| {
            any(&seen["receipts"], |one| one["session"] == at["mine"] && one["acknowledged_at"].is_string())
        },
    ),
    effect(
        "append_event",
        |at| own(at, json!({ "kind": "deployed", "message": "1.4" })),
        "list_events",
        app,
        |_, seen| any(&seen["events"], |one| one["kind"] == "deployed"),
    ),
    effect(
        "end_session",
        |at| own(at, json!({})),
        "show_session",
        mine,
        |_, seen| seen["session"]["ended_at"].is_string(),
    ),
    effect(
        "resume_session",
        |at| own(at, json!({})),
        "show_session",
        mine,
        |_, seen| seen["session"]["ended_at"].is_null() && seen["session"]["epoch"] == 2,
    ),
];
