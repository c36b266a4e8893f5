use super::splice;
use crate::anthropic_messages::signature::marked;
use crate::canon::relay::{Edit, Member};
use crate::envelope::Envelope;
use crate::ingress::RelayChanges;

#[track_caller]
fn spliced(body: &str, instructions: &[&str]) -> String {
    let changes = RelayChanges { instructions, ..RelayChanges::default() };
    splice(&Envelope::scan(body.as_bytes()).unwrap(), &changes).unwrap().body
}

#[test]
fn our_instructions_are_the_first_block_and_all_else_stays() {
    let ours = r#"{"type":"text","text":"Mind \"it\""}"#;
    for (before, after) in [
        (r#"{"messages":[ 1 ]}"#, format!(r#"{{"messages":[ 1 ],"system":[{ours}]}}"#)),
        (r#"{"system" : null,"messages":[1]}"#, format!(r#"{{"system" : [{ours}],"messages":[1]}}"#)),
        (r#"{"system":"  ","messages":[1]}"#, format!(r#"{{"system":[{ours}],"messages":[1]}}"#)),
        (r#"{"system":[ ],"messages":[1]}"#, format!(r#"{{"system":[{ours} ],"messages":[1]}}"#)),
        (
            r#"{"system":"B\u0065 brief.","x":1.50,"messages":[1]}"#,
            format!(
                r#"{{"system":[{ours},{{"type":"text","text":"B\u0065 brief."}}],"x":1.50,"messages":[1]}}"#
            ),
        ),
        (
            r#"{"system":[ {"type":"text","text":"a","cache_control":{"type":"ephemeral"}} ],"messages":[1]}"#,
            format!(
                r#"{{"system":[{ours}, {{"type":"text","text":"a","cache_control":{{"type":"ephemeral"}}}} ],"messages":[1]}}"#
            ),
        ),
    ] {
        assert_eq!(spliced(before, &["Mind \"it\""]), after);
        assert_eq!(spliced(before, &[]), before, "nothing to say changes nothing");
    }
    let changes = RelayChanges { instructions: &["x"], ..RelayChanges::default() };
    let wrong = splice(&Envelope::scan(br#"{"system":5,"messages":[1]}"#).unwrap(), &changes).unwrap_err();
    assert_eq!(wrong.to_string(), "`system`: expected a string or an array of blocks, found a number");
}

#[test]
fn edits_are_applied() {
    let edits = [Edit::Set(Member { path: "model".to_owned(), value: "\"b\"".to_owned() })];
    let changes = RelayChanges { edits: &edits, ..RelayChanges::default() };
    let envelope = Envelope::scan(br#"{ "model": "a", "messages":[1] }"#).unwrap();
    assert_eq!(splice(&envelope, &changes).unwrap().body, r#"{ "model": "b", "messages":[1] }"#);
}

/// The vendor refuses a request that holds a thought which it did not sign.
#[test]
fn thoughts_of_others_stay_here_and_are_named() {
    let foreign = marked(Some("sig"), Some("google-gemini-v1"));
    let unsigned = marked(None, None);
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"a"}},
        {{"role":"assistant","content":[{{"type":"thinking","thinking":"x","signature":"{foreign}"}},{{"type":"text", "text":"b"}}],"x":1}},
        {{"role":"assistant","content":[{{"type":"redacted_thinking","data":"{unsigned}"}}]}},
        {{"role":"assistant","content":[{{"type":"thinking","thinking":"y","signature":"own"}}]}}]}}"#
    );
    let spliced = splice(&Envelope::scan(body.as_bytes()).unwrap(), &RelayChanges::default()).unwrap();
    assert_eq!(
        spliced.body,
        r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","x":1,"content":[{"type":"text", "text":"b"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"y","signature":"own"}]}]}"#
    );
    assert_eq!(spliced.edited.losses(), ["messages.reasoning_content"]);
    // Who only speaks of it has said nothing of the kind.
    let spoken = r#"{"messages":[ {"role":"user","content":"brains_thought_1_x"} ]}"#;
    let spliced = splice(&Envelope::scan(spoken.as_bytes()).unwrap(), &RelayChanges::default()).unwrap();
    assert_eq!((spliced.body.as_str(), spliced.edited.losses().len()), (spoken, 0));
}
