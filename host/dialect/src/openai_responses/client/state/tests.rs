//! What a request with an earlier turn behind it becomes, and how what is kept is shown.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use serde_json::{Value, json};

use super::{PREVIOUS, continued, item, names, own_input, page, read, shown};
use crate::envelope::Envelope;
use crate::ingress::{ItemPage, KeptTurn, StateHead};
use crate::openai_responses::client::request::decode;

const NONE: fn(&str) -> Option<String> = |_| None;

/// A turn with its texts.
struct SaidTurn {
    input: String,
    answer: String,
}

fn turns(turns: &[SaidTurn]) -> Vec<KeptTurn<'_>> {
    turns.iter().map(|turn| KeptTurn { id: "resp_a", input: &turn.input, answer: &turn.answer }).collect()
}

fn head(body: &Value) -> Result<StateHead, (&'static str, Option<String>)> {
    let text = body.to_string();
    read(&Envelope::scan_text(&text).unwrap()).map_err(|wrong| (wrong.code, wrong.param))
}

#[test]
fn a_request_says_what_it_goes_on_from() {
    assert_eq!(head(&json!({"input": "x"})), Ok(StateHead::default()));
    let all = json!({"store": false, "previous_response_id": "resp_1", "background": false, "conversation": null,
        "input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "item_reference"},
                  {"type": "item_reference", "id": "fc_1"}]});
    let named = vec!["msg_1".to_owned(), "fc_1".to_owned()];
    assert_eq!(
        head(&all),
        Ok(StateHead { store: Some(false), previous: Some("resp_1".to_owned()), references: named })
    );
    for (member, value) in
        [("conversation", json!("conv_1")), ("conversation", json!({"id": "c"})), ("background", json!(true))]
    {
        let refused = head(&json!({"input": "x", member: value}));
        assert_eq!(refused, Err(("unsupported_parameter", Some(member.to_owned()))));
    }
    for (member, value) in [("store", json!("yes")), ("previous_response_id", json!(5))] {
        assert_eq!(head(&json!({"input": "x", member: value})).unwrap_err().1.as_deref(), Some(member));
    }
}

#[test]
fn earlier_turns_stand_in_front_and_every_other_byte_stays() {
    let kept = [
        SaidTurn {
            input: "\"hi \\u00e9\"".to_owned(),
            answer: r#"{"id":"resp_1","output":[{"type":"reasoning","id":"rs_1","summary":[]}, {"type":"message","id":"msg_1"}]}"#.to_owned(),
        },
        SaidTurn { input: "[ {\"a\":1} ]".to_owned(), answer: r#"{"id":"resp_2"}"#.to_owned() },
    ];
    let body =
        "{ \"model\" : \"m\",\"previous_response_id\":\"resp_2\",\n\"input\":\"next\", \"top_p\":1.0 }";
    let envelope = Envelope::scan_text(body).unwrap();
    let own = own_input(&envelope, NONE).unwrap();
    assert_eq!(
        continued(&envelope, &turns(&kept), &own).unwrap(),
        "{ \"model\" : \"m\",\n\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":\"hi \\u00e9\"},\
         {\"type\":\"reasoning\",\"summary\":[]},{\"type\":\"message\"},{\"a\":1},\
         {\"type\":\"message\",\"role\":\"user\",\"content\":\"next\"}], \"top_p\":1.0 }"
    );
    // What was asked before is answered once more.
    for nothing in ["", ",\"input\":null", ",\"input\":\"\""] {
        let body = format!("{{\"previous_response_id\":\"resp_2\"{nothing}}}");
        let envelope = Envelope::scan_text(&body).unwrap();
        let own = own_input(&envelope, NONE).unwrap();
        assert_eq!(continued(&envelope, &turns(&kept)[1..], &own).unwrap(), "{\"input\":[{\"a\":1}]}");
    }
}

#[test]
fn items_stand_where_they_were_named() {
    let body = r#"{"input":[{"id":"a","type":"item_reference"},{"role":"user","content":"x"}]}"#;
    let envelope = Envelope::scan_text(body).unwrap();
    let own = own_input(&envelope, |id| (id == "a").then(|| "{\"type\":\"message\"}".to_owned())).unwrap();
    assert_eq!(own, r#"[{"type":"message"},{"role":"user","content":"x"}]"#);
    assert_eq!(continued(&envelope, &[], &own).unwrap(), format!("{{\"input\":{own}}}"));
    let missing = own_input(&envelope, NONE).unwrap_err();
    assert_eq!(
        (missing.message.as_str(), missing.param.as_deref()),
        ("Item with id 'a' not found.", Some("input"))
    );
}

#[test]
fn what_is_kept_is_shown_with_what_the_host_made_of_it() {
    let answer = r#"{"id":"resp_1","store":false,"previous_response_id":null,"output":[{"id":"a"},{"type":"x"},{"id":"b","n":1}]}"#;
    let names = names(answer).unwrap();
    assert_eq!((names.id.as_str(), names.items.join(" ").as_str()), ("resp_1", "a b"));
    assert_eq!(item(answer, "b").as_deref(), Some(r#"{"n":1}"#));
    assert_eq!(item(answer, "c"), None);
    let told: Value = serde_json::from_str(&shown(answer, Some("resp_0"))).unwrap();
    assert_eq!((&told["store"], &told["previous_response_id"]), (&json!(true), &json!("resp_0")));
    let first: Value = serde_json::from_str(&shown(answer, None)).unwrap();
    assert_eq!((&first["store"], &first["previous_response_id"]), (&json!(true), &Value::Null));
    assert!(super::names("{}").is_none());
}

fn listed(kept: &[SaidTurn], page_of: &ItemPage) -> Value {
    serde_json::from_str(&page(&turns(kept), page_of).unwrap()).unwrap()
}

#[test]
fn what_went_into_a_response_is_listed_in_pages() {
    let kept = [
        SaidTurn { input: "\"one\"".to_owned(), answer: r#"{"output":[{"type":"message","id":"msg_9","role":"assistant","status":"completed","content":[]}]}"#.to_owned() },
        SaidTurn {
            input: json!([{"role": "assistant", "content": "so"}, {"type": "function_call_output", "call_id": "c", "output": "r"},
                {"type": "reasoning", "id": "rs_1", "summary": []}]).to_string(),
            answer: r#"{"output":[{"id":"never"}]}"#.to_owned(),
        },
    ];
    let all = listed(&kept, &ItemPage { limit: 20, ascending: true, after: None });
    assert_eq!(
        all,
        json!({"object": "list", "data": [
            {"id": "msg_a_in0", "type": "message", "role": "user", "status": "completed",
             "content": [{"type": "input_text", "text": "one"}]},
            {"id": "msg_9", "type": "message", "role": "assistant", "status": "completed", "content": []},
            {"id": "msg_a_in0", "type": "message", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "so", "annotations": []}]},
            {"id": "fco_a_in1", "type": "function_call_output", "call_id": "c", "output": "r", "status": "completed"},
            {"id": "rs_1", "type": "reasoning", "summary": []}],
            "first_id": "msg_a_in0", "last_id": "rs_1", "has_more": false})
    );
    let part = listed(&kept, &ItemPage { limit: 2, ascending: false, after: Some("rs_1".to_owned()) });
    assert_eq!(
        (&part["first_id"], &part["last_id"], &part["has_more"]),
        (&json!("fco_a_in1"), &json!("msg_a_in0"), &json!(true))
    );
    let none = listed(&kept, &ItemPage { limit: 2, ascending: true, after: Some("rs_1".to_owned()) });
    assert_eq!(
        (&none["data"], &none["first_id"], &none["has_more"]),
        (&json!([]), &Value::Null, &json!(false))
    );
    let unknown = page(&turns(&kept), &ItemPage { limit: 2, ascending: true, after: Some("x".to_owned()) });
    assert_eq!(unknown.unwrap_err().param.as_deref(), Some("after"));
}

/// Some servers call every message of theirs the same: pages must go on all the same.
#[test]
fn an_id_that_is_there_twice_is_the_first_items() {
    let said = r#"{"output":[{"type":"message","id":"msg_9","role":"assistant","content":[]}]}"#;
    let kept = ["\"one\"", "\"two\"", "\"three\""]
        .map(|input| SaidTurn { input: input.to_owned(), answer: said.to_owned() });
    let all = listed(&kept, &ItemPage { limit: 20, ascending: true, after: None });
    let ids: Vec<&str> =
        all["data"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
    assert_eq!((ids.len(), ids.iter().filter(|id| **id == "msg_9").count()), (5, 1), "{ids:?}");
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,8}".prop_map(|text| json!({"role": "user", "content": text})),
        ".{0,8}".prop_map(|text| json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]})),
        "[a-z]{1,4}".prop_map(|id| json!({"type": "function_call_output", "call_id": id, "output": "r"})),
    ]
}

fn output() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,8}".prop_map(
            |text| json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]})
        ),
        "[a-z]{1,4}".prop_map(
            |id| json!({"type": "function_call", "id": "fc_1", "call_id": id, "name": "f", "arguments": "{}"})
        ),
        Just(json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"})),
    ]
}

proptest! {
    /// However long a conversation is, its request reads as that of a client which sends all items itself.
    #[test]
    fn a_conversation_reads_as_if_it_had_been_sent_whole(
        turns_of in proptest::collection::vec(
            (proptest::collection::vec(message(), 0..4), proptest::collection::vec(output(), 0..4), any::<bool>(), ".{1,8}"),
            0..6,
        ),
        last in message(),
    ) {
        let (mut kept, mut whole) = (Vec::new(), Vec::new());
        for (input, output, as_text, text) in turns_of {
            let answer = json!({"id": "resp_a", "object": "response", "output": output}).to_string();
            if as_text {
                whole.push(json!({"role": "user", "content": text}));
                kept.push(SaidTurn { input: json!(text).to_string(), answer });
            } else {
                whole.extend(input.iter().cloned());
                kept.push(SaidTurn { input: json!(input).to_string(), answer });
            }
            whole.extend(output);
        }
        whole.push(last.clone());
        let asked = json!({"model": "m", PREVIOUS: "resp_a", "input": [last], "tools": []}).to_string();
        let envelope = Envelope::scan_text(&asked).unwrap();
        let own = own_input(&envelope, NONE).unwrap();
        let resumed = continued(&envelope, &turns(&kept), &own).unwrap();
        let sent = json!({"model": "m", "input": whole, "tools": []}).to_string();
        let read = |text: &str| decode(&Envelope::scan_text(text).unwrap()).map_err(|wrong| wrong.message);
        proptest::prop_assert_eq!(read(&resumed), read(&sent));
    }
}
