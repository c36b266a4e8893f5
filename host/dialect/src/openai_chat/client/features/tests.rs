//! Both readings agree, and agents' own blocks are left out.

use super::from_envelope;
use crate::canon::task::Features;
use crate::envelope::Envelope;
use crate::features::from_request;

#[track_caller]
fn both(body: &str) -> Features {
    let seen = from_envelope(&Envelope::scan(body.as_bytes()).unwrap()).unwrap();
    let decoded = from_request(&crate::openai_chat::client::decode(body.as_bytes()).unwrap());
    assert!(seen.opening().parts().eq(decoded.opening().parts()));
    let (features, mut canonical) = (seen.features(), decoded.features());
    // One counts the text of tools, the other the members that it is made of.
    let (a, b) = (features.approx_input_tokens, canonical.approx_input_tokens);
    assert!(a.abs_diff(b) <= 10 + a / 2, "{a} and {b} tokens");
    canonical.approx_input_tokens = features.approx_input_tokens;
    assert_eq!(features, canonical);
    features
}

#[test]
fn a_conversation() {
    let features = both(
        r#"{"model":"m","messages":[
        {"role":"system","content":"You are an agent."},
        {"role":"developer","content":[{"type":"text","text":"Be \u0062rief."}]},
        {"role":"user","content":"first"},
        {"role":"assistant","content":"answer","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"a","content":"result"},
        {"role":"user","content":[{"type":"text","text":"what is"},{"type":"text","text":"this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"name":"no"}}},{"type":"custom","custom":{"name":"shell"}},{"type":"web_search","name":"search"}],
        "response_format":{"type":"json_object"}}"#,
    );
    assert_eq!(features.last_user_text, "what is\nthis?");
    assert_eq!(features.system_head, "You are an agent.\nBe brief.");
    assert_eq!(features.recent_text, ["answer", "first"]);
    assert_eq!(features.message_count, 6);
    assert_eq!(features.tool_names, ["f", "shell", "search"]);
    assert!(features.has_images && !features.has_audio && features.wants_json);
    assert!((800..1000).contains(&features.approx_input_tokens), "{}", features.approx_input_tokens);
}

#[test]
fn injected_blocks_are_left_out() {
    let turn = |text: &str| {
        let text = crate::json::quote(text);
        both(&format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"fix the bug"}},{{"role":"user","content":{text}}}]}}"#
        ))
    };
    let said = |text: &str| turn(text).last_user_text;
    assert_eq!(said("<system-reminder>\nrefactor everything\n</system-reminder>\nhello"), "hello");
    assert_eq!(said("do it <environment_context a=\"b\">x</environment_context> now"), "do it  now");
    assert_eq!(said("<environment_context><cwd>/x</cwd></environment_context>"), "fix the bug");
    assert_eq!(
        said("# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nuse tabs\n</INSTRUCTIONS>"),
        "fix the bug"
    );
    assert_eq!(said("what is a <system-reminder> tag?"), "what is a <system-reminder> tag?");
    assert_eq!(
        said("<b>bold</b> & <system-reminders>x</system-reminders>"),
        "<b>bold</b> & <system-reminders>x</system-reminders>"
    );
}

#[test]
fn a_turn_of_injected_blocks_only_is_no_turn() {
    let features = both(
        r#"{"model":"m","messages":[{"role":"user","content":"old"},{"role":"assistant","content":"a"},
        {"role":"user","content":"newest"},{"role":"user","content":"<environment_context>x</environment_context>"}]}"#,
    );
    assert_eq!(
        (features.last_user_text.as_str(), features.recent_text),
        ("newest", vec!["a".to_owned(), "old".to_owned()])
    );
}

#[test]
fn texts_are_cut_between_characters() {
    let long = "é".repeat(40_000);
    let features = both(&format!(
        r#"{{"model":"m","messages":[{{"role":"system","content":"x{long}"}},{{"role":"user","content":"x{long}"}},{{"role":"assistant","content":"x{long}"}},{{"role":"user","content":"x{long}"}}]}}"#
    ));
    assert_eq!((features.system_head.len(), features.last_user_text.len()), (2047, 32 * 1024 - 1));
    assert_eq!(features.recent_text.iter().map(String::len).collect::<Vec<_>>(), [1023, 1023]);
}

#[test]
fn odd_messages_do_not_stop_the_relay_lane() {
    let body = br#"{"messages":[5,{"role":7,"content":null},{"role":"user","content":[1,{"type":"text","text":"x"}]}],"tools":"no"}"#;
    let features = from_envelope(&Envelope::scan(body).unwrap()).unwrap().features();
    assert_eq!(features.last_user_text, "x");
}
