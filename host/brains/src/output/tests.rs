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
