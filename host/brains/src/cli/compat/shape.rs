//! Our answers in the shape that the reference's verbs give them.

use serde_json::{Value, json};

/// What is at a path of an answer; null when nothing is.
pub(super) fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

pub(super) fn each(items: &Value, shape: impl Fn(&Value) -> Value) -> Value {
    items.as_array().into_iter().flatten().map(shape).collect()
}

/// Words of a list with commas between them; none for an empty one.
fn comma_list(list: &Value) -> Value {
    let words: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if words.is_empty() { Value::Null } else { words.join(",").into() }
}

/// A text, or nothing when it is empty.
fn filled(text: &Value) -> Value {
    if text == "" { Value::Null } else { text.clone() }
}

pub(super) fn task(task: &Value) -> Value {
    json!({
        "code": task["code"],
        "workspace": task["workspace"],
        "title": task["title"],
        "body": filled(&task["body"]),
        "priority": task["priority"],
        "status": task["status"],
        "created_by_session_id": task["created_by_session"],
        "claimed_by_session_id": task["holder"],
        "claimed_at": task["claimed_at"],
        "completed_at": task["completed_at"],
        "completion_summary": task["completion_summary"],
        "depends_on": comma_list(&task["depends_on"]),
        "tags": comma_list(&task["tags"]),
        "created_at": task["created_at"],
    })
}

/// The members of a handoff that a verb tells.
pub(super) fn handoff(handoff: &Value, members: &[&str]) -> Value {
    let member = |name: &str| handoff[if name == "handoff_id" { "id" } else { name }].clone();
    Value::Object(members.iter().map(|name| ((*name).to_owned(), member(name))).collect())
}

pub(super) fn message(message: &Value, to: &Value) -> Value {
    json!({
        "id": message["id"],
        "workspace": message["workspace"],
        "from_session_id": message["from_session"],
        "to_session_id": to,
        "kind": message["kind"],
        "subject": message["subject"],
        "body": filled(&message["body"]),
        "read_at": message["read_at"],
        "created_at": message["sent_at"],
    })
}

/// Decisions are none of the planes of this build, so there is no list of them.
pub(super) fn state(answer: &Value, asked: &Value) -> Value {
    let workspace = &answer["workspace"];
    let mut state = json!({
        "generated_at": answer["generated_at"],
        "workspace": {
            "id": workspace["id"],
            "slug": workspace["slug"],
            "path": workspace["path"],
            "status": if workspace["archived_at"].is_null() { "active" } else { "archived" },
            "last_touched_at": workspace["last_touched_at"],
            "last_summary": workspace["last_summary"],
        },
        "active_sessions": each(&answer["active_sessions"], session),
        "active_claims": answer["active_claims"],
        "active_handoffs": each(&answer["active_handoffs"], |one| {
            handoff(one, &["handoff_id", "workspace", "title", "body", "status", "set_at"])
        }),
        "active_tasks": each(&answer["active_tasks"], task),
        "recent_events": each(&answer["recent_events"], |one| {
            let mut line = event(one);
            add(&mut line, "session_id", one["session"].clone());
            line
        }),
    });
    if let Some(letters) = answer.get("unread_messages") {
        let unread = each(letters, |one| {
            let to = if one["broadcast"] == true { &Value::Null } else { &asked["session"] };
            message(one, to)
        });
        add(&mut state, "unread_messages", unread);
    }
    state
}

fn session(session: &Value) -> Value {
    json!({
        "id": session["id"],
        "workspace": session["workspace"],
        "tool": session["tool"],
        "started_at": session["started_at"],
        "ended_at": session["ended_at"],
        "summary": session["summary"],
    })
}

pub(super) fn event(event: &Value) -> Value {
    let message = match at(event, "/detail/message") {
        Value::String(text) => text.clone(),
        _ => event["detail"].to_string(),
    };
    json!({ "id": event["seq"], "kind": event["kind"], "message": message, "created_at": event["at"] })
}

fn add(answer: &mut Value, name: &str, value: Value) {
    if let Some(members) = answer.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
