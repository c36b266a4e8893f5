//! Calls in answers: of functions, and of tools that take free text, which only the client's request tells apart.

use crate::envelope::Envelope;
use crate::ingress::{RequestEcho, ToolAlias};
use crate::invalid::Invalid;

/// The tools of a request that take free text.
pub(super) fn echo(envelope: &Envelope<'_>) -> Result<RequestEcho, Invalid> {
    let mut tools = Vec::new();
    for node in envelope.node("tools")?.map_or(Ok(Vec::new()), |node| node.array())? {
        let mut tool = node.object()?;
        if tool.string("type")?.as_deref() != Some("custom") {
            continue;
        }
        let name = tool.required("custom")?.object()?.required("name")?.string()?.into_owned();
        tools.push(ToolAlias { sent: name.clone(), namespace: None, name, free_form: true });
    }
    Ok(RequestEcho { tools, ..RequestEcho::default() })
}

/// The type of a call of this tool, which names the member that holds it, and the member inside for what is said.
pub(super) fn call_members(echo: &RequestEcho, tool: &str) -> (&'static str, &'static str) {
    let free_form = echo.tools.iter().any(|alias| alias.free_form && alias.sent == tool);
    if free_form { ("custom", "input") } else { ("function", "arguments") }
}
