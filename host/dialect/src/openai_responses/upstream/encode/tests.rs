//! What a request becomes, and what clients of this wire said that stands nowhere else.

use serde_json::{Value, json};

use super::{added, encode};
use crate::canon::{
    ChatRequest, Content, FunctionTool, Message, Part, Reasoning, ResultPart, Role, Tool, ToolResult,
};
use crate::openai_chat::client::decode;

fn chat(body: &Value) -> ChatRequest {
    decode(body.to_string().as_bytes()).unwrap()
}

fn encoded(request: &ChatRequest) -> (Value, Vec<String>) {
    let encoded = encode(request).unwrap();
    (serde_json::from_str(&encoded.body).unwrap(), encoded.losses)
}

fn message_of(role: Role, content: Content) -> Message {
    Message { role, name: None, parts: vec![Part::plain(content)], extra: None }
}

fn turns(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { model: "gpt-5.1".into(), messages, ..ChatRequest::default() }
}

#[test]
fn instructions_stand_in_front_and_later_ones_where_they_stood() {
    let (body, losses) = encoded(&chat(&json!({"model": "m", "messages": [
        {"role": "system", "content": "a"}, {"role": "developer", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": "hi"}, {"role": "system", "content": "c"}]})));
    assert_eq!(body["instructions"], "a\n\nb");
    assert_eq!(
        body["input"][1],
        json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "c"}]})
    );
    assert_eq!(losses, Vec::<String>::new());
    let (body, _) = encoded(&chat(&json!({"model": "m", "messages": [{"role": "system", "content": "a"}]})));
    assert_eq!(
        (&body["instructions"], &body["input"][0]["role"]),
        (&Value::Null, &json!("developer")),
        "something to answer"
    );
}

#[test]
fn media_and_files_have_names_of_their_own() {
    let pixel = "data:image/png;base64,AAAA";
    let (body, losses) = encoded(&chat(&json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": pixel, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/i.png"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "file", "file": {"file_id": "file_1"}}]}]})));
    assert_eq!(
        body["input"][0]["content"],
        json!([
            {"type": "input_image", "image_url": pixel, "detail": "low"},
            {"type": "input_image", "image_url": "https://a.example/i.png"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            {"type": "input_file", "file_id": "file_1"},
        ])
    );
    assert_eq!(losses, Vec::<String>::new());
}

#[test]
fn a_thought_goes_back_to_who_encrypted_it() {
    let thought = |origin: &str, id: &str| {
        let text = "hmm".to_owned();
        Content::Reasoning(Reasoning {
            id: Some(id.into()),
            text,
            signature: Some("e".into()),
            redacted: None,
            origin: Some(origin.into()),
        })
    };
    let back = |origin: &str, id: &str| {
        let mut turn = message_of(Role::Assistant, thought(origin, id));
        turn.parts.push(Part::plain(Content::Text("so".into())));
        let (body, losses) = encoded(&turns(vec![message_of(Role::User, Content::Text("x".into())), turn]));
        (body["input"][1].clone(), losses.join(","))
    };
    let summary = json!([{"type": "summary_text", "text": "hmm"}]);
    assert_eq!(
        back("openai-responses/gpt", "rs_1"),
        (
            json!({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "e"}),
            String::new()
        )
    );
    let (item, _) = back("openai-responses/gpt", "thought_1");
    assert_eq!(item["id"], Value::Null);
    for foreign in ["openai-responses/grok", "anthropic-messages/claude", ""] {
        let (item, losses) = back(foreign, "rs_1");
        assert_eq!(
            (&item["type"], losses.as_str()),
            (&json!("message"), "messages.reasoning_details"),
            "{foreign}"
        );
    }
}

#[test]
fn results_say_that_they_failed() {
    let result = |is_error: bool, content: Vec<ResultPart>| {
        let result = ToolResult { call_id: "c".repeat(70), is_error, content, extra: None };
        let (body, losses) = encoded(&turns(vec![message_of(Role::User, Content::ToolResult(result))]));
        let item = &body["input"][0];
        assert_eq!(item["type"], "function_call_output");
        assert!(item["call_id"].as_str().unwrap().len() <= 64, "{item}");
        assert_eq!(losses.iter().any(|loss| loss == "tool_result_error_mark"), is_error);
        item["output"].clone()
    };
    let text = |text: &str| ResultPart::Text(text.into());
    assert_eq!(result(false, vec![text("ok")]), "ok");
    assert_eq!(result(true, vec![text("no such file")]), "Error: no such file");
    assert_eq!(result(true, vec![text("error: gone")]), "error: gone");
    assert_eq!(result(true, Vec::new()), "Error:");
    assert_eq!(result(false, vec![text("a"), text("b")])[1], json!({"type": "input_text", "text": "b"}));
    assert_eq!(result(true, vec![text("a"), text("b")])[0]["text"], "Error:");
}

#[test]
fn tools_of_the_vendors_other_wire_lose_a_level() {
    let (body, losses) = encoded(&chat(&json!({"model": "m", "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "p", "input": "free"}},
                                             {"id": "b", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "a", "content": "r"}, {"role": "tool", "tool_call_id": "b", "content": "s"}],
        "tools": [{"type": "function", "function": {"name": "f", "strict": true}},
                  {"type": "custom", "custom": {"name": "p", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}}}},
                  {"type": "web_search"}, {"type": "bash_20250124", "name": "bash"}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}}})));
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": true},
               {"type": "custom", "name": "p", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
               {"type": "web_search"}])
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]})
    );
    assert_eq!(
        (&body["input"][1], &body["input"][2], &body["input"][3]["type"]),
        (
            &json!({"type": "custom_tool_call", "call_id": "a", "name": "p", "input": "free"}),
            &json!({"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"}),
            &json!("custom_tool_call_output")
        )
    );
    assert_eq!(losses, ["tools.hosted"]);
}

/// What a client of this wire said beyond the canonical form stands below the wire's name, and comes back as it was.
#[test]
fn what_this_wire_said_comes_back() {
    let own = |value: Value| Some(json!({"openai-responses": value}).to_string());
    let mut request = turns(vec![
        Message {
            extra: own(json!({"id": "msg_1", "phase": "final"})),
            ..message_of(Role::Assistant, Content::Text("x".into()))
        },
        message_of(
            Role::User,
            Content::Other(json!({"openai-responses": {"type": "item_reference", "id": "i"}}).to_string()),
        ),
    ]);
    request.effort = Some("high".into());
    request.tools = vec![
        Tool::Function(FunctionTool {
            name: "f".into(),
            namespace: Some("n".into()),
            description: None,
            parameters: "{}".into(),
            strict: None,
            cache: None,
            extra: own(json!({"defer_loading": true})),
        }),
        Tool::Other(json!({"type": "custom", "name": "p"}).to_string()),
    ];
    request.extra = Some(
        json!({"openai-responses": {"previous_response_id": "r", "include": ["a"], "store": true, "reasoning": {"summary": "concise"},
               "text": {"verbosity": "low"}}, "anthropic-messages": {"context_management": {}, "mcp_servers": [1]}})
        .to_string(),
    );
    let (body, losses) = encoded(&request);
    assert_eq!(
        body,
        json!({"model": "gpt-5.1",
            "input": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}], "id": "msg_1", "phase": "final"},
                      {"type": "item_reference", "id": "i"}],
            "tools": [{"type": "function", "name": "n__f", "parameters": {}, "strict": false, "defer_loading": true},
                      {"type": "custom", "name": "p"}],
            "text": {"verbosity": "low"}, "reasoning": {"effort": "high", "summary": "concise"}, "store": true,
            "include": ["a", "reasoning.encrypted_content"], "previous_response_id": "r"})
    );
    assert_eq!(losses, ["tool_namespace", "mcp_servers"]);
    assert_eq!(added(&request), Vec::<&str>::new());
}

#[test]
fn a_limit_below_the_least_is_raised_and_named() {
    let limited = |limit: u32| {
        let mut request = turns(vec![message_of(Role::User, Content::Text("x".into()))]);
        request.sampling.max_output_tokens = Some(limit);
        let (body, losses) = encoded(&request);
        (body["max_output_tokens"].clone(), losses.len())
    };
    assert_eq!(limited(1), (json!(16), 1));
    assert_eq!(limited(17), (json!(17), 0));
}
