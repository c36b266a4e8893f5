//! Whether a request may be asked of two candidates at once: not where a vendor does more for it than say something. Calls of a
//! client's own tools are the client's to make, and it gets one answer.

use super::Ingress;
use crate::envelope::Envelope;
use crate::json::Node;

/// Members by which a vendor reaches out, keeps, or bills by the request, on whichever wire they stand.
const OUTWARD: [&str; 6] =
    ["mcp_servers", "container", "web_search_options", "conversation", "background", "plugins"];
/// Tools that the client runs. Any other kind is run by the vendor, or may be.
const OWN_TOOLS: [&str; 7] =
    ["function", "custom", "namespace", "local_shell", "apply_patch", "computer", "computer_use_preview"];
/// The same, of those whose kind has a date in it: <https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview>.
const OWN_DATED_TOOLS: [&str; 4] = ["bash_", "text_editor_", "computer_", "memory_"];

impl Ingress {
    /// Whether asking two candidates at once does nothing twice but think.
    pub fn may_be_asked_twice(self, envelope: &Envelope<'_>) -> bool {
        let is_empty = |text: &str| matches!(text, "null" | "false" | "[]" | "{}");
        let mut members = envelope.members().iter();
        if members.any(|member| {
            OUTWARD.contains(&&*member.name)
                && !envelope.text().get(member.value.clone()).is_some_and(is_empty)
        }) {
            return false;
        }
        match envelope.node("tools").map(|tools| tools.map(|tools| tools.array())) {
            Ok(None) => true,
            Ok(Some(Ok(tools))) => tools.iter().all(is_run_by_client),
            Ok(Some(Err(_))) | Err(_) => false,
        }
    }
}

fn is_run_by_client(tool: &Node<'_>) -> bool {
    let Ok(mut tool) = tool.object() else { return false };
    // Without a kind it is a function: on the wire of messages that is how they are written.
    let Ok(Some(kind)) = tool.string("type") else { return true };
    OWN_TOOLS.contains(&&*kind) || OWN_DATED_TOOLS.iter().any(|start| kind.starts_with(start))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::envelope::Envelope;
    use crate::ingress::Ingress;

    fn check(body: &Value, may: bool) {
        let text = body.to_string();
        let envelope = Envelope::scan_text(&text).expect("an object");
        assert_eq!(Ingress::OpenAiChat.may_be_asked_twice(&envelope), may, "{text}");
    }

    #[test]
    fn what_a_vendor_does_of_itself_is_not_done_twice() {
        for may in [
            json!({"messages": []}),
            json!({"tools": null, "mcp_servers": [], "background": false, "container": null}),
            json!({"tools": [{"type": "function", "name": "f"}, {"name": "of messages", "input_schema": {}}]}),
            json!({"tools": [{"type": "custom", "name": "patch"}, {"type": "bash_20250124", "name": "bash"}]}),
        ] {
            check(&may, true);
        }
        for once in [
            json!({"tools": [{"type": "function", "name": "f"}, {"type": "web_search_20250305", "name": "s"}]}),
            json!({"tools": [{"type": "mcp", "server_url": "https://x.example"}]}),
            json!({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
            json!({"tools": "what"}),
            json!({"mcp_servers": [{"url": "https://x.example"}]}),
            json!({"container": "c_1"}),
            json!({"web_search_options": {"search_context_size": "low"}}),
            json!({"background": true}),
        ] {
            check(&once, false);
        }
    }
}
