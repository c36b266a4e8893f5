//! The response object, always with all its members (spec/gateway.md 16.3): what the request said, or what holds without.

use crate::canon::{Json, Usage};
use crate::ingress::AnswerIdentity;
use crate::json::{Members, Node, Object};

use super::usage;

/// What a response has come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ResponseProgress<'a> {
    pub(super) status: &'a str,
    /// `{"code":…,"message":…}`
    pub(super) error: Option<&'a str>,
    /// Why it is not whole.
    pub(super) incomplete: Option<&'a str>,
    /// An array.
    pub(super) output: &'a str,
    pub(super) usage: Option<&'a Usage>,
}

/// Members that repeat the request, in their order, with what stands where it says nothing.
const REPEATED: [(&str, &str); 14] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("store", "false"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
    ("metadata", "{}"),
];

/// Whether answers repeat a member of requests in any case.
pub(super) fn is_repeated(name: &str) -> bool {
    REPEATED.iter().any(|(known, _)| *known == name)
}

/// The object.
pub(super) fn response(identity: &AnswerIdentity, progress: &ResponseProgress<'_>) -> Json {
    let mut out = Members::new();
    out.string("id", &identity.id)
        .string("object", "response")
        .plain("created_at", identity.created)
        .string("status", progress.status)
        .raw("error", progress.error.unwrap_or("null"));
    match progress.incomplete {
        Some(reason) => {
            let mut details = Members::new();
            details.string("reason", reason);
            out.raw("incomplete_details", &details.finish())
        }
        None => out.raw("incomplete_details", "null"),
    };
    out.string("model", &identity.model).raw("output", progress.output);
    let said = Node::root(&identity.echo.members).object().ok();
    let find = |name: &str| {
        said.iter().flat_map(Object::iter).find(|(known, _)| *known == name).map(|(_, node)| node.text())
    };
    for (name, default) in REPEATED {
        out.raw(name, find(name).unwrap_or(default));
    }
    for (name, node) in said.iter().flat_map(Object::iter).filter(|(name, _)| !is_repeated(name)) {
        out.raw(name, node.text());
    }
    out.raw("usage", &progress.usage.map_or_else(|| "null".to_owned(), usage::json));
    out.finish()
}
