//! The flat verbs that people of the reference product type, `task-create` and its like: their own options, and
//! answers in their shape. Each stands for an operation; what it does is that operation's.

mod shape;

use brains_control::{OperationEntry, Registry};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use shape::{at, each, event, handoff, message, state, task};

/// One flat verb.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompatVerb {
    verb: &'static str,
    /// The operation that it stands for.
    operation: &'static str,
    options: &'static [Spelling],
    /// The answer as the reference gives it, from ours and from what was asked.
    shape: fn(&Value, &Value) -> Value,
}

/// One option of a flat verb.
#[derive(Debug, Clone, Copy)]
struct Spelling {
    flag: &'static str,
    /// The member of the operation's input.
    field: &'static str,
    takes: Takes,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    Required,
    /// A text that stands for something when it is left out.
    Default(&'static str),
    /// One text that becomes a list of one.
    One,
    Number(&'static str),
    /// `--x` and `--no-x`, with what it is when neither is given.
    Switch(bool),
}

const fn text(flag: &'static str, field: &'static str) -> Spelling {
    Spelling { flag, field, takes: Takes::Text }
}

const fn required(flag: &'static str, field: &'static str) -> Spelling {
    Spelling { flag, field, takes: Takes::Required }
}

const fn or(flag: &'static str, field: &'static str, default: &'static str) -> Spelling {
    Spelling { flag, field, takes: Takes::Default(default) }
}

const fn number(flag: &'static str, default: &'static str) -> Spelling {
    Spelling { flag, field: flag, takes: Takes::Number(default) }
}

const fn switch(flag: &'static str, field: &'static str, default: bool) -> Spelling {
    Spelling { flag, field, takes: Takes::Switch(default) }
}

const WORKSPACE: Spelling = or("workspace", "workspace", ".");

/// The verbs, by plane.
const VERBS: [CompatVerb; 15] = [
    CompatVerb {
        verb: "task-create",
        operation: "create_task",
        options: &[
            required("title", "title"),
            WORKSPACE,
            text("body", "body"),
            or("priority", "priority", "p2"),
            text("depends-on", "depends_on"),
            text("tags", "tags"),
            text("session", "session"),
        ],
        shape: |answer, _| task(&answer["task"]),
    },
    CompatVerb {
        verb: "task-list",
        operation: "list_tasks",
        options: &[
            WORKSPACE,
            Spelling { flag: "status", field: "status", takes: Takes::One },
            text("priority", "priority"),
            text("tags", "tags"),
            number("limit", "100"),
        ],
        shape: |answer, _| each(&answer["tasks"], task),
    },
    CompatVerb {
        verb: "task-claim",
        operation: "claim_task",
        options: &[required("code", "task"), required("session", "session")],
        shape: |answer, _| task(&answer["task"]),
    },
    CompatVerb {
        verb: "task-complete",
        operation: "complete_task",
        options: &[required("code", "task"), required("session", "session"), text("summary", "summary")],
        shape: |answer, _| task(&answer["task"]),
    },
    CompatVerb {
        verb: "task-release",
        operation: "release_task",
        options: &[required("code", "task"), required("session", "session"), text("reason", "reason")],
        shape: |answer, _| json!({ "code": at(answer, "/task/code"), "status": at(answer, "/task/status") }),
    },
    CompatVerb {
        verb: "task-handoff",
        operation: "handoff_task",
        options: &[
            required("from-code", "task"),
            required("title", "title"),
            required("session", "session"),
            text("body", "body"),
            or("priority", "priority", "p2"),
            text("extra-depends-on", "depends_on"),
            text("tags", "tags"),
            text("summary", "summary"),
        ],
        shape: |answer, _| json!({ "completed": task(&answer["completed"]), "next": task(&answer["next"]) }),
    },
    CompatVerb {
        verb: "handoff-set",
        operation: "set_handoff",
        options: &[required("title", "title"), WORKSPACE, text("body", "body"), text("session", "session")],
        shape: |answer, _| handoff(&answer["handoff"], &["handoff_id", "status", "workspace"]),
    },
    CompatVerb {
        verb: "handoff-pick",
        operation: "pick_handoff",
        options: &[WORKSPACE, text("session", "session")],
        shape: |answer, _| {
            handoff(&answer["handoff"], &["handoff_id", "title", "body", "status", "workspace"])
        },
    },
    CompatVerb {
        verb: "handoff-clear",
        operation: "clear_handoff",
        options: &[WORKSPACE, text("reason", "reason"), text("session", "session")],
        shape: |answer, _| handoff(&answer["handoff"], &["handoff_id", "status", "workspace"]),
    },
    CompatVerb {
        verb: "handoff-list",
        operation: "list_handoffs",
        options: &[WORKSPACE, switch("all", "all", false)],
        shape: |answer, _| {
            each(&answer["handoffs"], |one| {
                handoff(one, &["handoff_id", "workspace", "title", "body", "status", "set_at"])
            })
        },
    },
    CompatVerb {
        verb: "message-send",
        operation: "send_message",
        options: &[
            required("subject", "subject"),
            text("body", "body"),
            text("from-session", "session"),
            Spelling { flag: "to-session", field: "to", takes: Takes::One },
            text("workspace", "workspace"),
            or("kind", "kind", "info"),
        ],
        shape: |answer, asked| message(&answer["message"], at(asked, "/to/0")),
    },
    CompatVerb {
        verb: "message-read",
        operation: "read_messages",
        options: &[
            required("session", "session"),
            switch("mark-read", "mark_read", true),
            switch("include-read", "include_read", false),
            number("limit", "50"),
        ],
        shape: |answer, asked| {
            each(&answer["messages"], |one| {
                let to = if one["broadcast"] == true { &Value::Null } else { &asked["session"] };
                message(one, to)
            })
        },
    },
    CompatVerb {
        verb: "event-append",
        operation: "append_event",
        options: &[required("kind", "kind"), required("message", "message"), text("session", "session")],
        shape: |answer, _| json!({ "id": answer["seq"], "kind": answer["kind"] }),
    },
    CompatVerb {
        verb: "events",
        operation: "list_events",
        options: &[number("limit", "100")],
        shape: |answer, _| each(&answer["events"], event),
    },
    CompatVerb {
        verb: "state",
        operation: "get_state",
        options: &[text("workspace", "workspace"), text("session", "session"), number("limit", "50")],
        shape: state,
    },
];

/// Adds the flat verbs whose operations exist; hidden, since each has a verb of its own kind.
pub(crate) fn add_all(mut command: Command, registry: &Registry) -> Command {
    for flat in &VERBS {
        if let Some(entry) = registry.find(flat.operation) {
            command = command.subcommand(flat.command(entry));
        }
    }
    command
}

/// The flat verb of this name, and its operation.
pub(crate) fn find<'a>(
    registry: &'a Registry,
    path: &[&str],
) -> Option<(&'static CompatVerb, &'a OperationEntry)> {
    let [verb] = path else { return None };
    let flat = VERBS.iter().find(|flat| flat.verb == *verb)?;
    registry.find(flat.operation).map(|entry| (flat, entry))
}

impl CompatVerb {
    fn command(&self, entry: &OperationEntry) -> Command {
        let required = self.options.iter().filter(|option| option.takes == Takes::Required);
        let typed = required.fold(String::new(), |typed, option| typed + " --" + option.flag + " \u{2026}");
        let example = format!(
            "Examples:\n  brains {}{typed}  what `brains {}` does",
            self.verb,
            entry.cli.path.join(" ")
        );
        let mut command = Command::new(self.verb).about(entry.summary.clone()).after_help(example).hide(true);
        for option in self.options {
            for arg in option.args() {
                command = command.arg(arg);
            }
        }
        command
    }

    /// What was typed, as the operation's input.
    pub(crate) fn input(&self, matches: &ArgMatches) -> Value {
        let mut input = Map::new();
        for option in self.options {
            if let Some(value) = option.value(matches) {
                input.insert(option.field.to_owned(), value);
            }
        }
        if ["list_tasks", "get_state"].contains(&self.operation) {
            input.insert("full".into(), true.into());
        }
        Value::Object(input)
    }

    /// Our answer in the reference's shape.
    pub(crate) fn answer(&self, answer: &Value, asked: &Value) -> Value {
        (self.shape)(answer, asked)
    }
}

impl Spelling {
    fn args(self) -> Vec<Arg> {
        let arg = Arg::new(self.flag).long(self.flag);
        match self.takes {
            Takes::Text | Takes::One => vec![arg.allow_hyphen_values(true)],
            Takes::Required => vec![arg.required(true).allow_hyphen_values(true)],
            Takes::Default(default) => vec![arg.default_value(default).allow_hyphen_values(true)],
            Takes::Number(default) => vec![arg.default_value(default).value_parser(value_parser!(i64))],
            Takes::Switch(_) => {
                let no = format!("no-{}", self.flag);
                let off = Arg::new(no.clone()).long(no).action(ArgAction::SetTrue).overrides_with(self.flag);
                vec![arg.action(ArgAction::SetTrue), off]
            }
        }
    }

    fn value(self, matches: &ArgMatches) -> Option<Value> {
        match self.takes {
            Takes::Text | Takes::Required | Takes::Default(_) => {
                matches.get_one::<String>(self.flag).map(|text| text.as_str().into())
            }
            Takes::One => matches.get_one::<String>(self.flag).map(|text| json!([text])),
            Takes::Number(_) => matches.get_one::<i64>(self.flag).map(|number| (*number).into()),
            Takes::Switch(default) => {
                let off = matches.get_flag(&format!("no-{}", self.flag));
                Some((!off && (default || matches.get_flag(self.flag))).into())
            }
        }
    }
}
