use std::fmt::Write as _;

use brains_control::{OperationEntry, Registry};
use serde_json::json;

use super::*;

/// The widths at which every table is kept as it looks.
const WIDTHS: [usize; 3] = [80, 120, 200];
const KEY: &str = "brk_3xBq0sVZk1nD8fYw6cTg2mLp9hRj4aUe7oXi5vWz1Qs";

#[test]
fn a_list_is_a_table_with_the_named_columns() {
    let table = Table { rows: "keys", columns: &["name", "limits.rpm", "unused"] };
    let value = json!({"keys": [{"name": "ci", "limits": {"rpm": 5}}, {"name": "laptop"}], "next": null});
    assert_eq!(as_text(&value, Some(table), 80), "NAME    LIMITS RPM\nci      5\nlaptop\n");
    assert_eq!(as_text(&json!({"keys": []}), Some(table), 80), "nothing\n");
}

#[test]
fn what_is_nested_is_a_section_or_a_table_under_its_name() {
    let value = json!({
        "ok": true, "share": 0.25, "absent": null,
        "inner": {"a": [1, 2], "deeper": {"b": "c"}},
        "budgets": {"body_mib": {"used": 1, "limit": 2}, "connections": {"used": 0, "limit": 9}},
        "scores": [{"label": "x", "score": 0.5}, {"label": "y"}],
        "none": [],
    });
    let text = "ok     yes\nshare  0.25\n\
        \ninner\n  a  1, 2\n  deeper\n    b  c\n\
        \nbudgets\n  NAME         USED  LIMIT\n  body_mib     1     2\n  connections  0     9\n\
        \nscores\n  LABEL  SCORE\n  x      0.5\n  y\n";
    let both = json!({"more": [{"a": 1}], "value": value});
    assert_eq!(section::members(value.as_object().unwrap(), &[], 80), text);
    assert!(as_text(&both, None, 80).contains("scores"));
}

#[test]
fn foreign_text_cannot_move_the_cursor_nor_turn_around() {
    assert_eq!(cell::line(&json!("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
    assert_eq!(cell::line(&json!("gpj.\u{202e}exe")), "gpj.\u{fffd}exe");
}

#[test]
fn times_are_told_to_the_second_and_lists_by_their_length() {
    let rows = json!({"traces": [{"at": "2026-11-24T01:55:24.903Z", "attempts": [{"a": 1}, {"a": 2}]}]});
    let table = Table { rows: "traces", columns: &["at", "attempts"] };
    assert_eq!(as_text(&rows, Some(table), 80), "AT                   ATTEMPTS\n2026-11-24 01:55:24  2\n");
}

#[test]
fn a_secret_stands_alone_on_its_line_and_is_never_broken() {
    let value = json!({"name": "laptop", "key": KEY, "session": {"key": "laptop", "session_token": KEY}});
    for width in [40, 80] {
        let text = as_text(&value, None, width);
        assert_eq!(text.lines().filter(|line| *line == KEY).count(), 2, "{text}");
        assert!(text.contains("  key  laptop\n"), "the name of a key is none: {text}");
    }
}

#[test]
fn reasons_stand_under_their_row_and_commands_in_one_piece() {
    let command = "`brains plugin approve acme --digest 0123456789abcdef0123456789abcdef`";
    let reason = format!(
        "it asks for more than the version that serves was given, so it waits until you run {command}"
    );
    let rows = json!({"rows": [{"id": "component-of-a-long-name", "plays": "classifier", "reason": reason}]});
    let text = as_text(&rows, None, 80);
    assert_eq!(text.lines().nth(1), Some("component-of-a-long-name  classifier"), "{text}");
    assert!(text.lines().any(|line| line.contains(command)), "{text}");
}

#[test]
fn what_is_too_wide_leaves_room_for_what_is_narrower_and_is_named() {
    let id = "lock_01kax3v7yqe5nbp8w0c4mzt6rd";
    let table = Table { rows: "locks", columns: &["id", "resource", "mode", "session", "operator"] };
    let row =
        json!({"id": id, "resource": "src/cart", "mode": "exclusive", "session": id, "operator": "ada"});
    let text = as_text(&json!({"locks": [row.clone()]}), Some(table), 70);
    assert!(text.starts_with("ID ") && text.contains(id) && text.contains("ada"), "{text}");
    assert!(text.contains("not shown: session (no room; --json has all)"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 70), "{text}");
    let text = as_text(&json!({"locks": [row]}), Some(table), 60);
    assert!(text.contains("exclusive") && !text.contains("ada"), "what stands first goes last: {text}");
    assert!(text.contains("not shown: session, operator (no room; --json has all)"), "{text}");
}

/// A value that an answer could have, made from its schema.
fn sample(schema: &Value, name: &str) -> Value {
    let real = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|branches| branches.iter().find(|branch| branch["type"] != "null"))
        .unwrap_or(schema);
    if let Some(word) = real.pointer("/enum/0").or(real.pointer("/oneOf/0/const")) {
        return word.clone();
    }
    let kind = match &real["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") => {
            let members = real["properties"].as_object().into_iter().flatten();
            let mut made: Map<String, Value> =
                members.map(|(name, schema)| (name.clone(), sample(schema, name))).collect();
            if let Some(every) = real.get("additionalProperties").filter(|every| every.is_object()) {
                made.extend(["first", "second"].map(|key| (key.to_owned(), sample(every, key))));
            }
            made.into()
        }
        Some("array") => (0..2).map(|_| sample(&real["items"], name)).collect(),
        Some("boolean") => true.into(),
        Some("integer") => 12.into(),
        Some("number") => 0.5.into(),
        _ => text(name).into(),
    }
}

/// What members of this name hold.
fn text(name: &str) -> String {
    let short = match name {
        "key" | "session_token" => KEY,
        "id" | "session" | "session_id" | "holder" | "message" | "thread" => "ses_01kax3v7yqe5nbp8w0c4mzt6rd",
        "code" | "task" => "SHOP-12",
        "digest" | "hash" | "head" => "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "path" | "worktree" | "home" => "/home/ada/src/shop/worktrees/feat-b",
        "body" | "reason" | "detail" | "hint" | "summary" | "note" | "description" | "message_text" => {
            "The holder has not been heard of since noon, and what waits behind it is wanted before the release"
        }
        "title" | "subject" | "intent" => "Round the prices in the cart up, not down",
        name if name.ends_with("_at") || name == "at" || name == "since" => "2026-11-24T01:55:24.903Z",
        _ => "word",
    };
    short.to_owned()
}

fn rendered(entry: &OperationEntry, width: usize) -> String {
    as_text(&sample(&entry.output_schema, ""), entry.cli.table, width)
}

/// How every answer looks at every width; `UPDATE=1` writes it down anew.
#[test]
fn every_answer_looks_as_it_is_kept() {
    let registry = Registry::new();
    for width in WIDTHS {
        let mut all = String::new();
        for entry in registry.entries().iter().filter(|entry| entry.cli.lines.is_none()) {
            let text = rendered(entry, width);
            writeln!(all, "$ brains {}\n{text}", entry.cli.path.join(" ")).unwrap();
            for line in text.lines() {
                let blanks = line.len() - line.trim_start().len();
                let in_one_piece = line.trim().split("  ").filter(|part| !part.is_empty()).count() <= 2;
                assert!(
                    line.chars().count() <= width || in_one_piece && blanks <= 8,
                    "{} at {width}: {line}",
                    entry.name
                );
            }
        }
        kept(&format!("answers-{width}.txt"), &all);
    }
}

/// How errors look within a terminal.
#[test]
fn every_error_looks_as_it_is_kept() {
    for width in WIDTHS {
        kept(&format!("errors-{width}.txt"), &crate::failure::samples(width));
    }
}

fn kept(name: &str, text: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/output/kept").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs_err::write(&file, text).unwrap();
    }
    let before = fs_err::read_to_string(&file).unwrap_or_default();
    let stale = before.lines().zip(text.lines()).find(|(before, now)| before != now);
    assert!(before == text, "{name} is stale at {stale:?}; `UPDATE=1` writes it down anew");
}
