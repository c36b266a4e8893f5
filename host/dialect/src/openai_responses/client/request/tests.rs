//! What a request means.

use serde_json::{Value, json};

use crate::canon::{ChatRequest, Content, OutputFormat, Role, Tool, ToolChoice};
use crate::envelope::Envelope;
use crate::ingress::Ingress;
use crate::invalid::Invalid;
use crate::openai_chat;

fn decode(body: &Value) -> Result<ChatRequest, Invalid> {
    let text = body.to_string();
    Ingress::OpenAiResponses.decode(&Envelope::scan(text.as_bytes()).unwrap())
}

/// On the wire of chat completions, which shows all of it.
fn shown(body: &Value) -> (Value, Vec<String>) {
    let options = openai_chat::upstream::encode::OpenAiChatOptions {
        extensions: Some(true),
        ..openai_chat::upstream::encode::OpenAiChatOptions::default()
    };
    let encoded = openai_chat::upstream::encode::encode(&decode(body).unwrap(), &options).unwrap();
    (serde_json::from_str(&encoded.body).unwrap(), encoded.losses)
}

#[test]
fn a_turn_of_codex_is_a_chat() {
    let body = json!({"model": "m", "stream": true, "store": false, "instructions": "Be brief.",
        "input": [
            {"type": "message", "id": "msg_a", "role": "developer", "content": [{"type": "input_text", "text": "Rules."}]},
            {"type": "message", "id": "msg_b", "role": "user", "content": [{"type": "input_text", "text": "list"},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}]},
            {"type": "reasoning", "id": "rs_a", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "brains.thought.1:{\"origin\":\"anthropic-messages/claude\",\"signature\":\"sig\"}"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so", "annotations": []}]},
            {"type": "reasoning", "summary": [], "encrypted_content": "brains.thought.1:{\"call\":\"c1\",\"signature\":\"s\"}"},
            {"type": "function_call", "id": "fc_a", "status": "completed", "call_id": "c1", "name": "get",
             "namespace": "mcp__x", "arguments": "{\"a\":1}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "*** \"x\""},
            {"type": "local_shell_call", "call_id": "c3", "action": {"type": "exec", "command": ["ls"]}},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
            {"type": "local_shell_call_output", "call_id": "c3", "output": "three"},
            {"type": "web_search_call", "id": "ws", "status": "completed"},
            {"role": "user", "content": "and?"}],
        "tools": [
            {"type": "function", "name": "f", "description": "d", "strict": false, "parameters": {"type": "object"}},
            {"type": "custom", "name": "patch", "description": "Patches.",
             "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
            {"type": "namespace", "name": "mcp__x", "description": "n", "tools": [
                {"type": "function", "name": "get", "parameters": {"type": "object"}}]},
            {"type": "web_search", "external_web_access": false}],
        "tool_choice": "auto", "parallel_tool_calls": true, "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "client_metadata": {"a": "b"},
        "max_output_tokens": 99, "text": {"verbosity": "low"}});
    let (chat, losses) = shown(&body);
    assert_eq!(
        chat["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": "Rules."},
            {"role": "user", "content": [{"type": "text", "text": "list"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}]},
            {"role": "assistant", "content": "so", "reasoning_content": "hm",
             "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "sig",
                                    "format": "anthropic-messages/claude", "index": 0}],
             "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "mcp__x__get", "arguments": "{\"a\":1}"},
                 "extra_content": {"google": {"thought_signature": "s"}}},
                {"id": "c2", "type": "function", "function": {"name": "patch", "arguments": "{\"input\":\"*** \\\"x\\\"\"}"}},
                {"id": "c3", "type": "function", "function": {"name": "local_shell",
                    "arguments": "{\"type\":\"exec\",\"command\":[\"ls\"]}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "tool", "tool_call_id": "c3", "content": "three"},
            {"role": "user", "content": "and?"},
        ])
    );
    let names: Vec<&str> = chat["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["f", "patch", "mcp__x__get"]);
    let patch = &chat["tools"][1]["function"];
    assert_eq!(patch["parameters"]["required"], json!(["input"]));
    assert_eq!(patch["description"], "Patches.\n\n`input` is text of this grammar (lark):\nstart: x");
    for (member, value) in [
        ("reasoning_effort", json!("low")),
        ("verbosity", json!("low")),
        ("prompt_cache_key", json!("k")),
        ("max_completion_tokens", json!(99)),
        ("parallel_tool_calls", json!(true)),
        ("stream", json!(true)),
    ] {
        assert_eq!(chat[member], value, "{member}");
    }
    for member in ["openai-responses", "store", "include", "client_metadata"] {
        assert!(chat.get(member).is_none(), "{member}");
    }
    assert_eq!(
        losses,
        [
            "tool_namespace",
            "tools.format",
            "tools.hosted",
            "input.web_search_call",
            "reasoning",
            "client_metadata"
        ]
    );
}

#[test]
fn settings_and_the_form_of_the_answer() {
    let schema = json!({"type": "object", "properties": {}});
    let request = decode(&json!({"model": "m", "input": "hi", "temperature": 0.5, "top_p": 0.25, "user": "u",
        "text": {"format": {"type": "json_schema", "name": "s", "schema": schema, "strict": true, "description": "d"}},
        "top_logprobs": 2, "store": true, "metadata": {"a": "b"}, "truncation": "auto"}))
    .unwrap();
    let OutputFormat::JsonSchema(format) = &request.output else { panic!("{:?}", request.output) };
    assert_eq!((format.name.as_str(), format.strict), ("s", true));
    assert_eq!(request.messages[0].parts[0].content, Content::Text("hi".to_owned()));
    assert_eq!((request.messages[0].role, request.user.as_deref()), (Role::User, Some("u")));
    let extra: Value = serde_json::from_str(request.extra.as_deref().unwrap()).unwrap();
    assert_eq!(
        extra,
        json!({"response_format": {"json_schema": {"description": "d"}}, "logprobs": true, "top_logprobs": 2,
               "metadata": {"a": "b"}, "openai-responses": {"truncation": "auto"}})
    );
}

#[test]
fn the_choice_of_a_tool() {
    let choose = |choice: Value| {
        decode(&json!({"model": "m", "input": "hi", "tool_choice": choice, "tools": [
            {"type": "function", "name": "f"}, {"type": "custom", "name": "c"}, {"type": "web_search"},
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]}]}))
    };
    let named = |name: &str| ToolChoice::Named(name.to_owned());
    for (choice, meant) in [
        (json!("required"), ToolChoice::Required),
        (json!("none"), ToolChoice::None),
        (json!({"type": "function", "name": "f"}), named("f")),
        (json!({"type": "custom", "name": "c"}), named("c")),
        (json!({"type": "function", "namespace": "n", "name": "g"}), named("n__g")),
    ] {
        let request = choose(choice).unwrap();
        assert_eq!((request.tool_choice, request.tools.len()), (meant, 4));
    }
    let allowed =
        json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]});
    let request = choose(allowed).unwrap();
    assert_eq!(request.tool_choice, ToolChoice::Required);
    assert!(matches!(request.tools.as_slice(), [Tool::Function(function)] if function.name == "f"));
    assert_eq!(choose(json!({"type": "web_search"})).unwrap_err().param.as_deref(), Some("tool_choice"));
    assert!(choose(json!("maybe")).is_err());
}

#[test]
fn what_cannot_be_answered_here_is_refused_by_its_name() {
    for (member, value, code, param) in [
        ("previous_response_id", json!("resp_1"), "previous_response_not_found", "previous_response_id"),
        ("background", json!(true), "unsupported_parameter", "background"),
        ("conversation", json!("conv_1"), "unsupported_parameter", "conversation"),
        ("prompt", json!({"id": "p"}), "unsupported_parameter", "prompt"),
        ("input", json!([{"type": "item_reference", "id": "x"}]), "unsupported_parameter", "input[0]"),
        (
            "input",
            json!([{"type": "compaction_trigger"}, {"role": "user", "content": "x"}]),
            "invalid_value",
            "input[0]",
        ),
        (
            "input",
            json!([{"type": "compaction", "encrypted_content": "gAAA"}]),
            "unsupported_parameter",
            "input[0]",
        ),
        ("input", json!([{"role": "judge", "content": "x"}]), "invalid_value", "input[0].role"),
        (
            "input",
            json!([{"type": "function_call_output", "output": "x"}]),
            "invalid_value",
            "input[0].call_id",
        ),
        ("text", json!({"format": {"type": "grammar"}}), "unsupported_parameter", "text.format"),
        ("temperature", json!("warm"), "invalid_value", "temperature"),
    ] {
        let mut body = json!({"model": "m", "input": "hi"});
        body[member] = value;
        let wrong = decode(&body).unwrap_err();
        assert_eq!((wrong.code, wrong.param.as_deref()), (code, Some(param)), "{body}");
    }
}

/// Ids that come twice are two (as on the wire of chat completions).
#[test]
fn calls_of_one_id_are_told_apart() {
    let call = |name: &str| json!({"type": "function_call", "call_id": "a", "name": name, "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "a", "output": "x"});
    let (chat, _) = shown(&json!({"model": "m", "input": [
        {"role": "user", "content": "x"}, call("f"), output, call("g"), output]}));
    assert_eq!(chat["messages"][1]["tool_calls"][0]["id"], "a");
    assert_eq!(chat["messages"][3]["tool_calls"][0]["id"], "a_2");
    assert_eq!(chat["messages"][4]["tool_call_id"], "a_2");
}
