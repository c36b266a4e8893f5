//! What answers repeat of a request, and the tools that go by another name upstream.

use super::compaction;
use super::object::is_repeated;
use super::request::tools;
use super::state::PREVIOUS;
use crate::canon::Json;
use crate::envelope::Envelope;
use crate::ingress::{RequestEcho, StateEcho};
use crate::invalid::Invalid;
use crate::json::{Members, Node};

/// Repeated where they were said.
const WHERE_SAID: [&str; 6] = [
    "max_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "top_logprobs",
];

/// Reads it from a body that has been scanned.
pub(super) fn read(envelope: &Envelope<'_>, state: StateEcho<'_>) -> Result<RequestEcho, Invalid> {
    let mut members = Members::new();
    members.maybe_string(PREVIOUS, state.previous);
    if state.store {
        members.plain("store", true);
    }
    for member in envelope.members() {
        let name: &str = &member.name;
        if !is_repeated(name) && !WHERE_SAID.contains(&name) {
            continue;
        }
        let Some(node) = envelope.node(name)? else { continue };
        match name {
            // The host says what it made of these.
            "store" | PREVIOUS => {}
            "reasoning" => {
                members.raw(name, &completed(&node, &[("effort", "null"), ("summary", "null")])?);
            }
            "text" => {
                members.raw(name, &completed(&node, &[("format", r#"{"type":"text"}"#)])?);
            }
            _ => {
                members.raw(name, node.text());
            }
        }
    }
    Ok(RequestEcho {
        members: members.finish(),
        tools: tools::aliases(envelope.node("tools")?.as_ref())?,
        compacts: compaction::is_asked(envelope)?,
    })
}

/// The object with those of these members that it lacks.
fn completed(node: &Node<'_>, needed: &[(&str, &str)]) -> Result<Json, Invalid> {
    let object = node.object()?;
    let mut out = Members::new();
    out.extra(Some(node.text()), &[]);
    for (name, value) in needed {
        if !object.iter().any(|(known, _)| known == *name) {
            out.raw(name, value);
        }
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::envelope::Envelope;
    use crate::ingress::{StateEcho, ToolAlias};

    #[test]
    fn what_an_answer_repeats_and_what_tools_are_called_upstream() {
        let body = r#"{"model":"m","input":"x","stream":true,"store":true,"instructions":"Be brief.","user":null,
            "reasoning":{"summary":"auto"},"text":{"verbosity":"low"},"service_tier":"flex","tools":[
            {"type":"function","name":"f"},{"type":"custom","name":"patch"},{"type":"web_search"},
            {"type":"namespace","name":"n","tools":[{"type":"function","name":"g"},{"type":"custom","name":"h"}]}]}"#;
        let echo = read(&Envelope::scan(body.as_bytes()).unwrap(), StateEcho::default()).unwrap();
        let members: serde_json::Value = serde_json::from_str(&echo.members).unwrap();
        let names: Vec<&String> = members.as_object().unwrap().keys().collect();
        assert_eq!(names, ["instructions", "reasoning", "text", "service_tier", "tools"]);
        assert_eq!(members["reasoning"], serde_json::json!({"summary": "auto", "effort": null}));
        assert_eq!(members["text"]["format"]["type"], "text");
        let alias = |sent: &str, namespace: Option<&str>, name: &str, free_form| ToolAlias {
            sent: sent.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            free_form,
        };
        assert_eq!(
            echo.tools,
            [
                alias("patch", None, "patch", true),
                alias("n__g", Some("n"), "g", false),
                alias("n__h", Some("n"), "h", true)
            ]
        );
    }
}
