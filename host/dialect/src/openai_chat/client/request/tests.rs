//! Type errors name their member, and nothing is coerced.

use crate::canon::{Content, Role};
use crate::openai_chat::client::decode;

#[track_caller]
fn wrong(body: &str, param: &str, message: &str) {
    let invalid = decode(body.as_bytes()).unwrap_err();
    assert_eq!((invalid.param.as_deref(), invalid.message.as_str()), (Some(param), message), "{body}");
    assert_eq!(invalid.code, "invalid_value");
}

#[track_caller]
fn wrong_member(member: &str, param: &str, message: &str) {
    wrong(&format!(r#"{{"model":"m","messages":[],{member}}}"#), param, message);
}

#[track_caller]
fn wrong_message(message_json: &str, param: &str, message: &str) {
    wrong(
        &format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}},{message_json}]}}"#),
        param,
        message,
    );
}

#[test]
fn errors_name_the_member() {
    wrong("{}", "model", "`model` is missing");
    wrong(r#"{"model":null}"#, "model", "`model` is missing");
    wrong(r#"{"model":"m"}"#, "messages", "`messages` is missing");
    wrong(r#"{"model":"m","messages":"hi"}"#, "messages", "`messages`: expected an array, found a string");
    wrong(r#"{"model":"m","model":"n","messages":[]}"#, "model", "`model`: given twice");
    wrong_member(r#""stream":"yes""#, "stream", "`stream`: expected a boolean, found a string");
    wrong_member(r#""temperature":"0.5""#, "temperature", "`temperature`: expected a number, found a string");
    wrong_member(
        r#""temperature":1e999"#,
        "temperature",
        "`temperature`: expected a number in range, found a number",
    );
    wrong_member(
        r#""max_tokens":1.5"#,
        "max_tokens",
        "`max_tokens`: expected a whole number from 0 to 4294967295, found a number",
    );
    wrong_member(r#""n":-1"#, "n", "`n`: expected a whole number from 0 to 4294967295, found a number");
    wrong_member(r#""stop":[1]"#, "stop[0]", "`stop[0]`: expected a string, found a number");
    wrong_member(r#""stop":{}"#, "stop", "`stop`: expected a string or an array of strings, found an object");
    wrong_member(r#""tools":{}"#, "tools", "`tools`: expected an array, found an object");
    wrong_member(r#""tools":[{"type":"function"}]"#, "tools[0].function", "`tools[0].function` is missing");
    wrong_member(
        r#""tools":[{"type":"function","function":{"name":1}}]"#,
        "tools[0].function.name",
        "`tools[0].function.name`: expected a string, found a number",
    );
    wrong_member(
        r#""tool_choice":"always""#,
        "tool_choice",
        "`tool_choice`: expected `auto`, `none`, `required` or an object",
    );
    wrong_member(
        r#""tool_choice":5"#,
        "tool_choice",
        "`tool_choice`: expected a string or an object, found a number",
    );
    wrong_member(
        r#""response_format":"json""#,
        "response_format",
        "`response_format`: expected an object, found a string",
    );
    wrong_member(
        r#""stream_options":{"include_usage":1}"#,
        "stream_options.include_usage",
        "`stream_options.include_usage`: expected a boolean, found a number",
    );
    wrong_message("5", "messages[1]", "`messages[1]`: expected an object, found a number");
    wrong_message(r#"{"content":"x"}"#, "messages[1].role", "`messages[1].role` is missing");
    wrong_message(
        r#"{"role":"bot","content":"x"}"#,
        "messages[1].role",
        "`messages[1].role`: expected one of `system`, `developer`, `user`, `assistant`, `tool` and `function`",
    );
    wrong_message(r#"{"role":"user"}"#, "messages[1].content", "`messages[1].content` is missing");
    wrong_message(
        r#"{"role":"user","content":5}"#,
        "messages[1].content",
        "`messages[1].content`: expected a string or an array of parts, found a number",
    );
    wrong_message(
        r#"{"role":"user","content":[{"type":"text","text":5}]}"#,
        "messages[1].content[0].text",
        "`messages[1].content[0].text`: expected a string, found a number",
    );
    wrong_message(
        r#"{"role":"tool","content":"x"}"#,
        "messages[1].tool_call_id",
        "`messages[1].tool_call_id` is missing",
    );
    wrong_message(
        r#"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}"#,
        "messages[1].tool_calls[0].function.arguments",
        "`messages[1].tool_calls[0].function.arguments`: expected a string, found an object",
    );
}

#[test]
fn malformed_json_says_where() {
    let invalid = decode(b"{\"model\": \"m\",}").unwrap_err();
    assert_eq!((invalid.code, invalid.param), ("invalid_json", None));
    assert!(invalid.message.contains("line 1 column 15"), "{}", invalid.message);
}

#[test]
fn an_assistant_turn_without_content() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":""}}]}]}"#;
    let request = decode(body.as_bytes()).unwrap();
    assert_eq!(request.messages[0].role, Role::Assistant);
    assert!(
        matches!(&request.messages[0].parts[..], [part] if matches!(&part.content, Content::ToolCall(call) if call.id == "c"))
    );
}

#[test]
fn null_is_absent_and_leftovers_keep_their_text() {
    let body = r#"{"model":"m","messages":[],"temperature":null,"tools":null,"max_tokens":5,"max_completion_tokens":7,"x":  1.50 ,"stream_options":{"a":1}}"#;
    let decoded = decode(body.as_bytes()).unwrap();
    assert_eq!(decoded.extra.as_deref(), Some(r#"{"stream_options":{"a":1},"x":1.50}"#));
    assert_eq!(decoded.sampling.max_output_tokens, Some(7));
}
