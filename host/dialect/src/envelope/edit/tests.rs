//! Edits at whatever depth change what they name and no other byte.

use proptest::prelude::*;
use serde_json::Value;

use super::{Edited, without};
use crate::canon::relay::{Condition, Edit, Member, MembersAt, Renaming, Replacement};
use crate::envelope::Envelope;

fn edited(body: &str, edits: &[Edit], withheld: &[&str]) -> (String, Edited) {
    let envelope = Envelope::scan(body.as_bytes()).unwrap();
    let mut splice = envelope.splice();
    let withheld: Vec<String> = withheld.iter().map(|&path| path.to_owned()).collect();
    let told = splice.apply(edits, &withheld).unwrap();
    (splice.finish(), told)
}

fn keep(at: &str, names: &[&str]) -> Edit {
    Edit::Keep(MembersAt::of(at, names))
}

fn rename(path: &str, name: &str) -> Edit {
    Edit::Rename(Renaming { path: path.into(), name: name.into() })
}

fn replace(path: &str, old: &str, new: &str) -> Edit {
    Edit::Replace(Replacement { path: path.into(), old: old.into(), new: new.into() })
}

fn add(path: &str, value: &str) -> Edit {
    Edit::Add(Member { path: path.into(), value: value.into() })
}

const BODY: &str = concat!(
    "{ \"messages\" : [ {\"role\" : \"dev\\u0065loper\", \"content\":\"a\"} ,\n",
    " {\"role\":\"user\",\"content\":[{\"type\":\"text\" , \"cache_control\":{\"type\":\"ephemeral\"}}, 7 ]},\n",
    " {\"role\":\"assistant\", \"reasoning_content\" : \"hm\" ,\"content\":null} ], \"max_completion_tokens\" : 5 }"
);

#[test]
fn members_of_every_entry_change_and_every_other_byte_stays() {
    let (body, told) = edited(BODY, &[replace("messages[].role", "\"developer\"", "\"system\"")], &[]);
    assert_eq!(body, BODY.replace("\"dev\\u0065loper\"", "\"system\""));
    assert!(told.losses().is_empty() && told.added().is_empty());

    let (body, _) = edited(BODY, &[rename("max_completion_tokens", "max_tokens")], &[]);
    assert_eq!(body, BODY.replace("max_completion_tokens", "max_tokens"));

    let edits = [
        Edit::remove("messages[]", &["reasoning_content"]),
        Edit::remove("messages[].content[]", &["cache_control"]),
    ];
    let (body, told) = edited(BODY, &edits, &[]);
    let expected = BODY.replace(", \"reasoning_content\" : \"hm\"", "");
    assert_eq!(body, expected.replace(" , \"cache_control\":{\"type\":\"ephemeral\"}", ""));
    assert_eq!(told.losses(), ["cache_control", "messages.reasoning_content"]);

    let nothing = [
        Edit::remove("messages[].content.deep[]", &["x"]),
        Edit::remove("", &["absent"]),
        replace("messages[].role", "\"nobody\"", "1"),
        rename("absent", "other"),
        Edit::remove("max_completion_tokens", &["x"]),
    ];
    assert_eq!(edited(BODY, &nothing, &[]).0, BODY);
}

#[test]
fn a_member_that_has_the_new_name_already_wins() {
    let renamed = |body: &str| {
        let (body, told) = edited(body, &[rename("a", "b")], &[]);
        (body, told.losses().join(", "))
    };
    assert_eq!(renamed(r#"{"b":null,"a":1}"#), (r#"{"b":1}"#.into(), String::new()));
    assert_eq!(renamed(r#"{"b":1,"a":1}"#), (r#"{"b":1}"#.into(), String::new()));
    assert_eq!(renamed(r#"{"b":2,"a":1}"#), (r#"{"b":2}"#.into(), "a".into()));
}

#[test]
fn what_is_kept_alone_names_what_went() {
    let body = r#"{"a":1,"x_odd":2,"b":[{"c":1,"d":false},{"e":"f","c":2}],"g":null}"#;
    let (body, told) = edited(body, &[keep("", &["a", "b"]), keep("b[]", &["c"])], &[]);
    assert_eq!(body, r#"{"a":1,"b":[{"c":1},{"c":2}]}"#);
    assert_eq!(told.losses(), ["b.e", "x_odd"], "what asks for nothing is no loss");
}

#[test]
fn a_condition_looks_inside() {
    let when = Some(Condition { path: "marks[].by".into(), contains: "/".into() });
    let names = vec!["marks".to_owned(), "text".to_owned()];
    let edits = [Edit::Remove(MembersAt { at: "m[]".into(), names, when })];
    let body = r#"{"m":[{"text":"a","marks":[{"by":"x"},{"by":"us/y"}]},{"text":"b","marks":[{"by":"x"}]},{"text":"c"}]}"#;
    let (body, told) = edited(body, &edits, &[]);
    assert_eq!(body, r#"{"m":[{},{"text":"b","marks":[{"by":"x"}]},{"text":"c"}]}"#);
    assert_eq!(told.losses(), ["m.marks", "m.text"]);
}

#[test]
fn what_is_added_is_told_and_taken_back() {
    let edits = [add("stream_options.include_usage", "true")];
    for (body, expected) in [
        ("{}", r#"{"stream_options":{"include_usage":true}}"#),
        (r#"{"stream_options":null}"#, r#"{"stream_options":{"include_usage":true}}"#),
        (r#"{"stream_options":{"include_usage":false}}"#, r#"{"stream_options":{"include_usage":true}}"#),
        (r#"{"stream_options":{"b":1}}"#, r#"{"stream_options":{"b":1,"include_usage":true}}"#),
    ] {
        let (out, told) = edited(body, &edits, &[]);
        assert_eq!(out, expected);
        assert_eq!(told.added(), ["stream_options.include_usage"]);
        let (out, told) = edited(body, &edits, &["stream_options.include_usage"]);
        assert_eq!((out.as_str(), told.added().len()), (body, 0));
    }
    let own = r#"{"stream_options":{"include_usage":true}}"#;
    assert!(edited(own, &edits, &[]).1.added().is_empty(), "the client's own wish is none of ours");
}

#[test]
fn what_may_go_goes_once_it_was_refused() {
    let edits = [Edit::GiveUp(MembersAt::of("messages[]", &["reasoning_content", "reasoning_details"]))];
    let (body, told) = edited(BODY, &edits, &[]);
    assert_eq!((body.as_str(), told.added()), (BODY, &["messages[].reasoning_content".to_owned()][..]));
    let (body, told) = edited(BODY, &edits, &["messages[].reasoning_content"]);
    assert_eq!(body, BODY.replace(", \"reasoning_content\" : \"hm\"", ""));
    assert_eq!(told.losses(), ["messages.reasoning_content"]);
}

#[test]
fn paths_leave_a_body_with_what_only_held_them() {
    let body = r#"{"a":1,"stream_options":{"include_usage":true}}"#;
    let path = |path: &str| [path.to_owned()];
    assert_eq!(without(body, &path("stream_options.include_usage")).unwrap(), r#"{"a":1}"#);
    assert_eq!(without(body, &path("absent.member")).unwrap(), body);
    assert_eq!(without(body, &[]).unwrap(), body);
    assert_eq!(without("not JSON", &path("a")).unwrap(), "not JSON");
}

proptest! {
    /// As a tree would have it.
    #[test]
    fn any_removal_is_the_trees(
        entries in prop::collection::vec(prop::collection::vec(("[a-d]", 0_u8..5), 0..4), 0..4),
        gone in "[a-d]",
    ) {
        let entry = |members: &Vec<(String, u8)>| {
            let mut seen = std::collections::BTreeMap::new();
            seen.extend(members.iter().cloned());
            let members: Vec<String> = seen.iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
            format!("{{ {} }}", members.join(" , "))
        };
        let body = format!("{{\"m\":[{}]}}", entries.iter().map(entry).collect::<Vec<_>>().join(" ,"));
        let (out, _) = edited(&body, &[Edit::remove("m[]", &[&gone])], &[]);
        let mut expected: Value = serde_json::from_str(&body).unwrap();
        for entry in expected["m"].as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().remove(&gone);
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
    }
}
