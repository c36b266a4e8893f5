//! A whole completion as the stream that was asked for: one chunk that says it all, the counts where they are wanted, and the
//! end. What the vendor says beyond the wire stays.

use crate::canon::{Fault, Json};
use crate::fault::protocol;
use crate::json::{JsonKind, Members, Node, Object, array};

use super::DONE_FRAME;

/// The frames of a completion that has been judged to be one.
pub(super) fn stream(body: &str, include_usage: bool) -> Result<String, Fault> {
    let wrong = |_| protocol("the upstream's answer is not a JSON object");
    let mut object = Node::root(body).object().map_err(wrong)?;
    let usage = object.optional("usage").ok().flatten();
    let choices = object.array("choices").map_err(wrong)?;
    drop(object.take("object"));
    let chunk = |choices: &str, usage: Option<&str>| {
        let mut chunk = Members::new();
        chunk.string("object", "chat.completion.chunk");
        for (name, node) in object.iter() {
            chunk.raw(name, node.text());
        }
        chunk.raw("choices", choices);
        if let Some(usage) = usage {
            chunk.raw("usage", usage);
        }
        format!("data: {}\n\n", chunk.finish())
    };
    let choices: Result<Vec<Json>, Fault> = choices.iter().map(choice).collect();
    let mut out = chunk(&array(&choices?), None);
    if let Some(usage) = usage.filter(|_| include_usage) {
        out.push_str(&chunk("[]", Some(usage.text())));
    }
    out.push_str(DONE_FRAME);
    Ok(out)
}

fn choice(node: &Node<'_>) -> Result<Json, Fault> {
    let wrong = |_| protocol("a choice of the upstream's answer is not an object");
    let mut choice = node.object().map_err(wrong)?;
    let mut message = choice.required("message").and_then(|node| node.object()).map_err(wrong)?;
    let calls = message.array("tool_calls").map_err(wrong)?;
    let reason = choice.string("finish_reason").ok().flatten().filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or_else(|| if calls.is_empty() { "stop" } else { "tool_calls" }.to_owned());
    let mut delta = Members::new();
    for (name, node) in message.iter() {
        delta.raw(name, node.text());
    }
    if !calls.is_empty() {
        let calls: Result<Vec<Json>, Fault> = calls
            .iter()
            .enumerate()
            .map(|(at, call)| Ok(numbered(at, call.object().map_err(wrong)?)))
            .collect();
        delta.raw("tool_calls", &array(&calls?));
    }
    let mut out = Members::new();
    for (name, node) in choice.iter() {
        out.raw(name, node.text());
    }
    out.raw("delta", &delta.finish()).string("finish_reason", &reason);
    Ok(out.finish())
}

/// A call of a stream has a number.
fn numbered(at: usize, mut call: Object<'_>) -> Json {
    let number = call.take("index").ok().flatten().filter(|node| node.kind() == Ok(JsonKind::Number));
    let mut out = Members::new();
    out.raw("index", &number.map_or_else(|| at.to_string(), |node| node.text().to_owned()));
    for (name, node) in call.iter() {
        out.raw(name, node.text());
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::stream;
    use crate::ingress::{FrameOutcome, Ingress};
    use crate::sse::Frames;

    #[test]
    fn a_completion_is_told_in_one_chunk() {
        let body = r#"{"id":"x","object":"chat.completion","citations":["u"],"choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1}}"#;
        let chunk = r#"data: {"object":"chat.completion.chunk","id":"x","citations":["u"],"choices":[{"index":0,"logprobs":null,"delta":{"role":"assistant","content":"hi","tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
        let counts = r#"data: {"object":"chat.completion.chunk","id":"x","citations":["u"],"choices":[],"usage":{"prompt_tokens":1}}"#;
        assert_eq!(stream(body, false).unwrap(), format!("{chunk}\n\ndata: [DONE]\n\n"));
        assert_eq!(stream(body, true).unwrap(), format!("{chunk}\n\n{counts}\n\ndata: [DONE]\n\n"));
    }

    #[test]
    fn a_replay_ends_although_its_completion_gave_no_reason() {
        let told = stream(r#"{"choices":[{"message":{"content":"hi"},"finish_reason":""}]}"#, false).unwrap();
        let mut tee = Ingress::OpenAiChat.tee();
        for frame in Frames::default().push(told.as_bytes()).unwrap() {
            let outcome = tee.frame(Some(&frame.data));
            assert!(matches!(outcome, FrameOutcome::Forward | FrameOutcome::Done), "{outcome:?}");
        }
        assert!(tee.ended());
    }
}
