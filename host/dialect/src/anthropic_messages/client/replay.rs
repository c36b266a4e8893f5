//! A whole message as the stream that was asked for: every block told at once. What the vendor says beyond the wire stays.

use super::STOP_FRAME;
use super::blocks::frame;
use crate::canon::{Fault, Json};
use crate::fault::protocol;
use crate::json::{Members, Node, Object};

/// The frames of a message that has been judged to be one.
pub(super) fn stream(body: &str) -> Result<String, Fault> {
    let wrong = |_| protocol("the upstream's answer is not a JSON object");
    let mut message = Node::root(body).object().map_err(wrong)?;
    let content = message.array("content").map_err(wrong)?;
    let mut taken = |name: &str| message.optional(name).ok().flatten();
    let (reason, sequence, usage) = (taken("stop_reason"), taken("stop_sequence"), taken("usage"));
    let text = |node: &Option<Node<'_>>, otherwise: &str| {
        node.as_ref().map_or_else(|| otherwise.to_owned(), |node| node.text().to_owned())
    };
    let called = content.iter().any(|node| kind(node) == "tool_use");
    let usage = text(&usage, r#"{"input_tokens":0,"output_tokens":0}"#);
    let mut start = Members::new();
    for (name, node) in message.iter() {
        start.raw(name, node.text());
    }
    start.raw("content", "[]").raw("stop_reason", "null").raw("stop_sequence", "null").raw("usage", &usage);
    let mut out = String::with_capacity(body.len() * 2);
    frame("message_start", &[("message", &start.finish())], &mut out);
    for (index, node) in content.iter().enumerate() {
        block(index, node, &mut out)?;
    }
    let mut delta = Members::new();
    delta.raw("stop_reason", &text(&reason, if called { "\"tool_use\"" } else { "\"end_turn\"" }));
    delta.raw("stop_sequence", &text(&sequence, "null"));
    frame("message_delta", &[("delta", &delta.finish()), ("usage", &usage)], &mut out);
    out.push_str(STOP_FRAME);
    Ok(out)
}

fn kind(node: &Node<'_>) -> String {
    node.object().ok().and_then(|mut object| object.string("type").ok()?).unwrap_or_default()
}

fn block(index: usize, node: &Node<'_>, out: &mut String) -> Result<(), Fault> {
    let wrong = |_| protocol("a block of the upstream's answer is not an object");
    let mut object = node.object().map_err(wrong)?;
    let mut deltas: Vec<Json> = Vec::new();
    let mut blank = Members::new();
    let mut piece = |object: &mut Object<'_>, name: &str, empty: &str, delta: &str, member: &str| {
        let said = object.optional(name).ok().flatten();
        blank.raw(name, empty);
        let said = said.filter(|node| !matches!(node.text(), "\"\"" | "{}"));
        if let Some(said) = said {
            let value = if empty == "{}" { crate::json::quote(said.text()) } else { said.text().to_owned() };
            deltas.push(format!("{{\"type\":\"{delta}\",\"{member}\":{value}}}"));
        }
    };
    match kind(node).as_str() {
        "text" => {
            piece(&mut object, "text", "\"\"", "text_delta", "text");
            for citation in object.array("citations").unwrap_or_default() {
                deltas.push(format!("{{\"type\":\"citations_delta\",\"citation\":{}}}", citation.text()));
            }
        }
        "thinking" => {
            piece(&mut object, "thinking", "\"\"", "thinking_delta", "thinking");
            piece(&mut object, "signature", "\"\"", "signature_delta", "signature");
        }
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            piece(&mut object, "input", "{}", "input_json_delta", "partial_json");
        }
        _ => {}
    }
    let mut opener = Members::new();
    for (name, node) in object.iter() {
        opener.raw(name, node.text());
    }
    opener.extra(Some(&blank.finish()), &[]);
    let index = index.to_string();
    frame("content_block_start", &[("index", &index), ("content_block", &opener.finish())], out);
    for delta in &deltas {
        frame("content_block_delta", &[("index", &index), ("delta", delta)], out);
    }
    frame("content_block_stop", &[("index", &index)], out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::stream;
    use crate::ingress::{AnswerIdentity, Ingress};
    use crate::sse::Frames;

    #[test]
    fn a_message_is_told_block_by_block_and_says_the_same() {
        let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","x_new":1,"content":[
            {"type":"thinking","thinking":"hmm","signature":"sig"},{"type":"redacted_thinking","data":"d"},
            {"type":"text","text":"a\"b","citations":[{"type":"char_location","cited_text":"c"}]},
            {"type":"tool_use","id":"a","name":"f","input":{"x": "y"}},{"type":"tool_use","id":"b","name":"g","input":{}}],
            "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}"#;
        let told = stream(body).unwrap();
        assert!(told.contains("\"x_new\":1"), "{told}");
        let identity = AnswerIdentity {
            id: "msg_1".to_owned(),
            created: 0,
            model: "m".to_owned(),
            echo: std::sync::Arc::default(),
        };
        let mut tee = Ingress::AnthropicMessages.tee();
        let frames = Frames::default().push(told.as_bytes()).unwrap();
        for frame in &frames {
            tee.frame(Some(&frame.data));
        }
        assert!(tee.ended() && tee.observed().done);
        let joined = Ingress::AnthropicMessages.joined(&frames, &identity).unwrap();
        let said: serde_json::Value = serde_json::from_str(&joined).unwrap();
        let before: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(said["content"], before["content"]);
        assert_eq!(said["stop_reason"], "tool_use");
    }
}
