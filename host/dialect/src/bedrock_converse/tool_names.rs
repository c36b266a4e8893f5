//! Names of tools, which this wire wants shorter and plainer than clients give them: each goes out under a name that it takes,
//! and comes back as its own. (Names of MCP servers: aws-samples/sample-apj-sup-sa#137, NousResearch/hermes-agent#90008.)

use std::collections::BTreeMap;

use super::plain_name;
use crate::canon::{ChatRequest, Content, Tool};

/// The names that a request's tools go by, of those that go by another than their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlainToolNames(BTreeMap<String, String>);

impl PlainToolNames {
    /// Those of a request: what it offers, and what was called before.
    pub fn of(request: &ChatRequest) -> Self {
        let offered = request.tools.iter().filter_map(|tool| match tool {
            Tool::Function(function) => Some(flat(function.namespace.as_deref(), &function.name)),
            Tool::Other(_) => None,
        });
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        let called = parts.filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(flat(call.namespace.as_deref(), &call.name)),
            _ => None,
        });
        let other = offered.chain(called).filter_map(|name| {
            let written = plain_name(&name);
            (written != name).then_some((written, name))
        });
        Self(other.collect())
    }

    /// The client's name of a tool that the upstream calls.
    pub(super) fn own(&self, written: String) -> String {
        self.0.get(&written).cloned().unwrap_or(written)
    }
}

fn flat(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}__{name}"))
}
