use serde_json::json;

use super::*;

#[test]
fn a_list_is_a_table_with_the_named_columns() {
    let table = Table { rows: "keys", columns: &["name", "limits.rpm", "unused"] };
    let value = json!({"keys": [{"name": "ci", "limits": {"rpm": 5}}, {"name": "laptop"}], "next": null});
    assert_eq!(as_text(&value, Some(table)), "NAME    LIMITS RPM\nci      5\nlaptop\n");
    assert_eq!(as_text(&json!({"keys": []}), Some(table)), "nothing\n");
}

#[test]
fn anything_else_is_told_by_name() {
    let value = json!({"ok": true, "share": 0.25, "inner": {"a": [1, 2]}, "absent": null});
    assert_eq!(as_text(&value, None).trim_end(), "ok       yes\nshare    0.25\ninner.a  1, 2");
}

#[test]
fn foreign_text_cannot_move_the_cursor() {
    assert_eq!(cell(&json!("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
}

#[test]
fn times_are_told_to_the_second_and_lists_by_their_length() {
    let rows = json!({"traces": [{"at": "2026-11-24T01:55:24.903Z", "attempts": [{"a": 1}, {"a": 2}]}]});
    let table = Table { rows: "traces", columns: &["at", "attempts"] };
    assert_eq!(as_text(&rows, Some(table)), "AT                   ATTEMPTS\n2026-11-24 01:55:24  2\n");
}

#[test]
fn what_is_a_table_by_itself_stands_below() {
    let value = json!({
        "ok": true,
        "inner": {"scores": [{"label": "x", "digest": "d".repeat(64)}, {"label": "y", "score": 0.5}]},
        "budgets": {"body_mib": {"used": 1, "limit": 2}, "connections": {"used": 0, "limit": 9}},
        "urls": {"gateway": "a", "mcp": "b"},
        "none": [],
    });
    let text = "ok            yes\nurls.gateway  a\nurls.mcp      b\n\
        \ninner.scores\nLABEL  SCORE\nx\ny      0.5\n\
        \nbudgets\nNAME         USED  LIMIT\nbody_mib     1     2\nconnections  0     9\n";
    assert_eq!(as_text(&value, None), text);
}

#[test]
fn words_stay_whole_where_there_is_room() {
    let reason = "nothing in the configuration uses it, and that is said at some length so that it wraps";
    let rows = json!({"rows": [{"id": "component-of-a-long-name", "plays": "classifier", "reason": reason}]});
    let text = as_text(&rows, None);
    assert!(text.contains("classifier  ") && text.contains("configuration"), "{text}");
}
