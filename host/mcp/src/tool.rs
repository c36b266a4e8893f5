//! The registry's operations as tools: the list that a client is shown, in a fixed order, and which profile it asked
//! for. What agents may not call is not in it, nor what they seldom need.

use std::borrow::Cow;
use std::sync::Arc;

use brains_control::{Audience, OperationEntry, OperationKind, Registry};
use brains_core::{Fault, Principal};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value};

use crate::schema;

/// The member by which a client says which session it is.
const TOKEN: &str = "session_token";

/// Members that stand in so many tools that they are described shortly.
const OFTEN: [(&str, &str); 6] = [
    ("workspace", "Slug, id or path."),
    ("fence", "Fence of your lock."),
    ("expected_revision", "Revision seen."),
    ("idempotency_key", "Once per key."),
    ("max_bytes", "Most bytes."),
    ("limit", "At most."),
];

/// Which tools a client is shown. Every tool may be called under both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ToolProfile {
    /// All of them.
    #[default]
    Full,
    /// The few that coordinating takes.
    Core,
}

impl ToolProfile {
    /// Reads the word of an option or a query.
    pub fn parse(word: &str) -> Result<Self, Fault> {
        match word {
            "full" => Ok(Self::Full),
            "core" => Ok(Self::Core),
            _ => Err(Fault::invalid(format!("no profile `{}`", word.chars().take(32).collect::<String>()))
                .param("profile")
                .hint("the profiles are `full` and `core`")),
        }
    }

    /// The profile that the query of a URL names, if it names one.
    pub(crate) fn of_query(query: Option<&str>) -> Option<Result<Self, Fault>> {
        let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
        let mut named = pairs.filter(|(name, _)| *name == "profile").map(|(_, word)| Self::parse(word));
        named.next()
    }
}

/// One operation as clients see it.
#[derive(Debug)]
struct Shown {
    entry: OperationEntry,
    tool: Tool,
    /// As the small profile shows it.
    core: Option<Tool>,
}

/// Every tool there is, in the registry's order.
#[derive(Debug)]
pub(crate) struct ToolCatalogue {
    shown: Vec<Shown>,
}

impl ToolCatalogue {
    pub(crate) fn of(registry: &Registry) -> Self {
        let open = registry
            .entries()
            .iter()
            .filter(|entry| entry.tool.audience == Audience::Everyone && entry.tool.listed);
        let shown = open.map(|entry| Shown { tool: tool(entry), core: core(entry), entry: entry.clone() });
        Self { shown: shown.collect() }
    }

    /// What this caller may call.
    pub(crate) fn list(&self, profile: ToolProfile, principal: &Principal) -> Vec<Tool> {
        let permitted = self.shown.iter().filter(|shown| shown.entry.permits(principal));
        match profile {
            ToolProfile::Full => permitted.map(|shown| shown.tool.clone()).collect(),
            ToolProfile::Core => permitted.filter_map(|shown| shown.core.clone()).collect(),
        }
    }
}

/// Describes shortly what stands in many tools.
fn shorten(input: &mut Map<String, Value>) {
    schema::describe(input, TOKEN, "Token.");
    for (member, said) in OFTEN {
        schema::describe(input, member, said);
    }
}

fn tool(entry: &OperationEntry) -> Tool {
    let mut input = schema::input(&entry.input_schema);
    if entry.by_session {
        schema::describe(&mut input, "session", "Session.");
    }
    shorten(&mut input);
    if entry.kind == OperationKind::Read {
        schema::describe(&mut input, "cursor", "`next_cursor`.");
    } else if !schema::has(&input, "cursor") {
        // What changes something seldom answers with more than that; it may be given all the same.
        schema::forget(&mut input, "max_bytes");
    }
    schema::unbound(&mut input, "max_bytes");
    let description = entry.description.split_whitespace().collect::<Vec<_>>().join(" ");
    shown(entry, description, input, schema::output(&entry.output_schema))
}

/// The tool in as few words as it takes to use it. What is left out may be given all the same.
fn core(entry: &OperationEntry) -> Option<Tool> {
    let mut input = schema::input(&entry.input_schema);
    let optional = entry.tool.core?;
    schema::narrow(&mut input, &[optional, &[TOKEN]].concat());
    shorten(&mut input);
    let output = Map::from_iter([("type".to_owned(), Value::from("object"))]);
    let mut tool = shown(entry, format!("{}.", entry.summary), input, output);
    // Its name says as much.
    tool.title = None;
    Some(tool)
}

fn shown(
    entry: &OperationEntry,
    description: String,
    input: Map<String, Value>,
    output: Map<String, Value>,
) -> Tool {
    let shape = entry.tool;
    let mut annotations = ToolAnnotations::new().read_only(shape.read_only).open_world(shape.open_world);
    // For a tool that changes nothing the other two mean nothing.
    if !shape.read_only {
        annotations = annotations.destructive(shape.destructive);
        annotations.idempotent_hint = Some(shape.idempotent);
    }
    Tool::new_with_raw(entry.name, Some(Cow::Owned(description)), Arc::new(input))
        .with_title(title(entry.name))
        .with_raw_output_schema(Arc::new(output))
        .with_annotations(annotations)
}

/// `create_task` for people: `Create task`.
fn title(name: &str) -> String {
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(test)]
mod tests;
