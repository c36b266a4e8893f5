//! How long a text in the database may be: every column, in bytes. What comes in by the way (a client's name, an
//! upstream's reason) is cut here when it is written; what somebody gives to an operation was refused at the door when
//! it was longer (`control/kept.rs` and the checks of each plane).

use std::borrow::Cow;

/// Ids, words, hashes, names of models and tools.
pub(crate) const NAME: usize = 4 << 10;
/// A line that says why.
pub(crate) const LINE: usize = 4 << 10;
/// What stands in a list, and a model's name or a cause in a trace.
pub(crate) const WORD: usize = 1 << 10;
const TITLE: usize = 1 << 10;
const PATH: usize = 4 << 10;
/// Lists of names and words, as JSON.
const LIST: usize = 64 << 10;
/// What somebody says.
const SAID: usize = 64 << 10;
/// A kept body; `traces.body_max_bytes` is narrower.
pub(crate) const BODY: usize = 1 << 20;
/// An answer, the detail of an entry, a configuration.
const DOCUMENT: usize = 1 << 20;
/// A turn of a conversation, which is kept whole or not at all: a request or an answer of the largest size, pictures
/// included.
pub(crate) const TURN: usize = 32 << 20;

/// Entries of a list in a trace.
pub(crate) const ENTRIES: usize = 64;

type Columns = &'static [(&'static str, usize)];

/// Every column with text, by table.
#[cfg_attr(not(test), expect(dead_code, reason = "a test holds the schema to it"))]
pub(crate) const TEXTS: &[(&str, Columns)] = &[
    (
        "api_key",
        &[
            ("id", NAME),
            ("name", TITLE),
            ("operator", NAME),
            ("role", NAME),
            ("scopes", NAME),
            ("fingerprint", NAME),
            ("hash", NAME),
        ],
    ),
    (
        "audit_entry",
        &[
            ("id", NAME),
            ("scope", NAME),
            ("operator", NAME),
            ("key_id", NAME),
            ("action", NAME),
            ("detail", DOCUMENT),
            ("prev_hash", NAME),
            ("hash", NAME),
            ("session", NAME),
            ("surface", NAME),
        ],
    ),
    ("audit_head", &[("scope", NAME), ("hash", NAME), ("seal_key", NAME), ("signature", NAME)]),
    ("audit_seal", &[("scope", NAME), ("hash", NAME), ("seal_key", NAME), ("signature", NAME)]),
    (
        "checkpoint",
        &[
            ("id", NAME),
            ("session", NAME),
            ("workspace", NAME),
            ("summary", SAID),
            ("next_action", SAID),
            ("blockers", SAID),
            ("scratchpad_path", PATH),
        ],
    ),
    (
        "component",
        &[
            ("id", NAME),
            ("digest", NAME),
            ("version", NAME),
            ("plays", NAME),
            ("state", NAME),
            ("reason", SAID),
            ("source", PATH),
            ("exports", LIST),
            ("instances", LIST),
            ("flat_keys", LIST),
        ],
    ),
    ("component_history", &[("component", NAME), ("digest", NAME), ("state", NAME), ("reason", SAID)]),
    (
        "config_revision",
        &[
            ("id", NAME),
            ("author", NAME),
            ("cause", SAID),
            ("changed", LIST),
            ("digest", NAME),
            ("document", DOCUMENT),
            ("text", DOCUMENT),
        ],
    ),
    ("delivery", &[("session", NAME), ("message", NAME), ("note", SAID), ("read_cursor", NAME)]),
    ("duty", &[("name", TITLE), ("holder", NAME)]),
    (
        "event",
        &[("scope", NAME), ("kind", NAME), ("operator", NAME), ("detail", DOCUMENT), ("session", NAME)],
    ),
    ("focus", &[("session", NAME), ("workspace", NAME), ("intent", SAID), ("task", NAME), ("paths", LIST)]),
    ("generation", &[("topic", NAME)]),
    (
        "handoff",
        &[
            ("id", NAME),
            ("workspace", NAME),
            ("title", TITLE),
            ("body", SAID),
            ("status", NAME),
            ("set_by", NAME),
            ("set_by_session", NAME),
            ("picked_up_by", NAME),
            ("picked_up_by_session", NAME),
            ("clear_reason", SAID),
        ],
    ),
    (
        "idempotency",
        &[
            ("operator", NAME),
            ("party", NAME),
            ("key", NAME),
            ("operation", NAME),
            ("digest", NAME),
            ("answer", DOCUMENT),
        ],
    ),
    (
        "ledger",
        &[
            ("trace", NAME),
            ("operator", NAME),
            ("key_id", NAME),
            ("provider", NAME),
            ("model", NAME),
            ("tier", NAME),
            ("outcome", NAME),
            ("price", LINE),
            ("label", NAME),
            ("client", NAME),
            ("request_class", NAME),
            ("api", NAME),
            ("native_session", NAME),
            ("session", NAME),
            ("workspace", NAME),
            ("task", NAME),
            ("part_of", NAME),
        ],
    ),
    (
        "lock",
        &[
            ("id", NAME),
            ("workspace", NAME),
            ("kind", NAME),
            ("resource", PATH),
            ("mode", NAME),
            ("session", NAME),
            ("reason", SAID),
        ],
    ),
    (
        "lock_wait",
        &[
            ("id", NAME),
            ("workspace", NAME),
            ("kind", NAME),
            ("resource", PATH),
            ("mode", NAME),
            ("session", NAME),
        ],
    ),
    (
        "message",
        &[
            ("id", NAME),
            ("thread", NAME),
            ("reply_to", NAME),
            ("workspace", NAME),
            ("operator", NAME),
            ("session", NAME),
            ("kind", NAME),
            ("subject", TITLE),
            ("body", SAID),
        ],
    ),
    ("operator", &[("id", NAME), ("slug", NAME), ("display_name", TITLE), ("role", NAME)]),
    (
        "response",
        &[
            ("operator", NAME),
            ("id", NAME),
            ("credential", NAME),
            ("trace", NAME),
            ("thread", NAME),
            ("previous", NAME),
            ("input", TURN),
            ("answer", TURN),
        ],
    ),
    ("response_item", &[("operator", NAME), ("item", NAME), ("response", NAME)]),
    ("schema_migration", &[("name", TITLE), ("checksum", NAME)]),
    (
        "session",
        &[
            ("id", NAME),
            ("workspace", NAME),
            ("operator", NAME),
            ("tool", NAME),
            ("token_hash", NAME),
            ("ending", NAME),
            ("summary", SAID),
            ("machine", NAME),
            ("key", NAME),
            ("key_name", TITLE),
        ],
    ),
    ("spending_counter", &[("per", NAME), ("subject", NAME)]),
    ("spending_holder", &[("holder", NAME)]),
    ("spending_reservation", &[("trace", NAME), ("per", NAME), ("subject", NAME), ("holder", NAME)]),
    ("session_link", &[("session", NAME), ("kind", NAME), ("value", NAME), ("linked_by", NAME)]),
    (
        "task",
        &[
            ("id", NAME),
            ("workspace", NAME),
            ("code", NAME),
            ("title", TITLE),
            ("body", SAID),
            ("priority", NAME),
            ("status", NAME),
            ("tags", LIST),
            ("depends_on", LIST),
            ("assignee", NAME),
            ("holder", NAME),
            ("block_reason", SAID),
            ("blocked_on", NAME),
            ("completion_summary", SAID),
            ("created_by", NAME),
            ("created_by_session", NAME),
        ],
    ),
    (
        "task_change",
        &[("task", NAME), ("change", NAME), ("operator", NAME), ("session", NAME), ("note", SAID)],
    ),
    ("task_comment", &[("id", NAME), ("task", NAME), ("operator", NAME), ("session", NAME), ("body", SAID)]),
    ("task_counter", &[("workspace", NAME)]),
    ("task_dependency", &[("task", NAME), ("needs", NAME)]),
    ("task_tag", &[("task", NAME), ("tag", NAME), ("workspace", NAME), ("status", NAME), ("priority", NAME)]),
    ("task_tally", &[("workspace", NAME), ("status", NAME), ("priority", NAME)]),
    (
        "trace",
        &[
            ("id", NAME),
            ("request_id", NAME),
            ("operator", NAME),
            ("key_id", NAME),
            ("client", NAME),
            ("native_session", NAME),
            ("request_class", NAME),
            ("api", NAME),
            ("requested_model", NAME),
            ("model", NAME),
            ("provider", NAME),
            ("tier", NAME),
            ("task", NAME),
            ("complexity", NAME),
            ("strategy", NAME),
            ("reason", LINE),
            ("attempts", LIST),
            ("error_kind", NAME),
            ("error_code", NAME),
            ("preamble_hash", NAME),
            ("loss", LIST),
            ("price", LINE),
            ("request_body", BODY),
            ("response_body", BODY),
        ],
    ),
    ("warm_place", &[("conversation", NAME), ("tier", NAME), ("provider", NAME), ("model", NAME)]),
    (
        "workspace",
        &[
            ("id", NAME),
            ("slug", NAME),
            ("name", TITLE),
            ("path", PATH),
            ("common_dir", PATH),
            ("visibility", NAME),
            ("created_by", NAME),
            ("last_summary", SAID),
            ("tree", NAME),
        ],
    ),
    ("workspace_member", &[("workspace", NAME), ("operator", NAME), ("role", NAME)]),
];

/// The beginning of `text`, with a mark when that is not all.
pub(crate) fn cut(text: Cow<'_, str>, limit_bytes: usize) -> Cow<'_, str> {
    const MARK: &str = "…";
    if text.len() <= limit_bytes {
        return text;
    }
    let end = text.floor_char_boundary(limit_bytes.saturating_sub(MARK.len()));
    Cow::Owned(format!("{}{MARK}", text.get(..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
